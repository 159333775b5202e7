"""Binary frames of the push service as domain values. Bytes in, values out; raises Unreadable and nothing else."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from google.protobuf.message import DecodeError

from adapters.mexc.depth import DepthChange
from adapters.mexc.members import Unreadable, decimal_of, time_of
from adapters.mexc.parse import offer_of
from adapters.mexc.pb import push_pb2 as pb
from domain.money import Base, Price, Quote
from domain.order_book import PublicTrade
from domain.orders import Fill, Order, OrderKind, OrderStatus, Side
from domain.quotes import TopOfBook

_STATUSES: Mapping[int, OrderStatus] = {
    1: OrderStatus.NEW,
    2: OrderStatus.FILLED,
    3: OrderStatus.PARTIALLY_FILLED,
    4: OrderStatus.CANCELLED,
    5: OrderStatus.PARTIALLY_CANCELLED,
}
_VERSION = re.compile(r"[0-9]{1,20}")
_SIDES: Mapping[int, Side] = {1: Side.BUY, 2: Side.SELL}
_KINDS: Mapping[int, OrderKind] = {3: OrderKind.IMMEDIATE, 4: OrderKind.IMMEDIATE, 5: OrderKind.MARKET}
"""Immediate or cancel, fill or kill, market: they never rest. Every other one is kept as LIMIT."""


Item = TopOfBook | DepthChange | tuple[PublicTrade, ...] | Order | Fill
"""What a frame can tell: one thing each, but trades, which come together."""


@dataclass(frozen=True, slots=True)
class Pushed:
    """topic: as subscribed. item: None for kinds nobody here asks for."""

    topic: str
    item: Item | None


class UnreadableFrame(Unreadable):
    """topic: whose frame it is; None: not even that can be told."""

    def __init__(self, reason: str, topic: str | None) -> None:
        self.topic = topic
        super().__init__(reason)


def read(frame: bytes, at: datetime) -> Pushed:
    """What one frame tells. at: when it was received, our clock."""
    wrapper = pb.PushDataV3ApiWrapper()
    try:
        wrapper.ParseFromString(frame)
    except DecodeError as exc:
        raise UnreadableFrame(f"a frame of {len(frame)} bytes is no protobuf message of the venue", None) from exc
    try:
        return Pushed(wrapper.channel, _item(wrapper, at))
    except Unreadable as exc:
        raise UnreadableFrame(str(exc), wrapper.channel or None) from exc


def topic(frame: bytes) -> str:
    """What one frame says that it belongs to, whatever else is in it; for people."""
    wrapper = pb.PushDataV3ApiWrapper()
    try:
        wrapper.ParseFromString(frame)
    except DecodeError:
        return "unreadable"
    return wrapper.channel or "unnamed"


def _item(wrapper: pb.PushDataV3ApiWrapper, at: datetime) -> Item | None:
    kind = wrapper.WhichOneof("body")
    if kind == "publicAggreDepths":
        return _change(wrapper.symbol, wrapper.publicAggreDepths, at)
    if kind == "publicAggreBookTicker":
        return _quote(wrapper.symbol, wrapper.publicAggreBookTicker, at)
    if kind == "publicAggreDeals":
        return tuple(_trade(wrapper.symbol, deal) for deal in wrapper.publicAggreDeals.deals)
    if kind == "privateOrders":
        return _order(wrapper.symbol, wrapper.privateOrders)
    if kind == "privateDeals":
        return _fill(wrapper.symbol, wrapper.privateDeals)
    if kind is None:
        raise Unreadable("a frame has no body")
    return None


def _change(symbol: str, depths: pb.PublicAggreDepthsV3Api, at: datetime) -> DepthChange:
    first, last = _version("fromVersion", depths.fromVersion), _version("toVersion", depths.toVersion)
    if first > last:
        raise Unreadable(f"versions {first} to {last} run backwards")
    bids = tuple(offer_of("bids", level.price, level.quantity) for level in depths.bids)
    asks = tuple(offer_of("asks", level.price, level.quantity) for level in depths.asks)
    return DepthChange(_given("symbol", symbol), first, last, bids, asks, at)


def _trade(symbol: str, deal: pb.PublicAggreDealsV3ApiItem) -> PublicTrade:
    return PublicTrade(
        symbol=_given("symbol", symbol),
        price=Price(decimal_of("price", deal.price)),
        quantity=Base(decimal_of("quantity", deal.quantity)),
        taker=_side(deal.tradeType),
        at=time_of("time", deal.time),
    )


def _quote(symbol: str, ticker: pb.PublicAggreBookTickerV3Api, at: datetime) -> TopOfBook:
    return TopOfBook(_given("symbol", symbol), _price(ticker.bidPrice), _price(ticker.askPrice), at)


def _order(symbol: str, order: pb.PrivateOrdersV3Api) -> Order:
    if order.status not in _STATUSES:
        raise Unreadable(f"order status {order.status}, which no known order has")
    kind = _KINDS.get(order.orderType, OrderKind.LIMIT)
    unsaid = "0" if kind is OrderKind.MARKET else ""  # by quote: what it shows as price and quantity is not known
    executed = Base(decimal_of("cumulativeQuantity", order.cumulativeQuantity or "0"))  # empty before fills
    quantity = Base(decimal_of("quantity", order.quantity or unsaid))
    return Order(
        order_id=_given("id", order.id),
        client_order_id=order.clientId or None,
        symbol=_given("symbol", symbol),
        side=_side(order.tradeType),
        kind=kind,
        price=Price(decimal_of("price", order.price or unsaid)),
        quantity=max(quantity, executed) if kind is OrderKind.MARKET else quantity,
        executed=executed,
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


def _version(what: str, text: str) -> int:
    if not _VERSION.fullmatch(text):
        raise Unreadable(f"{what} is {text[:60]!r}, not a version")
    return int(text)


def _given(what: str, text: str) -> str:
    if not text:
        raise Unreadable(f"{what} is empty")
    return text
