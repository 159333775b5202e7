"""What can be done to a running venue beside its API: by the control side at once, by a scenario at an instant."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from simulator.control.control_error import ControlError, from_validation, validated
from simulator.exchange.accounts import Account, ApiKey, Permission
from simulator.exchange.clock import VenueClock
from simulator.exchange.listings import Listing
from simulator.exchange.scripts import ListingScript, build_script
from simulator.exchange.settings import Settings
from simulator.exchange.venue import Venue
from simulator.push.faults import ConnectionFault, FrameFault, FrameFaultBook
from simulator.push.streams import StreamHub
from simulator.rest.faults import Fault, FaultBook
from simulator.rest.request_log import RequestLog

_RELATIVE = re.compile(r"^([+-][0-9]+(?:\.[0-9]+)?)(ms|s|m|h)$")
DAY_MS = 86_400_000
_UNIT_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}


@dataclass(slots=True)
class Stage:
    """Everything of one venue that can be acted on. shut_door: closes the port for milliseconds; cuts everybody off."""

    venue: Venue
    clock: VenueClock
    hub: StreamHub
    faults: FaultBook
    frame_faults: FrameFaultBook
    requests: RequestLog
    shut_door: Callable[[int, bool], None]


class AnyAct(BaseModel):
    """One of the acts below; each says what it does in its `apply`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def apply(self, stage: Stage, now_ms: int) -> Any:
        """Do it at this instant of venue time; returns what the control side answers. Raises ControlError."""
        raise ControlError("act", value=type(self).__name__, expected="an act of its own", remedy="choose one")


class KeyChoices(AnyAct):
    """What a key may do: permissions; ips: from where, empty: anywhere; valid_days: from now on, None: for ever."""

    permissions: frozenset[Permission] = frozenset(Permission)
    ips: frozenset[str] = frozenset()
    valid_days: Annotated[float, Field(ge=0)] | None = None

    def key(self, stage: Stage, name: str, secret: str, owner: Account, now_ms: int, note: str = "") -> ApiKey:
        """Give the owner this key. Raises ControlError when it is somebody else's, or one too many."""
        days = self.valid_days
        expires_ms = None if days is None else now_ms + round(days * DAY_MS)
        made = ApiKey(name, secret.encode(), owner, now_ms, self.permissions, self.ips, expires_ms, note)
        try:
            stage.venue.set_key(made)
        except ValueError as error:
            raise ControlError(
                "api_key", value=name, expected=f"a key that can be given; {error}", remedy="choose another key"
            ) from error
        return made


class AccountAct(KeyChoices):
    """A client of the venue; a known name is changed: what is not given stays, a key replaces all of its keys.

    balances: free amounts by asset, set anew. frozen: it cannot trade. banned_symbols: pairs it cannot trade.
    kyc: 1 to 4. mx_deduct: whether it pays commissions in MX while it has some.
    """

    act: Literal["account"] = "account"
    name: Annotated[str, Field(min_length=1)]
    api_key: Annotated[str, Field(min_length=1)] | None = None
    secret: Annotated[str, Field(min_length=1)] | None = None
    balances: dict[str, Annotated[Decimal, Field(ge=0)]] = {}
    frozen: bool | None = None
    banned_symbols: frozenset[str] | None = None
    kyc: Annotated[int, Field(ge=1, le=4)] | None = None
    mx_deduct: bool | None = None

    @model_validator(mode="after")
    def _key_with_secret(self) -> "AccountAct":
        if (self.api_key is None) is not (self.secret is None):
            raise ValueError("give api_key and secret together")
        return self

    def apply(self, stage: Stage, now_ms: int) -> Any:
        account = stage.venue.account(self.name)
        if self.api_key is not None and self.secret is not None:
            before = stage.venue.drop_keys(account)
            try:
                self.key(stage, self.api_key, self.secret, account, now_ms)
            except ControlError:
                for key in before:
                    stage.venue.set_key(key)
                raise
        for asset, amount in self.balances.items():
            account.balance(asset).free = amount
        for changed in ("frozen", "banned_symbols", "kyc", "mx_deduct"):
            value = getattr(self, changed)
            if value is not None:
                setattr(account, changed, value)
        return {"name": account.name, "uid": account.uid}


