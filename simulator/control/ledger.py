"""The venue's own books, for those who check what a client believes."""

from typing import Any

from simulator.engine.arithmetic import trimmed
from simulator.engine.orders import Fill, Order
from simulator.exchange.accounts import Account
from simulator.exchange.venue import Venue


def ledger(venue: Venue) -> dict[str, Any]:
    """Every client's balances, orders and fills, oldest first; background traders are left out."""
    return {"accounts": {account.name: _account(account) for account in venue.accounts.values()}}


def _account(account: Account) -> dict[str, Any]:
    return {
        "balances": {
            asset: {"free": trimmed(balance.free), "locked": trimmed(balance.locked)}
            for asset, balance in account.balances.items()
        },
        "orders": [_order(order) for order in account.orders.values()],
        "fills": [_fill(fill) for fill in account.fills],
    }


def _order(order: Order) -> dict[str, Any]:
    return {
        "orderId": order.id,
        "clientOrderId": order.client_order_id,
        "symbol": order.symbol,
        "side": order.side.value,
        "type": order.type.value,
        "price": trimmed(order.price),
        "origQty": trimmed(order.quantity),
        "executedQty": trimmed(order.executed),
        "cummulativeQuoteQty": trimmed(order.executed_quote),
        "status": order.status.value,
        "time": order.created_ms,
        "updateTime": order.updated_ms,
        "arrival_us": order.arrival_us,
    }


def _fill(fill: Fill) -> dict[str, Any]:
    return {
        "tradeId": fill.trade_id,
        "orderId": fill.order.id,
        "clientOrderId": fill.order.client_order_id,
        "symbol": fill.order.symbol,
        "side": fill.order.side.value,
        "price": trimmed(fill.price),
        "qty": trimmed(fill.quantity),
        "quoteQty": trimmed(fill.quote_quantity),
        "commission": trimmed(fill.commission),
        "commissionAsset": fill.commission_asset,
        "isMaker": fill.is_maker,
        "time": fill.time_ms,
    }
