"""Writing a session's journal: each event once, in one order, together with what it changes."""

from collections.abc import Sequence

import structlog
from psycopg.types.json import Jsonb

from adapters.postgres.database import Connection
from adapters.postgres.event_codec import event_of, key_of, kind_of, payload_of, policy_json, start_of
from adapters.postgres.notices import announce_session
from adapters.postgres.projection import project
from domain.errors import InvalidInput, LeaseLost
from domain.events import Event
from domain.ids import SessionKey
from domain.lease import needs_lease
from domain.session import Phase

log = structlog.get_logger()


async def append(connection: Connection, key: SessionKey, events: Sequence[Event], token: int | None = None) -> int:
    """Write the events that are not there yet and carry them out; returns how many that were.

    token: of the lease under which a desk writes; None: the writer is no desk. Raises LeaseLost."""
    session = await lock_session(connection, key)
    new = await _new(connection, session, events)
    if not new:
        return 0
    if token is not None and any(needs_lease(event) for event in new.values()):
        await _check_lease(connection, session, key, token)
    found = await connection.execute(
        "SELECT clock_timestamp(), coalesce(max(seq), 0) FROM events WHERE session_id = %s", (session,)
    )
    row = await found.fetchone()
    assert row is not None  # an aggregate always answers
    at, last = row
    rows = [
        (session, last + number, name, kind_of(event), at, payload_of(event))
        for number, (name, event) in enumerate(new.items(), start=1)
    ]
    async with connection.cursor() as cursor:
        await cursor.executemany(
            "INSERT INTO events (session_id, seq, key, kind, at, payload) VALUES (%s, %s, %s, %s, %s, %s)", rows
        )
    changed = [await project(connection, session, at, event) for event in new.values()]
    await connection.execute("UPDATE sessions SET updated_at = %s WHERE id = %s", (at, session))
    if any(changed):
        await announce_session(connection, key)
    return len(new)


async def rebuild(connection: Connection, key: SessionKey) -> None:
    """Make the session's projections again from what it was admitted with and from its journal."""
    session = await lock_session(connection, key)
    await _as_admitted(connection, session)
    for table in ("DELETE FROM intents", "DELETE FROM orders", "DELETE FROM fills"):
        await connection.execute(f"{table} WHERE session_id = %s", (session,))
    found = await connection.execute(
        "SELECT kind, payload, at FROM events WHERE session_id = %s ORDER BY seq", (session,)
    )
    for kind, payload, at in await found.fetchall():
        await project(connection, session, at, event_of(kind, payload))
        await connection.execute("UPDATE sessions SET updated_at = %s WHERE id = %s", (at, session))
    await announce_session(connection, key)


async def lock_session(connection: Connection, key: SessionKey) -> int:
    """The session's number; its row is ours until the transaction ends. Raises InvalidInput when there is none."""
    found = await connection.execute(
        "SELECT id FROM sessions WHERE account = %s AND listing = %s AND attempt = %s FOR NO KEY UPDATE",
        (key.account, str(key.listing), key.attempt),
    )
    row = await found.fetchone()
    if row is None:
        raise no_such_session(key)
    return int(row[0])


def no_such_session(key: SessionKey) -> InvalidInput:
    """The one line for a key under which nothing was admitted."""
    return InvalidInput(
        "session", value=str(key), expected="a session that was admitted", remedy="`sniper sessions` lists them"
    )


async def _check_lease(connection: Connection, session: int, key: SessionKey, token: int) -> None:
    """Nobody takes the lease before this transaction ends: that needs the session's row, which is ours."""
    found = await connection.execute("SELECT token FROM leases WHERE session_id = %s", (session,))
    row = await found.fetchone()
    if row is not None and row[0] > token:
        raise LeaseLost(f"the lease of {key} has gone from token {token} to {row[0]}")


async def _new(connection: Connection, session: int, events: Sequence[Event]) -> dict[str, Event]:
    """Events by key, without those that are there; of two with one key the first. The lock keeps the answer true."""
    offered: dict[str, Event] = {}
    for event in events:
        offered.setdefault(key_of(event), event)
    found = await connection.execute(
        "SELECT key FROM events WHERE session_id = %s AND key = ANY(%s)", (session, list(offered))
    )
    there = {row[0] for row in await found.fetchall()}
    return {name: event for name, event in offered.items() if name not in there}


async def _as_admitted(connection: Connection, session: int) -> None:
    found = await connection.execute("SELECT start FROM sessions WHERE id = %s", (session,))
    row = await found.fetchone()
    assert row is not None  # its row is locked
    start = start_of(row[0])
    policy: Jsonb = policy_json(start.policy)
    await connection.execute(
        """
        UPDATE sessions
        SET symbol = %s, opens_at = %s, policy = %s, phase = %s, policy_revision = 0, aborting = false,
            outcome = NULL, reason = '', coin_before = NULL, entry_ended = false, entry_result = '', entry_reason = '',
            attention = '', spent = NULL, received = NULL, fees = NULL, fee_coin = NULL, result = NULL, dust = NULL,
            updated_at = created_at, closed_at = NULL
        WHERE id = %s
        """,
        (start.symbol, start.opens_at, policy, Phase.PREPARING, session),
    )
