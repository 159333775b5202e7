"""Connections to one database for threads that only read. The asynchronous sibling is database.py."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from adapters.postgres.address import CONNECT_WITHIN_S, connection_options, is_refusal, missing_schema, refusal
from adapters.postgres.database import ANSWER_WITHIN_S, sever
from adapters.postgres.failures import translated

Connection = psycopg.Connection[tuple[Any, ...]]


class ReadingDatabase:
    """Opened once, heals by itself: a call finds a living connection or makes one, and fails at once when that fails.

    url, name, connections: as for Database. Nothing connects before `open`.
    """

    def __init__(self, url: str, *, name: str, connections: int) -> None:
        self.url = url
        self._options = connection_options(url, name=name)
        self._slots = threading.BoundedSemaphore(connections)
        self._idle: deque[Connection] = deque()
        self._closed = False

    def open(self) -> None:
        """Look whether the database lets us in and has our tables.

        Raises InvalidInput when it refuses or has no tables, StoreUnavailable when nobody answers."""
        with translated():
            try:
                connection = self._connect()
            except psycopg.OperationalError as exc:
                if is_refusal(exc):
                    raise refusal(self.url, exc) from exc
                raise
            with connection:
                found = connection.execute("SELECT to_regclass('installation') IS NOT NULL").fetchone()
        if found != (True,):
            raise missing_schema(self.url)

    def close(self) -> None:
        """Close every idle connection; those in use are closed when they come back. Idempotent."""
        self._closed = True
        while (connection := self._pop()) is not None:
            connection.close()

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """The database as of one instant; nothing can be written. Raises StoreUnavailable when it is away."""
        with translated():
            if not self._slots.acquire(timeout=CONNECT_WITHIN_S):
                raise psycopg.OperationalError(f"every connection was in use for {CONNECT_WITHIN_S} s")
            try:
                connection = self._begin()
                deadline = _Deadline(connection)
                try:
                    yield connection
                finally:
                    deadline.cancel()
                    with suppress(psycopg.Error):
                        connection.rollback()
                    self._give_back(connection)
            finally:
                self._slots.release()

    def _begin(self) -> Connection:
        """A connection inside a fresh transaction: BEGIN is also the proof that it lives. A server that lets one wait
        too long will let the others wait as well: they are not tried."""
        while (connection := self._pop()) is not None:
            if _began(connection):
                return connection
        connection = self._connect()
        if not _began(connection):
            raise psycopg.OperationalError("a fresh connection broke at once")
        return connection

    def _connect(self) -> Connection:
        if self._closed:
            raise psycopg.InterfaceError("it was closed by us")
        return psycopg.connect(self._options, autocommit=True)

    def _pop(self) -> Connection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _give_back(self, connection: Connection) -> None:
        if self._closed or connection.info.transaction_status is not TransactionStatus.IDLE:
            connection.close()
        else:
            self._idle.append(connection)


def _began(connection: Connection) -> bool:
    """False: the connection is dead. Raises OperationalError when the server let it wait too long."""
    deadline = _Deadline(connection)
    try:
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        connection.close()
        if deadline.passed:
            raise psycopg.OperationalError(f"no answer within {ANSWER_WITHIN_S:g} s") from error
        return False
    except BaseException:
        connection.close()
        raise
    finally:
        deadline.cancel()
    return True


class _Deadline:
    """Severs a connection after ANSWER_WITHIN_S. `passed`: it did."""

    def __init__(self, connection: Connection) -> None:
        self.passed = False
        self._connection = connection
        self._timer = threading.Timer(ANSWER_WITHIN_S, self._end)
        self._timer.daemon = True
        self._timer.start()

    def cancel(self) -> None:
        self._timer.cancel()

    def _end(self) -> None:
        self.passed = True
        sever(self._connection)
