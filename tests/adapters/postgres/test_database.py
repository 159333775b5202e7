"""What the connections promise when the database goes away and comes back."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic

import psycopg
import pytest

from adapters.postgres import database as database_module
from adapters.postgres import reading as reading_module
from adapters.postgres.admission import PostgresSessions
from adapters.postgres.database import Connection, Database
from adapters.postgres.migrate import upgrade
from adapters.postgres.reader import Reader
from adapters.postgres.session_store import PostgresSessionStore
from adapters.postgres.wakeups import PostgresWakeups
from domain.errors import InvalidInput, StoreUnavailable
from domain.events import AbortRequested
from tests.adapters.postgres.conftest import Stores
from tests.adapters.postgres.makers import a_new_session, eventually
from tests.adapters.postgres.server import Server
from tests.builders import KEY

pytestmark = pytest.mark.postgres


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server that a test may stop."""
    own = Server(tmp_path)
    own.start()
    upgrade(own.url)
    yield own
    own.stop()


async def test_a_restart_of_postgres_heals_by_itself(own_server: Server) -> None:
    """While it is away every call fails at once as StoreUnavailable; the first call afterwards succeeds."""
    wakes: list[float] = []
    async with Database(own_server.url) as database, PostgresWakeups(own_server.url) as wakeups:
        with Reader(own_server.url) as reader:
            await PostgresSessions(database).admit(a_new_session())
            store = PostgresSessionStore(database)
            wakeups.watch(KEY, lambda: wakes.append(monotonic()))
            reader.sessions()
            await asyncio.to_thread(own_server.stop)
            asked = monotonic()
            with pytest.raises(StoreUnavailable):
                await store.load(KEY)
            answered = monotonic()
            with pytest.raises(StoreUnavailable):
                await asyncio.to_thread(reader.sessions)
            await asyncio.to_thread(own_server.start)
            back = monotonic()

            record = await store.load(KEY)
            shown = await asyncio.to_thread(reader.sessions)
            await eventually(lambda: any(wake > back for wake in wakes))

    assert record is not None
    assert [line.key for line in shown] == [KEY]
    assert answered - asked < 1


async def test_a_stopped_server_holds_nobody_for_ever(own_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that stands still is given up after a bounded time, and used again once it moves."""
    monkeypatch.setattr(database_module, "ANSWER_WITHIN_S", 0.3)
    async with Database(own_server.url) as database:
        store = PostgresSessionStore(database)
        await store.load(KEY)
        own_server.suspend()
        asked = monotonic()
        try:
            with pytest.raises(StoreUnavailable):
                await store.load(KEY)
        finally:
            own_server.resume()
        answered = monotonic()

        assert await store.load(KEY) is None
        assert answered - asked < 6


async def test_a_stopped_server_holds_no_reader_for_ever(own_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many connections it has: one that waited too long speaks for the others."""
    monkeypatch.setattr(reading_module, "ANSWER_WITHIN_S", 0.3)
    with Reader(own_server.url) as reader:
        with ThreadPoolExecutor(4) as readers:
            list(readers.map(lambda _: reader.sessions(), range(16)))
        own_server.suspend()
        asked = monotonic()
        try:
            with pytest.raises(StoreUnavailable, match=r"no answer within 0\.3 s"):
                await asyncio.to_thread(reader.sessions)
        finally:
            own_server.resume()
        answered = monotonic()

        assert reader.sessions() == ()
        assert answered - asked < 3


async def test_a_cancelled_call_leaves_no_transaction_behind(stores: Stores) -> None:
    """Whoever leaves in the middle has written nothing and blocks nobody."""
    await stores.sessions.admit(a_new_session())
    entered = asyncio.Event()

    async def abandon() -> None:
        async with stores.database.transaction() as connection:
            await connection.execute("UPDATE sessions SET aborting = true")
            entered.set()
            await connection.execute("SELECT pg_sleep(4)")

    abandoned = asyncio.create_task(abandon())
    await entered.wait()
    abandoned.cancel()
    with pytest.raises(asyncio.CancelledError):
        await abandoned
    await stores.store.append(KEY, ())
    record = await stores.store.load(KEY)

    assert record is not None
    assert not record.aborting


async def test_callers_beyond_the_connections_wait_their_turn(database_url: str) -> None:
    """Forty calls over two connections all succeed, and no third connection is made."""
    async with Database(database_url, name="narrow", connections=2) as database:
        await PostgresSessions(database).admit(a_new_session())
        store = PostgresSessionStore(database)
        await asyncio.gather(*(store.append(KEY, (AbortRequested("x", str(n)),)) for n in range(40)))
        async with database.transaction() as connection:
            used = await _one(connection, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'narrow'")
            written = await _one(connection, "SELECT count(*) FROM events")

    assert used <= 2
    assert written == 40


async def test_a_wrong_database_is_the_operators_matter_and_a_silent_one_is_not(
    database_url: str, tmp_path: Path
) -> None:
    """Opening tells an address that is refused from a server that does not answer."""
    with pytest.raises(InvalidInput, match="does not exist"):
        await Database(database_url.replace("/test_", "/nowhere_")).open()
    with pytest.raises(StoreUnavailable):
        await Database(f"postgresql://postgres@/sniper?host={tmp_path}").open()
    with pytest.raises(StoreUnavailable):
        Reader(f"postgresql://postgres@/sniper?host={tmp_path}").open()


async def test_a_broken_statement_stays_a_bug(stores: Stores) -> None:
    """Only an absent database is StoreUnavailable."""
    with pytest.raises(psycopg.errors.UndefinedTable):
        async with stores.database.transaction() as connection:
            await connection.execute("SELECT * FROM nowhere")


async def test_a_closed_database_answers_nobody(database_url: str) -> None:
    """After close every call is StoreUnavailable."""
    database = Database(database_url)
    await database.open()
    await database.close()

    with pytest.raises(StoreUnavailable):
        await PostgresSessionStore(database).load(KEY)


async def _one(connection: Connection, query: str) -> int:
    row = await (await connection.execute(query)).fetchone()
    assert row is not None
    return int(row[0])
