"""How orders, fills and accounts look in REST answers: member names, types, padding."""

from typing import Any

from simulator.engine.arithmetic import multiply, padded, trimmed
from simulator.engine.orders import Fill, Order, OrderType, Side
from simulator.engine.rules import SymbolRules
from simulator.exchange.accounts import Account

Answer = dict[str, Any]

WHOLE_SECOND_MS = 1000  # the venue cuts the times of orders and trades to whole seconds


def acknowledgement(order: Order, rules: SymbolRules) -> Answer:
    """The answer to an accepted order. It says nothing about status, fills or the client's id."""
    return {
        "symbol": order.symbol,
        "orderId": order.id,
        "orderListId": -1,
        "price": "0" if order.type is OrderType.MARKET else padded(order.price, rules.price_scale),
        "origQty": padded(order.quantity, rules.base_scale),
        "type": order.type.value,
        "side": order.side.value,
        "stpMode": order.self_trade_prevention.value,
        "transactTime": order.created_ms,
    }


def order_object(order: Order, rules: SymbolRules) -> Answer:
    """An order as queries show it."""
    asked = order.quote_quantity
    quote = multiply(order.price, order.quantity) if asked is None else asked
    return {
        "symbol": order.symbol,
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        "price": padded(order.price, rules.price_scale),
        "origQty": padded(order.quantity, rules.base_scale),
        "executedQty": padded(order.executed, rules.base_scale),
        "cummulativeQuoteQty": trimmed(order.executed_quote),
        "status": order.status.value,
        "stpMode": order.self_trade_prevention.value,
        "cancelReason": order.cancel_reason,
        "timeInForce": None,
        "type": order.type.value,
        "side": order.side.value,
        "stopPrice": None,
        "icebergQty": None,
        "time": whole_second(order.created_ms),
        "updateTime": whole_second(order.updated_ms),
        "isWorking": True,
        "origQuoteOrderQty": trimmed(quote),
    }


def cancelled_order(order: Order, rules: SymbolRules, status: str) -> Answer:
    """The answer to a cancel; `status` is what the venue chooses to show."""
    return {
        "symbol": order.symbol,
        "origClientOrderId": order.client_order_id,
        "orderId": order.id,
        "clientOrderId": order.client_order_id,
        "price": padded(order.price, rules.price_scale),
        "origQty": padded(order.quantity, rules.base_scale),
        "executedQty": padded(order.executed, rules.base_scale),
        "cummulativeQuoteQty": trimmed(order.executed_quote),
        "status": status,
        "timeInForce": None,
        "type": order.type.value,
        "side": order.side.value,
    }


def own_trade(fill: Fill, rules: SymbolRules) -> Answer:
    """One fill as myTrades shows it."""
    order = fill.order
    return {
        "symbol": order.symbol,
        "id": fill.trade_id,
        "orderId": order.id,
        "orderListId": -1,
        "price": padded(fill.price, rules.price_scale),
        "qty": padded(fill.quantity, rules.base_scale),
        "quoteQty": trimmed(fill.quote_quantity),
        "commission": trimmed(fill.commission),
        "commissionAsset": fill.commission_asset,
        "time": whole_second(fill.time_ms),
        "isBuyer": order.side is Side.BUY,
        "isMaker": fill.is_maker,
        "isBestMatch": True,
        "isSelfTrade": fill.is_self_trade,
        "clientOrderId": order.client_order_id,
    }


def account_object(account: Account) -> Answer:
    """Balances; commissions have been null for years, and available equals free."""
    return {
        "makerCommission": None,
        "takerCommission": None,
        "buyerCommission": None,
        "sellerCommission": None,
        "canTrade": not account.frozen,
        "canWithdraw": True,
        "canDeposit": True,
        "updateTime": None,
        "accountType": "SPOT",
        "balances": [
            {
                "asset": asset,
                "free": trimmed(balance.free),
                "locked": trimmed(balance.locked),
                "available": trimmed(balance.free),
            }
            for asset, balance in account.balances.items()
            if balance.free or balance.locked
        ],
        "permissions": ["SPOT"],
    }


def whole_second(time_ms: int) -> int:
    """Milliseconds cut to a whole second."""
    return time_ms // WHOLE_SECOND_MS * WHOLE_SECOND_MS
