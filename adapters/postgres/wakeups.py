"""Hearing of changed rows: one listening connection per process. Implements domain.ports.Wakeups."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

import psycopg
import structlog
from psycopg import AsyncConnection

from adapters.postgres.address import connection_options
from adapters.postgres.notices import HALTS, SESSIONS
from domain.ids import SessionKey

log = structlog.get_logger()

RETRY_EVERY_S = 0.5


class PostgresWakeups:
    """Implements domain.ports.Wakeups between `open` and `close`; reconnects by itself and then wakes everybody.

    Wake-ups only make a poll come sooner: nothing is lost when one does not arrive.
    """

    def __init__(self, url: str, *, name: str = "sniper-wakeups") -> None:
        self._options = connection_options(url, name=name)
        self._watchers: dict[str, list[Callable[[], None]]] = {}
        self._listening: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to listen; returns at once, also while the database is away."""
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen(), name="wakeups")

    async def close(self) -> None:
        """Stop listening. Idempotent."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
            self._listening = None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def watch(self, key: SessionKey, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` on the event loop after each change of the session's row, and after each change of a halt;
        returns how to stop watching, which is idempotent."""
        watchers = self._watchers.setdefault(str(key), [])
        watchers.append(wake)

        def unwatch() -> None:
            if wake in watchers:
                watchers.remove(wake)
            if not watchers and self._watchers.get(str(key)) is watchers:
                del self._watchers[str(key)]

        return unwatch

    async def _listen(self) -> None:
        while True:
            try:
                await self._hear()
            except (psycopg.OperationalError, psycopg.InterfaceError, OSError) as error:
                log.warning("wakeups.interrupted", error=" ".join(str(error).split()))
            await asyncio.sleep(RETRY_EVERY_S)

    async def _hear(self) -> None:
        """Listen until the connection breaks."""
        async with await AsyncConnection.connect(self._options, autocommit=True) as connection:
            await connection.execute(f"LISTEN {SESSIONS}")
            await connection.execute(f"LISTEN {HALTS}")
            self._wake_all()  # whatever changed while nobody listened
            async for notice in connection.notifies():
                if notice.channel == SESSIONS:
                    self._wake(notice.payload)
                else:
                    self._wake_all()

    def _wake_all(self) -> None:
        for name in list(self._watchers):
            self._wake(name)

    def _wake(self, name: str) -> None:
        for wake in tuple(self._watchers.get(name, ())):
            wake()
