"""The transactional side of sessions: admission, reservations, notices. Implements domain.ports.Sessions."""

from datetime import timedelta
from decimal import Decimal

from psycopg.rows import kwargs_row

from adapters.postgres import rows
from adapters.postgres.database import Connection, Database
from adapters.postgres.event_codec import policy_json, start_json, storable
from adapters.postgres.journal import lock_session, no_such_session
from adapters.postgres.notices import announce_session
from adapters.postgres.targets import lock_account, refuse_wanted
from domain.commands import NewSession
from domain.errors import InvalidInput, TryAgain
from domain.ids import ListingKey, SessionKey
from domain.money import NO_QUOTE, Quote
from domain.risk import MAX_SESSIONS
from domain.session import LooseEnds, Phase, SessionRecord

SPENT_IS_SEEN_AFTER = timedelta(minutes=1)
"""What an ended entry cost is missing from `free` by then: a balance is read less than half a minute before it is
reserved from, and the venue may tell it late."""
_RESERVED_BY_OTHERS = """
    SELECT coalesce(sum(r.amount), 0) FROM reservations r JOIN sessions s ON s.id = r.session_id
    WHERE r.account = %(account)s AND r.asset = %(asset)s AND r.released_at IS NULL AND r.session_id <> %(session)s
      AND (
          NOT s.entry_ended
          OR EXISTS (
              SELECT FROM events e
              WHERE e.session_id = s.id AND e.kind = 'entry_ended' AND e.at > now() - %(seen_after)s
          )
          OR EXISTS (
              SELECT FROM intents i
              LEFT JOIN orders o ON o.session_id = i.session_id AND o.client_order_id = i.client_order_id
              WHERE i.session_id = s.id AND i.leg = 'entry'
                AND CASE WHEN o.order_id IS NULL THEN i.settled_as IS NULL ELSE NOT o.final END
          )
      )
"""
"""Of sessions that may still spend what is free now. What the others spent is gone from `free` already, and would be
counted twice; what they did not spend, they never will."""


