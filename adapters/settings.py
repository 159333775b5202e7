"""What the environment says, read once. A running stack of the same home fills the gaps.

Nothing here connects to anything. What cannot be used is an InvalidInput of one line, without secrets: every value at
once.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationError, ValidationInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from adapters.local.state import StackState, read_state
from adapters.venue_kind import VenueKind
from domain.errors import InvalidInput, SniperError
from domain.ids import check_account
from domain.money import Quote

T = TypeVar("T")

_UNSHOWN = {
    "DATABASE_URL": "a text that is not shown, as it may hold a password",
    "REDIS_URL": "a text that is not shown, as it may hold a password",
    "MEXC_API_KEY": "a secret",
    "MEXC_API_SECRET": "a secret",
}
_EXPECTED = {
    "SNIPER_VENUE": " or ".join(VenueKind),
    "SNIPER_PAPER_BALANCE": "an amount of USDT above 0, with at most 8 decimals",
    "SNIPER_PAPER_ONE_WAY_MS": "milliseconds from 0 to 10000",
    "SNIPER_FIRE_CPU": "the number of a processor that this process may use",
}
"""Where our own validators have not said it."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_VENUE_REMEDY = (
    "live trading is not enabled in this version: start `sniper up` or `sniper simulator` and use its address, or set"
    " SNIPER_VENUE=paper, which uses the public data of any address and sends no order"
)
_REMEDIES = {
    "MEXC_REST_URL": _VENUE_REMEDY,
    "MEXC_WS_URL": _VENUE_REMEDY,
    "SNIPER_ACCOUNT": "the default account is called main",
}
_REDIS_EXPECTED = "redis or rediss://host:port/number"
_HOST = re.compile(r"[a-z0-9.:-]+")


@dataclass(frozen=True, slots=True)
class VenueSettings:
    """Where the venue is and whose account trades there. rest_url: scheme, host and port; ws_url: with its path."""

    account: str
    rest_url: str
    ws_url: str
    api_key: SecretStr
    api_secret: SecretStr


@dataclass(frozen=True, slots=True)
class PaperSettings:
    """Whose public data paper trades on, and for whom. rest_url, ws_url: as in VenueSettings.

    balance: USDT that a new account is given. one_way_s: seconds an order travels; None: as measured.
    """

    account: str
    rest_url: str
    ws_url: str
    balance: Quote
    one_way_s: float | None


def _address(url: str, plain: str, secure: str, info: ValidationInfo) -> str:
    """The address, if it may be used. Whoever gets signed orders is on this machine; without that, on paper, encryption
    is all that is asked of an address elsewhere."""
    on_paper = info.data.get("sniper_venue") is VenueKind.PAPER
    expected = f"{plain} or {secure}://host:port with host {', '.join(_LOOPBACK)}"
    if on_paper:
        expected += f", or {secure}://host of any other"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as exc:
        raise ValueError(expected) from exc
    local = host in _LOOPBACK and parts.scheme in (plain, secure)
    elsewhere = on_paper and _HOST.fullmatch(host) is not None and parts.scheme == secure
    if not (local or elsewhere) or parts.query or parts.fragment:
        raise ValueError(expected)
    shown = f"[{host}]" if ":" in host else host
    if parts.netloc.lower() != (shown if port is None else f"{shown}:{port}"):  # a user, a password, stray signs
        raise ValueError(expected)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def _rest_url(url: str, info: ValidationInfo) -> str:
    found = _address(url, "http", "https", info)
    if urlsplit(found).path:
        raise ValueError("an address without a path, such as http://127.0.0.1:9000")
    return found


def _ws_url(url: str, info: ValidationInfo) -> str:
    found = _address(url, "ws", "wss", info)
    return found if urlsplit(found).path else f"{found}/ws"


def _database_url(url: str) -> str:
    if not url.startswith(("postgresql://", "postgres://")):
        raise ValueError("postgresql://user@host/database")
    return url


def _redis_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        reachable = parts.scheme in ("redis", "rediss") and parts.hostname and parts.port != 0
    except ValueError as exc:
        raise ValueError(_REDIS_EXPECTED) from exc
    if not reachable or not re.fullmatch(r"(/[0-9]{0,3})?", parts.path):
        raise ValueError(_REDIS_EXPECTED)
    return url


