"""The signed endpoints: orders, balances, fills, listen keys."""

from typing import Any

from simulator import answers, errors
from simulator.endpoints import Context, Endpoint, Security
from simulator.listings import API_TRADABLE
from simulator.orders import Order
from simulator.rules import SymbolRules

DEFAULT_ORDERS = 500
MAX_ORDERS = 1000
MAX_OWN_TRADES = 1000
MAX_CANCEL_SYMBOLS = 5
LISTEN_KEY_TOTAL = 60


def _place(context: Context) -> Any:
    call = context.call
    order = context.venue.place(context.account, call.parameters, context.now_ms, call.arrival_us)
    assert order is not None
    return answers.acknowledgement(order, _rules(context, order))


def _test(context: Context) -> Any:
    context.venue.place(context.account, context.call.parameters, context.now_ms, context.call.arrival_us, dry=True)
    return {}


def _query(context: Context) -> Any:
    order = _find(context)
    if order is None:
        raise errors.order_does_not_exist()
    return answers.order_object(order, _rules(context, order))


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
    return [answers.order_object(order, _rules(context, order)) for order in reversed(orders)]


def _cancel_open_orders(context: Context) -> Any:
    symbols = context.call.parameters.get("symbol", "")
    if not symbols:
        raise errors.missing_parameter("symbol")
    wanted = set(symbols.split(",")[:MAX_CANCEL_SYMBOLS])
    _known(context, wanted)
    orders = [order for order in context.account.open_orders.values() if order.symbol in wanted]
    return [_cancelled(context, order) for order in orders]


def _all_orders(context: Context) -> Any:
    symbol = _mandatory_symbol(context)
    since_ms, until_ms = _range(context)
    found = [
        order
        for order in reversed(context.account.orders.values())
        if order.symbol == symbol and since_ms <= order.created_ms <= until_ms
    ]
    return [
        answers.order_object(order, _rules(context, order))
        for order in found[: _limit(context, DEFAULT_ORDERS, MAX_ORDERS)]
    ]


def _own_trades(context: Context) -> Any:
    symbol = _mandatory_symbol(context)
    order_id = context.call.parameters.get("orderId")
    since_ms, until_ms = _range(context)
    until_ms = min(until_ms, context.now_ms - context.venue.settings.trades_lag_ms)
    found = [
        fill
        for fill in reversed(context.account.fills)
        if fill.order.symbol == symbol
        and (not order_id or fill.order.id == order_id)
        and since_ms <= fill.time_ms <= until_ms
    ]
    return [
        answers.own_trade(fill, _rules(context, fill.order)) for fill in found[: _limit(context, 100, MAX_OWN_TRADES)]
    ]


def _account(context: Context) -> Any:
    return answers.account_object(context.account)


def _self_symbols(context: Context) -> Any:
    now_ms = context.now_ms
    listings = context.venue.all_visible(now_ms)
    symbols = [listing.symbol for listing in listings if listing.state(now_ms) in API_TRADABLE]
    return {"code": 200, "data": symbols, "msg": None}


def _create_listen_key(context: Context) -> Any:
    return {"listenKey": context.listen_keys.create(context.account, context.now_ms)}


def _list_listen_keys(context: Context) -> Any:
    keys = context.listen_keys.of(context.account, context.now_ms)
    return {"listenKey": keys, "total": LISTEN_KEY_TOTAL, "available": LISTEN_KEY_TOTAL - len(keys)}


def _prolong_listen_key(context: Context) -> Any:
    key = _listen_key(context)
    context.listen_keys.prolong(context.account, key, context.now_ms)
    return {"listenKey": key}


def _delete_listen_key(context: Context) -> Any:
    key = _listen_key(context)
    context.listen_keys.delete(context.account, key, context.now_ms)
    return {"listenKey": key}


def _listen_key(context: Context) -> str:
    key = context.call.parameters.get("listenKey")
    if not key:
        raise errors.missing_parameter("listenKey")
    return key


def _find(context: Context) -> Order | None:
    parameters = context.call.parameters
    symbol = _mandatory_symbol(context)
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


def _mandatory_symbol(context: Context) -> str:
    symbol = context.call.parameters.get("symbol")
    if not symbol:
        raise errors.missing_parameter("symbol")
    _known(context, {symbol})
    return symbol


def _known(context: Context, symbols: set[str]) -> None:
    if not symbols <= context.venue.listings.keys():
        raise errors.invalid_symbol()


def _range(context: Context) -> tuple[int, int]:
    return _whole(context, "startTime", 0), _whole(context, "endTime", context.now_ms)


def _limit(context: Context, default: int, most: int) -> int:
    return min(_whole(context, "limit", default), most)


def _whole(context: Context, name: str, default: int) -> int:
    text = context.call.parameters.get(name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit()):
        raise errors.missing_parameter(name)
    return int(text)


_SIGNED = Security.SIGNED

ACCOUNT_ENDPOINTS = {
    ("POST", "/api/v3/order"): Endpoint(_place, 1, _SIGNED, uses_order_bucket=True),
    ("POST", "/api/v3/order/test"): Endpoint(_test, 1, _SIGNED, uses_order_bucket=True),
    ("DELETE", "/api/v3/order"): Endpoint(_cancel, 1, _SIGNED, uses_order_bucket=True),
    ("DELETE", "/api/v3/openOrders"): Endpoint(_cancel_open_orders, 1, _SIGNED, uses_order_bucket=True),
    ("GET", "/api/v3/order"): Endpoint(_query, 2, _SIGNED),
    ("GET", "/api/v3/openOrders"): Endpoint(_open_orders, 3, _SIGNED),
    ("GET", "/api/v3/allOrders"): Endpoint(_all_orders, 10, _SIGNED),
    ("GET", "/api/v3/account"): Endpoint(_account, 10, _SIGNED),
    ("GET", "/api/v3/myTrades"): Endpoint(_own_trades, 10, _SIGNED),
    ("GET", "/api/v3/selfSymbols"): Endpoint(_self_symbols, 1, _SIGNED),
    ("POST", "/api/v3/userDataStream"): Endpoint(_create_listen_key, 1, _SIGNED),
    ("GET", "/api/v3/userDataStream"): Endpoint(_list_listen_keys, 1, _SIGNED),
    ("PUT", "/api/v3/userDataStream"): Endpoint(_prolong_listen_key, 1, _SIGNED),
    ("DELETE", "/api/v3/userDataStream"): Endpoint(_delete_listen_key, 1, _SIGNED),
}
