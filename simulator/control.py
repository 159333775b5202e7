"""The control side below /_sim: set the stage, make things go wrong, read what happened. Loopback only.

A value that cannot be used is answered 400 with the value, what was expected, and the remedy.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, TypeVar

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from simulator.clock import VenueClock
from simulator.faults import STREAM_FAULTS, Fault, FaultBook
from simulator.ledger import ledger
from simulator.request_log import RequestLog
from simulator.scripts import ListingScript, build_script
from simulator.settings import Settings
from simulator.streams import StreamHub
from simulator.venue import Venue

LOOPBACK = frozenset({"127.0.0.1", "::1"})
_RELATIVE = re.compile(r"^([+-][0-9]+(?:\.[0-9]+)?)(ms|s|m|h)$")
_UNIT_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
Model = TypeVar("Model", bound=BaseModel)


class ControlError(ValueError):
    """A value of the control side that cannot be used."""

    def __init__(self, what: str, *, value: object, expected: str, remedy: str) -> None:
        self.what = what
        self.value = value
        self.expected = expected
        self.remedy = remedy
        super().__init__(f"{what}: got {value!r}, expected {expected}; {remedy}")


class _Input(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AccountInput(_Input):
    """A client of the venue; posting a known name changes it. balances: free amounts by asset."""

    name: Annotated[str, Field(min_length=1)]
    api_key: Annotated[str, Field(min_length=1)]
    secret: Annotated[str, Field(min_length=1)]
    balances: dict[str, Annotated[Decimal, Field(ge=0)]] = {}


class ListingInput(_Input):
    """A listing; posting a known symbol before it opens moves it. opens_at: venue milliseconds, or from now: "+20s"."""

    symbol: Annotated[str, Field(pattern="^[A-Z0-9]{3,30}$")]
    opens_at: int | str
    script: str | dict[str, Any] | None = None


class SymbolInput(_Input):
    """Names a listing."""

    symbol: str


class ClockInput(_Input):
    """offset_ms: how far the venue's clock is ahead of this machine's."""

    offset_ms: int


class PriceInput(_Input):
    """factor: multiply the whole path from now on. price: leave the path and stay there. Exactly one of them."""

    symbol: str
    factor: Annotated[float, Field(gt=0)] | None = None
    price: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "PriceInput":
        if (self.factor is None) is (self.price is None):
            raise ValueError("give either factor or price")
        return self


@dataclass(slots=True)
class Control:
    """Serves everything below /_sim."""

    venue: Venue
    clock: VenueClock
    hub: StreamHub
    faults: FaultBook
    requests: RequestLog

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request of the control side."""
        if request.remote not in LOOPBACK:
            return _respond(403, {"error": "the control side answers on the loopback address only"})
        handler = self._handlers().get((request.method, request.path))
        if handler is None:
            return _respond(404, {"error": f"there is no {request.method} {request.path}"})
        try:
            return _respond(200, await handler(request))
        except ControlError as error:
            detail = {"what": error.what, "value": error.value, "expected": error.expected, "remedy": error.remedy}
            return _respond(400, {"error": detail})

    def _handlers(self) -> dict[tuple[str, str], Callable[[web.BaseRequest], Awaitable[Any]]]:
        return {
            ("GET", "/_sim/health"): self._health,
            ("POST", "/_sim/accounts"): self._add_account,
            ("GET", "/_sim/listings"): self._list_listings,
            ("POST", "/_sim/listings"): self._set_listing,
            ("DELETE", "/_sim/listings"): self._withdraw_listing,
            ("POST", "/_sim/faults"): self._add_fault,
            ("GET", "/_sim/faults"): self._list_faults,
            ("DELETE", "/_sim/faults"): self._clear_faults,
            ("POST", "/_sim/clock"): self._set_clock,
            ("POST", "/_sim/price"): self._set_price,
            ("GET", "/_sim/settings"): self._show_settings,
            ("POST", "/_sim/settings"): self._change_settings,
            ("GET", "/_sim/ledger"): self._ledger,
            ("GET", "/_sim/requests"): self._list_requests,
        }

    async def _health(self, _: web.BaseRequest) -> Any:
        return {"status": "ok", "now_ms": self.clock.now_ms(), "connections": self.hub.connection_count}

    async def _add_account(self, request: web.BaseRequest) -> Any:
        given = await _read(request, AccountInput)
        try:
            account = self.venue.add_account(given.name, given.api_key, given.secret, given.balances)
        except ValueError as error:
            raise ControlError(
                "api_key", value=given.api_key, expected=f"a key of its own; {error}", remedy="choose another key"
            ) from error
        return {"name": account.name, "uid": account.uid}

    async def _list_listings(self, _: web.BaseRequest) -> Any:
        return {"listings": [self._listing_view(symbol) for symbol in self.venue.listings]}

    async def _set_listing(self, request: web.BaseRequest) -> Any:
        given = await _read(request, ListingInput)
        now_ms = self.clock.now_ms()
        opens_at_ms = opening_ms(given.opens_at, now_ms)
        script = None if given.script is None else read_script(given.script)
        try:
            self.venue.set_listing(given.symbol, opens_at_ms, script, now_ms)
        except ValueError as error:
            raise ControlError(
                "symbol",
                value=given.symbol,
                expected=f"a listing that can be set; {error}",
                remedy="choose another symbol",
            ) from error
        return self._listing_view(given.symbol)

    async def _withdraw_listing(self, request: web.BaseRequest) -> Any:
        given = await _read(request, SymbolInput)
        self._known(given.symbol)
        self.venue.withdraw_listing(given.symbol, self.clock.now_ms())
        return self._listing_view(given.symbol)

    async def _add_fault(self, request: web.BaseRequest) -> Any:
        fault = await _read(request, Fault)
        if fault.kind not in STREAM_FAULTS:
            self.faults.add(fault)
            return {"armed": True}
        if fault.kind == "ws_drop":
            return {"connections": self.hub.cut(fault.params.streams)}
        return {"connections": self.hub.silence(fault.params.streams, fault.params.ms)}

    async def _list_faults(self, _: web.BaseRequest) -> Any:
        return {"faults": self.faults.describe()}

    async def _clear_faults(self, _: web.BaseRequest) -> Any:
        self.faults.clear()
        return {"faults": []}

    async def _set_clock(self, request: web.BaseRequest) -> Any:
        given = await _read(request, ClockInput)
        self.clock.offset_ms = given.offset_ms
        return {"offset_ms": self.clock.offset_ms, "now_ms": self.clock.now_ms()}

    async def _set_price(self, request: web.BaseRequest) -> Any:
        given = await _read(request, PriceInput)
        self._known(given.symbol)
        traders = self.venue.traders(given.symbol)
        now_ms = self.clock.now_ms()
        if traders is not None and given.factor is not None:
            traders.scale_price(given.factor, now_ms)
        elif traders is not None and given.price is not None:
            traders.freeze_price(given.price, now_ms)
        return self._listing_view(given.symbol)

    async def _show_settings(self, _: web.BaseRequest) -> Any:
        return self.venue.settings.model_dump(mode="json")

    async def _change_settings(self, request: web.BaseRequest) -> Any:
        given = await _read_object(request)
        self.venue.change_settings(_validate(Settings, {**self.venue.settings.model_dump(), **given}))
        return self.venue.settings.model_dump(mode="json")

    async def _ledger(self, _: web.BaseRequest) -> Any:
        return ledger(self.venue)

    async def _list_requests(self, request: web.BaseRequest) -> Any:
        query = request.rel_url.query
        return {"requests": self.requests.entries(query.get("client_order_id"), query.get("symbol"))}

    def _known(self, symbol: str) -> None:
        if symbol not in self.venue.listings:
            known = ", ".join(self.venue.listings) or "none"
            raise ControlError(
                "symbol", value=symbol, expected=f"a known symbol ({known})", remedy="POST it to /_sim/listings first"
            )

    def _listing_view(self, symbol: str) -> dict[str, Any]:
        listing = self.venue.listings[symbol]
        last = listing.market.last_price
        return {
            "symbol": symbol,
            "opens_at": listing.opens_at_ms,
            "state": listing.state(self.clock.now_ms()).value,
            "script": listing.script.name,
            "cap_price": str(listing.cap_price),
            "last_price": None if last is None else str(last),
        }


