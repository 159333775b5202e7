"""The signed endpoints of orders: place, test, batch, cancel, query, own trades."""

from dataclasses import replace
from typing import Any

import orjson

from simulator import errors
from simulator.engine.arithmetic import ZERO, add
from simulator.engine.orders import Order, Status
from simulator.engine.rules import SymbolRules
from simulator.exchange.accounts import Permission
from simulator.parameters import limit, text, whole
from simulator.rest import answers
from simulator.rest.calls import as_texts
from simulator.rest.endpoints import Context, Endpoint, Quota

DEFAULT_ORDERS = 500
MAX_ORDERS = 1000
MAX_OWN_TRADES = 100
MAX_CANCEL_SYMBOLS = 5
MAX_BATCH = 20
DAY_MS = 86_400_000
ORDERS_REACH_MS = 7 * DAY_MS
TRADES_REACH_MS = 31 * DAY_MS


def _place(context: Context) -> Any:
    order = _placed(context, context.call.parameters)
    return answers.acknowledgement(order, _rules(context, order))


def _test(context: Context) -> Any:
    context.venue.check(context.account, context.call.parameters, context.now_ms)
    return {}


def _batch(context: Context) -> Any:
    """Each order on its own: accepted or refused, in the sequence in which they were given."""
    given = _batch_of(text(context.call.parameters, "batchOrders"))
    return [_one_of_batch(context, parameters) for parameters in given]


def _one_of_batch(context: Context, parameters: dict[str, str]) -> Any:
    client_order_id = parameters.get("newClientOrderId")
    named = {"newClientOrderId": client_order_id} if client_order_id else {}
    try:
        order = _placed(context, parameters)
    except errors.Refusal as refusal:
        return {**named, "msg": refusal.message, "code": refusal.code}
    return {**answers.acknowledgement(order, _rules(context, order)), **named}


def _query(context: Context) -> Any:
    order = _find(context)
    if order is None:
        raise errors.order_does_not_exist()
    return _shown(context, order)


def _cancel(context: Context) -> Any:
    order = _find(context)
    if order is None:
        raise errors.unknown_order_sent()
    return _cancelled(context, order)


def _open_orders(context: Context) -> Any:
    symbols = context.call.parameters.get("symbol", "")
    wanted = set(symbols.split(",")) if symbols else None
    if wanted is not None:
        _known(context, wanted)
    orders = [order for order in context.account.open_orders.values() if wanted is None or order.symbol in wanted]
    return [_shown(context, order) for order in reversed(orders)]


def _cancel_open_orders(context: Context) -> Any:
    wanted = set(text(context.call.parameters, "symbol").split(",")[:MAX_CANCEL_SYMBOLS])
    _known(context, wanted)
    orders = [order for order in context.account.open_orders.values() if order.symbol in wanted]
    return [_cancelled(context, order) for order in orders]


def _cancel_everything(context: Context) -> Any:
    for order in list(context.account.open_orders.values()):
        context.venue.cancel(order, context.now_ms)
    return {"code": 200, "msg": "success", "timestamp": context.now_ms}


def _all_orders(context: Context) -> Any:
    symbol = _symbol(context)
    since_ms, until_ms = _range(context, DAY_MS)
    if since_ms < context.now_ms - ORDERS_REACH_MS:
        raise errors.orders_too_old()
    found = [
        order
        for order in reversed(context.account.orders.values())
        if order.symbol == symbol and since_ms <= order.created_ms <= until_ms
    ]
    most = limit(context.call.parameters, DEFAULT_ORDERS, MAX_ORDERS)
    return [_shown(context, order) for order in found[:most]]


def _own_trades(context: Context) -> Any:
    symbol = _symbol(context)
    order_id = context.call.parameters.get("orderId")
    since_ms, until_ms = _range(context, TRADES_REACH_MS)
    if since_ms < context.now_ms - TRADES_REACH_MS:
        raise errors.trades_too_old()
    until_ms = min(until_ms, context.now_ms - context.venue.settings.trades_lag_ms)
    found = [
        fill
        for fill in reversed(context.account.fills)
        if fill.order.symbol == symbol
        and (not order_id or fill.order.id == order_id)
        and since_ms <= fill.time_ms <= until_ms
    ]
    most = limit(context.call.parameters, MAX_OWN_TRADES, MAX_OWN_TRADES)
    return [answers.own_trade(fill, _rules(context, fill.order)) for fill in found[:most]]


