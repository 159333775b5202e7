"""Listings and what targets want of them: implements domain.ports.ListingBook."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from psycopg.rows import kwargs_row

from adapters.postgres import rows
from adapters.postgres.admission import next_attempt
from adapters.postgres.database import Connection, Database
from adapters.postgres.event_codec import policy_of
from domain.commands import NewSession, StartSnipe
from domain.ids import ListingKey, SessionKey
from domain.listings import Listing
from domain.policy import LONGEST_LATE_ENTRY_S
from domain.session import SessionRecord

CHANGES_AT_ONCE = 500
"""One answer of `changes` stays small enough for a workflow's history; the cursor asks for the rest."""


class PostgresListingBook:
    """Implements domain.ports.ListingBook."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sight(self, source: str, listings: Sequence[Listing]) -> None:
        """Record sightings; a changed opening time or name raises the listing's revision."""
        seen = {str(listing.key): listing for listing in listings}  # one statement may touch a row once
        if not seen:
            return
        names = list(seen)
        symbols = [listing.symbol for listing in seen.values()]
        openings = [listing.opens_at for listing in seen.values()]
        async with self._database.transaction() as connection:
            # one writer at a time: cursors skip nothing only when changes are numbered in the order of their commits
            await connection.execute("LOCK TABLE listings IN SHARE ROW EXCLUSIVE MODE")
            await connection.execute(
                """
                INSERT INTO listings AS known (key, symbol, opens_at, revision, change)
                SELECT key, symbol, opens_at, 1, nextval('listing_changes')
                FROM unnest(%s::text[], %s::text[], %s::timestamptz[]) AS seen (key, symbol, opens_at)
                ON CONFLICT (key) DO UPDATE
                SET symbol = excluded.symbol, opens_at = excluded.opens_at, revision = known.revision + 1,
                    change = excluded.change
                WHERE (known.symbol, known.opens_at) IS DISTINCT FROM (excluded.symbol, excluded.opens_at)
                """,
                (names, symbols, openings),
            )
            await connection.execute(
                """
                INSERT INTO sightings (source, listing, symbol, opens_at, digest)
                SELECT %s, listing, symbol, opens_at, digest
                FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::text[])
                    AS seen (listing, symbol, opens_at, digest)
                ON CONFLICT (digest) DO NOTHING
                """,
                (source, names, symbols, openings, [_digest(source, listing) for listing in seen.values()]),
            )

    async def changes(self, after: int) -> tuple[tuple[Listing, ...], int]:
        """Listings new or changed since cursor `after` (0: ever), oldest change first, and the next cursor."""
        async with self._database.transaction() as connection:
            found = await connection.execute(
                """
                SELECT key, symbol, opens_at, revision, change FROM listings
                WHERE change > %s ORDER BY change LIMIT %s
                """,
                (after, CHANGES_AT_ONCE),
            )
            changed = await found.fetchall()
        listings = tuple(
            rows.listing(key=key, symbol=symbol, opens_at=opens_at, revision=revision)
            for key, symbol, opens_at, revision, _ in changed
        )
        return listings, int(changed[-1][4]) if changed else after

    async def wanted(self, listing: Listing) -> tuple[NewSession, ...]:
        """Sessions that waiting targets want of a listing and that do not exist yet.

        A target is meant by the listing's key, or by the exchange and the pair's name while the coin's id was not
        known. It waits on while its account has an unclosed session for the pair: nothing is bought twice at once.
        """
        async with self._database.transaction() as connection:
            found = await connection.execute(
                """
                SELECT t.id, t.account, t.listing, t.symbol, t.policy, t.opens_at
                FROM targets t
                WHERE t.status = 'waiting'
                  AND (t.listing = %(key)s OR (t.symbol = %(symbol)s AND t.listing LIKE %(of_exchange)s))
                  AND NOT EXISTS (
                      SELECT FROM sessions s
                      WHERE s.account = t.account AND s.phase <> 'closed'
                        AND (s.listing = t.listing OR s.symbol = %(symbol)s)
                  )
                ORDER BY t.id
                """,
                _meant(listing),
            )
            waiting = {row[1]: row for row in reversed(await found.fetchall())}  # per account the oldest one
            return tuple([await _session(connection, listing, *row) for row in waiting.values()])

    async def upcoming(self) -> tuple[Listing, ...]:
        """By the database's clock, soonest first."""
        async with (
            self._database.transaction() as connection,
            connection.cursor(row_factory=kwargs_row(rows.listing)) as cursor,
        ):
            await cursor.execute(
                "SELECT key, symbol, opens_at, revision FROM listings "
                "WHERE opens_at > now() - %s ORDER BY opens_at, key",
                (timedelta(seconds=LONGEST_LATE_ENTRY_S),),
            )
            return tuple(await cursor.fetchall())

    async def sessions_of(self, listing: Listing) -> tuple[SessionRecord, ...]:
        """Unclosed sessions of a listing whose target left the opening time to the sources."""
        async with (
            self._database.transaction() as connection,
            connection.cursor(row_factory=kwargs_row(rows.record)) as cursor,
        ):
            await cursor.execute(
                rows.SELECT_RECORD
                + """
                JOIN targets t ON t.id = s.target_id
                WHERE s.phase <> 'closed' AND t.opens_at IS NULL
                  AND (s.listing = %(key)s OR (s.symbol = %(symbol)s AND s.listing LIKE %(of_exchange)s))
                ORDER BY s.id
                """,
                _meant(listing),
            )
            return tuple(await cursor.fetchall())


async def _session(
    connection: Connection,
    listing: Listing,
    target: int,
    account: str,
    listing_key: str,
    symbol: str,
    policy: object,
    opens_at: datetime | None,
) -> NewSession:
    """The target's own listing key is kept, so that attempts go on counting where the operator's began."""
    own = ListingKey.parse(listing_key)
    key = SessionKey(account, own, await next_attempt(connection, account, own))
    while await _is_taken(connection, key.workflow_id):  # by a session that somebody started under another one's id
        key = SessionKey(account, own, key.attempt + 1)
    start = StartSnipe(key, symbol, opens_at or listing.opens_at, policy_of(policy))
    return NewSession(start, key.workflow_id, target)


async def _is_taken(connection: Connection, workflow_id: str) -> bool:
    found = await connection.execute("SELECT FROM sessions WHERE workflow_id = %s", (workflow_id,))
    return found.rowcount > 0


def _meant(listing: Listing) -> dict[str, str]:
    exchange = listing.key.exchange.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return {"key": str(listing.key), "symbol": listing.symbol, "of_exchange": f"{exchange}:%"}


def _digest(source: str, listing: Listing) -> str:
    told = f"{source}|{listing.key}|{listing.symbol}|{listing.opens_at.timestamp()}"
    return hashlib.sha256(told.encode()).hexdigest()
