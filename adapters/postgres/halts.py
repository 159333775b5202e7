"""Halts: nothing new is bought inside their scope until they are released. Each request counts once."""

from dataclasses import dataclass

from adapters.postgres.database import Connection, Database
from adapters.postgres.event_codec import storable
from adapters.postgres.notices import announce_halt
from domain.errors import InvalidInput
from domain.halts import HaltScope, HaltVerb

_ONE_AT_A_TIME = 7_221_902
"""Advisory lock: two equal presses at one instant must find each other's halt."""


@dataclass(frozen=True, slots=True)
class Placed:
    """new: this call made it. False: an equal halt held already, or the request was carried out before.

    holds: nothing has lifted it since; False only for a request that was carried out before.
    """

    number: int
    new: bool
    holds: bool = True


@dataclass(frozen=True, slots=True)
class Released:
    """count: how many halts the request lifted. new: False when it did so before, and nothing was lifted now."""

    count: int
    new: bool


class PostgresHalts:
    """Placing and releasing halts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def place(self, scope: HaltScope, verb: HaltVerb, reason: str, request: str) -> Placed:
        """Committed when this returns; every desk is told. One halt per scope and verb holds at a time, and one request
        places one. Raises InvalidInput for a request that has placed another one."""
        async with self._database.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_ONE_AT_A_TIME,))
            earlier = await _placed_by(connection, scope, verb, request)
            found = await connection.execute(
                """
                SELECT id FROM halts WHERE scope = %s AND scope_key = %s AND verb = %s AND released_at IS NULL
                ORDER BY id DESC LIMIT 1
                """,
                (scope.kind, scope.name, verb),
            )
            row = await found.fetchone()
            if row is not None:
                return Placed(int(row[0]), new=False)
            if earlier is not None:
                return Placed(earlier, new=False, holds=False)
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

    async def release(self, scope: HaltScope, reason: str, request: str) -> Released:
        """Release every halt of exactly this scope; wider and narrower ones stay. One request releases once, also one
        that found nothing. Raises InvalidInput for a request that has released another scope."""
        async with self._database.transaction() as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_ONE_AT_A_TIME,))
            earlier = await _released_by(connection, scope, request)
            if earlier is not None:
                return Released(earlier, new=False)
            changed = await connection.execute(
                """
                UPDATE halts SET released_at = now(), released_because = %s
                WHERE scope = %s AND scope_key = %s AND released_at IS NULL
                """,
                (storable(reason), scope.kind, scope.name),
            )
            await connection.execute(
                "INSERT INTO releases (request, scope, scope_key, released) VALUES (%s, %s, %s, %s)",
                (request, scope.kind, scope.name, changed.rowcount),
            )
            if changed.rowcount:
                await announce_halt(connection, scope.kind)
            return Released(changed.rowcount, new=True)


async def _placed_by(connection: Connection, scope: HaltScope, verb: HaltVerb, request: str) -> int | None:
    """The number of the halt that a request has placed."""
    found = await connection.execute("SELECT id, scope, scope_key, verb FROM halts WHERE request = %s", (request,))
    row = await found.fetchone()
    if row is None:
        return None
    if tuple(row[1:]) != (scope.kind, scope.name, verb):
        raise _used_otherwise(request)
    return int(row[0])


async def _released_by(connection: Connection, scope: HaltScope, request: str) -> int | None:
    """How many halts a request has lifted."""
    found = await connection.execute("SELECT released, scope, scope_key FROM releases WHERE request = %s", (request,))
    row = await found.fetchone()
    if row is None:
        return None
    if tuple(row[1:]) != (scope.kind, scope.name):
        raise _used_otherwise(request)
    return int(row[0])


def _used_otherwise(request: str) -> InvalidInput:
    return InvalidInput(
        "request",
        value=request,
        expected="a key that was not used for another scope",
        remedy="repeat it unchanged, or take another key",
    )
