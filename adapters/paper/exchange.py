"""One account on paper, behind domain.ports.Exchange. Nothing is ever sent: an order travels inside this process.

It takes as long as the way to the real venue. It meets the book of the moment of its arrival there; that book reaches
us as much later as the answer would, so both are there at once. Whoever sent it may be gone by then; only the death of
the process stops it, and then it is not carried out at all.
"""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Protocol

from adapters.paper import admission
from adapters.paper.account import Booked, Pair
from adapters.paper.books import PaperBooks
from adapters.paper.market import Markets
from adapters.paper.matching import PaperAccount
from domain import ages
from domain.errors import OutcomeUnknown, StoreUnavailable, TryAgain
from domain.money import SymbolRules
from domain.order_book import OrderBook
from domain.orders import Fill, Order, OrderRequest, check_meant
from domain.ports import Ack, Balance, Clock, ExchangeClock, SignedOrder
from domain.quotes import TopOfBook

SHORTEST_WAY_S = 0.005
"""No way to the venue is believed to be shorter: the measured one is that of a tiny answer out of a cache."""
LONGEST_WINDOW_MS = 1_000
"""As the real adapter signs: what a paused process sends late must do nothing."""
BOOKED_WITHIN_S = 0.2
"""What an order leaves of its window for the database."""
CLOSED_ASKED_AGAIN_S = 2.0
"""Rules that say "closed" are asked for again when they are older, since near an opening they change."""


class PublicExchange(Protocol):
    """What is used of the real venue's Exchange: no key is needed for it."""

    async def rules(
        self, symbol: str, at_most_s: float = ages.RULES_S, *, urgent: bool = False
    ) -> SymbolRules | None: ...

    async def top_of_book(self, symbol: str) -> TopOfBook: ...