class PostgresSessions:
    """Implements domain.ports.Sessions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def admit(self, new: NewSession) -> SessionRecord:
        """Insert target and session, or find the session that is there under this key.

        Raises InvalidInput when the key belongs to another workflow, and for a new session when a target of the account
        waits for its pair or another session of it is open: that one would buy the pair too. Raises TryAgain when its
        target was withdrawn meanwhile.
        """
        async with self._database.transaction() as connection:
            await lock_account(connection, new.start.key.account)
            there = await _workflow_of(connection, new.start.key)
            if there is None:
                await _insert(connection, new)
            elif there != new.workflow_id:
                raise await _belongs_to_another(connection, new, there)
            return await _record(connection, new.start.key)

    async def next_attempt(self, account: str, listing: ListingKey) -> int:
        """The attempt that arming this listing on this account would take now; counted from 1."""
        async with self._database.transaction() as connection:
            return await next_attempt(connection, account, listing)

    async def reserve(self, key: SessionKey, amount: Quote, free: Quote) -> Quote:
        """Set `amount` aside when `free` minus the account's other reservations in the same asset allows it; those of
        sessions that cannot buy any more do not count.

        Returns what was free before; less than `amount` means: not reserved. A second call changes nothing: it
        answers at least `amount` while the reservation holds, and zero once it was released. Raises TryAgain when
        sessions that were prepared at once have taken the last place.
        """
        async with self._database.transaction() as connection:
            await lock_account(connection, key.account)
            session = await lock_session(connection, key)
            found = await connection.execute(
                "SELECT released_at IS NULL FROM reservations WHERE session_id = %s", (session,)
            )
            own = await found.fetchone()
            if own == (False,):
                return NO_QUOTE
            found = await connection.execute(
                _RESERVED_BY_OTHERS,
                {
                    "account": key.account,
                    "asset": key.listing.quote,
                    "session": session,
                    "seen_after": SPENT_IS_SEEN_AFTER,
                },
            )
            row = await found.fetchone()
            assert row is not None  # an aggregate always answers
            unreserved = Quote(free - Decimal(row[0]))
            if own is not None:
                return max(unreserved, amount)
            if await _open_count(connection, key.account, key) >= MAX_SESSIONS:
                raise TryAgain(f"{MAX_SESSIONS} sessions of {key.account} are open by now")
            if unreserved >= amount:
                await connection.execute(
                    "INSERT INTO reservations (session_id, account, asset, amount) VALUES (%s, %s, %s, %s)",
                    (session, key.account, key.listing.quote, amount),
                )
            return unreserved

    async def release(self, key: SessionKey) -> Quote:
        """Give the reservation back; returns what was reserved, zero the second time."""
        async with self._database.transaction() as connection:
            await lock_account(connection, key.account)
            session = await lock_session(connection, key)
            found = await connection.execute(
                """
                UPDATE reservations SET released_at = now()
                WHERE session_id = %s AND released_at IS NULL RETURNING amount
                """,
                (session,),
            )
            row = await found.fetchone()
            return NO_QUOTE if row is None else Quote(row[0])

    async def unclosed(self) -> tuple[SessionRecord, ...]:
        """All sessions that are not closed, oldest first."""
        async with (
            self._database.transaction() as connection,
            connection.cursor(row_factory=kwargs_row(rows.record)) as cursor,
        ):
            await cursor.execute(rows.SELECT_RECORD + "WHERE s.phase <> 'closed' ORDER BY s.id")
            return tuple(await cursor.fetchall())

    async def open_count(self, account: str, besides: SessionKey | None = None) -> int:
        """Unclosed sessions of an account that hold a reservation, `besides` left out."""
        async with self._database.transaction() as connection:
            return await _open_count(connection, account, besides)

    async def loose_ends(self, key: SessionKey) -> LooseEnds:
        """Whether a desk may still act, what was set aside, and the last lease's token. A lease counts until it was let
        go: whether one that is not renewed has ended is decided by whoever takes it over, on a clock of its own. Raises
        InvalidInput for a session never admitted."""
        async with self._database.transaction() as connection:
            session = await lock_session(connection, key)
            found = await connection.execute(
                """
                SELECT EXISTS (SELECT FROM leases WHERE session_id = %(session)s AND token > 0 AND NOT released),
                       coalesce((SELECT amount FROM reservations WHERE session_id = %(session)s), 0),
                       coalesce((SELECT token FROM leases WHERE session_id = %(session)s), 0)
                """,
                {"session": session},
            )
            row = await found.fetchone()
            assert row is not None  # one row whatever is there
            return LooseEnds(led=bool(row[0]), reserved=Quote(row[1]), token=row[2])

    async def notify(self, key: SessionKey, severity: str, text: str) -> None:
        """A notice for people: one per session and text. Raises InvalidInput for a session never admitted."""
        async with self._database.transaction() as connection:
            found = await connection.execute(
                """
                INSERT INTO outbox (session_id, severity, text)
                SELECT id, %s, %s FROM sessions WHERE account = %s AND listing = %s AND attempt = %s
                ON CONFLICT (session_id, md5(text)) DO NOTHING
                """,
                (storable(severity), storable(text), key.account, str(key.listing), key.attempt),
            )
            if found.rowcount == 0 and await _workflow_of(connection, key) is None:
                raise no_such_session(key)


async def next_attempt(connection: Connection, account: str, listing: ListingKey) -> int:
    """The attempt that arming this listing on this account would take now; counted from 1."""
    found = await connection.execute(
        "SELECT coalesce(max(attempt), 0) + 1 FROM sessions WHERE account = %s AND listing = %s",
        (account, str(listing)),
    )
    row = await found.fetchone()
    assert row is not None  # an aggregate always answers
    return int(row[0])


async def _open_count(connection: Connection, account: str, besides: SessionKey | None) -> int:
    found = await connection.execute(
        """
        SELECT count(*) FROM reservations r JOIN sessions s ON s.id = r.session_id
        WHERE r.account = %s AND r.released_at IS NULL AND s.phase <> 'closed'
          AND (s.listing, s.attempt) IS DISTINCT FROM (%s::text, %s::integer)
        """,
        (account, *((None, None) if besides is None else (str(besides.listing), besides.attempt))),
    )
    row = await found.fetchone()
    assert row is not None  # an aggregate always answers
    return int(row[0])


async def _insert(connection: Connection, new: NewSession) -> None:
    start = new.start
    target = new.target_id
    if target is None:
        await refuse_wanted(connection, start.key.account, start.key.listing, start.symbol)
        found = await connection.execute(
            """
            INSERT INTO targets (account, listing, symbol, policy, opens_at, status)
            VALUES (%s, %s, %s, %s, %s, 'taken') RETURNING id
            """,
            (start.key.account, str(start.key.listing), start.symbol, policy_json(start.policy), start.opens_at),
        )
        row = await found.fetchone()
        assert row is not None  # it was inserted just now
        target = int(row[0])
    else:
        await _take_target(connection, target)
    found = await connection.execute(
        """
        INSERT INTO sessions
            (account, listing, attempt, target_id, workflow_id, start, symbol, phase, opens_at, policy, created_at,
             updated_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, now(), now())
        ON CONFLICT (workflow_id) DO NOTHING
        """,
        (
            start.key.account,
            str(start.key.listing),
            start.key.attempt,
            target,
            new.workflow_id,
            start_json(start),
            start.symbol,
            Phase.PREPARING,
            start.opens_at,
            policy_json(start.policy),
        ),
    )
    if found.rowcount == 0:
        raise InvalidInput(
            "workflow",
            value=new.workflow_id,
            expected=f"the workflow of {start.key} alone",
            remedy=f"start it as {start.key.workflow_id!r}",
        )
    await announce_session(connection, start.key)


async def _take_target(connection: Connection, target: int) -> None:
    found = await connection.execute("SELECT status FROM targets WHERE id = %s FOR UPDATE", (target,))
    row = await found.fetchone()
    if row is None:
        raise InvalidInput(
            "target", value=target, expected="a target that exists", remedy="`sniper targets` lists them"
        )
    if row == ("withdrawn",):
        raise TryAgain(f"target {target} was withdrawn, no session is made for it")
    await connection.execute("UPDATE targets SET status = 'taken' WHERE id = %s", (target,))


async def _workflow_of(connection: Connection, key: SessionKey) -> str | None:
    found = await connection.execute(
        "SELECT workflow_id FROM sessions WHERE account = %s AND listing = %s AND attempt = %s",
        (key.account, str(key.listing), key.attempt),
    )
    row = await found.fetchone()
    return None if row is None else str(row[0])


async def _belongs_to_another(connection: Connection, new: NewSession, there: str) -> InvalidInput:
    key = new.start.key
    following = await next_attempt(connection, key.account, key.listing)
    return InvalidInput(
        "session",
        value=str(key),
        expected=f"a key that is free or belongs to {new.workflow_id!r}; it belongs to {there!r}",
        remedy=f"take attempt {following}",
    )


async def _record(connection: Connection, key: SessionKey) -> SessionRecord:
    async with connection.cursor(row_factory=kwargs_row(rows.record)) as cursor:
        await cursor.execute(
            rows.SELECT_RECORD + "WHERE s.account = %s AND s.listing = %s AND s.attempt = %s",
            (key.account, str(key.listing), key.attempt),
        )
        record = await cursor.fetchone()
    assert record is not None  # found or inserted in this transaction
    return record
