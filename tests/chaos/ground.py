"""What many runs share: a Postgres, the threads of venue and books, and the scale of time."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from adapters.postgres.admission import PostgresSessions
from adapters.postgres.database import Database
from adapters.postgres.session_store import PostgresSessionStore
from domain.commands import NewSession, StartSnipe
from domain.errors import StoreUnavailable, TryAgain
from domain.events import Event, PhaseEntered, RiskApproved
from domain.ids import ListingKey, SessionKey
from domain.policy import TradePolicy
from domain.session import Phase
from tests.chaos.loop_thread import LoopThread
from tests.chaos.scaled_time import TimeScale, scaled_thread_waits
from tests.chaos.store_server import StoreServer

SCALE = 25.0
"""Seconds per real second: a session of half a minute in about a second, and a real millisecond of a busy machine is
only 25 ms."""


@dataclass
class Ground:
    """Runs are told apart by their sessions. home: a folder of its own."""

    scale: TimeScale
    home: Path
    store: StoreServer
    venue_thread: LoopThread
    _books_thread: LoopThread
    _database: Database
    _listed: Counter[str] = field(default_factory=Counter)

    @classmethod
    @contextmanager
    def open(cls, home: Path, scale: float = SCALE) -> Iterator["Ground"]:
        times = TimeScale.beginning_now(scale)
        with ExitStack() as resources:
            resources.enter_context(scaled_thread_waits(times))
            store = resources.enter_context(StoreServer.running(home, times))
            venue = resources.enter_context(LoopThread.running("venue", times))
            books = resources.enter_context(LoopThread.running("books", times))
            database = books.call(lambda: Database(store.url, name="books"))
            resources.callback(lambda: books.wait_for(database.close))
            yield cls(times, home, store, venue, books, database)

    def new_listing(self, coin: str) -> ListingKey:
        """Of this coin, or of another one when it was listed before: an account has one open session of a pair, and
        nobody closes those of earlier runs."""
        again = self._listed[coin]
        self._listed[coin] += 1
        return ListingKey("mexc", f"{coin}R{again}" if again else coin, "USDT")

    def admit(self, key: SessionKey, symbol: str, opens_at: datetime, policy: TradePolicy) -> None:
        """A session that was prepared, approved and waits for its opening."""
        amount = policy.budget_quote

        async def carry_out() -> None:
            new = NewSession(StartSnipe(key, symbol, opens_at, policy), key.workflow_id)
            sessions = PostgresSessions(self._database)
            await _patiently(lambda: sessions.admit(new))
            with suppress(TryAgain):  # the house may be full: nobody closes the sessions of earlier runs
                await _patiently(lambda: sessions.reserve(key, amount, amount))
            await self._append(key, RiskApproved(amount, amount), PhaseEntered(Phase.WAITING))

        self._books_thread.wait_for(carry_out)

    def note(self, key: SessionKey, event: Event) -> None:
        """Write an event as the control worker does, also when the database is away now. Returns at once."""

        async def carry_out() -> None:
            await self._append(key, event)

        self._books_thread.start(carry_out)

    async def _append(self, key: SessionKey, *events: Event) -> None:
        store = PostgresSessionStore(self._database)
        await _patiently(lambda: store.append(key, events))


async def _patiently(write: Callable[[], Awaitable[object]]) -> None:
    """All of it is idempotent. A busy machine's Postgres may take longer to answer than scaled time allows."""
    while True:
        try:
            await write()
        except StoreUnavailable:
            await asyncio.sleep(0.2)
        else:
            return