def _permitted_cpu(number: int) -> int:
    permitted = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [number]
    if number not in permitted:
        raise ValueError(f"one of {', '.join(map(str, permitted))}")
    return number


def _temporal_address(address: str) -> str:
    host, colon, port = address.rpartition(":")
    if not host or not colon or not port.isdigit() or not 0 < int(port) < 65_536:
        raise ValueError("host:port")
    return address


def _account(name: str) -> str:
    try:
        return check_account(name)
    except InvalidInput as exc:
        raise ValueError(exc.expected) from exc


class Settings(BaseSettings):
    """Frozen. None: neither the environment nor a running stack says it."""

    model_config = SettingsConfigDict(
        frozen=True, env_ignore_empty=True, extra="ignore", case_sensitive=False, hide_input_in_errors=True
    )

    sniper_home: Annotated[Path, AfterValidator(Path.absolute)] = Path(".sniper")
    sniper_account: Annotated[str, AfterValidator(_account)] = "main"
    sniper_venue: VenueKind = VenueKind.MEXC
    """Stands before the addresses: it decides which of them may be used."""
    sniper_paper_balance: Annotated[Decimal, Field(gt=0, max_digits=24, decimal_places=8)] = Decimal(10_000)
    """USDT that a new account on paper is given."""
    sniper_paper_one_way_ms: Annotated[float, Field(ge=0, le=10_000)] | None = None
    """How long an order on paper travels; None: as measured, at least 5 ms."""
    database_url: Annotated[str, AfterValidator(_database_url)] | None = Field(default=None, repr=False)
    """For psycopg; may hold a password."""
    temporal_address: Annotated[str, AfterValidator(_temporal_address)] = "127.0.0.1:7233"
    temporal_namespace: str = "default"
    mexc_rest_url: Annotated[str, AfterValidator(_rest_url)] | None = None
    mexc_ws_url: Annotated[str, AfterValidator(_ws_url)] | None = None
    mexc_api_key: SecretStr | None = None
    mexc_api_secret: SecretStr | None = None
    redis_url: Annotated[str, AfterValidator(_redis_url)] | None = Field(default=None, repr=False)
    """Where processes share their request budget; may hold a password. None: each keeps to a part of its own."""
    sniper_fire_cpu: Annotated[int, AfterValidator(_permitted_cpu)] | None = None
    """Number of the processor that the sending thread keeps to; None: any."""
    mexc_capture_dir: Annotated[Path, AfterValidator(Path.absolute)] | None = None
    """Where raw requests and answers are kept, without secrets; None: nowhere."""
    panel_url: str | None = None
    """What links to the panel begin with; None: no panel is known."""

    def venue(self) -> VenueSettings:
        """Everything that trading needs. Raises InvalidInput when part of it is missing, and on paper."""
        if self.sniper_venue is not VenueKind.MEXC:
            raise InvalidInput(
                "SNIPER_VENUE",
                value=self.sniper_venue.value,
                expected=f"{VenueKind.MEXC}, as no key is used otherwise",
                remedy="unset it in a SNIPER_HOME of its own",
            )
        return VenueSettings(
            account=self.sniper_account,
            rest_url=self._present("MEXC_REST_URL", self.mexc_rest_url),
            ws_url=self._present("MEXC_WS_URL", self.mexc_ws_url),
            api_key=self._present("MEXC_API_KEY", self.mexc_api_key),
            api_secret=self._present("MEXC_API_SECRET", self.mexc_api_secret),
        )

    def paper(self) -> PaperSettings:
        """Everything that trading on paper needs, which is no key. Raises InvalidInput when part of it is missing."""
        one_way_ms = self.sniper_paper_one_way_ms
        return PaperSettings(
            account=self.sniper_account,
            rest_url=self._present("MEXC_REST_URL", self.mexc_rest_url),
            ws_url=self._present("MEXC_WS_URL", self.mexc_ws_url),
            balance=Quote(self.sniper_paper_balance),
            one_way_s=None if one_way_ms is None else one_way_ms / 1000,
        )

    def database(self) -> str:
        """The database's address. Raises InvalidInput when there is none."""
        return self._present("DATABASE_URL", self.database_url)

    def _present(self, name: str, value: T | None) -> T:
        if value is None:
            raise InvalidInput(
                name,
                value=None,
                expected="a value",
                remedy=f"no stack runs in {self.sniper_home.absolute()}: start `sniper up`, or set {name}",
            )
        return value


