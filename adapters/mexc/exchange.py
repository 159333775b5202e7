"""One account on the venue, behind domain.ports.Exchange."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from adapters.mexc import build, members, parse
from adapters.mexc.codes import UNKNOWN_ORDER_AT_CANCEL, UNKNOWN_ORDER_AT_QUERY, UNKNOWN_SYMBOL
from adapters.mexc.history import AccountHistory
from adapters.mexc.kept import Kept
from adapters.mexc.limits import Priority
from adapters.mexc.rest import SignedRest
from adapters.mexc.symbol_rows import SymbolRows
from domain import ages
from domain.errors import Refused, TryAgain
from domain.money import NO_BASE, SymbolRules
from domain.orders import Fill, Order, OrderRequest
from domain.ports import Ack, Balance, SignedOrder
from domain.quotes import TopOfBook

_NO_SUCH_ORDER = (UNKNOWN_ORDER_AT_CANCEL, UNKNOWN_ORDER_AT_QUERY)


class MexcExchange:
    """The slow path: learning, cancelling, and orders that need not leave in the first millisecond.

    rows: the symbol list, if somebody in this process asks for it. history: of the same account.
    """

    def __init__(self, signed: SignedRest, rows: SymbolRows, history: AccountHistory) -> None:
        self._signed = signed
        self._rows = rows
        self._public = signed.rest
        self._clock = signed.rest.clock
        self._history = history
        self._rules: dict[str, Kept[SymbolRules | None]] = {}
        self._balances: Kept[Mapping[str, Balance | None]] = Kept(self._clock)

    async def rules(self, symbol: str, at_most_s: float = ages.RULES_S, *, urgent: bool = False) -> SymbolRules | None:
        """None: the venue does not list the symbol; that is never kept."""
        if (row := self._rows.of(symbol, at_most_s)) is not None:
            with suppress(members.Unreadable):
                return parse.rules(row, symbol)
        kept = self._rules.setdefault(symbol, Kept(self._clock))
        found = await kept.get(at_most_s, lambda: self._ask_rules(symbol, _priority(urgent)), urgent=urgent)
        if found is None:
            self._rules.pop(symbol, None)
        return found

    async def balance(self, asset: str, at_most_s: float = ages.FRESH_S, *, urgent: bool = False) -> Balance:
        """Zeros for an asset the account never held."""
        balances = await self._balances.get(at_most_s, lambda: self._ask_balances(_priority(urgent)), urgent=urgent)
        found = balances.get(asset, Balance(NO_BASE, NO_BASE))
        if found is None:
            raise TryAgain(f"the balance of {asset} cannot be read")
        return found

    async def top_of_book(self, symbol: str) -> TopOfBook:
        """From the depth, which costs a third of the book ticker. Stamped with the time of receipt."""
        return await self._public.read(
            build.DEPTH,
            (("symbol", symbol), ("limit", "5")),
            lambda document: parse.top_of_book(document, symbol, self._clock.now()),
            Priority.GUARD,
        )

    async def find_order(self, symbol: str, client_order_id: str) -> Order | None:
        """None: the venue does not know the id now."""

        def read(document: object) -> Order:
            order = parse.order(document)
            if order.client_order_id not in (None, client_order_id):
                raise members.Unreadable(f"asked for order {client_order_id!r}, told of {order.client_order_id!r}")
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
        """Oldest first."""
        return await self._history.fills_of(symbol, order_id)

    def sign(self, request: OrderRequest, timestamp: datetime, recv_window_ms: int) -> SignedOrder:
        """The order as the query text it leaves as; no I/O. ValueError: the window exceeds 1,000 ms."""
        secret = self._signed.credentials.api_secret
        query = build.order_query(request, timestamp, recv_window_ms, secret)
        return SignedOrder(request.client_order_id, request, timestamp, query.encode("ascii"))

    async def send(self, order: SignedOrder) -> Ack:
        """Waits for its turn for ORDERS_WAIT_S at most, then RateLimited: nothing was sent."""
        order_id = await self._signed.order(
            build.PLACE_ORDER,
            order.body.decode("ascii"),
            lambda document: parse.acknowledged_id(document, order.client_order_id),
            build.priority_of(order.request),
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

    async def _ask_rules(self, symbol: str, priority: Priority) -> SymbolRules | None:
        try:
            return await self._public.read(
                build.EXCHANGE_INFO,
                (("symbol", symbol),),
                lambda document: parse.rules(document, symbol),
                priority,
            )
        except Refused as exc:
            if exc.code == UNKNOWN_SYMBOL:
                return None
            raise

    async def _ask_balances(self, priority: Priority) -> Mapping[str, Balance | None]:
        return await self._signed.read(build.ACCOUNT, (), parse.balances, priority)


def _priority(urgent: bool) -> Priority:
    return Priority.GUARD if urgent else Priority.PREPARE
