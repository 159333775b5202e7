"""Stream frames: the venue's things as serialized protobuf wrappers. Pure; the time is passed in.

Empty strings are avoided on purpose: widely used clients drop default values and then miss the member.
"""

import hashlib
from collections.abc import Iterable
from decimal import Decimal

from adapters.mexc.pb.push_pb2 import PushDataV3ApiWrapper
from simulator.accounts import Account
from simulator.answers import average_price
from simulator.arithmetic import multiply, padded, subtract, trimmed
from simulator.book import OrderBook
from simulator.orders import Fill, Order, OrderType, PublicTrade, Side, Status
from simulator.rules import SymbolRules
from simulator.topics import Kind, Topic

TRADE_TYPES = {Side.BUY: 1, Side.SELL: 2}
ORDER_TYPES = {
    OrderType.LIMIT: 1,
    OrderType.LIMIT_MAKER: 2,
    OrderType.IMMEDIATE_OR_CANCEL: 3,
    OrderType.FILL_OR_KILL: 4,
    OrderType.MARKET: 5,
}
STATUSES = {
    Status.NEW: 1,
    Status.FILLED: 2,
    Status.PARTIALLY_FILLED: 3,
    Status.CANCELED: 4,
    Status.PARTIALLY_CANCELED: 5,
}
KNOWN_COIN_IDS = {
    "USDT": "128f589271cb4951b03e71e6323eb7be",
    "MX": "8c1e92655f9a4064808ce03ec1a48d38",
    "BTC": "febc9973be4d4d53bb374476239eb219",
    "ETH": "93c38b0169214f8689763ce9a63a73ff",
    "USDC": "34309140878b4ae99f195ac091d49bab",
}


def coin_id(asset: str) -> str:
    """The asset's internal id, 32 hexadecimal digits; made up, but always the same, for unknown assets."""
    return KNOWN_COIN_IDS.get(asset) or hashlib.sha256(asset.encode()).hexdigest()[:32]


def deals_frame(topic: Topic, trades: Iterable[PublicTrade], rules: SymbolRules, now_ms: int) -> bytes:
    """Trades since the last push, oldest first."""
    frame = _public(topic, now_ms)
    body = frame.publicAggreDeals
    for trade in trades:
        body.deals.add(
            price=padded(trade.price, rules.price_scale),
            quantity=padded(trade.quantity, rules.base_scale),
            tradeType=TRADE_TYPES[trade.taker_side],
            time=trade.time_ms,
            tradeId=trade.trade_id,
        )
    body.eventType = topic.event_type
    return frame.SerializeToString()


def book_ticker_frame(topic: Topic, book: OrderBook, rules: SymbolRules, last_order_ms: int, now_ms: int) -> bytes:
    """The best quotes; an empty side has zero price and quantity."""
    frame = _public(topic, now_ms)
    body = frame.publicAggreBookTicker
    bid = book.levels(Side.BUY, 1)
    ask = book.levels(Side.SELL, 1)
    body.bidPrice = padded(bid[0][0], rules.price_scale) if bid else "0"
    body.bidQuantity = padded(bid[0][1], rules.base_scale) if bid else "0"
    body.askPrice = padded(ask[0][0], rules.price_scale) if ask else "0"
    body.askQuantity = padded(ask[0][1], rules.base_scale) if ask else "0"
    body.version = str(book.version)
    body.lastOrderCreateTime = last_order_ms
    return frame.SerializeToString()


def depth_frame(
    topic: Topic,
    changed: Iterable[tuple[Side, Decimal]],
    book: OrderBook,
    rules: SymbolRules,
    from_version: int,
    last_order_ms: int,
    now_ms: int,
) -> bytes:
    """The present quantity of every changed level; "0" for one that is gone."""
    frame = _public(topic, now_ms)
    body = frame.publicAggreDepths
    for side, price in sorted(changed, reverse=True):
        quantity = book.quantity_at(side, price)
        items = body.bids if side is Side.BUY else body.asks
        items.add(
            price=padded(price, rules.price_scale),
            quantity=padded(quantity, rules.base_scale) if quantity else "0",
        )
    body.eventType = topic.event_type
    body.fromVersion = str(from_version)
    body.toVersion = str(book.version)
    body.lastOrderCreateTime = last_order_ms
    return frame.SerializeToString()


