"""Halts: nothing new is bought inside their scope until they are released."""

from typing import Literal

from adapters.postgres.database import Database
from adapters.postgres.event_codec import storable
from adapters.postgres.notices import announce_halt
from domain.ids import SessionKey

Verb = Literal["halt", "halt_and_cancel", "flatten"]


class PostgresHalts:
    """Placing and releasing halts. A scope is everything (None), an account's name, or a session's key."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def place(self, scope: str | SessionKey | None, verb: Verb, reason: str) -> int:
        """Committed when this returns; every desk is told. Returns the halt's number."""
        kind, name = _named(scope)
        async with self._database.transaction() as connection:
            found = await connection.execute(
                "INSERT INTO halts (scope, scope_key, verb, reason) VALUES (%s, %s, %s, %s) RETURNING id",
                (kind, name, verb, storable(reason)),
            )
            row = await found.fetchone()
            assert row is not None  # it was inserted just now
            await announce_halt(connection, kind)
            return int(row[0])

    async def release(self, scope: str | SessionKey | None) -> int:
        """Release every halt of exactly this scope; wider and narrower ones stay. Returns how many there were."""
        kind, name = _named(scope)
        async with self._database.transaction() as connection:
            changed = await connection.execute(
                "UPDATE halts SET released_at = now() WHERE scope = %s AND scope_key = %s AND released_at IS NULL",
                (kind, name),
            )
            if changed.rowcount:
                await announce_halt(connection, kind)
            return changed.rowcount


def _named(scope: str | SessionKey | None) -> tuple[str, str]:
    if scope is None:
        return "everything", ""
    return ("session", str(scope)) if isinstance(scope, SessionKey) else ("account", scope)
