"""A session whose books are closed buys nothing, and one whose desk may buy is not closed."""

import asyncio

from temporalio.testing import ActivityEnvironment

from activities.books import BookActivities
from desk.desk import Desk
from domain.commands import CloseBooks
from domain.events import BooksClosed, PhaseEntered
from domain.session import Phase
from tests.builders import KEY, a_policy
from tests.desk.floor import Floor
from tests.fakes import FakeSessions

REJECTED = CloseBooks(KEY, "rejected", "funds")


async def armed() -> tuple[Floor, Desk, asyncio.Task[object]]:
    floor = Floor()
    desk = floor.desk()
    firing = asyncio.create_task(desk.fire(KEY))
    while floor.store.record.phase is not Phase.ARMED:
        await floor.clock.sleep(0.05)
    return floor, desk, firing


async def test_an_armed_desk_buys_nothing_once_the_books_are_being_closed() -> None:
    """Whoever closed them: a successor of its run may have."""
    floor, desk, firing = await armed()
    await floor.store.append(KEY, (PhaseEntered(Phase.CLOSING),))

    await asyncio.wait_for(firing, 60)
    await desk.close()

    assert floor.exchange.sent == []
    assert "books" in floor.store.record.entry_reason


async def test_books_that_a_successor_wants_to_close_wait_until_the_desk_has_bought_and_sold() -> None:
    """The run was lost and its successor rejected: guarding comes first, and the money is in the books."""
    floor, desk, firing = await armed()
    sessions = FakeSessions(floor.store, reserved=a_policy().budget_quote, leases=floor.leases)
    books = BookActivities(floor.exchange, sessions, floor.store)
    guards = floor.desk("guard-1", may_fire=False)

    refused = await ActivityEnvironment().run(books.close_books, REJECTED)
    assert (refused.closed, floor.store.record.phase, sessions.released) == (False, Phase.ARMED, False)
    guarding = asyncio.create_task(guards.guard(KEY))
    await firing
    await asyncio.wait_for(asyncio.shield(guarding), 5 * 3600)
    closed = await ActivityEnvironment().run(books.close_books, REJECTED)
    await guards.close()
    await desk.close()

    assert closed.closed
    assert floor.exchange.bought_orders
    assert floor.store.of(BooksClosed)[0].spent > 0
    assert floor.complaints() == []
