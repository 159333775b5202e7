"""Connections to one database, for asynchronous code. Not here: statements (the stores) and the schema (migrate.py).

A call finds a living connection or makes one; when that fails it fails at once, and the first call after a restart
succeeds. (psycopg_pool would let callers wait through its back-off; an exit must not wait for a database.)
"""

import asyncio
import os
import socket
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus

from adapters.postgres.address import connection_options, is_refusal, missing_schema, refusal
from adapters.postgres.failures import translated

ANSWER_WITHIN_S = 6.0
"""Longest transaction; the server gives up on a statement after 5 s, so this only ends what a stopped server holds."""

Connection = AsyncConnection[tuple[Any, ...]]


class Database:
    """A database that is opened once and heals by itself. One event loop; nothing connects before `open`.

    url: plain postgresql://, also with a socket folder in ?host=. name: shown in pg_stat_activity. connections: most
    that are used at once; further callers wait.
    """

    def __init__(self, url: str, *, name: str = "sniper", connections: int = 10) -> None:
        self.url = url
        self._options = connection_options(url, name=name)
        self._slots = asyncio.Semaphore(connections)
        self._idle: deque[Connection] = deque()
        self._closed = False

    async def open(self) -> None:
        """Look whether the database lets us in and has our tables.

        Raises InvalidInput when it refuses or has no tables, StoreUnavailable when nobody answers."""
        with translated():
            try:
                connection = await self._connect()
            except psycopg.OperationalError as exc:
                if is_refusal(exc):
                    raise refusal(self.url, exc) from exc
                raise
        self._idle.append(connection)
        try:
            async with self.transaction() as connection:
                found = await connection.execute("SELECT to_regclass('installation') IS NOT NULL")
                if await found.fetchone() != (True,):
                    raise missing_schema(self.url)
        except BaseException:
            await self._close_idle()
            raise

    async def close(self) -> None:
        """Close every idle connection; those in use are closed when they come back. Idempotent."""
        self._closed = True
        await self._close_idle()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """One transaction: committed when the body ends, rolled back when it raises.

        Raises StoreUnavailable when the database is away; when that happens at the end, the commit may have happened.
        """
        async with self._slots:
            with translated():
                connection = await self._begin()
                deadline = _Deadline(connection)
                try:
                    yield connection
                    await connection.commit()
                except BaseException:
                    with suppress(psycopg.Error):
                        await connection.rollback()
                    raise
                finally:
                    deadline.cancel()
                    await self._give_back(connection)

    async def _begin(self) -> Connection:
        """A connection inside a fresh transaction: BEGIN is also the proof that it lives. A server that lets one wait
        too long will let the others wait as well: they are not tried."""
        while self._idle:
            connection = self._idle.pop()  # the one used last: the others may rest
            if await _began(connection):
                return connection
        connection = await self._connect()
        if not await _began(connection):
            raise psycopg.OperationalError("a fresh connection broke at once")
        return connection

    async def _close_idle(self) -> None:
        while self._idle:
            await self._idle.pop().close()

    async def _connect(self) -> Connection:
        if self._closed:
            raise psycopg.InterfaceError("it was closed by us")
        # autocommit keeps BEGIN in our hands
        return await AsyncConnection.connect(self._options, autocommit=True)

    async def _give_back(self, connection: Connection) -> None:
        if self._closed or connection.info.transaction_status is not TransactionStatus.IDLE:
            await connection.close()
        else:
            self._idle.append(connection)


async def _began(connection: Connection) -> bool:
    """False: the connection is dead. Raises OperationalError when the server let it wait too long."""
    deadline = _Deadline(connection)
    try:
        await connection.execute("BEGIN")
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        await connection.close()
        if deadline.passed:
            raise psycopg.OperationalError(f"no answer within {ANSWER_WITHIN_S:g} s") from error
        return False
    except BaseException:
        await connection.close()
        raise
    finally:
        deadline.cancel()
    return True


class _Deadline:
    """Severs a connection after ANSWER_WITHIN_S. `passed`: it did."""

    def __init__(self, connection: Connection) -> None:
        self.passed = False
        self._connection = connection
        self._timer = asyncio.get_running_loop().call_later(ANSWER_WITHIN_S, self._end)

    def cancel(self) -> None:
        self._timer.cancel()

    def _end(self) -> None:
        self.passed = True
        sever(self._connection)


def sever(connection: psycopg.AsyncConnection[Any] | psycopg.Connection[Any]) -> None:
    """Make a pending wait end with an error, from any thread; a stopped server answers neither statements nor their
    cancellation."""
    if connection.closed:
        return
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.pgconn.socket)) as duplicate:
        duplicate.shutdown(socket.SHUT_RDWR)
