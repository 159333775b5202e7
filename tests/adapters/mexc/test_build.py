"""Orders in the venue's words."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from adapters.mexc.build import order_query
from domain.money import Base, Price, Quote
from domain.orders import OrderKind, OrderRequest, Side

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PRICE, QUANTITY = Price(Decimal("0.0500")), Base(Decimal("100.0"))
LIMITED = OrderRequest("order1", "NEWUSDT", Side.BUY, OrderKind.IMMEDIATE, PRICE, QUANTITY)
AT_MARKET = replace(LIMITED, kind=OrderKind.MARKET, quote=Quote(Decimal("25.50")))


def query_of(order: OrderRequest) -> str:
    return order_query(order, NOW, 1_000, "secret").rpartition("&signature=")[0]


@pytest.mark.parametrize(("kind", "word"), [(OrderKind.LIMIT, "LIMIT"), (OrderKind.IMMEDIATE, "IMMEDIATE_OR_CANCEL")])
def test_an_order_with_a_limit_is_told_by_quantity_and_price(kind: OrderKind, word: str) -> None:
    """Plain decimals, our id, and how late it may arrive."""
    assert query_of(replace(LIMITED, kind=kind)) == (
        f"symbol=NEWUSDT&side=BUY&type={word}&quantity=100&price=0.05&newClientOrderId=order1"
        "&recvWindow=1000&timestamp=1767225600000"
    )


def test_a_market_purchase_is_told_by_what_it_may_spend() -> None:
    """The price and the quantity it was sized by do not leave."""
    assert query_of(AT_MARKET) == (
        "symbol=NEWUSDT&side=BUY&type=MARKET&quoteOrderQty=25.5&newClientOrderId=order1"
        "&recvWindow=1000&timestamp=1767225600000"
    )


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (replace(AT_MARKET, side=Side.SELL), "a sale at market"),
        (replace(AT_MARKET, side=Side.SELL, quote=None), "a sale at market"),
        (replace(AT_MARKET, quote=None), "of None quote"),
        (replace(AT_MARKET, quote=Quote(Decimal(0))), "of 0 quote"),
        (replace(AT_MARKET, quote=Quote(Decimal(-1))), "of -1 quote"),
        (replace(LIMITED, quote=Quote(Decimal(5))), "with an order of kind immediate_or_cancel"),
        (replace(LIMITED, kind=OrderKind.LIMIT, side=Side.SELL, quote=Quote(Decimal(5))), "of kind limit"),
    ],
)
def test_what_is_never_meant_is_not_signed(order: OrderRequest, why: str) -> None:
    """We never sell at market; a market purchase has an amount of quote, and nothing else has."""
    with pytest.raises(ValueError, match=why):
        query_of(order)
