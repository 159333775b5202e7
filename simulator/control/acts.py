"""What can be done to a running venue beside its API: by the control side at once, by a scenario at an instant."""

import re
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from simulator.control.account_acts import AccountAct, KeyAct
from simulator.control.control_error import ControlError, from_validation, validated
from simulator.control.fault_acts import ClearFaultsAct, FaultAct
from simulator.control.stage import AnyAct, Stage
from simulator.exchange.listings import Listing
from simulator.exchange.scripts import ListingScript, build_script
from simulator.exchange.settings import Settings

_RELATIVE = re.compile(r"^([+-][0-9]+(?:\.[0-9]+)?)(ms|s|m|h)$")
_UNIT_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}


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