class PaperExchange:
    """Orders, balances and fills of one account, kept in `books`.

    one_way_s: seconds from here to the venue; None: as the exchange's clock was measured. warm: whether a market is
    followed from the first question for its rules on, as a process wants that will send orders.
    """

    def __init__(
        self,
        public: PublicExchange,
        books: PaperBooks,
        markets: Markets,
        exchange_clock: ExchangeClock,
        clock: Clock,
        *,
        one_way_s: float | None = None,
        warm: bool = True,
    ) -> None:
        self._public = public
        self._books = books
        self._markets = markets
        self._exchange_clock = exchange_clock
        self._clock = clock
        self._one_way_s = one_way_s
        self._warm = warm
        self._under_way: set[asyncio.Task[Ack]] = set()

    async def rules(self, symbol: str, at_most_s: float = ages.RULES_S, *, urgent: bool = False) -> SymbolRules | None:
        """The real venue's. None: it does not list the symbol."""
        rules = await self._public.rules(symbol, at_most_s, urgent=urgent)
        if rules is not None and self._warm:
            self._markets.follow(symbol)
        return rules

    async def balance(self, asset: str, at_most_s: float = ages.FRESH_S, *, urgent: bool = False) -> Balance:
        """Always as it is now; zeros for an asset the account never held."""
        with _reading():
            return await self._books.balance(asset)

    async def top_of_book(self, symbol: str) -> TopOfBook:
        """The real venue's, without regard to what we took on paper."""
        return await self._public.top_of_book(symbol)

    async def find_order(self, symbol: str, client_order_id: str) -> Order | None:
        """None: there is no such order, and no placement of it is under way in the database."""
        with _reading():
            booked = await self._books.find(client_order_id)
        return booked.order if booked is not None and booked.pair.symbol == symbol else None

    async def open_orders(self, symbol: str) -> tuple[Order, ...]:
        """All of the account's, in the order of their arrival."""
        with _reading():
            return tuple(booked.order for booked in await self._books.open_orders(symbol))

    async def fills(self, symbol: str, order_id: str) -> tuple[Fill, ...]:
        """Oldest first; never behind the order."""
        with _reading():
            return tuple(fill for fill in await self._books.fills(order_id) if fill.symbol == symbol)

    def sign(self, request: OrderRequest, timestamp: datetime, recv_window_ms: int) -> SignedOrder:
        """The order with its window; there is no signature. ValueError: the window exceeds 1,000 ms, or it is an order
        that is never meant."""
        check_meant(request)
        if not 0 < recv_window_ms <= LONGEST_WINDOW_MS:
            raise ValueError(f"recv_window_ms is {recv_window_ms}, at most {LONGEST_WINDOW_MS}")
        return SignedOrder(request.client_order_id, request, timestamp, str(recv_window_ms).encode("ascii"))

    async def send(self, order: SignedOrder) -> Ack:
        """Cancelling the wait does not stop the order. TryAgain: what has to be known of the market is not."""
        return await asyncio.shield(self.depart(order, self._clock.monotonic()))

    async def cancel(self, symbol: str, client_order_id: str) -> None:
        """Idempotent; as long under way as an order. OutcomeUnknown: the database did not answer."""
        one_way_s = await self._way_s()
        await self._clock.sleep(one_way_s)
        with _writing():
            await self._books.cancel(client_order_id)
        await self._clock.sleep(one_way_s)

    async def warm_up(self, symbol: str) -> None:
        """An order for this symbol is to come: follow its market. Waits for its book when that has just begun."""
        await self._markets.follow(symbol).present_book()

    def depart(self, order: SignedOrder, sent_at: float) -> asyncio.Task[Ack]:
        """The order is under way, whoever waits for its answer. sent_at: local monotonic seconds."""
        task = asyncio.create_task(self._carry(order, sent_at), name=f"paper-{order.client_order_id}")
        self._under_way.add(task)
        task.add_done_callback(self._arrived)
        return task

    async def close(self) -> None:
        """Orders under way arrive; they take milliseconds."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _arrived(self, task: asyncio.Task[Ack]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # nobody may be waiting for the answer, and that is no mistake

    async def _carry(self, order: SignedOrder, sent_at: float) -> Ack:
        market = self._markets.follow(order.request.symbol)
        with market.order_in_flight():
            one_way_s = await self._way_s()
            await self._until(sent_at + one_way_s)
            arrived_at = self._exchange_time(sent_at + one_way_s)
            rules = await self._present_rules(order.request.symbol, arrived_at)
            await self._until(sent_at + 2 * one_way_s)  # what was so there at the arrival is known here now
            book = await market.present_book(self._window_left_s(order))
        admitted = admission.admit(
            order.request,
            timestamp=order.timestamp,
            recv_window_ms=int(order.body),
            server=arrived_at,
            rules=rules,
            reference=admission.reference_price(order.request.side, book, market.last),
        )
        admission.check_opponent(order.request, book)
        if admission.comes_to_nothing(order.request, admitted, arrived_at):
            book = None
        return await self._book(order, admitted, book, arrived_at, one_way_s)

    async def _book(
        self, order: SignedOrder, rules: SymbolRules, book: OrderBook | None, arrived_at: datetime, one_way_s: float
    ) -> Ack:
        request = order.request

        def act(account: PaperAccount) -> Booked:
            # The lock may have been waited for, and this process have stood still: what is late by now does nothing.
            at_venue = self._exchange_time(self._clock.monotonic() - one_way_s)
            admission.check_window(order.timestamp, int(order.body), at_venue)
            admission.check_funds(request, account.lacks(request, rules.taker_fee), rules)
            return account.place(request, order_id=f"P{uuid.uuid4().hex}", rules=rules, at=arrived_at, book=book)

        pair = Pair(request.symbol, rules.base_asset, rules.quote_asset)
        with _writing():
            booked = await self._books.place(pair, request.client_order_id, act)
        return Ack(request.client_order_id, booked.order.order_id, self._clock.monotonic())

    async def _present_rules(self, symbol: str, server: datetime) -> SymbolRules | None:
        """As they were asked for while arming; a "closed" is doubted."""
        rules = await self._public.rules(symbol)
        if rules is None or admission.closed(rules, server) is not None:
            rules = await self._public.rules(symbol, CLOSED_ASKED_AGAIN_S)
        return rules

    async def _way_s(self) -> float:
        estimate = self._exchange_clock.estimate()
        if estimate is None:
            estimate = await self._exchange_clock.synchronise()
        return max(SHORTEST_WAY_S, estimate.one_way) if self._one_way_s is None else self._one_way_s

    def _window_left_s(self, order: SignedOrder) -> float:
        """How long the order may still wait for a book that nobody has followed so far."""
        ends = order.timestamp + timedelta(milliseconds=int(order.body))
        return (ends - self._exchange_clock.now()).total_seconds() - BOOKED_WITHIN_S

    async def _until(self, monotonic: float) -> None:
        await self._clock.sleep(monotonic - self._clock.monotonic())

    def _exchange_time(self, monotonic: float) -> datetime:
        """What the exchange's clock reads at a local instant, which is near."""
        return self._exchange_clock.now() + timedelta(seconds=monotonic - self._clock.monotonic())


@contextmanager
def _reading() -> Iterator[None]:
    """The paper venue is away when its database is: ask again."""
    try:
        yield
    except StoreUnavailable as exc:
        raise TryAgain(f"the paper venue does not answer: {exc}") from exc


@contextmanager
def _writing() -> Iterator[None]:
    """The database may have done it before it went away."""
    try:
        yield
    except StoreUnavailable as exc:
        raise OutcomeUnknown(f"the paper venue does not answer: {exc}") from exc
