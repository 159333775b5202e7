"""Requests in the venue's words: paths, weights and parameters. No sockets, no signatures but those of orders."""

from dataclasses import dataclass
from datetime import datetime

from adapters.mexc.breakers import Part
from adapters.mexc.http11 import Method
from adapters.mexc.limits import Cost, Priority, Resource
from adapters.mexc.members import milliseconds
from adapters.mexc.signing import Params, signed_query
from domain.money import plain
from domain.orders import OrderKind, OrderRequest, Side, check_meant

READ_WINDOW_MS = 5_000
"""How late a signed read or a cancellation may arrive: none of them buys anything."""
LONGEST_ORDER_WINDOW_MS = 1_000
"""How late an order may arrive: what a paused process sends later is refused by the venue."""

JSON_HEADERS = (("Content-Type", "application/json"),)
"""Signed POST, PUT and DELETE are refused (700013) with any other content type, also without a body."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """weight: what a call costs of the shared weight. part: what it fails together with, and what it is counted as."""

    method: Method
    path: str
    weight: int = 1
    part: Part = Part.MARKET

    @property
    def cost(self) -> Cost:
        """Of one call. Which signed calls count per address as well is disputed; they are taken to."""
        taken = {Resource.REQUESTS: 1, Resource.WEIGHT: self.weight}
        if self.part is not Part.MARKET:
            taken[Resource.ACCOUNT_WEIGHT] = self.weight
        if self.part is Part.ORDERS:
            taken[Resource.ORDERS] = 1
        return taken


PING = Endpoint("GET", "/api/v3/ping")
TIME = Endpoint("GET", "/api/v3/time")
EXCHANGE_INFO = Endpoint("GET", "/api/v3/exchangeInfo", 25)
DEFAULT_SYMBOLS = Endpoint("GET", "/api/v3/defaultSymbols")
DEPTH = Endpoint("GET", "/api/v3/depth", 3)
ACCOUNT = Endpoint("GET", "/api/v3/account", 10, Part.ACCOUNT)
OWN_SYMBOLS = Endpoint("GET", "/api/v3/selfSymbols", 1, Part.ACCOUNT)
TRADE_FEE = Endpoint("GET", "/api/v3/tradeFee", 20, Part.ACCOUNT)
KEY_INFO = Endpoint("GET", "/api/v3/apiKeyInfo", 1, Part.ACCOUNT)
FIND_ORDER = Endpoint("GET", "/api/v3/order", 2, Part.ACCOUNT)
OPEN_ORDERS = Endpoint("GET", "/api/v3/openOrders", 3, Part.ACCOUNT)
ALL_ORDERS = Endpoint("GET", "/api/v3/allOrders", 10, Part.ACCOUNT)
MY_TRADES = Endpoint("GET", "/api/v3/myTrades", 10, Part.ACCOUNT)
TEST_ORDER = Endpoint("POST", "/api/v3/order/test", 1, Part.ORDERS)
PLACE_ORDER = Endpoint("POST", "/api/v3/order", 1, Part.ORDERS)
CANCEL_ORDER = Endpoint("DELETE", "/api/v3/order", 1, Part.ORDERS)
CREATE_LISTEN_KEY = Endpoint("POST", "/api/v3/userDataStream", 1, Part.ACCOUNT)
EXTEND_LISTEN_KEY = Endpoint("PUT", "/api/v3/userDataStream", 1, Part.ACCOUNT)
DELETE_LISTEN_KEY = Endpoint("DELETE", "/api/v3/userDataStream", 1, Part.ACCOUNT)
CALENDAR = Endpoint("GET", "/api/operation/new_coin_calendar")


def priority_of(request: OrderRequest) -> Priority:
    """A sale goes before a purchase."""
    return Priority.EXIT if request.side is Side.SELL else Priority.ENTRY


_TYPES = {OrderKind.LIMIT: "LIMIT", OrderKind.IMMEDIATE: "IMMEDIATE_OR_CANCEL", OrderKind.MARKET: "MARKET"}
_SIDES = {Side.BUY: "BUY", Side.SELL: "SELL"}


def order_query(order: OrderRequest, timestamp: datetime, recv_window_ms: int, api_secret: str) -> str:
    """The signed query that places `order`.

    Raises ValueError for a window that would let it arrive too late, and for what is never meant (`check_meant`).
    """
    if not 0 < recv_window_ms <= LONGEST_ORDER_WINDOW_MS:
        raise ValueError(f"recv_window_ms of an order is {recv_window_ms}, allowed are 1 to {LONGEST_ORDER_WINDOW_MS}")
    params = (
        ("symbol", order.symbol),
        ("side", _SIDES[order.side]),
        ("type", _TYPES[order.kind]),
        *_amounts(order),
        ("newClientOrderId", order.client_order_id),
    )
    return signed_query((*params, *stamp(timestamp, recv_window_ms)), api_secret)


def _amounts(order: OrderRequest) -> Params:
    """How much, and at what price if it has one: a market purchase is told by what it may spend."""
    check_meant(order)
    if order.quote is not None:
        return (("quoteOrderQty", plain(order.quote)),)
    return (("quantity", plain(order.quantity)), ("price", plain(order.price)))


def stamp(timestamp: datetime, recv_window_ms: int = READ_WINDOW_MS) -> Params:
    """What every signed call ends with, before its signature."""
    return (("recvWindow", str(recv_window_ms)), ("timestamp", str(milliseconds(timestamp))))
