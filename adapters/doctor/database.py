"""The database: does it answer, has it our newest tables, which sessions need a human, what is halted."""

import asyncio

import psycopg

from adapters.doctor import judging, judging_venue
from adapters.doctor.findings import Verdict, error, refused
from adapters.doctor.latency import fastest_ms
from adapters.postgres.address import is_refusal, shown
from adapters.postgres.database import Connection, Database
from adapters.postgres.venue_access import told_lately
from domain.errors import InvalidInput, StoreUnavailable


class DatabaseProbes:
    """Questions to one database, until `close`. `server` comes first. cure: where to look when it does not answer."""

    def __init__(self, url: str, *, cure: str) -> None:
        self._url = url
        self._cure = cure
        self._opened: Database | None = None

    async def close(self) -> None:
        """Let go of the connections; idempotent."""
        if self._opened is not None:
            await self._opened.close()

    async def server(self) -> Verdict:
        """Is it there, and what is it?"""
        try:
            self._opened = Database(self._url, name="sniper-doctor", connections=3)
            async with self._opened.transaction() as connection:
                latency_ms = await fastest_ms(lambda: connection.execute("SELECT 1"))
                return judging.database(connection.info.server_version, latency_ms)
        except StoreUnavailable as exc:
            return self._unreachable(exc)
        except InvalidInput as exc:  # a text that is no address
            return refused([exc], gone=_GONE)

    async def migrations(self) -> Verdict:
        """Is its schema the one this version works with?"""
        head, known = await asyncio.to_thread(_revisions)
        async with self._database.transaction() as connection:
            return judging.migrations(await _current(connection), head, known)

    async def attention(self) -> Verdict:
        """Open sessions that wait for a human, the newest first; a closed one keeps its text and waits for nobody."""
        async with self._database.transaction() as connection:
            found = await connection.execute(
                "SELECT account || '/' || listing || '/' || attempt, attention FROM sessions"
                " WHERE attention <> '' AND phase <> 'closed' ORDER BY id DESC"
            )
            return judging.attention(dict(await found.fetchall()))

    async def halts(self) -> Verdict:
        """What must not be bought now, the newest first."""
        async with self._database.transaction() as connection:
            found = await connection.execute(
                "SELECT trim(scope || ' ' || scope_key), reason FROM halts WHERE released_at IS NULL ORDER BY id DESC"
            )
            return judging.halts(await found.fetchall())

    async def venue_access(self) -> Verdict:
        """How the workers get on with the venue, as they told lately."""
        async with self._database.transaction() as connection:
            told = await told_lately(connection)
        return judging_venue.access({one.worker: one.access for one in told})

    def _unreachable(self, exc: StoreUnavailable) -> Verdict:
        cause = exc.__cause__
        said = isinstance(cause, psycopg.OperationalError) and is_refusal(cause)
        reason = " ".join(str(cause or exc).split(_LIBPQ_GUESS)[0].split())
        return error(
            f"{shown(self._url)} {'refuses us' if said else 'does not answer'}: {reason}",
            expected="a Postgres that answers and lets us in",
            remedy=self._cure,
            gone=_GONE,
        )

    @property
    def _database(self) -> Database:
        assert self._opened is not None, "`server` is asked first"
        return self._opened


_GONE = "database is not reachable"
_LIBPQ_GUESS = "Is the server running"
"""How the library's own advice begins; ours follows."""


def _revisions() -> tuple[str, frozenset[str]]:
    """The newest revision of this version, and all it knows."""
    from alembic.script import ScriptDirectory  # late: takes longer to import than everything else here

    from adapters.postgres.migrate import configuration

    script = ScriptDirectory.from_config(configuration())
    return str(script.get_current_head()), frozenset(one.revision for one in script.walk_revisions())


async def _current(connection: Connection) -> str | None:
    there = await (await connection.execute("SELECT to_regclass('alembic_version') IS NOT NULL")).fetchone()
    if there != (True,):
        return None
    row = await (await connection.execute("SELECT version_num FROM alembic_version")).fetchone()
    return None if row is None else str(row[0])
