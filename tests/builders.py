"""Plain values for tests: a listing NEWUSDT with ordinary rules and a modest target."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from domain.commands import StartSnipe
from domain.ids import Leg, ListingKey, SessionKey
from domain.money import Base, Price, Quote, SymbolRules
from domain.orders import Fill, Order, OrderIntent, OrderKind, OrderStatus, Side
from domain.policy import EntryPolicy, ExitPolicy, TradePolicy
from domain.session import Phase, SessionRecord

T0 = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
LISTING = ListingKey("mexc", "NEW", "USDT")
KEY = SessionKey("main", LISTING, 1)
RULES = SymbolRules(
    symbol="NEWUSDT",
    base_asset="NEW",
    quote_asset="USDT",
    price_step=Decimal("0.00001"),
    quantity_step=Decimal("0.01"),
    min_quantity=Base(Decimal(0)),
    min_notional=Quote(Decimal(1)),
    max_notional=Quote(Decimal(2000000)),
    band_up=Decimal("0.2"),
    band_down=Decimal("0.2"),
    taker_fee=Decimal("0.0005"),
    api_allowed=True,
)


def a_policy(
    *, budget: str = "50", max_price: str = "0.06", exits: ExitPolicy | None = None, arm_lead_s: int = 30
) -> TradePolicy:
    return TradePolicy(
        budget_quote=Quote(Decimal(budget)),
        entry=EntryPolicy(max_price=Price(Decimal(max_price))),
        exits=exits or ExitPolicy(),
        arm_lead_s=arm_lead_s,
    )


def a_start(
    *, key: SessionKey = KEY, symbol: str = "NEWUSDT", opens_in: timedelta = timedelta(hours=2), now: datetime = T0
) -> StartSnipe:
    return StartSnipe(key=key, symbol=symbol, opens_at=now + opens_in, policy=a_policy())


def a_record(
    *, policy: TradePolicy | None = None, opens_at: datetime = T0, phase: Phase = Phase.WAITING, revision: int = 0
) -> SessionRecord:
    return SessionRecord(
        key=KEY,
        symbol="NEWUSDT",
        phase=phase,
        opens_at=opens_at,
        policy=policy or a_policy(),
        policy_revision=revision,
        aborting=False,
        halted=False,
        workflow_id=KEY.workflow_id,
    )


def an_intent(
    name: str = "order-1",
    *,
    leg: Leg = Leg.ENTRY,
    shot: int = 0,
    price: str = "0.05",
    quantity: str = "100",
    not_before: datetime = T0,
) -> OrderIntent:
    buys = leg is Leg.ENTRY
    return OrderIntent(
        client_order_id=name,
        leg=leg,
        shot=shot,
        symbol="NEWUSDT",
        side=Side.BUY if buys else Side.SELL,
        kind=OrderKind.LIMIT if leg is Leg.LADDER else OrderKind.IMMEDIATE,
        bound=Price(Decimal(price)),
        quantity=Base(Decimal(quantity)),
        budget=Quote(Decimal(50) if buys else Decimal(0)),
        not_before=not_before,
    )


def a_fill(
    trade_id: str = "trade-1",
    *,
    side: Side = Side.BUY,
    price: str = "0.05",
    quantity: str = "100",
    fee: str = "0",
    fee_asset: str = "USDT",
    name: str = "order-1",
    at: datetime = T0,
) -> Fill:
    return Fill(
        trade_id=trade_id,
        order_id=f"venue-{name}",
        client_order_id=name,
        symbol="NEWUSDT",
        side=side,
        price=Price(Decimal(price)),
        quantity=Base(Decimal(quantity)),
        quote=Quote(Decimal(price) * Decimal(quantity)),
        fee=Decimal(fee),
        fee_asset=fee_asset,
        at=at,
    )


def an_order(
    name: str = "order-1",
    *,
    side: Side = Side.BUY,
    price: str = "0.05",
    quantity: str = "100",
    executed: str = "0",
    status: OrderStatus = OrderStatus.NEW,
) -> Order:
    return Order(
        order_id=f"venue-{name}",
        client_order_id=name,
        symbol="NEWUSDT",
        side=side,
        kind=OrderKind.LIMIT,
        price=Price(Decimal(price)),
        quantity=Base(Decimal(quantity)),
        executed=Base(Decimal(executed)),
        executed_quote=Quote(Decimal(executed) * Decimal(price)),
        status=status,
    )