def read_settings() -> Settings:
    """The environment first, then what a stack that runs in SNIPER_HOME says of itself. Raises InvalidInput."""
    own = _validated({})
    stack = _stack_of(own.sniper_home)
    return own if stack is None else _validated(_gaps(own, stack))


def require_startable() -> None:
    """Whether a stack can be started as the environment describes it, asked before anything of it is. Raises
    InvalidInput."""
    if refusals := _contradictions(_validated({})):
        raise _together(refusals)


def _contradictions(own: Settings) -> list[InvalidInput]:
    """What only goes with something else: a venue that is not our own is named whole, and our own not at all."""
    parts: dict[str, object] = {"MEXC_REST_URL": own.mexc_rest_url, "MEXC_WS_URL": own.mexc_ws_url}
    on_paper = own.sniper_venue is VenueKind.PAPER
    if not on_paper:  # there a key is of no use
        parts |= {"MEXC_API_KEY": own.mexc_api_key, "MEXC_API_SECRET": own.mexc_api_secret}
    given = [name for name, value in parts.items() if value is not None]
    if not given:
        return []
    return [
        InvalidInput(
            name,
            value=None,
            expected=f"a value, since {' and '.join(given)} {'is' if len(given) == 1 else 'are'} set",
            remedy=f"set {', '.join(parts)} for a venue that runs already, or none of them for a simulator of our own",
        )
        for name, value in parts.items()
        if value is None
    ]


def _gaps(own: Settings, stack: StackState) -> dict[str, str]:
    """What the stack says and the environment does not. Its venue and its key only go together: a key is never shown
    to another venue, and a secret never paired with another key. An address goes with what it was used for."""
    said = own.model_fields_set
    offered = {
        "database_url": stack.database_url,
        "temporal_address": stack.temporal_address,
        "temporal_namespace": stack.temporal_namespace,
        "panel_url": stack.panel_url,
        "sniper_account": stack.account,
    }
    if "sniper_venue" in said and own.sniper_venue is not stack.venue:
        return {name: value for name, value in offered.items() if value is not None and name not in said}
    offered |= {"sniper_venue": stack.venue, "mexc_rest_url": stack.rest_url}
    if own.mexc_rest_url is None or own.mexc_rest_url == stack.rest_url:
        offered["mexc_ws_url"] = stack.ws_url
        if own.mexc_api_key is None and own.mexc_api_secret is None:
            offered |= {"mexc_api_key": stack.api_key, "mexc_api_secret": stack.api_secret}
    return {name: value for name, value in offered.items() if value is not None and name not in said}


def _validated(gaps: Mapping[str, Any]) -> Settings:
    try:
        return Settings(**gaps)
    except ValidationError as exc:
        refusal = _refusal(exc)
    raise refusal  # outside of the handler: the original error would show a secret's value in the chain


class SettingsRefused(InvalidInput):
    """Several values that cannot be used, in one line. what, value, expected, remedy: of the first of them."""

    def __init__(self, refusals: Sequence[InvalidInput]) -> None:
        first = refusals[0]
        super().__init__(first.what, value=first.value, expected=first.expected, remedy=first.remedy)
        self.args = (" | ".join(str(one) for one in refusals),)


def _together(refusals: Sequence[InvalidInput]) -> InvalidInput:
    return refusals[0] if len(refusals) == 1 else SettingsRefused(refusals)


def _refusal(exc: ValidationError) -> InvalidInput:
    """Everything that is wrong."""
    return _together([_refusal_of(error) for error in exc.errors(include_url=False, include_context=False)])


def _refusal_of(error: ErrorDetails) -> InvalidInput:
    name = str(error["loc"][0]).upper()
    said = error["msg"].removeprefix("Value error, ")
    return InvalidInput(
        name,
        value=_UNSHOWN.get(name, error["input"]),
        expected=said if error["type"] == "value_error" else _EXPECTED.get(name, said),
        remedy=_REMEDIES.get(name, f"set {name} so, or leave it out"),
    )


def _stack_of(home: Path) -> StackState | None:
    try:
        return read_state(home)
    except (SniperError, OSError) as exc:
        raise InvalidInput(
            "SNIPER_HOME",
            value=str(home),
            expected="a folder whose stack.json can be read",
            remedy=f"stop the stack and start it again ({exc})",
        ) from exc
