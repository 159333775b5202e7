"""A market by hand: books, trades and orders as plain values."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from adapters.paper.account import Pair, Wallet
from adapters.paper.matching import PaperAccount
from domain.money import Base, Price, Quote
from domain.order_book import Level, OrderBook, PublicTrade
from domain.orders import OrderKind, OrderRequest, Side
from tests.builders import RULES, T0

PAIR = Pair("NEWUSDT", "NEW", "USDT")
FEE = RULES.taker_fee
MARKET_RULES = replace(RULES, market_orders=True)

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


def a_market_buy(name: str = "order1", *, quote: str = "5") -> OrderRequest:
    """Sized by 0.04, which does not leave."""
    amount, price = Quote(Decimal(quote)), Price(Decimal("0.04"))
    return OrderRequest(name, "NEWUSDT", Side.BUY, OrderKind.MARKET, price, Base(amount / price), amount)


def an_account(*, usdt: str = "1000", new: str = "0") -> PaperAccount:
    return PaperAccount(PAIR, quote=Wallet(Decimal(usdt)), base=Wallet(Decimal(new)))


def placed(account: PaperAccount, request: OrderRequest, book: OrderBook | None, at: datetime = T0) -> None:
    """An order that passed admission."""
    assert account.lacks(request, FEE) == 0
    account.place(request, order_id=f"id-{request.client_order_id}", rules=RULES, at=at, book=book)
