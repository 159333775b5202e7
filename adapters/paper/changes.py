"""Hearing of changes of an account's books, whichever process made them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psycopg
import structlog
from psycopg import AsyncConnection

from adapters.paper.account import Booked
from adapters.paper.books import CHANNEL, PaperBooks
from adapters.postgres.address import connection_options
from domain.errors import StoreUnavailable
from domain.orders import Fill
from domain.ports import Clock, StreamGap

FIRST_WITHIN_S = 3.0
"""How long beginning waits for the database; later it goes on without, and says so by a gap."""
RETRY_EVERY_S = 0.5

Tell = Callable[[Booked | Fill | StreamGap], None]

log = structlog.get_logger(__name__)


class Changes:
    """Tells of one account's orders and fills. url: of the database that holds its books."""

    def __init__(self, url: str, books: PaperBooks, clock: Clock) -> None:
        self._options = connection_options(url, name="sniper-paper-changes")
        self._books = books
        self._clock = clock

    @asynccontextmanager
    async def told_to(self, tell: Tell) -> AsyncIterator[None]:
        """`tell` hears of every change made during the body. Nothing is missed while the database is away: afterwards
        it is read on from the last revision known, and a gap tells that it came late."""
        began = asyncio.Event()
        late = asyncio.Event()
        task = asyncio.create_task(self._follow(tell, began, late), name=f"paper-changes-{self._books.account}")

        def ended(task: asyncio.Task[None]) -> None:
            if not task.cancelled():  # a bug: whoever listens must not take the silence for peace
                log.error("paper.changes_lost", account=self._books.account, error=repr(task.exception()))
                tell(StreamGap("account", "the paper venue's news have ended"))

        task.add_done_callback(ended)
        try:
            try:
                async with asyncio.timeout(FIRST_WITHIN_S):
                    await began.wait()
            except TimeoutError:
                late.set()
                tell(StreamGap("account", "the paper venue's database does not answer"))
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _follow(self, tell: Tell, began: asyncio.Event, late: asyncio.Event) -> None:
        known: int | None = None
        while True:
            try:
                async with await AsyncConnection.connect(self._options, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    if known is None:
                        known = await self._books.revision()
                        if late.is_set():  # what happened since this stream was entered is not known
                            tell(StreamGap("account", "the paper venue's database answered late"))
                    else:
                        tell(StreamGap("account", "the paper venue's database was away"))
                        known = await self._tell_since(known, tell)
                    began.set()
                    async for notice in connection.notifies():
                        if notice.payload == self._books.account:
                            known = await self._tell_since(known, tell)
            except (psycopg.OperationalError, psycopg.InterfaceError, OSError, StoreUnavailable) as error:
                log.warning("paper.changes_interrupted", error=" ".join(str(error).split()))
            await self._clock.sleep(RETRY_EVERY_S)

    async def _tell_since(self, known: int, tell: Tell) -> int:
        newest, items = await self._books.changes_since(known)
        for item in items:
            tell(item)
        return newest
