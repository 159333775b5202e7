"""Binary frames of the push service as domain values. Bytes in, values out; raises Unreadable and nothing else."""

from collections.abc import Mapping
from datetime import datetime

from google.protobuf.message import DecodeError

from adapters.mexc.parse import Unreadable, decimal_of, time_of
from adapters.mexc.pb import push_pb2 as pb
from domain.money import Base, Price, Quote
from domain.orders import Fill, Order, OrderKind, OrderStatus, Side
from domain.quotes import TopOfBook

_STATUSES: Mapping[int, OrderStatus] = {
    1: OrderStatus.NEW,
    2: OrderStatus.FILLED,
    3: OrderStatus.PARTIALLY_FILLED,
    4: OrderStatus.CANCELLED,
    5: OrderStatus.PARTIALLY_CANCELLED,
}
_SIDES: Mapping[int, Side] = {1: Side.BUY, 2: Side.SELL}
_IMMEDIATE_TYPES = frozenset({3, 4, 5})
"""Immediate or cancel, fill or kill, market: they never rest."""


def read(frame: bytes, at: datetime) -> TopOfBook | Order | Fill | None:
    """What one frame tells; None for kinds nobody here asked for. at: when it was received, our clock."""
    wrapper = pb.PushDataV3ApiWrapper()
    try:
        wrapper.ParseFromString(frame)
    except DecodeError as exc:
        raise Unreadable(f"a frame of {len(frame)} bytes is no protobuf message of the venue") from exc
    if wrapper.HasField("publicAggreBookTicker"):
        return _quote(wrapper.symbol, wrapper.publicAggreBookTicker, at)
    if wrapper.HasField("privateOrders"):
        return _order(wrapper.symbol, wrapper.privateOrders)
    if wrapper.HasField("privateDeals"):
        return _fill(wrapper.symbol, wrapper.privateDeals)
    if wrapper.WhichOneof("body") is None:
        raise Unreadable(f"a frame of {len(frame)} bytes has no body")
    return None


def _quote(symbol: str, ticker: pb.PublicAggreBookTickerV3Api, at: datetime) -> TopOfBook:
    return TopOfBook(_given("symbol", symbol), _price(ticker.bidPrice), _price(ticker.askPrice), at)


def _order(symbol: str, order: pb.PrivateOrdersV3Api) -> Order:
    if order.status not in _STATUSES:
        raise Unreadable(f"order status {order.status}, which no known order has")
    return Order(
        order_id=_given("id", order.id),
        client_order_id=order.clientId or None,
        symbol=_given("symbol", symbol),
        side=_side(order.tradeType),
        kind=OrderKind.IMMEDIATE if order.orderType in _IMMEDIATE_TYPES else OrderKind.LIMIT,
        price=Price(decimal_of("price", order.price)),
        quantity=Base(decimal_of("quantity", order.quantity)),
        executed=Base(decimal_of("cumulativeQuantity", order.cumulativeQuantity or "0")),  # empty before fills
        executed_quote=Quote(decimal_of("cumulativeAmount", order.cumulativeAmount or "0")),
        status=_STATUSES[order.status],
    )


def _fill(symbol: str, deal: pb.PrivateDealsV3Api) -> Fill:
    return Fill(
        trade_id=_given("tradeId", deal.tradeId),
        order_id=_given("orderId", deal.orderId),
        client_order_id=deal.clientOrderId or None,
        symbol=_given("symbol", symbol),
        side=_side(deal.tradeType),
        price=Price(decimal_of("price", deal.price)),
        quantity=Base(decimal_of("quantity", deal.quantity)),
        quote=Quote(decimal_of("amount", deal.amount)),
        fee=decimal_of("feeAmount", deal.feeAmount),
        fee_asset=_given("feeCurrency", deal.feeCurrency),
        at=time_of("time", deal.time),
    )


def _price(text: str) -> Price | None:
    """An empty side has no price: it comes as an empty text or as zero."""
    price = decimal_of("price", text or "0")
    return Price(price) if price > 0 else None


def _side(trade_type: int) -> Side:
    if trade_type not in _SIDES:
        raise Unreadable(f"tradeType {trade_type}, not 1 or 2")
    return _SIDES[trade_type]


def _given(what: str, text: str) -> str:
    if not text:
        raise Unreadable(f"{what} is empty")
    return text