def opening_ms(given: int | str, now_ms: int) -> int:
    """The instant of "+20s" (units ms, s, m, h; counted from `now_ms`) or of absolute milliseconds."""
    if isinstance(given, int):
        return given
    found = _RELATIVE.fullmatch(given)
    if found is not None:
        return now_ms + round(float(found[1]) * _UNIT_MS[found[2]])
    if given.isascii() and given.isdigit():
        return int(given)
    raise ControlError(
        "opens_at", value=given, expected="milliseconds since 1970, or a distance such as +20s", remedy="write it so"
    )


def read_script(given: str | dict[str, Any]) -> ListingScript:
    """The script of the control side's text or object. Raises ControlError."""
    try:
        return build_script(given)
    except ValidationError as error:
        raise _from_validation(error, prefix="script.") from error
    except ValueError as error:
        raise ControlError("script", value=given, expected=str(error), remedy="use one of these names") from error


async def _read(request: web.BaseRequest, model: type[Model]) -> Model:
    return _validate(model, await _read_object(request))


async def _read_object(request: web.BaseRequest) -> dict[str, Any]:
    text = await request.read()
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:
        parsed = None
    if not isinstance(parsed, dict):
        shown = text[:200].decode("utf-8", "replace")
        raise ControlError("body", value=shown, expected="a JSON object", remedy="see docs/simulator.md")
    return parsed


def _validate(model: type[Model], given: dict[str, Any]) -> Model:
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise _from_validation(error) from error


def _from_validation(error: ValidationError, prefix: str = "") -> ControlError:
    first = error.errors()[0]
    what = prefix + ".".join(str(part) for part in first["loc"])
    return ControlError(what or "body", value=first["input"], expected=first["msg"], remedy="see docs/simulator.md")


def _respond(status: int, body: Any) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(body, default=str), content_type="application/json")