def _placed(context: Context, parameters: dict[str, str]) -> Order:
    fault = context.fault
    cancelled = fault is not None and fault.kind == "cancel_order"
    lives_ms = round(fault.params.ms) if fault is not None else 0
    order = context.venue.place(
        context.account, parameters, context.now_ms, context.call.arrival_us, blocked=cancelled and not lives_ms
    )
    if cancelled and lives_ms:
        context.venue.cancel_later(order, context.now_ms + lives_ms)
    return order


def _batch_of(given: str) -> list[dict[str, str]]:
    """The orders of a batch; strict JSON only."""
    try:
        parsed = orjson.loads(given)
    except orjson.JSONDecodeError as error:
        raise errors.missing_parameter("batchOrders") from error
    if not isinstance(parsed, list) or not parsed or not all(isinstance(one, dict) for one in parsed):
        raise errors.missing_parameter("batchOrders")
    orders = [as_texts(one) for one in parsed]
    if len(orders) > MAX_BATCH or len({one.get("symbol") for one in orders}) > 1:
        raise errors.parameter_error()
    return orders


def _shown(context: Context, order: Order) -> Any:
    """As queries show it, which may be as it was a while ago."""
    then_ms = context.now_ms - context.venue.settings.orders_lag_ms
    seen = order if order.updated_ms <= then_ms or then_ms == context.now_ms else _as_it_was(context, order, then_ms)
    return answers.order_object(seen, _rules(context, order))


def _as_it_was(context: Context, order: Order, then_ms: int) -> Order:
    executed = executed_quote = ZERO
    for fill in context.account.fills:
        if fill.order is order and fill.time_ms <= then_ms:
            executed = add(executed, fill.quantity)
            executed_quote = add(executed_quote, fill.quote_quantity)
    return replace(
        order,
        executed=executed,
        executed_quote=executed_quote,
        status=Status.PARTIALLY_FILLED if executed else Status.NEW,
        cancel_reason="",
        updated_ms=max(order.created_ms, then_ms),
    )


def _find(context: Context) -> Order | None:
    parameters = context.call.parameters
    symbol = _symbol(context)
    order_id = parameters.get("orderId")
    client_order_id = parameters.get("origClientOrderId")
    if not order_id and not client_order_id:
        raise errors.missing_order_id()
    return context.venue.find_order(context.account, symbol, order_id, client_order_id)


def _cancelled(context: Context, order: Order) -> Any:
    before = order.status.value
    context.venue.cancel(order, context.now_ms)
    shown = before if context.venue.settings.cancel_shows == "before" else "CANCELED"
    return answers.cancelled_order(order, _rules(context, order), shown)


def _rules(context: Context, order: Order) -> SymbolRules:
    return context.venue.listings[order.symbol].market.rules


def _symbol(context: Context) -> str:
    symbol = text(context.call.parameters, "symbol")
    _known(context, {symbol})
    return symbol


def _known(context: Context, symbols: set[str]) -> None:
    if not symbols <= context.venue.listings.keys():
        raise errors.invalid_symbol()


def _range(context: Context, reach_ms: int) -> tuple[int, int]:
    """startTime and endTime, both inclusive; without a start, `reach_ms` back from the end."""
    parameters = context.call.parameters
    until_ms = whole(parameters, "endTime")
    until_ms = context.now_ms if until_ms is None else until_ms
    since_ms = whole(parameters, "startTime")
    return (until_ms - reach_ms if since_ms is None else since_ms), until_ms


_READ, _WRITE = Permission.DEAL_READ, Permission.DEAL_WRITE

ORDER_ENDPOINTS = {
    ("POST", "/api/v3/order"): Endpoint(_place, 1, _WRITE, uses_order_bucket=True),
    ("POST", "/api/v3/order/test"): Endpoint(_test, 1, _WRITE, uses_order_bucket=True),
    ("POST", "/api/v3/batchOrders"): Endpoint(_batch, 1, _WRITE, uses_order_bucket=True, quota=Quota.BATCHES),
    ("DELETE", "/api/v3/order"): Endpoint(_cancel, 1, _WRITE, uses_order_bucket=True),
    ("DELETE", "/api/v3/openOrders"): Endpoint(_cancel_open_orders, 1, _WRITE, uses_order_bucket=True),
    ("DELETE", "/api/v3/order/all"): Endpoint(_cancel_everything, 1, _WRITE, uses_order_bucket=True),
    ("GET", "/api/v3/order"): Endpoint(_query, 2, _READ),
    ("GET", "/api/v3/openOrders"): Endpoint(_open_orders, 3, _READ),
    ("GET", "/api/v3/allOrders"): Endpoint(_all_orders, 10, _READ),
    ("GET", "/api/v3/myTrades"): Endpoint(_own_trades, 10, _READ),
}
