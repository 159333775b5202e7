"""Halts: nothing new is bought inside their scope until they are released."""

from dataclasses import dataclass

from adapters.postgres.database import Database
from adapters.postgres.event_codec import storable
from adapters.postgres.notices import announce_halt
from domain.halts import HaltScope, HaltVerb

_ONE_AT_A_TIME = 7_221_902
"""Advisory lock: two equal presses at one instant must find each other's halt."""


@dataclass(frozen=True, slots=True)
class Placed:
    """new: this call made it. False: an equal halt held already, or the request was carried out before."""

    number: int
    new: bool


class PostgresHalts:
    """Placing and releasing halts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def place(self, scope: HaltScope, verb: HaltVerb, reason: str, request: str) -> Placed:
        """Committed when this returns; every desk is told. One halt per scope and verb holds at a time, and one request
        places one."""
        async with self._database.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_ONE_AT_A_TIME,))
            found = await connection.execute(
                """
                SELECT id FROM halts
                WHERE request = %s OR (scope = %s AND scope_key = %s AND verb = %s AND released_at IS NULL)
                ORDER BY id DESC LIMIT 1
                """,
                (request, scope.kind, scope.name, verb),
            )
            row = await found.fetchone()
            if row is not None:
                return Placed(int(row[0]), new=False)
            made = await connection.execute(
                """
                INSERT INTO halts (scope, scope_key, verb, reason, request) VALUES (%s, %s, %s, %s, %s) RETURNING id
                """,
                (scope.kind, scope.name, verb, storable(reason), request),
            )
            row = await made.fetchone()
            assert row is not None  # it was inserted just now
            await announce_halt(connection, scope.kind)
            return Placed(int(row[0]), new=True)

    async def release(self, scope: HaltScope, reason: str) -> int:
        """Release every halt of exactly this scope; wider and narrower ones stay. Returns how many there were."""
        async with self._database.transaction() as connection:
            changed = await connection.execute(
                """
                UPDATE halts SET released_at = now(), released_because = %s
                WHERE scope = %s AND scope_key = %s AND released_at IS NULL
                """,
                (storable(reason), scope.kind, scope.name),
            )
            if changed.rowcount:
                await announce_halt(connection, scope.kind)
            return changed.rowcount
