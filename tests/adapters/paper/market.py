"""A market by hand: books, trades and orders as plain values."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from adapters.paper.account import Pair, Wallet
from adapters.paper.matching import PaperAccount
from domain.money import Base, Price
from domain.order_book import Level, OrderBook, PublicTrade
from domain.orders import OrderKind, OrderRequest, Side
from tests.builders import T0

PAIR = Pair("NEWUSDT", "NEW", "USDT")
FEE = Decimal("0.0005")

Levels = Sequence[tuple[str, str]]


def after(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def a_book(*, bids: Levels = (), asks: Levels = (), version: int = 1, at: datetime = T0) -> OrderBook:
    return OrderBook("NEWUSDT", version, _levels(bids), _levels(asks), at)


def _levels(told: Levels) -> tuple[Level, ...]:
    return tuple(Level(Price(Decimal(price)), Base(Decimal(quantity))) for price, quantity in told)


def a_trade(price: str, quantity: str, taker: Side, at: datetime = T0) -> PublicTrade:
    return PublicTrade("NEWUSDT", Price(Decimal(price)), Base(Decimal(quantity)), taker, at)


def a_request(
    name: str = "order1",
    *,
    side: Side = Side.BUY,
    kind: OrderKind = OrderKind.IMMEDIATE,
    price: str = "0.05",
    quantity: str = "100",
) -> OrderRequest:
    return OrderRequest(name, "NEWUSDT", side, kind, Price(Decimal(price)), Base(Decimal(quantity)))


def an_account(*, usdt: str = "1000", new: str = "0") -> PaperAccount:
    return PaperAccount(PAIR, quote=Wallet(Decimal(usdt)), base=Wallet(Decimal(new)))


def placed(account: PaperAccount, request: OrderRequest, book: OrderBook | None, at: datetime = T0) -> None:
    """An order that passed admission."""
    assert account.lacks(request, FEE) == 0
    account.place(request, order_id=f"id-{request.client_order_id}", fee_rate=FEE, at=at, book=book)
