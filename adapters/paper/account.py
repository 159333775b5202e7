"""What an account on paper has, as values. Not here: what changes it (matching.py), where it is kept (books.py)."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Context, Decimal, Inexact, InvalidOperation

from domain.money import Price
from domain.orders import Order, OrderKind, OrderRequest, Side

EXACT = Context(prec=96, traps=[Inexact, InvalidOperation])
"""Room for any product of two venue numbers and a rate; raises instead of rounding, so that no arithmetic makes or
loses money."""

NOTHING = Decimal(0)


class NegativeBalance(Exception):
    """What is not there was to be taken: a bug in here, never a refusal."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A symbol and the two assets it trades."""

    symbol: str
    base: str
    quote: str


@dataclass(frozen=True, slots=True)
class Wallet:
    """One asset, in its own units. locked: set aside for open orders."""

    free: Decimal = NOTHING
    locked: Decimal = NOTHING

    def moved(self, *, free: Decimal = NOTHING, locked: Decimal = NOTHING) -> "Wallet":
        """With both amounts added, which may be negative. Raises NegativeBalance."""
        after = Wallet(self.free + free, self.locked + locked)
        if after.free < 0 or after.locked < 0:
            raise NegativeBalance(f"{self} changed by {free} free and {locked} locked")
        return after


@dataclass(frozen=True, slots=True)
class Booked:
    """An order on the paper venue's books.

    fee_rate: share of the traded value; the order pays that of its placing as long as it lives.
    placed_at: exchange time of its arrival; earlier trades do not concern it.
    since_version: of the book it met; only later books concern it. None: there was none.
    ahead: base units that stood at its price before it and were not traded since. None: not known.
    fills: how many it has had.
    """

    order: Order
    pair: Pair
    fee_rate: Decimal
    placed_at: datetime
    since_version: int | None
    ahead: Decimal | None
    fills: int = 0

    @property
    def remaining(self) -> Decimal:
        """Base units that are not executed."""
        return self.order.quantity - self.order.executed

    @property
    def locked(self) -> Decimal:
        """What is set aside for the rest: quote with the fee for a buy, base for a sell; nothing for a market purchase,
        which has ended by the time its placing has."""
        if self.order.kind is OrderKind.MARKET:
            return NOTHING
        if self.order.side is Side.SELL:
            return self.remaining
        return cost(self.order.price, self.remaining, self.fee_rate)

    def with_order(self, **changes: object) -> "Booked":
        """The same with other values of its order."""
        return replace(self, order=replace(self.order, **changes))  # type: ignore[arg-type]  # fields by name


@dataclass(frozen=True, slots=True)
class Offer:
    """A place in the real book. side: of whoever offers there: SELL is an ask."""

    side: Side
    price: Price


@dataclass(frozen=True, slots=True)
class Taken:
    """How much of an offer this account has had already, though the real book still shows it.

    quantity: base units. at: exchange time of the last taking. version: of the book it was taken from.
    """

    quantity: Decimal
    at: datetime
    version: int


def cost(price: Decimal, quantity: Decimal, fee_rate: Decimal) -> Decimal:
    """Quote that buying takes, with the fee."""
    worth = price * quantity
    return worth + worth * fee_rate


def needed(request: OrderRequest, fee_rate: Decimal) -> Decimal:
    """What has to be free for an order: quote with the fee for a buy, base for a sell."""
    if request.quote is not None:
        return request.quote + request.quote * fee_rate
    if request.side is Side.SELL:
        return request.quantity
    return cost(request.price, request.quantity, fee_rate)