class KeyAct(KeyChoices):
    """One more key of a known account, or a change of one it has."""

    act: Literal["key"] = "key"
    account: str
    api_key: Annotated[str, Field(min_length=1)]
    secret: Annotated[str, Field(min_length=1)]
    note: str = ""

    def apply(self, stage: Stage, now_ms: int) -> Any:
        owner = stage.venue.accounts.get(self.account)
        if owner is None:
            names = ", ".join(stage.venue.accounts) or "none"
            raise ControlError(
                "account", value=self.account, expected=f"a known account ({names})", remedy="POST it to /_sim/accounts"
            )
        made = self.key(stage, self.api_key, self.secret, owner, now_ms, self.note)
        return {"account": owner.name, "api_key": made.key, "keys": len(owner.keys)}


class ListingAct(AnyAct):
    """A listing; a known symbol that has not opened is moved. opens_at: venue milliseconds, or from now: "+20s"."""

    act: Literal["listing"] = "listing"
    symbol: Annotated[str, Field(pattern="^[A-Z0-9]{3,30}$")]
    opens_at: int | str
    script: str | dict[str, Any] | None = None

    def apply(self, stage: Stage, now_ms: int) -> Any:
        opens_at_ms = instant_ms(self.opens_at, now_ms)
        script = None if self.script is None else read_script(self.script)
        try:
            stage.venue.lifecycle.set_listing(self.symbol, opens_at_ms, script, now_ms)
        except ValueError as error:
            raise ControlError(
                "symbol",
                value=self.symbol,
                expected=f"a listing that can be set; {error}",
                remedy="choose another symbol",
            ) from error
        return listing_view(known(stage, self.symbol), now_ms)


class StateAct(AnyAct):
    """What happens to a listing in mid-life. cancel_orders: for a halt, also end every open order."""

    act: Literal["state"] = "state"
    symbol: str
    state: Literal["halted", "resumed", "delisted", "withdrawn"]
    cancel_orders: bool = False

    def apply(self, stage: Stage, now_ms: int) -> Any:
        listing = known(stage, self.symbol)
        lifecycle = stage.venue.lifecycle
        if self.state == "halted":
            lifecycle.halt(self.symbol, now_ms, cancel_orders=self.cancel_orders)
        elif self.state == "resumed":
            lifecycle.resume(self.symbol, now_ms)
        elif self.state == "delisted":
            lifecycle.delist(self.symbol, now_ms)
        else:
            lifecycle.withdraw(self.symbol, now_ms)
        return listing_view(listing, now_ms)


class PriceAct(AnyAct):
    """factor: multiply the whole path from now on. price: leave the path and stay there. Exactly one of them."""

    act: Literal["price"] = "price"
    symbol: str
    factor: Annotated[float, Field(gt=0)] | None = None
    price: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "PriceAct":
        if (self.factor is None) is (self.price is None):
            raise ValueError("give either factor or price")
        return self

    def apply(self, stage: Stage, now_ms: int) -> Any:
        listing = known(stage, self.symbol)
        traders = stage.venue.lifecycle.traders(self.symbol)
        if traders is not None and self.factor is not None:
            traders.scale_price(self.factor, now_ms)
        elif traders is not None and self.price is not None:
            traders.freeze_price(self.price, now_ms)
        return listing_view(listing, now_ms)


class SettingsAct(AnyAct):
    """Only the given settings change."""

    act: Literal["settings"] = "settings"
    settings: dict[str, Any]

    def apply(self, stage: Stage, now_ms: int) -> Any:
        changed = validated(Settings, {**stage.venue.settings.model_dump(), **self.settings})
        stage.venue.change_settings(changed)
        if changed.maintenance:
            stage.hub.cut("all")
        return changed.model_dump(mode="json")


class DoorParameters(BaseModel):
    """ms: for how long nobody gets in. cut: whether open connections are broken off as well."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ms: Annotated[int, Field(ge=1, le=600_000)]
    cut: bool = True


class DoorFault(BaseModel):
    """The venue's port is closed for a while: connections are refused, those of the control side too."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["refuse_connections"]
    params: DoorParameters


AnyFault = Annotated[Fault | ConnectionFault | FrameFault | DoorFault, Field(discriminator="kind")]


