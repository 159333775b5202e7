"""When a lease has ended for whom, whatever the database's clock says."""

import asyncio
from time import monotonic

import psycopg
import pytest

from adapters.postgres.database import Database
from adapters.postgres.leases import PostgresLeases
from domain.errors import LeaseLost, StoreUnavailable
from domain.lease import LeaseGrant
from tests.adapters.postgres.lease_makers import LONG_S, SHORT_S, take_over, taken
from tests.builders import KEY

pytestmark = pytest.mark.postgres


async def test_an_ended_lease_goes_to_the_next_and_its_holder_is_told(
    first: PostgresLeases, elsewhere: PostgresLeases
) -> None:
    """Another machine that saw it stand still takes over, not cleanly; the old token is worth nothing."""
    grant = await taken(first, ttl_s=SHORT_S)
    refused = await elsewhere.acquire(KEY, "second", SHORT_S)
    await asyncio.sleep(SHORT_S * 1.5)
    following = await elsewhere.acquire(KEY, "second", SHORT_S)
    with pytest.raises(LeaseLost):
        await first.renew(KEY, grant.token, SHORT_S)
    await first.release(KEY, grant.token)

    assert refused is None
    assert following is not None
    assert following.token == grant.token + 1
    assert not following.clean
    assert await elsewhere.renew(KEY, following.token, SHORT_S) is False


async def test_whoever_sees_a_lease_for_the_first_time_waits_as_long_as_it_may_last(
    first: PostgresLeases, elsewhere: PostgresLeases
) -> None:
    """However old it looks: only what was watched on a clock of one's own is known to have ended."""
    await taken(first, ttl_s=SHORT_S)
    await asyncio.sleep(SHORT_S * 1.5)
    refused = await elsewhere.acquire(KEY, "second", SHORT_S)
    _, waited_s = await take_over(elsewhere, monotonic(), SHORT_S)

    assert refused is None
    assert waited_s > SHORT_S * 0.9


async def test_a_lease_that_is_renewed_is_never_taken(first: PostgresLeases, elsewhere: PostgresLeases) -> None:
    """Each renewal that is seen begins the watching anew."""
    grant = await taken(first, ttl_s=SHORT_S)
    answers: list[LeaseGrant | None] = []
    for _ in range(10):
        answers.append(await elsewhere.acquire(KEY, "second", SHORT_S))
        await first.renew(KEY, grant.token, SHORT_S)
        await asyncio.sleep(SHORT_S / 4)

    assert answers == [None] * 10


async def test_a_process_takes_its_own_lease_again_once_it_has_ended_here(first: PostgresLeases) -> None:
    """After the store was away it knows itself that nobody here trades by it; but not that nothing is in flight."""
    grant = await taken(first, ttl_s=SHORT_S)
    await first.renew(KEY, grant.token, SHORT_S)
    await asyncio.sleep(SHORT_S * 1.1)
    again = await first.acquire(KEY, "first", SHORT_S)

    assert again is not None
    assert (again.token, again.clean) == (grant.token + 1, False)


async def test_a_renewal_that_the_store_did_not_answer_prolongs_nothing(
    first: PostgresLeases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its holder does not count on it either, so that the process need not wait for it."""
    grant = await taken(first, ttl_s=SHORT_S)
    with monkeypatch.context() as patched:
        patched.setattr(first, "_database", Database("postgresql://127.0.0.1:1/nowhere"))
        with pytest.raises(StoreUnavailable):
            await first.renew(KEY, grant.token, LONG_S)
    await asyncio.sleep(SHORT_S)

    assert await first.acquire(KEY, "first", SHORT_S) is not None


async def test_a_database_clock_that_is_set_ahead_ends_no_lease(
    first: PostgresLeases, elsewhere: PostgresLeases, database_url: str
) -> None:
    """Its holder lives and trades on: nobody gets the session beside it, and it goes on renewing."""
    grant = await taken(first)
    seen = await elsewhere.acquire(KEY, "second", LONG_S)
    set_clock(database_url, ahead_s=3600)
    after = await elsewhere.acquire(KEY, "second", LONG_S)

    assert (seen, after) == (None, None)
    assert await first.renew(KEY, grant.token, LONG_S) is True


async def test_a_database_clock_that_is_set_back_prolongs_no_lease(
    first: PostgresLeases, elsewhere: PostgresLeases, database_url: str
) -> None:
    """The row says that it lasts for another hour; it is over as soon as it stood still for its length."""
    await taken(first, ttl_s=SHORT_S)
    set_clock(database_url, ahead_s=-3600)
    following, waited_s = await take_over(elsewhere, monotonic(), SHORT_S)

    assert not following.clean
    assert waited_s < 5


def set_clock(url: str, *, ahead_s: float) -> None:
    """The database's wall clock is set: from the next connection on, and the ones there are end."""
    with psycopg.connect(url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute("CREATE SCHEMA wrong")
        connection.execute(
            f"""
            CREATE FUNCTION wrong.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
                SELECT pg_catalog.clock_timestamp() + interval '{ahead_s} s'
            $$
            """
        )
        connection.execute(f"ALTER DATABASE {name} SET search_path = wrong, public, pg_catalog")
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
            (name,),
        )
