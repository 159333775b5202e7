"""Fenced leases: one row per session with a rising token. Implements domain.ports.Leases; rules in domain/lease.py.

Ends are decided on the database's clock. A lease also ends when its holder is proven dead: see lease_locks.py.
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from adapters.postgres.database import Connection, Database
from adapters.postgres.journal import no_such_session
from adapters.postgres.lease_locks import LeaseLock
from domain.errors import LeaseLost
from domain.ids import SessionKey
from domain.lease import LeaseGrant
from domain.ports import Clock

WISH_LASTS_S = 2.0
"""A wish to take over is repeated every 0.2 s; one that is older has been given up."""


@dataclass(frozen=True, slots=True)
class _Held:
    """What this process knows of a lease it was granted. lock: None: another process had the file."""

    token: int
    lock: LeaseLock | None


class PostgresLeases:
    """Implements domain.ports.Leases. lock_folder: on this machine, shared by the processes of one SNIPER_HOME."""

    def __init__(self, database: Database, clock: Clock, lock_folder: Path) -> None:
        self._database = database
        self._clock = clock
        self._lock_folder = lock_folder
        self._held: dict[SessionKey, _Held] = {}

    async def acquire(self, key: SessionKey, holder: str, ttl_s: float) -> LeaseGrant | None:
        """The lease, or None while another holder's runs; the wish is recorded. Raises StoreUnavailable, and
        InvalidInput for a session that was never admitted."""
        asked_at = self._clock.boottime()
        own = self._held.get(key)
        own_lock = own.lock if own is not None else None
        # a lock that this process has already proves nothing: its earlier holder may live in this very process
        fresh = LeaseLock.try_take(self._lock_folder, key) if own_lock is None else None
        try:
            granted = await self._take(key, holder, ttl_s, fresh=fresh, lock=own_lock or fresh)
        except BaseException:
            _drop(fresh)
            raise
        if granted is None:
            _drop(fresh)
            return None
        token, previous_end = granted
        self._held[key] = _Held(token, own_lock or fresh)
        return LeaseGrant(token=token, asked_at=asked_at, ttl_s=ttl_s, previous_end=previous_end)

    async def renew(self, key: SessionKey, token: int, ttl_s: float) -> bool:
        """Move the end to ttl_s from now. True: somebody asked for the lease lately. Raises LeaseLost when the token
        is not the row's any more or the lease has ended already, StoreUnavailable."""
        held = self._held.get(key, _Held(token, None))
        if held.token != token:
            raise LeaseLost(f"the lease of {key} has gone from token {token} to {held.token} in this process")
        if held.lock is None:
            held = _Held(token, LeaseLock.try_take(self._lock_folder, key))
            self._held[key] = held
        async with self._database.transaction() as connection:
            found = await connection.execute(
                """
                UPDATE leases l
                SET expires_at = clock_timestamp() + %(ttl)s, lock_file = coalesce(%(lock_file)s, lock_file)
                FROM sessions s
                WHERE s.id = l.session_id AND s.account = %(account)s AND s.listing = %(listing)s
                  AND s.attempt = %(attempt)s
                  AND l.token = %(token)s AND NOT l.released AND l.expires_at > clock_timestamp()
                RETURNING coalesce(l.wanted_at > clock_timestamp() - %(wish)s, false)
                """,
                {
                    **_parts(key),
                    "token": token,
                    "ttl": timedelta(seconds=ttl_s),
                    "lock_file": _identity(held.lock),
                    "wish": timedelta(seconds=WISH_LASTS_S),
                },
            )
            row = await found.fetchone()
        if row is None:
            self._let_go(key, token)
            raise LeaseLost(f"the lease of {key} with token {token} has ended or has gone to a higher token")
        return bool(row[0])

    async def release(self, key: SessionKey, token: int) -> None:
        """Hand over with nothing in flight; idempotent. Raises StoreUnavailable: then the lease simply ends."""
        try:
            async with self._database.transaction() as connection:
                await connection.execute(
                    """
                    UPDATE leases l
                    SET released = true, expires_at = clock_timestamp(), lock_file = NULL
                    FROM sessions s
                    WHERE s.id = l.session_id AND s.account = %(account)s AND s.listing = %(listing)s
                      AND s.attempt = %(attempt)s AND l.token = %(token)s AND NOT l.released
                    """,
                    {**_parts(key), "token": token},
                )
        finally:
            self._let_go(key, token)  # after the row: whoever gets the file finds the hand-over

    async def _take(
        self, key: SessionKey, holder: str, ttl_s: float, *, fresh: LeaseLock | None, lock: LeaseLock | None
    ) -> tuple[int, float | None] | None:
        async with self._database.transaction() as connection:
            session = await _session(connection, key)
            found = await connection.execute(
                """
                SELECT token, released, lock_file, extract(epoch FROM clock_timestamp() - expires_at)::float8
                FROM leases WHERE session_id = %s FOR UPDATE
                """,
                (session,),
            )
            row = await found.fetchone()
            assert row is not None  # made by _session
            token, released, lock_file, ended_ago = row
            if token == 0 or released:
                previous_end = None
            elif ended_ago >= 0:
                previous_end = ended_ago
            elif fresh is not None and fresh.identity == lock_file:
                previous_end = 0.0  # the holder had this very file: the kernel has told its death
            else:
                await connection.execute(
                    "UPDATE leases SET wanted_by = %s, wanted_at = clock_timestamp() WHERE session_id = %s",
                    (holder, session),
                )
                self._forget_older(key, token)
                return None
            await connection.execute(
                """
                UPDATE leases
                SET token = token + 1, holder = %s, expires_at = clock_timestamp() + %s, released = false,
                    lock_file = %s, wanted_by = NULL, wanted_at = NULL
                WHERE session_id = %s
                """,
                (holder, timedelta(seconds=ttl_s), _identity(lock), session),
            )
            return token + 1, previous_end

    def _forget_older(self, key: SessionKey, token: int) -> None:
        """Drop the lock of a lease of this process that is over: the file belongs to whoever holds `token`."""
        held = self._held.get(key)
        if held is not None and held.token != token:
            self._let_go(key, held.token)

    def _let_go(self, key: SessionKey, token: int) -> None:
        held = self._held.get(key)
        if held is not None and held.token == token:
            del self._held[key]
            _drop(held.lock)


async def _session(connection: Connection, key: SessionKey) -> int:
    """The session's number; afterwards it has a lease row, of token 0 when nobody ever held it."""
    found = await connection.execute(
        "SELECT id FROM sessions WHERE account = %(account)s AND listing = %(listing)s AND attempt = %(attempt)s",
        _parts(key),
    )
    row = await found.fetchone()
    if row is None:
        raise no_such_session(key)
    await connection.execute(
        """
        INSERT INTO leases (session_id, token, holder, expires_at, released)
        VALUES (%s, 0, '', clock_timestamp(), true) ON CONFLICT (session_id) DO NOTHING
        """,
        (row[0],),
    )
    return int(row[0])


def _parts(key: SessionKey) -> dict[str, object]:
    return {"account": key.account, "listing": str(key.listing), "attempt": key.attempt}


def _identity(lock: LeaseLock | None) -> str | None:
    return None if lock is None else lock.identity


def _drop(lock: LeaseLock | None) -> None:
    if lock is not None:
        lock.drop()
