"""What workers tell of the venue, and what is read of it."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from adapters.clock import SystemClock
from adapters.postgres.database import Database
from adapters.postgres.venue_access import TOLD_LATELY, PostgresVenueAccess, told_lately
from domain.venue_access import Trouble, Use, VenueAccess

pytestmark = pytest.mark.postgres


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url) as database:
        yield database


ACCESS = VenueAccess(
    budget="cut off",
    why="refused",
    uses=(Use("weight", 3, 300),),
    paused_s=1.5,
    troubles=(Trouble("orders", 5, None),),
    exit_wait_ms=None,
    clock_bound_ms=0.25,
    jumps=("venue +0.500 s, noticed 3 s ago",),
)


async def test_what_a_worker_told_last_is_read_back(database: Database) -> None:
    """One row per worker, overwritten; by name."""
    seen = iter((ACCESS, ACCESS, VenueAccess("shared", "", (), 0.0, (), 1.0, None, ())))
    fire = PostgresVenueAccess(database, SystemClock(), "fire@host:1", lambda: next(seen))
    guard = PostgresVenueAccess(database, SystemClock(), "guard@host:2", lambda: next(seen))
    await guard.tell()
    await fire.tell()
    await fire.tell()

    async with database.transaction() as connection:
        told = await told_lately(connection)

    assert [one.worker for one in told] == ["fire@host:1", "guard@host:2"]
    assert told[0].access.budget == "shared"
    assert told[1].access == ACCESS


async def test_a_worker_that_fell_silent_is_not_told_of(database: Database) -> None:
    """Its last word would pass for the present; after an hour it is forgotten."""
    other = PostgresVenueAccess(database, SystemClock(), "fire@host:1", lambda: ACCESS)
    await other.tell()
    async with database.transaction() as connection:
        await connection.execute("UPDATE venue_access SET told_at = told_at - %s", (TOLD_LATELY,))
        lately = await told_lately(connection)
        await connection.execute("UPDATE venue_access SET told_at = told_at - %s", (timedelta(hours=1),))
    await PostgresVenueAccess(database, SystemClock(), "guard@host:2", lambda: ACCESS).tell()

    async with database.transaction() as connection:
        kept = await (await connection.execute("SELECT worker FROM venue_access")).fetchall()
    assert lately == ()
    assert kept == [("guard@host:2",)]


async def test_it_tells_by_itself_while_open(database: Database) -> None:
    """At once, so that a fresh worker is seen."""
    async with PostgresVenueAccess(database, SystemClock(), "fire@host:1", lambda: ACCESS):
        for _ in range(500):
            async with database.transaction() as connection:
                if told := await told_lately(connection):
                    break

    assert [one.worker for one in told] == ["fire@host:1"]
