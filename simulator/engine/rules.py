"""The trading rules of one symbol, as exchangeInfo publishes them."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class SymbolRules:
    """What an order of one symbol may look like.

    base_scale, price_scale: decimals of quantities and of prices.
    min_quantity: base units, inclusive; zero: no minimum.
    min_quote, max_quote: value of limit orders in quote, inclusive; the _market pair holds for MARKET.
    band_up, band_down: share of the last price that buys may be above and sells below it; None: no band.
    maker_fee, taker_fee: share of the traded value.
    """

    symbol: str
    base_asset: str
    quote_asset: str
    base_scale: int
    price_scale: int
    full_name: str = ""
    min_quantity: Decimal = Decimal(0)
    min_quote: Decimal = Decimal(1)
    max_quote: Decimal = Decimal(2_000_000)
    min_quote_market: Decimal = Decimal(1)
    max_quote_market: Decimal = Decimal(100_000)
    band_up: Decimal | None = Decimal("0.2")
    band_down: Decimal | None = Decimal("0.2")
    maker_fee: Decimal = Decimal(0)
    taker_fee: Decimal = Decimal("0.0005")
    market_orders: bool = True
