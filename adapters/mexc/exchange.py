"""One account on the venue, behind domain.ports.Exchange."""

from dataclasses import replace
from datetime import datetime

from adapters.mexc import build, parse
from adapters.mexc.codes import UNKNOWN_ORDER_AT_CANCEL, UNKNOWN_ORDER_AT_QUERY, UNKNOWN_SYMBOL, Purpose
from adapters.mexc.rest import SignedRest
from domain.errors import Refused
from domain.money import SymbolRules
from domain.orders import Fill, Order, OrderRequest
from domain.ports import Ack, Balance, SignedOrder
from domain.quotes import TopOfBook

_FILLS_PER_PAGE = 100
_MOST_PAGES = 20
"""A single order with more than two thousand fills is left to the private stream."""
_SECOND_MS = 1_000
"""Trades are told without their milliseconds, so the oldest one's second is asked for again as a whole."""
_NO_SUCH_ORDER = (UNKNOWN_ORDER_AT_CANCEL, UNKNOWN_ORDER_AT_QUERY)


class MexcExchange:
    """The slow path: learning, cancelling, and orders that need not leave in the first millisecond."""

    def __init__(self, signed: SignedRest) -> None:
        self._signed = signed
        self._public = signed.rest
        self._clock = signed.rest.clock

    async def rules(self, symbol: str) -> SymbolRules | None:
        """None: the venue does not list the symbol."""
        try:
            return await self._public.read(
                build.EXCHANGE_INFO, (("symbol", symbol),), lambda document: parse.rules(document, symbol)
            )
        except Refused as exc:
            if exc.code == UNKNOWN_SYMBOL:
                return None
            raise

    async def balance(self, asset: str) -> Balance:
        """Zeros for an asset the account never held."""
        return await self._signed.read(build.ACCOUNT, (), lambda document: parse.balance(document, asset))

    async def top_of_book(self, symbol: str) -> TopOfBook:
        """From the depth, which costs a third of the book ticker. Stamped with the time of receipt."""
        return await self._public.read(
            build.DEPTH,
            (("symbol", symbol), ("limit", "5")),
            lambda document: parse.top_of_book(document, symbol, self._clock.now()),
        )

    async def find_order(self, symbol: str, client_order_id: str) -> Order | None:
        """None: the venue does not know the id now."""

        def read(document: object) -> Order:
            order = parse.order(document)
            if order.client_order_id not in (None, client_order_id):
                raise parse.Unreadable(f"asked for order {client_order_id!r}, told of {order.client_order_id!r}")
            return replace(order, client_order_id=client_order_id)

        params = (("symbol", symbol), ("origClientOrderId", client_order_id))
        try:
            return await self._signed.read(build.FIND_ORDER, params, read)
        except Refused as exc:
            if exc.code in _NO_SUCH_ORDER:
                return None
            raise

    async def open_orders(self, symbol: str) -> tuple[Order, ...]:
        """All of the account's, also foreign ones."""
        return await self._signed.read(build.OPEN_ORDERS, (("symbol", symbol),), parse.orders)

    async def fills(self, symbol: str, order_id: str) -> tuple[Fill, ...]:
        """Oldest first. One page holds a hundred; further ones are asked for by the time of the oldest fill seen, so
        a hundred fills within one of the venue's seconds cannot be told apart from the end."""
        found: dict[str, Fill] = {}
        before: tuple[tuple[str, str], ...] = ()
        for _ in range(_MOST_PAGES):
            params = (("symbol", symbol), ("orderId", order_id), ("limit", str(_FILLS_PER_PAGE)), *before)
            page = await self._signed.read(build.MY_TRADES, params, lambda document: parse.fills(document, order_id))
            new = [fill for fill in page if fill.trade_id not in found]
            found = {**{fill.trade_id: fill for fill in new}, **found}
            if len(page) < _FILLS_PER_PAGE or not new:
                break
            before = (("endTime", str(parse.milliseconds(page[0].at) + _SECOND_MS - 1)),)
        return tuple(found.values())

    def sign(self, request: OrderRequest, timestamp: datetime, recv_window_ms: int) -> SignedOrder:
        """The order as the query text it leaves as; no I/O. ValueError: the window exceeds 1,000 ms."""
        secret = self._signed.credentials.api_secret
        query = build.order_query(request, timestamp, recv_window_ms, secret)
        return SignedOrder(request.client_order_id, request, timestamp, query.encode("ascii"))

    async def send(self, order: SignedOrder) -> Ack:
        """Leaves at once or not at all: RateLimited without a byte sent when the order budget is used up."""
        self._public.budget.admit_order()
        order_id = await self._public.send(
            build.PLACE_ORDER,
            order.body.decode("ascii"),
            self._signed.headers,
            Purpose.WRITE,
            lambda document: parse.acknowledged_id(document, order.client_order_id),
        )
        return Ack(order.client_order_id, order_id, self._clock.monotonic())

    async def cancel(self, symbol: str, client_order_id: str) -> None:
        """Idempotent. What the answer says of the order's state is disputed and therefore not read."""
        params = (("symbol", symbol), ("origClientOrderId", client_order_id))
        try:
            await self._signed.cancel(build.CANCEL_ORDER, params, lambda document: None)
        except Refused as exc:
            if exc.code not in _NO_SUCH_ORDER:
                raise
