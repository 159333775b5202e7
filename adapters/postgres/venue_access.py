"""How the workers get on with the venue, told every few seconds in Postgres for panel and doctor."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

import structlog
from psycopg.types.json import Jsonb
from pydantic import TypeAdapter

from adapters.postgres.database import Connection, Database
from domain.errors import StoreUnavailable
from domain.ports import Clock
from domain.venue_access import VenueAccess

TELL_EVERY_S = 5.0
TOLD_LATELY = timedelta(seconds=30)
"""A worker that has not told for longer has ended, stands still, or has no database."""
_FORGOTTEN_AFTER = timedelta(hours=1)

_ACCESS = TypeAdapter(VenueAccess)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ToldAccess:
    """worker: role and process. told_at: by the database's clock."""

    worker: str
    told_at: datetime
    access: VenueAccess


class PostgresVenueAccess:
    """Tells while open. look: how this process gets on now. What a database that is away misses is not made up for."""

    def __init__(self, database: Database, clock: Clock, worker: str, look: Callable[[], VenueAccess]) -> None:
        self._database = database
        self._clock = clock
        self._worker = worker
        self._look = look
        self._telling: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._telling = asyncio.create_task(self._tell_on(), name="venue-access")
        self._telling.add_done_callback(_report_loss)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.gather(self._telling, return_exceptions=True)

    async def tell(self) -> None:
        """Now. Raises StoreUnavailable."""
        async with self._database.transaction() as connection:
            await connection.execute(
                """
                INSERT INTO venue_access (worker, told_at, document) VALUES (%s, clock_timestamp(), %s)
                ON CONFLICT (worker) DO UPDATE SET told_at = excluded.told_at, document = excluded.document
                """,
                (self._worker, Jsonb(_ACCESS.dump_python(self._look(), mode="json"))),
            )
            await connection.execute(
                "DELETE FROM venue_access WHERE told_at < clock_timestamp() - %s", (_FORGOTTEN_AFTER,)
            )

    async def _tell_on(self) -> None:
        while True:
            try:
                await self.tell()
            except StoreUnavailable as error:
                log.debug("venue_access.store_away", error=str(error))
            await self._clock.sleep(TELL_EVERY_S)


def _report_loss(telling: asyncio.Task[None]) -> None:
    if not telling.cancelled():
        log.error("venue_access.lost", error=repr(telling.exception()))


async def told_lately(connection: Connection) -> tuple[ToldAccess, ...]:
    """Of every worker that told within TOLD_LATELY, by name."""
    found = await connection.execute(
        "SELECT worker, told_at, document FROM venue_access WHERE told_at >= clock_timestamp() - %s ORDER BY worker",
        (TOLD_LATELY,),
    )
    return tuple(
        ToldAccess(worker, told_at, _ACCESS.validate_python(document))
        for worker, told_at, document in await found.fetchall()
    )
