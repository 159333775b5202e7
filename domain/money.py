"""Amounts and a symbol's rules: the one place where prices and quantities are rounded.

Quote amounts, base quantities and prices are distinct types, so that 100 USDT can never be sent as 100 coins.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation
from typing import NewType

from domain.errors import InvalidInput

Quote = NewType("Quote", Decimal)
"""An amount of the quote asset, e.g. USDT."""
Base = NewType("Base", Decimal)
"""A quantity of the base asset, the coin itself."""
Price = NewType("Price", Decimal)
"""Quote per base."""

NO_QUOTE = Quote(Decimal(0))
NO_BASE = Base(Decimal(0))


@dataclass(frozen=True, slots=True)
class SymbolRules:
    """What one order of a symbol may look like.

    symbol: the venue's name, e.g. "NEWUSDT".
    price_step, quantity_step: smallest change, in quote per base and in base.
    min_quantity: smallest order in base, inclusive; zero: none stated.
    min_notional, max_notional: order value in quote, inclusive; max None: none stated.
    band_up, band_down: limit prices stay within last * (1 + up) and last * (1 - down); None: no band.
    taker_fee: share of the traded value, e.g. 0.0005.
    api_allowed: whether the venue lets API clients trade it at all, now.
    opens_at_ms: published opening instant in exchange milliseconds; None: not published (or long open).
    market_orders: whether the venue says that it takes market orders; False also when it does not say.
    max_market_notional: value of a market order in quote, inclusive; None: none stated beside `max_notional`.
    """

    symbol: str
    base_asset: str
    quote_asset: str
    price_step: Decimal
    quantity_step: Decimal
    min_quantity: Base
    min_notional: Quote
    max_notional: Quote | None
    band_up: Decimal | None
    band_down: Decimal | None
    taker_fee: Decimal
    api_allowed: bool
    opens_at_ms: int | None = None
    market_orders: bool = False
    max_market_notional: Quote | None = None

    @property
    def market_most(self) -> Quote | None:
        """The largest value of one market order in quote; None: none stated."""
        return self.max_notional if self.max_market_notional is None else self.max_market_notional

    def price_down(self, price: Decimal) -> Price:
        """The highest tradable price not above `price`: for buying inside a bound."""
        return Price((price / self.price_step).to_integral_value(ROUND_FLOOR) * self.price_step)

    def price_up(self, price: Decimal) -> Price:
        """The lowest tradable price not below `price`: for selling no cheaper than meant."""
        return Price((price / self.price_step).to_integral_value(ROUND_CEILING) * self.price_step)

    def quantity_down(self, quantity: Decimal) -> Base:
        """The largest tradable quantity not above `quantity`; zero when below the smallest order."""
        floored = (quantity / self.quantity_step).to_integral_value(ROUND_FLOOR) * self.quantity_step
        return Base(floored) if floored >= self.min_quantity and floored > 0 else NO_BASE

    def affordable(self, budget: Quote, price: Price) -> Base:
        """The largest quantity whose cost at `price`, taker fee in quote included, stays within `budget`, and that the
        venue takes in one order.

        Zero when that is below the venue's smallest order.
        """
        if price <= 0:
            return NO_BASE
        quantity = self.quantity_down(self._in_one_order(budget / (price * (1 + self.taker_fee)), price))
        return quantity if quantity * price >= self.min_notional else NO_BASE

    def sellable(self, quantity: Base, price: Price) -> Base:
        """What of `quantity` one sell order at `price` can hold; zero when it is dust."""
        floored = self.quantity_down(self._in_one_order(quantity, price))
        return floored if floored * price >= self.min_notional else NO_BASE

    def sizes_as(self, other: "SymbolRules") -> bool:
        """Whether orders are rounded and limited in the same way."""
        mine, theirs = (
            (
                one.price_step,
                one.quantity_step,
                one.min_quantity,
                one.min_notional,
                one.max_notional,
                one.max_market_notional,
            )
            for one in (self, other)
        )
        return mine == theirs

    def _in_one_order(self, quantity: Decimal, price: Decimal) -> Decimal:
        return quantity if self.max_notional is None or price <= 0 else min(quantity, self.max_notional / price)


def parse_amount(what: str, text: str) -> Decimal:
    """A positive plain decimal from a person's input. Raises InvalidInput for anything else."""
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise InvalidInput(what, value=text, expected="a plain decimal number such as 12.5", remedy="write it so")
    if value <= 0:
        raise InvalidInput(what, value=text, expected="more than zero", remedy="give a positive amount")
    return value


def plain(value: Decimal) -> str:
    """The decimal without exponent and without trailing zeros, for people and for the wire."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text or "0"