def limit_depth_frame(topic: Topic, book: OrderBook, rules: SymbolRules, last_order_ms: int, now_ms: int) -> bytes:
    """The best levels of both sides."""
    frame = _public(topic, now_ms)
    body = frame.publicLimitDepths
    for side, items in ((Side.SELL, body.asks), (Side.BUY, body.bids)):
        for price, quantity in book.levels(side, topic.levels):
            items.add(price=padded(price, rules.price_scale), quantity=padded(quantity, rules.base_scale))
    body.eventType = topic.event_type
    body.version = str(book.version)
    body.lastOrderCreateTime = last_order_ms
    return frame.SerializeToString()


def order_frame(order: Order, rules: SymbolRules, now_ms: int) -> bytes:
    """One order of the receiving account as it stands."""
    frame = PushDataV3ApiWrapper(channel=Kind.PRIVATE_ORDERS.value, symbol=order.symbol, sendTime=now_ms)
    body = frame.privateOrders
    body.id = order.id
    body.clientId = order.client_order_id or ""
    body.price = padded(order.price, rules.price_scale)
    body.quantity = padded(order.quantity, rules.base_scale)
    body.amount = trimmed(_amount(order))
    body.avgPrice = average_price(order, rules)
    body.orderType = ORDER_TYPES[order.type]
    body.tradeType = TRADE_TYPES[order.side]
    body.isMaker = order.last_fill is not None and order.last_fill.is_maker
    body.remainAmount = trimmed(_remaining_amount(order))
    body.remainQuantity = trimmed(order.remaining)
    if order.last_fill is not None:
        body.lastDealQuantity = trimmed(order.last_fill.quantity)
    body.cumulativeQuantity = trimmed(order.executed)
    body.cumulativeAmount = trimmed(order.executed_quote)
    body.status = STATUSES[order.status]
    body.createTime = order.created_ms
    return frame.SerializeToString()


def deal_frame(fill: Fill, rules: SymbolRules, now_ms: int) -> bytes:
    """One fill of the receiving account."""
    order = fill.order
    frame = PushDataV3ApiWrapper(channel=Kind.PRIVATE_DEALS.value, symbol=order.symbol, sendTime=now_ms)
    body = frame.privateDeals
    body.price = padded(fill.price, rules.price_scale)
    body.quantity = padded(fill.quantity, rules.base_scale)
    body.amount = trimmed(fill.quote_quantity)
    body.tradeType = TRADE_TYPES[order.side]
    body.isMaker = fill.is_maker
    body.isSelfTrade = fill.is_self_trade
    body.tradeId = fill.trade_id
    body.clientOrderId = order.client_order_id or ""
    body.orderId = order.id
    body.feeAmount = trimmed(fill.commission)
    body.feeCurrency = fill.commission_asset
    body.time = fill.time_ms
    return frame.SerializeToString()


def account_frame(account: Account, asset: str, free: Decimal, locked: Decimal, reason: str, now_ms: int) -> bytes:
    """One balance of the receiving account after a change; `free` and `locked` are the changes."""
    balance = account.balance(asset)
    frame = PushDataV3ApiWrapper(channel=Kind.PRIVATE_ACCOUNT.value, createTime=now_ms, sendTime=now_ms)
    body = frame.privateAccount
    body.vcoinName = asset
    body.coinId = coin_id(asset)
    body.balanceAmount = trimmed(balance.free)
    body.balanceAmountChange = trimmed(free)
    body.frozenAmount = trimmed(balance.locked)
    body.frozenAmountChange = trimmed(locked)
    body.type = reason
    body.time = now_ms
    return frame.SerializeToString()


def _public(topic: Topic, now_ms: int) -> PushDataV3ApiWrapper:
    return PushDataV3ApiWrapper(channel=topic.name, symbol=topic.symbol, sendTime=now_ms)


def _amount(order: Order) -> Decimal:
    """The order's quote amount; zero for a MARKET order given by quantity."""
    if order.type is OrderType.MARKET:
        return order.quote_quantity or Decimal(0)
    return multiply(order.price, order.quantity)


def _remaining_amount(order: Order) -> Decimal:
    """Quote not traded yet; a MARKET buy counts it against its protection price, as recorded frames do."""
    if order.type is not OrderType.MARKET:
        return multiply(order.price, order.remaining)
    if order.side is Side.SELL:
        return Decimal(0)
    return subtract(multiply(order.price, order.quantity), order.executed_quote)
