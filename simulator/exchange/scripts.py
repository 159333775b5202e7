"""What happens at a listing: how it opens and how its price moves. Named scripts, each changeable in any part."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from simulator.engine.rules import SymbolRules

Positive = Annotated[Decimal, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Seconds = Annotated[float, Field(ge=0)]


class Halt(BaseModel):
    """A pause in mid-life. at_s: from opening. for_s: None until told otherwise. cancel_orders: all open ones, then."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at_s: float
    for_s: Annotated[float, Field(gt=0)] | None = None
    cancel_orders: bool = False


class ListingScript(BaseModel):
    """Everything that can be chosen about one listing. Times are seconds; prices are quote per base.

    Before opening
        listed_lead_s: how long before opening the symbol appears in exchangeInfo, closed to the API.
        pre_open_lead_s: how long before opening the API is allowed, though orders are still refused.
        quotes_lead_s: how long before opening the makers' quotes stand in the book.
        closed_code, closed_text: refusal of orders before pre-open. pre_open_code, pre_open_text: until opening.
        opens_late_ms: how much later than the published instant orders are really taken.
        never_api: it opens for the website alone; the API is refused with closed_code for ever.
        moves: [at, by] in seconds: at so many seconds from the opening (negative: before), as it then stands, it is put
            off by so many (negative: brought forward).
        calendar_lag_s: how much later the website learns of the listing, of a moved opening, of a withdrawal.
        web_listed_lead_s, web_ready_lead_s: how long before opening the website's symbol table changes its undocumented
            status members from 1/1/1 to 2/1/1, and to 2/2/4.

    Later, all counted in seconds from opening (negative: before)
        withdraw_at_s: the symbol vanishes again; None: never. delist_at_s: it goes offline for good; None: never.
        halts: paused from .. for so many seconds (null: until told otherwise), with the choice to cancel open orders.
        halted_code, halted_text, delisted_code, delisted_text: refusals then.
        trade_sides: [at, type]: which sides may trade from then on: 1 both, 2 buying, 3 selling, 4 none.

    Opening
        capped_for_s: length of the first stage: buys above the cap are refused, MARKET orders come to nothing.
        cap_price: that cap; None: cap_factor * open_price.

    Price
        path: [seconds after opening, factor of open_price], ascending; straight lines between; flat after the last.
        volatility: size of the random part, share of the price per square root of a second.
        spread: best ask above best bid, share of the price. level_gap: distance of further levels, share of the price.
        depth_quote: quote units on each side when full, over `levels` levels.
        refill_s: how long an emptied side needs to be full again.
        takers_per_s, taker_quote: how often background takers trade, and for how much on average.
        tick_ms: how often the makers look.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "flat"
    open_price: Positive = Decimal("0.05")
    quote_asset: Annotated[str, Field(min_length=2, pattern="^[A-Z0-9]+$")] = "USDT"
    full_name: str = ""
    price_scale: Annotated[int, Field(ge=0, le=12)] | None = None
    quantity_scale: Annotated[int, Field(ge=0, le=8)] | None = None
    min_quantity: Annotated[Decimal, Field(ge=0)] = Decimal(0)
    min_quote: Positive = Decimal(1)
    max_quote: Positive = Decimal(2_000_000)
    max_quote_market: Positive = Decimal(100_000)
    band: Annotated[Decimal, Field(gt=0)] | None = Decimal("0.2")
    maker_fee: Annotated[Decimal, Field(ge=0, lt=1)] = Decimal(0)
    taker_fee: Annotated[Decimal, Field(ge=0, lt=1)] = Decimal("0.0005")
    market_orders: bool = True
    trade_side_type: Literal[1, 2, 3, 4] = 1

    listed_lead_s: Seconds = 3600
    pre_open_lead_s: Seconds = 600
    quotes_lead_s: Seconds = 60
    closed_code: int = 10007
    closed_text: str = "symbol not support api"
    pre_open_code: int = 30001
    pre_open_text: str = "Order side not allowed"
    opens_late_ms: Annotated[int, Field(ge=0)] = 0
    never_api: bool = False
    moves: tuple[tuple[float, float], ...] = ()
    calendar_lag_s: Seconds = 0
    web_listed_lead_s: Seconds = 4 * 3600
    web_ready_lead_s: Seconds = 3.5 * 3600

    withdraw_at_s: float | None = None
    delist_at_s: float | None = None
    halts: tuple[Halt, ...] = ()
    halted_code: int = 30000
    halted_text: str = "trading suspended"
    delisted_code: int = 30016
    delisted_text: str = "trading disabled"
    trade_sides: tuple[tuple[float, Literal[1, 2, 3, 4]], ...] = ()

    capped_for_s: Seconds = 60
    cap_factor: Positive = Decimal(2)
    cap_price: Positive | None = None

    path: tuple[tuple[Seconds, Annotated[float, Field(gt=0)]], ...] = ((0, 1),)
    volatility: Share = 0.0008
    spread: Annotated[float, Field(gt=0, lt=0.5)] = 0.003
    level_gap: Annotated[float, Field(gt=0, lt=0.1)] = 0.004
    levels: Annotated[int, Field(ge=1, le=50)] = 8
    depth_quote: Annotated[float, Field(gt=0)] = 4000
    refill_s: Annotated[float, Field(gt=0)] = 2
    takers_per_s: Annotated[float, Field(ge=0)] = 2
    taker_quote: Annotated[float, Field(gt=0)] = 40
    tick_ms: Annotated[int, Field(ge=20)] = 100

    @model_validator(mode="after")
    def _path_ascends(self) -> "ListingScript":
        seconds = [point[0] for point in self.path]
        if not seconds or seconds != sorted(set(seconds)):
            raise ValueError("path needs at least one point, and seconds that rise from point to point")
        return self

    def rules(self, symbol: str) -> SymbolRules:
        """The trading rules of `symbol`, which must end with the quote asset."""
        magnitude = self.open_price.adjusted()  # 0 for 1.5, -2 for 0.05, 4 for 60000
        price_scale = max(2, 4 - magnitude) if self.price_scale is None else self.price_scale
        quantity_scale = min(max(2, magnitude + 2), 8) if self.quantity_scale is None else self.quantity_scale
        return SymbolRules(
            symbol=symbol,
            base_asset=symbol.removesuffix(self.quote_asset),
            quote_asset=self.quote_asset,
            base_scale=quantity_scale,
            price_scale=price_scale,
            full_name=self.full_name or symbol.removesuffix(self.quote_asset).title(),
            min_quantity=self.min_quantity,
            min_quote=self.min_quote,
            max_quote=self.max_quote,
            max_quote_market=self.max_quote_market,
            band_up=self.band,
            band_down=self.band,
            maker_fee=self.maker_fee,
            taker_fee=self.taker_fee,
            market_orders=self.market_orders,
        )

    def factor_at(self, seconds: float) -> float:
        """The path's factor `seconds` after opening; the first one before it."""
        before_s, before = self.path[0]
        for at_s, factor in self.path:
            if at_s > seconds:
                if seconds <= before_s:
                    return before
                return before + (factor - before) * (seconds - before_s) / (at_s - before_s)
            before_s, before = at_s, factor
        return before


