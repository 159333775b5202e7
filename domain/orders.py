"""Orders and fills as the domain sees them: intents before, venue facts after."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain.ids import Leg
from domain.money import NO_BASE, NO_QUOTE, Base, Price, Quote


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"


class OrderKind(StrEnum):
    LIMIT = "limit"
    """Rests until filled or cancelled."""
    IMMEDIATE = "immediate_or_cancel"
    """Fills what it can at once inside its price; the rest is cancelled by the venue."""
    MARKET = "market"
    """Fills what it can at once at whatever price is offered. Only ever meant by name: nothing turns into one."""


class OrderStatus(StrEnum):
    NEW = "new"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    PARTIALLY_CANCELLED = "partially_cancelled"

    @property
    def final(self) -> bool:
        """Nothing can be executed on this order any more."""
        return self not in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """An order we may send, committed before its first byte leaves.

    shot: counted from 0 within the leg; gives the id together with session and leg.
    bound: worst price: a buy never pays more, a sell never takes less.
    quantity: base units meant; an entry may send another quantity when the price moves inside its bound, as long as
        price * quantity with fees stays within `budget`.
    budget: the slice of the session's budget this order may use, in quote; zero for sells.
    not_before: earliest exchange time at which it may leave.
    """

    client_order_id: str
    leg: Leg
    shot: int
    symbol: str
    side: Side
    kind: OrderKind
    bound: Price
    quantity: Base
    budget: Quote
    not_before: datetime


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What exactly goes to the venue for an intent: `price` inside its bound, `quantity` inside its budget.

    quote: of a market purchase, which the venue takes by amount of quote: what is spent, fees on top; price and
        quantity then are what it was sized by and do not leave. None for every other order.
    """

    client_order_id: str
    symbol: str
    side: Side
    kind: OrderKind
    price: Price
    quantity: Base
    quote: Quote | None = None


def check_meant(request: OrderRequest) -> None:
    """Called by every venue before it signs. Raises ValueError for what is never meant: a sale at market, a market
    purchase without its amount of quote, such an amount with another kind."""
    if request.kind is not OrderKind.MARKET:
        if request.quote is not None:
            raise ValueError(f"an amount of quote with an order of kind {request.kind}")
    elif request.side is Side.SELL:
        raise ValueError("a sale at market: nothing would bound its price")
    elif request.quote is None or request.quote <= 0:
        raise ValueError(f"a market purchase of {request.quote} quote")


@dataclass(frozen=True, slots=True)
class Order:
    """An order as the venue tells it.

    client_order_id: None when it was placed without one, so it is not ours.
    executed, executed_quote: so far, in base and quote, before fees.
    """

    order_id: str
    client_order_id: str | None
    symbol: str
    side: Side
    kind: OrderKind
    price: Price
    quantity: Base
    executed: Base
    executed_quote: Quote
    status: OrderStatus


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution. `fee` is in `fee_asset`, which may be base, quote or a third asset. `at`: exchange time."""

    trade_id: str
    order_id: str
    client_order_id: str | None
    symbol: str
    side: Side
    price: Price
    quantity: Base
    quote: Quote
    fee: Decimal
    fee_asset: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Position:
    """What a session's fills add up to.

    bought, sold: base units executed. spent, received: quote before fees.
    fee_base, fee_quote: fees taken in the coin and in the quote asset; fees in a third asset appear in neither.
    """

    bought: Base = NO_BASE
    sold: Base = NO_BASE
    spent: Quote = NO_QUOTE
    received: Quote = NO_QUOTE
    fee_base: Base = NO_BASE
    fee_quote: Quote = NO_QUOTE
    first_fill_at: datetime | None = None

    @property
    def held(self) -> Base:
        """Base units we still own from this session: fees taken in the coin are gone."""
        return Base(self.bought - self.sold - self.fee_base)

    @property
    def average_entry(self) -> Price | None:
        """Quote paid per base unit bought, before fees; None before the first fill."""
        return Price(self.spent / self.bought) if self.bought else None

    @property
    def realised_quote(self) -> Quote:
        """Quote received minus quote spent and quote fees; the result once nothing is held."""
        return Quote(self.received - self.spent - self.fee_quote)


def position_of(fills: Iterable[Fill], base_asset: str, quote_asset: str) -> Position:
    """The position that `fills` of one session make. Fills are unique by trade id; a repeated one counts once."""
    bought = sold = fee_base = Decimal(0)
    spent = received = fee_quote = Decimal(0)
    first: datetime | None = None
    for fill in {fill.trade_id: fill for fill in fills}.values():
        if fill.side is Side.BUY:
            bought += fill.quantity
            spent += fill.quote
            first = fill.at if first is None or fill.at < first else first
        else:
            sold += fill.quantity
            received += fill.quote
        if fill.fee_asset == base_asset:
            fee_base += fill.fee
        elif fill.fee_asset == quote_asset:
            fee_quote += fill.fee
    return Position(Base(bought), Base(sold), Quote(spent), Quote(received), Base(fee_base), Quote(fee_quote), first)
