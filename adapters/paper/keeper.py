"""Lets resting orders meet the market: one process at a time per account, the next one when it dies.

The turn is an advisory lock of the connection on which everything is written, so that whoever lost the one cannot use
the other. Nobody stands in while no process runs: orders that rest then are not filled by what was traded meanwhile,
and meet the market again as it is when a process comes back.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

import psycopg
import structlog
from psycopg import AsyncConnection

from adapters.paper import books
from adapters.paper.account import Booked, Pair
from adapters.paper.books import PaperBooks
from adapters.paper.changes import Changes
from adapters.paper.market import Market, Markets
from adapters.paper.matching import PaperAccount
from adapters.postgres.address import connection_options
from adapters.postgres.database import Connection
from domain.errors import SniperError
from domain.order_book import OrderBook, PublicTrade
from domain.orders import Fill
from domain.ports import Clock, ExchangeClock, StreamGap

_TURNS = 7_221_902
"""First half of the advisory locks' numbers; the second is the account's."""
TURN_EVERY_S = 0.5
RETRY_EVERY_S = 0.5
LOOK_AGAIN_S = 5.0
"""How often markets are looked after though nothing happens: one that was lost is followed anew."""
_WRITTEN_WITHIN_S = 6.0

log = structlog.get_logger(__name__)


class _Watched:
    """A market in which orders rest, and what came from it since the last step.

    account: as last read, for trying things out; None: it has changed since. changes: counts those changes.
    """

    def __init__(self, pair: Pair, market: Market) -> None:
        self.pair = pair
        self.market = market
        self.account: PaperAccount | None = None
        self.changes = 0
        self.trades: deque[PublicTrade] = deque()
        self.book: OrderBook | None = market.book
        self.stop: Callable[[], None] = lambda: None

    def changed(self) -> None:
        self.account = None
        self.changes += 1

    def act(self, now: datetime) -> Callable[[PaperAccount], None]:
        """What came, as something that can be done to an account. now: exchange time."""
        trades, book = tuple(self.trades), self.book
        self.trades.clear()
        self.book = None

        def act(account: PaperAccount) -> None:
            for trade in trades:
                account.hear(trade)
            if book is not None:
                account.meet(book, now)

        return act


class Keeper:
    """Looks after the resting orders of one account while `run` runs and it is this process's turn."""

    def __init__(
        self,
        url: str,
        account_books: PaperBooks,
        changes: Changes,
        markets: Markets,
        exchange_clock: ExchangeClock,
        clock: Clock,
    ) -> None:
        self._options = connection_options(url, name="sniper-paper-keeper")
        self._books = account_books
        self._changes = changes
        self._markets = markets
        self._exchange_clock = exchange_clock
        self._clock = clock
        self._watched: dict[str, _Watched] = {}
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled. Whatever is away is waited for."""
        while True:
            try:
                async with await AsyncConnection.connect(self._options, autocommit=True) as connection:
                    await self._wait_for_turn(connection)
                    log.info("paper.keeper_began", account=self._books.account)
                    await self._keep(connection)
            except (psycopg.OperationalError, psycopg.InterfaceError, OSError, TimeoutError, SniperError) as error:
                log.warning("paper.keeper_interrupted", error=" ".join(str(error).split()) or type(error).__name__)
            finally:
                self._leave_all()
            await self._clock.sleep(RETRY_EVERY_S)

    async def _wait_for_turn(self, connection: Connection) -> None:
        while True:
            found = await connection.execute(
                "SELECT pg_try_advisory_lock(%s, hashtext(%s))", (_TURNS, self._books.account)
            )
            if await found.fetchone() == (True,):
                return
            await self._clock.sleep(TURN_EVERY_S)

    async def _keep(self, connection: Connection) -> None:
        if self._exchange_clock.estimate() is None:
            await self._exchange_clock.synchronise()
        async with self._changes.told_to(self._changed):
            for booked in await self._books.open_orders():
                self._changed(booked)
            while True:
                for symbol in tuple(self._watched):
                    await self._step(connection, symbol)
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_AGAIN_S):
                        await self._wake.wait()
                self._wake.clear()

    def _changed(self, item: Booked | Fill | StreamGap) -> None:
        """After a gap the changes themselves are told, too."""
        if not isinstance(item, Booked):
            return
        watched = self._watched.get(item.pair.symbol)
        if watched is not None:
            watched.changed()
        elif not item.order.status.final:
            self._watch(item.pair)
        self._wake.set()

    def _watch(self, pair: Pair) -> None:
        watched = _Watched(pair, self._markets.follow(pair.symbol))

        def hear(item: OrderBook | PublicTrade) -> None:
            if isinstance(item, PublicTrade):
                watched.trades.append(item)
            else:
                watched.book = item
            self._wake.set()

        watched.stop = watched.market.listen(hear)
        self._watched[pair.symbol] = watched

    async def _step(self, connection: Connection, symbol: str) -> None:
        """Try on a copy what came; only what changes something is written."""
        watched = self._watched[symbol]
        account = await self._present(connection, watched)
        if not account.open or not watched.market.alive:
            self._leave(symbol)
            if account.open:
                self._watch(watched.pair)
            return
        act = watched.act(self._exchange_clock.now())
        tried = account.copy()
        act(tried)
        if tried.changed:
            async with asyncio.timeout(_WRITTEN_WITHIN_S), connection.transaction():
                await books.advance(connection, self._books.account, watched.pair, act)
            watched.changed()

    async def _present(self, connection: Connection, watched: _Watched) -> PaperAccount:
        while watched.account is None:
            changes = watched.changes
            loaded = await books.load(connection, self._books.account, watched.pair)
            if changes == watched.changes:
                watched.account = loaded
        return watched.account

    def _leave(self, symbol: str) -> None:
        self._watched.pop(symbol).stop()

    def _leave_all(self) -> None:
        for symbol in tuple(self._watched):
            self._leave(symbol)