class FaultAct(AnyAct):
    """Arm a fault of calls or of frames, or let one happen now to connections or to the port."""

    act: Literal["fault"] = "fault"
    fault: AnyFault

    def apply(self, stage: Stage, now_ms: int) -> Any:
        fault = self.fault
        if isinstance(fault, Fault):
            stage.faults.add(fault)
            return {"armed": True}
        if isinstance(fault, FrameFault):
            stage.frame_faults.add(fault)
            return {"armed": True}
        if isinstance(fault, DoorFault):
            stage.shut_door(fault.params.ms, fault.params.cut)
            return {"shut_ms": fault.params.ms}
        chosen, account = fault.params, fault.match.account
        if fault.kind == "ws_drop":
            return {"connections": stage.hub.cut(chosen.streams, account)}
        if fault.kind == "ws_silent":
            return {"connections": stage.hub.silence(chosen.streams, account, chosen.ms)}
        if fault.kind == "ws_expire":
            return {"connections": stage.hub.expire_keys(account)}
        stage.hub.refuse(chosen.ms)
        return {"refused_ms": chosen.ms}


class ClearFaultsAct(AnyAct):
    """Disarm everything."""

    act: Literal["clear_faults"] = "clear_faults"

    def apply(self, stage: Stage, now_ms: int) -> Any:
        stage.faults.clear()
        stage.frame_faults.clear()
        return {"faults": []}


class ClockAct(AnyAct):
    """offset_ms: how far ahead. drift_ppm: how much too fast, in millionths. scale: venue seconds per second; 0
    freezes. step_ms: advance by so much at once; what happens meanwhile at the venue happens."""

    act: Literal["clock"] = "clock"
    offset_ms: int | None = None
    drift_ppm: Annotated[float, Field(ge=-100_000, le=100_000)] | None = None
    scale: Annotated[float, Field(ge=0, le=1000)] | None = None
    step_ms: Annotated[int, Field(ge=0)] = 0

    def apply(self, stage: Stage, now_ms: int) -> Any:
        clock = stage.clock
        clock.set(offset_ms=self.offset_ms, drift_ppm=self.drift_ppm, scale=self.scale, step_ms=self.step_ms)
        after_ms = clock.now_ms()
        stage.venue.lifecycle.jumped(now_ms, after_ms)
        stage.venue.advance(after_ms)
        return {
            "offset_ms": clock.offset_ms,
            "drift_ppm": clock.drift_ppm,
            "scale": clock.scale,
            "now_ms": after_ms,
        }


Act = Annotated[
    AccountAct | KeyAct | ListingAct | StateAct | PriceAct | SettingsAct | FaultAct | ClearFaultsAct | ClockAct,
    Field(discriminator="act"),
]


def known(stage: Stage, symbol: str) -> Listing:
    """The listing of that name. Raises ControlError for a symbol nobody put down."""
    listing = stage.venue.listings.get(symbol)
    if listing is None:
        names = ", ".join(stage.venue.listings) or "none"
        raise ControlError(
            "symbol", value=symbol, expected=f"a known symbol ({names})", remedy="POST it to /_sim/listings first"
        )
    return listing


def listing_view(listing: Listing, now_ms: int) -> dict[str, Any]:
    """A listing as the control side shows it."""
    last = listing.market.last_price
    return {
        "symbol": listing.symbol,
        "opens_at": listing.opens_at_ms,
        "state": listing.state(now_ms).value,
        "script": listing.script.name,
        "cap_price": str(listing.cap_price),
        "last_price": None if last is None else str(last),
    }


def instant_ms(given: int | str, now_ms: int, *, what: str = "opens_at") -> int:
    """The instant of "+20s" (units ms, s, m, h; counted from `now_ms`) or of absolute milliseconds."""
    if isinstance(given, int):
        return given
    found = _RELATIVE.fullmatch(given)
    if found is not None:
        return now_ms + round(float(found[1]) * _UNIT_MS[found[2]])
    if given.isascii() and given.isdigit():
        return int(given)
    raise ControlError(
        what, value=given, expected="milliseconds since 1970, or a distance such as +20s", remedy="write it so"
    )


def read_script(given: str | dict[str, Any]) -> ListingScript:
    """The script of a text or an object. Raises ControlError."""
    try:
        return build_script(given)
    except ValidationError as error:
        raise from_validation(error, prefix="script.") from error
    except ValueError as error:
        raise ControlError("script", value=given, expected=str(error), remedy="use one of these names") from error
