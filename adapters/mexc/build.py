"""Requests in the venue's words: paths, weights and parameters. No sockets, no signatures but those of orders."""

from dataclasses import dataclass
from datetime import datetime

from adapters.mexc.http11 import Method
from adapters.mexc.parse import milliseconds
from adapters.mexc.signing import Params, signed_query
from domain.money import plain
from domain.orders import OrderKind, OrderRequest, Side

READ_WINDOW_MS = 5_000
"""How late a signed read or a cancellation may arrive: none of them buys anything."""
LONGEST_ORDER_WINDOW_MS = 1_000
"""How late an order may arrive: what a paused process sends later is refused by the venue."""

JSON_HEADERS = (("Content-Type", "application/json"),)
"""Signed POST, PUT and DELETE are refused (700013) with any other content type, also without a body."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """weight: what a call costs of the shared read budget; orders and cancellations have a bucket of their own."""

    method: Method
    path: str
    weight: int = 1


PING = Endpoint("GET", "/api/v3/ping")
TIME = Endpoint("GET", "/api/v3/time")
EXCHANGE_INFO = Endpoint("GET", "/api/v3/exchangeInfo", 25)
DEPTH = Endpoint("GET", "/api/v3/depth", 3)
ACCOUNT = Endpoint("GET", "/api/v3/account", 10)
FIND_ORDER = Endpoint("GET", "/api/v3/order", 2)
OPEN_ORDERS = Endpoint("GET", "/api/v3/openOrders", 3)
MY_TRADES = Endpoint("GET", "/api/v3/myTrades", 10)
PLACE_ORDER = Endpoint("POST", "/api/v3/order")
CANCEL_ORDER = Endpoint("DELETE", "/api/v3/order")
CREATE_LISTEN_KEY = Endpoint("POST", "/api/v3/userDataStream")
EXTEND_LISTEN_KEY = Endpoint("PUT", "/api/v3/userDataStream")
DELETE_LISTEN_KEY = Endpoint("DELETE", "/api/v3/userDataStream")

_TYPES = {OrderKind.LIMIT: "LIMIT", OrderKind.IMMEDIATE: "IMMEDIATE_OR_CANCEL"}
_SIDES = {Side.BUY: "BUY", Side.SELL: "SELL"}


def order_query(order: OrderRequest, timestamp: datetime, recv_window_ms: int, api_secret: str) -> str:
    """The signed query that places `order`. Raises ValueError for a window that would let it arrive too late."""
    if not 0 < recv_window_ms <= LONGEST_ORDER_WINDOW_MS:
        raise ValueError(f"recv_window_ms of an order is {recv_window_ms}, allowed are 1 to {LONGEST_ORDER_WINDOW_MS}")
    params = (
        ("symbol", order.symbol),
        ("side", _SIDES[order.side]),
        ("type", _TYPES[order.kind]),
        ("quantity", plain(order.quantity)),
        ("price", plain(order.price)),
        ("newClientOrderId", order.client_order_id),
    )
    return signed_query((*params, *stamp(timestamp, recv_window_ms)), api_secret)


def stamp(timestamp: datetime, recv_window_ms: int = READ_WINDOW_MS) -> Params:
    """What every signed call ends with, before its signature."""
    return (("recvWindow", str(recv_window_ms)), ("timestamp", str(milliseconds(timestamp))))
