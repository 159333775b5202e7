"""Sessions, their journal and its projections: implements domain.ports.SessionStore."""

from collections.abc import Sequence

from psycopg.rows import kwargs_row

from adapters.postgres import journal, rows
from adapters.postgres.database import Database
from domain.events import Event
from domain.ids import SessionKey
from domain.orders import Fill, Order, OrderIntent
from domain.session import SessionRecord

_OF_SESSION = """
    WHERE session_id = (SELECT id FROM sessions WHERE account = %s AND listing = %s AND attempt = %s)
"""
_SETTLED = """
    SELECT i.client_order_id
    FROM intents i
    JOIN sessions s ON s.id = i.session_id
    LEFT JOIN orders o ON o.session_id = i.session_id AND o.client_order_id = i.client_order_id
    WHERE s.account = %s AND s.listing = %s AND s.attempt = %s
      AND CASE
          WHEN o.order_id IS NULL THEN i.settled_as IS NOT NULL
          ELSE o.final AND o.executed = (
              SELECT coalesce(sum(f.quantity), 0) FROM fills f
              WHERE f.session_id = o.session_id
                AND (f.order_id = o.order_id OR f.client_order_id = o.client_order_id)
          )
      END
"""
"""An order that was seen outweighs an earlier "refused" or "absent": it lives, whatever was said before."""

_NEXT_SHOT = """
    SELECT coalesce(max(i.shot) + 1, 0)
    FROM intents i
    JOIN sessions s ON s.id = i.session_id
    WHERE s.account = %s AND s.listing = %s AND s.attempt = %s AND i.leg = %s
"""


class PostgresSessionStore:
    """Implements domain.ports.SessionStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, key: SessionKey) -> SessionRecord | None:
        """The session's row; None: never admitted."""
        async with (
            self._database.transaction() as connection,
            connection.cursor(row_factory=kwargs_row(rows.record)) as cursor,
        ):
            await cursor.execute(
                rows.SELECT_RECORD + "WHERE s.account = %s AND s.listing = %s AND s.attempt = %s", _parts(key)
            )
            return await cursor.fetchone()

    async def append(self, key: SessionKey, events: Sequence[Event], token: int | None = None) -> None:
        """Journal and projections in one transaction. Raises InvalidInput for a session that was never admitted, and
        LeaseLost for a desk whose session another one has by now."""
        if not events:
            return
        async with self._database.transaction() as connection:
            await journal.append(connection, key, events, token)

    async def rebuild(self, key: SessionKey) -> None:
        """Make the projections again from the journal; they are the same afterwards unless one was tampered with."""
        async with self._database.transaction() as connection:
            await journal.rebuild(connection, key)

    async def intents(self, key: SessionKey) -> tuple[OrderIntent, ...]:
        """Committed and not withdrawn, by leg and shot."""
        async with (
            self._database.transaction() as connection,
            connection.cursor(row_factory=kwargs_row(rows.intent)) as cursor,
        ):
            await cursor.execute(
                rows.SELECT_INTENT + _OF_SESSION + "AND settled_as IS DISTINCT FROM 'withdrawn' ORDER BY leg, shot",
                _parts(key),
            )
            return tuple(await cursor.fetchall())

    async def orders(self, key: SessionKey) -> tuple[Order, ...]:
        """As last seen at the venue, by id."""
        async with (
            self._database.transaction() as connection,
            connection.cursor(row_factory=kwargs_row(rows.order)) as cursor,
        ):
            await cursor.execute(rows.SELECT_ORDER + _OF_SESSION + "ORDER BY client_order_id", _parts(key))
            return tuple(await cursor.fetchall())

    async def fills(self, key: SessionKey) -> tuple[Fill, ...]:
        """Oldest first."""
        async with (
            self._database.transaction() as connection,
            connection.cursor(row_factory=kwargs_row(rows.fill)) as cursor,
        ):
            await cursor.execute(rows.SELECT_FILL + _OF_SESSION + "ORDER BY at, trade_id", _parts(key))
            return tuple(await cursor.fetchall())

    async def settled(self, key: SessionKey) -> frozenset[str]:
        """Ids whose order was refused, absent or withdrawn for certain, or is final with all its fills here."""
        async with self._database.transaction() as connection:
            found = await connection.execute(_SETTLED, _parts(key))
            return frozenset(row[0] for row in await found.fetchall())

    async def next_shot(self, key: SessionKey, leg: str) -> int:
        """One above the highest shot of the leg that was ever committed; 0 for the first."""
        async with self._database.transaction() as connection:
            found = await connection.execute(_NEXT_SHOT, (*_parts(key), leg))
            row = await found.fetchone()
            return 0 if row is None else int(row[0])


def _parts(key: SessionKey) -> tuple[str, str, int]:
    return key.account, str(key.listing), key.attempt
