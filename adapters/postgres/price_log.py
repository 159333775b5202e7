"""Prices that guards saw, thinned, in Postgres for charts. Implements domain.ports.PriceLog."""

import asyncio
from types import TracebackType
from typing import Self

import structlog

from adapters.postgres.database import Database
from domain.errors import StoreUnavailable
from domain.ids import SessionKey
from domain.ports import Clock
from domain.quotes import TopOfBook

KEEP_EVERY_S = 0.5
"""One price per session and half second: an eye sees no more, and an hour makes 7,200 rows."""
WRITE_EVERY_S = 1.0
MOST_WAITING = 2_000
"""Kept in memory while the store is away; what is older is dropped."""

log = structlog.get_logger()


class PostgresPriceLog:
    """Between `open` and `close`; the last of the prices noted within each half second is kept."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._waiting: dict[tuple[SessionKey, int], TopOfBook] = {}
        self._writing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._writing = asyncio.create_task(self._write_on(), name="prices")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)

    def note(self, key: SessionKey, quote: TopOfBook) -> None:
        """No I/O."""
        slot = (key, int(quote.at.timestamp() / KEEP_EVERY_S))
        if slot not in self._waiting and len(self._waiting) >= MOST_WAITING:
            del self._waiting[next(iter(self._waiting))]
        self._waiting[slot] = quote

    async def write(self) -> None:
        """Store what waits. Raises StoreUnavailable; then it waits on."""
        batch = dict(self._waiting)
        if not batch:
            return
        async with self._database.transaction() as connection:
            await connection.execute(
                """
                INSERT INTO prices (session_id, at, bid, ask)
                SELECT s.id, seen.at, seen.bid, seen.ask
                FROM unnest(%s::text[], %s::text[], %s::integer[], %s::timestamptz[], %s::numeric[], %s::numeric[])
                    AS seen (account, listing, attempt, at, bid, ask)
                JOIN sessions s USING (account, listing, attempt)
                ON CONFLICT (session_id, at) DO NOTHING
                """,
                (
                    [key.account for key, _ in batch],
                    [str(key.listing) for key, _ in batch],
                    [key.attempt for key, _ in batch],
                    [quote.at for quote in batch.values()],
                    [quote.bid for quote in batch.values()],
                    [quote.ask for quote in batch.values()],
                ),
            )
        for slot, quote in batch.items():
            if self._waiting.get(slot) is quote:  # a later one of the same half second is still to be written
                del self._waiting[slot]

    async def _write_on(self) -> None:
        while True:
            await self._clock.sleep(WRITE_EVERY_S)
            try:
                await self.write()
            except StoreUnavailable as error:
                log.debug("prices.store_away", waiting=len(self._waiting), error=str(error))
