"""Plain values for tests: a listing NEWUSDT with ordinary rules and a modest target."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from domain.commands import StartSnipe
from domain.ids import ListingKey, SessionKey
from domain.money import Base, Price, Quote, SymbolRules
from domain.policy import EntryPolicy, ExitPolicy, TradePolicy

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


def a_start(*, key: SessionKey = KEY, opens_in: timedelta = timedelta(hours=2), now: datetime = T0) -> StartSnipe:
    return StartSnipe(key=key, symbol="NEWUSDT", opens_at=now + opens_in, policy=a_policy())
