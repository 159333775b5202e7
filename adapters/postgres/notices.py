"""What the database tells its listeners at each commit: the channels, and who is meant."""

from adapters.postgres.database import Connection
from domain.ids import SessionKey

SESSIONS = "sniper_sessions"
"""Payload: the key of a session whose row changed."""
HALTS = "sniper_halts"
"""A halt was placed or released; payload: its scope."""


async def announce_session(connection: Connection, key: SessionKey) -> None:
    """Wake whoever watches the session; delivered when the transaction commits."""
    await connection.execute("SELECT pg_notify(%s, %s)", (SESSIONS, str(key)))


async def announce_halt(connection: Connection, scope: str) -> None:
    """Wake everybody; delivered when the transaction commits."""
    await connection.execute("SELECT pg_notify(%s, %s)", (HALTS, scope))
