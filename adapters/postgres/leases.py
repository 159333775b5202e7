"""Fenced leases: one row per session with a rising token. Implements domain.ports.Leases; rules in domain/lease.py.

Ends are decided on the asking process' own clock, by watching the row: nobody who sets the database's clock ends or
prolongs a lease by it. A lease also ends when its holder is proven dead: see lease_locks.py.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from adapters.postgres.database import Connection, Database
from adapters.postgres.journal import lock_session, no_such_session
from adapters.postgres.lease_locks import LeaseLock
from domain.errors import LeaseLost, StoreUnavailable
from domain.ids import SessionKey
from domain.lease import LeaseGrant, has_run_out
from domain.ports import Clock

WISH_LASTS_S = 2.0
"""A wish to take over is repeated every 0.2 s; one that is older has been given up."""


@dataclass(frozen=True, slots=True)
class _Held:
    """What this process knows of a lease it was granted. lock: None: another process had the file.

    ends_at: second of our suspend-proof clock from which on nobody in this process trades by it.
    """

    token: int
    lock: LeaseLock | None
    ends_at: float


@dataclass(frozen=True, slots=True)
class _Watched:
    """Somebody's lease as this process saw it. since: second of our suspend-proof clock, after it was first seen so.

    expires_at: only that it is another one after each renewal counts, whatever time it tells.
    """

    token: int
    expires_at: datetime
    since: float


class PostgresLeases:
    """Implements domain.ports.Leases. lock_folder: on this machine, shared by the processes of one SNIPER_HOME."""

    def __init__(self, database: Database, clock: Clock, lock_folder: Path) -> None:
        self._database = database
        self._clock = clock
        self._lock_folder = lock_folder
        self._held: dict[SessionKey, _Held] = {}
        self._watched: dict[SessionKey, _Watched] = {}

    async def acquire(self, key: SessionKey, holder: str, ttl_s: float) -> LeaseGrant | None:
        """The lease, or None while another holder's runs or may run; the wish is recorded. Raises StoreUnavailable,
        and InvalidInput for a session that was never admitted."""
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
        token, clean = granted
        self._held[key] = _Held(token, own_lock or fresh, self._clock.boottime() + ttl_s)
        self._watched.pop(key, None)
        return LeaseGrant(token=token, asked_at=asked_at, ttl_s=ttl_s, clean=clean)

    async def renew(self, key: SessionKey, token: int, ttl_s: float) -> bool:
        """Move the end to ttl_s from now. True: somebody asked for the lease lately. Raises LeaseLost when the token
        is not the row's any more, StoreUnavailable."""
        asked_for = self._clock.boottime() + ttl_s
        before = self._held.get(key, _Held(token, None, asked_for))
        if before.token != token:
            raise LeaseLost(f"the lease of {key} has gone from token {token} to {before.token} in this process")
        before = replace(before, lock=before.lock or LeaseLock.try_take(self._lock_folder, key))
        held = self._held[key] = replace(before, ends_at=asked_for)
        try:
            wanted = await self._extend(key, token, ttl_s, held.lock)
        except StoreUnavailable:
            if self._held.get(key) is held:
                self._held[key] = before  # its holder trades on no answer that it did not get
            raise
        if wanted is None:
            self._let_go(key, token)
            raise LeaseLost(f"the lease of {key} with token {token} was let go or has gone to a higher token")
        return wanted

    async def _extend(self, key: SessionKey, token: int, ttl_s: float, lock: LeaseLock | None) -> bool | None:
        """Whether somebody asked for the lease lately; None: it is not this token's any more."""
        async with self._database.transaction() as connection:
            found = await connection.execute(
                """
                UPDATE leases l
                SET expires_at = clock_timestamp() + %(ttl)s, lock_file = coalesce(%(lock_file)s, lock_file)
                FROM sessions s
                WHERE s.id = l.session_id AND s.account = %(account)s AND s.listing = %(listing)s
                  AND s.attempt = %(attempt)s
                  AND l.token = %(token)s AND NOT l.released
                RETURNING coalesce(l.wanted_at > clock_timestamp() - %(wish)s, false)
                """,
                {
                    **_parts(key),
                    "token": token,
                    "ttl": timedelta(seconds=ttl_s),
                    "lock_file": _identity(lock),
                    "wish": timedelta(seconds=WISH_LASTS_S),
                },
            )
            row = await found.fetchone()
        return None if row is None else bool(row[0])

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
    ) -> tuple[int, bool] | None:
        """The new token, and whether it was handed over; None: somebody else may hold the lease."""
        async with self._database.transaction() as connection:
            session = await _session(connection, key)
            found = await connection.execute(
                "SELECT token, released, lock_file, expires_at FROM leases WHERE session_id = %s FOR UPDATE", (session,)
            )
            row = await found.fetchone()
            assert row is not None  # made by _session
            token, released, lock_file, expires_at = row
            clean = token == 0 or released
            dead = fresh is not None and fresh.identity == lock_file  # the holder had this very file: the kernel tells
            if not (clean or dead or self._has_ended(key, token, expires_at, ttl_s)):
                await connection.execute(
                    "UPDATE leases SET wanted_by = %s, wanted_at = clock_timestamp() WHERE session_id = %s",
                    (holder, session),
                )
                self._forget_older(key, token)
                return None
            # A desk's write that began under the old token ends first, and whoever takes over reads what it wrote.
            await lock_session(connection, key)
            await connection.execute(
                """
                UPDATE leases
                SET token = token + 1, holder = %s, expires_at = clock_timestamp() + %s, released = false,
                    lock_file = %s, wanted_by = NULL, wanted_at = NULL
                WHERE session_id = %s
                """,
                (holder, timedelta(seconds=ttl_s), _identity(lock), session),
            )
            return token + 1, clean

    def _has_ended(self, key: SessionKey, token: int, expires_at: datetime, ttl_s: float) -> bool:
        """Called with the row locked, so that no renewal comes between: whether nobody can trade by it any more."""
        now = self._clock.boottime()
        own = self._held.get(key)
        if own is not None and own.token == token:
            return now >= own.ends_at
        seen = self._watched.get(key)
        if seen is None or (seen.token, seen.expires_at) != (token, expires_at):
            seen = self._watched[key] = _Watched(token, expires_at, now)
        return has_run_out(now - seen.since, ttl_s)

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
