"""Plain values for the tests of the stores, and waiting for a claim to hold."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from time import monotonic

from domain.commands import NewSession
from domain.ids import Leg, ListingKey, SessionKey
from domain.money import Base, Price, Quote
from domain.orders import Fill, Order, OrderIntent, OrderKind, OrderStatus, Side
from tests.builders import KEY, LISTING, T0, a_start

WITHIN_S = 20.0
LOOK_EVERY_S = 0.02


async def eventually(claim: Callable[[], bool], *, within_s: float = WITHIN_S) -> None:
    """Wait until `claim` holds; AssertionError when it does not in time."""
    deadline = monotonic() + within_s
    while not claim():
        assert monotonic() < deadline, f"not true within {within_s} s"
        await asyncio.sleep(LOOK_EVERY_S)


def a_key(attempt: int = 1, *, account: str = "main", listing: ListingKey = LISTING) -> SessionKey:
    return SessionKey(account, listing, attempt)


def of_another_pair(number: int = 2) -> SessionKey:
    """Since an account has one open session of a pair. Number 1 is the first key."""
    return KEY if number == 1 else a_key(listing=ListingKey("mexc", f"NEW{number}", "USDT"))


def a_new_session(key: SessionKey = KEY, *, target_id: int | None = None) -> NewSession:
    symbol = f"{key.listing.coin}{key.listing.quote}"
    return NewSession(a_start(key=key, symbol=symbol), key.workflow_id, target_id)


def an_intent(name: str = "sabcdeentry0", *, shot: int = 0, leg: Leg = Leg.ENTRY, budget: str = "10") -> OrderIntent:
    return OrderIntent(
        client_order_id=name,
        leg=leg,
        shot=shot,
        symbol="NEWUSDT",
        side=Side.BUY if leg is Leg.ENTRY else Side.SELL,
        kind=OrderKind.IMMEDIATE,
        bound=Price(Decimal("0.060")),
        quantity=Base(Decimal("166.66")),
        budget=Quote(Decimal(budget)),
        not_before=T0,
    )


def an_order(
    name: str = "sabcdeentry0", *, status: OrderStatus = OrderStatus.NEW, executed: str = "0", quote: str = "0"
) -> Order:
    return Order(
        order_id=f"C01-{name}",
        client_order_id=name,
        symbol="NEWUSDT",
        side=Side.BUY,
        kind=OrderKind.IMMEDIATE,
        price=Price(Decimal("0.06")),
        quantity=Base(Decimal("166.66")),
        executed=Base(Decimal(executed)),
        executed_quote=Quote(Decimal(quote)),
        status=status,
    )


def a_fill(trade: str = "1", name: str = "sabcdeentry0", *, quantity: str = "100", after_s: float = 0.0) -> Fill:
    return Fill(
        trade_id=trade,
        order_id=f"C01-{name}",
        client_order_id=name,
        symbol="NEWUSDT",
        side=Side.BUY,
        price=Price(Decimal("0.05")),
        quantity=Base(Decimal(quantity)),
        quote=Quote(Decimal(quantity) * Decimal("0.05")),
        fee=Decimal("0.0025"),
        fee_asset="USDT",
        at=T0 + timedelta(seconds=after_s),
    )
