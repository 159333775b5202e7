"""Who is woken, and when."""

from collections import Counter
from functools import partial

import pytest

from adapters.postgres.wakeups import PostgresWakeups
from domain.events import AbortRequested, StoodDown
from domain.halts import HaltScope, HaltVerb
from tests.adapters.postgres.conftest import Stores
from tests.adapters.postgres.makers import a_new_session, eventually, of_another_pair
from tests.builders import KEY

pytestmark = pytest.mark.postgres

ONE, OTHER = KEY, of_another_pair()


@pytest.fixture
async def woken(stores: Stores) -> "Counter[str]":
    for key in (ONE, OTHER):
        await stores.sessions.admit(a_new_session(key))
    return Counter()


async def test_a_changed_row_wakes_its_watchers_and_nobody_else(
    stores: Stores, woken: "Counter[str]", database_url: str
) -> None:
    """Connecting wakes everybody once; then only the session that changed, and no watcher that left."""
    async with PostgresWakeups(database_url) as wakeups:
        for key in (ONE, OTHER):
            wakeups.watch(key, partial(woken.update, [str(key)]))
        leave = wakeups.watch(ONE, partial(woken.update, ["left"]))
        await eventually(lambda: woken[str(ONE)] == woken[str(OTHER)] == 1)
        leave()
        leave()
        left = woken["left"]
        await stores.store.append(OTHER, (StoodDown(1, "no change of the row"),))
        await stores.store.append(ONE, (AbortRequested("enough", "1"),))
        await eventually(lambda: woken[str(ONE)] == 2)

    assert woken[str(OTHER)] == 1
    assert woken["left"] == left


async def test_a_halt_wakes_everybody(stores: Stores, woken: "Counter[str]", database_url: str) -> None:
    """When it is placed and when it is released, whatever its scope."""
    async with PostgresWakeups(database_url) as wakeups:
        for key in (ONE, OTHER):
            wakeups.watch(key, partial(woken.update, [str(key)]))
        await eventually(lambda: woken[str(ONE)] == woken[str(OTHER)] == 1)
        await stores.halts.place(HaltScope.of_session(ONE), HaltVerb.HALT, "test", "request-1")
        await eventually(lambda: woken[str(ONE)] == woken[str(OTHER)] == 2)
        await stores.halts.release(HaltScope.of_session(ONE), "over", "request-2")
        await eventually(lambda: woken[str(ONE)] == woken[str(OTHER)] == 3)


async def test_a_lost_connection_is_made_again_and_wakes_everybody(
    stores: Stores, woken: "Counter[str]", database_url: str
) -> None:
    """Whatever changed while nobody listened is read then."""
    async with PostgresWakeups(database_url, name="cut-me") as wakeups:
        wakeups.watch(ONE, partial(woken.update, [str(ONE)]))
        await eventually(lambda: woken[str(ONE)] == 1)
        async with stores.database.transaction() as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cut-me'"
            )
        await eventually(lambda: woken[str(ONE)] == 2)
        await stores.store.append(ONE, (AbortRequested("enough", "1"),))
        await eventually(lambda: woken[str(ONE)] == 3)
