"""Orders and fills as the venue keeps them."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from simulator.engine.arithmetic import ZERO, floor_divide, subtract
from simulator.engine.wallet import Wallet


class Side(StrEnum):
    """Which way the order trades the base asset."""

    BUY = "BUY"
    SELL = "SELL"


class OrderType(StrEnum):
    """The types that can be placed; how the rest is handled when not everything trades at once."""

    LIMIT = "LIMIT"
    """The rest stays in the book."""
    MARKET = "MARKET"
    """Trades up to 5 % beyond the best opposite price; the rest is cancelled."""
    LIMIT_MAKER = "LIMIT_MAKER"
    """Cancelled as a whole when it would trade at once."""
    IMMEDIATE_OR_CANCEL = "IMMEDIATE_OR_CANCEL"
    """The rest is cancelled."""
    FILL_OR_KILL = "FILL_OR_KILL"
    """Trades completely at once or is cancelled as a whole."""


class Status(StrEnum):
    """Where an order stands."""

    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    """Ended without any fill."""
    PARTIALLY_CANCELED = "PARTIALLY_CANCELED"
    """Ended after a partial fill."""


OPEN_STATUSES = frozenset({Status.NEW, Status.PARTIALLY_FILLED})
RESTING_TYPES = frozenset({OrderType.LIMIT, OrderType.LIMIT_MAKER})


class SelfTradePrevention(StrEnum):
    """What happens when an order meets another of its own account."""

    NONE = ""
    CANCEL_MAKER = "cancel_maker"
    CANCEL_TAKER = "cancel_taker"
    CANCEL_BOTH = "cancel_both"


@dataclass(frozen=True, slots=True)
class Ticket:
    """One placement that has passed every check of form.

    price: limit, quote per base; None for MARKET.
    quantity: base units; None for a MARKET order given by quote amount.
    quote_quantity: quote units to spend or to obtain, MARKET only; None otherwise.
    client_order_id: None: the client gave none.
    """

    symbol: str
    side: Side
    type: OrderType
    price: Decimal | None
    quantity: Decimal | None
    quote_quantity: Decimal | None = None
    client_order_id: str | None = None
    self_trade_prevention: SelfTradePrevention = SelfTradePrevention.NONE


@dataclass(slots=True, eq=False)
class Order:
    """One order over its whole life; mutable, owned by the matching engine.

    price: limit or, for MARKET, the protection price.
    quantity, executed: base units. executed_quote: quote units traded so far, fees apart.
    quote_quantity: what a MARKET order by quote amount was given; None otherwise.
    reserved: what is locked in the owner's wallet for it: quote for buys, base for sells.
    pays_fee_in_base: a buy whose commission comes out of what it bought; otherwise it comes on top, in quote.
    fill_count: trades so far, which number its trade ids. last_fill: the newest of them; None before the first.
    created_ms, updated_ms: venue time. arrival_us: monotonic time its request arrived, None for background traders.
    """

    owner: Wallet
    id: str
    client_order_id: str | None
    symbol: str
    side: Side
    type: OrderType
    price: Decimal
    quantity: Decimal
    quote_quantity: Decimal | None
    self_trade_prevention: SelfTradePrevention
    created_ms: int
    updated_ms: int
    arrival_us: int | None = None
    executed: Decimal = ZERO
    executed_quote: Decimal = ZERO
    reserved: Decimal = ZERO
    status: Status = Status.NEW
    pays_fee_in_base: bool = False
    cancel_reason: str = ""
    fill_count: int = 0
    last_fill: "Fill | None" = None

    @property
    def remaining(self) -> Decimal:
        """Base units not traded yet."""
        return subtract(self.quantity, self.executed)

    def average_price(self, scale: int) -> Decimal:
        """Quote per base over all fills, cut to `scale` decimals; zero before the first."""
        return floor_divide(self.executed_quote, self.executed, scale) if self.executed else ZERO

    @property
    def is_open(self) -> bool:
        """Whether it may still trade."""
        return self.status in OPEN_STATUSES


@dataclass(frozen=True, slots=True, eq=False)
class Fill:
    """One account's side of one trade.

    price: quote per base; quantity: base; quote_quantity: price * quantity.
    commission: in units of commission_asset, already taken from the owner.
    """

    trade_id: str
    order: Order
    price: Decimal
    quantity: Decimal
    quote_quantity: Decimal
    commission: Decimal
    commission_asset: str
    is_maker: bool
    is_self_trade: bool
    time_ms: int


@dataclass(frozen=True, slots=True)
class PublicTrade:
    """One trade as everybody sees it. taker_side: who crossed the spread."""

    trade_id: str
    price: Decimal
    quantity: Decimal
    taker_side: Side
    time_ms: int
