"""Frames about one account, as serialized protobuf wrappers. Pure; the time is passed in.

Empty strings are avoided on purpose: widely used clients drop default values and then miss the member.
"""

from decimal import Decimal

from adapters.mexc.pb.push_pb2 import PushDataV3ApiWrapper
from simulator.engine.arithmetic import multiply, padded, subtract, trimmed
from simulator.engine.identifiers import coin_id
from simulator.engine.orders import Fill, Order, OrderType, Side, Status
from simulator.engine.rules import SymbolRules
from simulator.exchange.accounts import Account
from simulator.push.public_frames import TRADE_TYPES
from simulator.push.topics import Kind

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


def order_frame(order: Order, rules: SymbolRules, now_ms: int) -> bytes:
    """One order of the receiving account as it stands."""
    frame = PushDataV3ApiWrapper(channel=Kind.PRIVATE_ORDERS.value, symbol=order.symbol, sendTime=now_ms)
    body = frame.privateOrders
    body.id = order.id
    body.clientId = order.client_order_id or ""
    body.price = padded(order.price, rules.price_scale)
    body.quantity = padded(order.quantity, rules.base_scale)
    body.amount = trimmed(_amount(order))
    body.avgPrice = trimmed(order.average_price(rules.price_scale))
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