_NAMED: dict[str, dict[str, Any]] = {
    # opens and stays about where it is
    "flat": {},
    # gaps up within half a second, climbs about 45 % in half a minute with two pullbacks, then fades below its opening
    "pump": {
        "path": (
            (0, 1), (0.4, 1.05), (2, 1.08), (6, 1.16), (8, 1.11), (14, 1.24),
            (17, 1.18), (24, 1.36), (30, 1.48), (34, 1.42), (45, 1.30), (90, 1.12), (240, 0.92),
        ),
        "volatility": 0.004,
        "takers_per_s": 8,
        "taker_quote": 120,
    },
    # holds for two seconds, then loses a third within half a minute
    "dump": {
        "path": ((0, 1), (2, 0.99), (6, 0.90), (8, 0.92), (18, 0.78), (30, 0.70), (120, 0.66)),
        "volatility": 0.004,
        "takers_per_s": 6,
        "taker_quote": 100,
    },
    # doubles within four seconds and is back after ten
    "spike": {
        "path": ((0, 1), (1, 1.05), (4, 1.95), (5, 1.9), (10, 1.02), (30, 0.98)),
        "volatility": 0.003,
        "takers_per_s": 6,
        "taker_quote": 100,
    },
    # a symbol that has traded for long: deep, tight, always moving a little
    "steady": {
        "open_price": "60000",
        "band": "0.005",
        "max_quote_market": "4000000",
        "volatility": 0.0002,
        "spread": 0.0002,
        "level_gap": 0.0002,
        "levels": 20,
        "depth_quote": 400_000,
        "taker_quote": 800,
        "tick_ms": 250,
    },
}  # fmt: skip

SCRIPT_NAMES = tuple(_NAMED)


def build_script(given: str | dict[str, Any] | None) -> ListingScript:
    """The script of a name, or of an object whose members change the script named by its `name` (default "flat").

    Raises ValueError (pydantic's ValidationError is one) for an unknown name, member or value.
    """
    members = {"name": given} if isinstance(given, str) else dict(given or {})
    name = members.get("name", "flat")
    if name not in _NAMED:
        raise ValueError(f"script {name!r} is not one of {', '.join(SCRIPT_NAMES)}")
    return ListingScript.model_validate({**_NAMED[name], **members})
