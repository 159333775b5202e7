"""A session whose books are closed buys nothing, and one whose desk may buy is not closed."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest
from temporalio.testing import ActivityEnvironment

from activities.books import BookActivities
from desk.desk import Desk
from domain.commands import CloseBooks
from domain.events import BooksClosed, CoinCounted, EntryEnded, IntentCommitted, PhaseEntered, PositionFlat
from domain.money import NO_BASE
from domain.orders import OrderStatus
from domain.session import Outcome, Phase
from tests.builders import KEY, a_fill, a_policy, an_intent, an_order
from tests.desk.floor import Floor
from tests.fakes import FakeSessions

REJECTED = CloseBooks(KEY, "rejected", "funds")


async def armed(*, offered: bool = True) -> tuple[Floor, Desk, asyncio.Task[object]]:
    floor = Floor()
    floor.exchange.asks = floor.exchange.asks if offered else []
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


async def test_what_an_order_that_came_to_life_bought_is_guarded_and_sold_before_the_books_close() -> None:
    """The entry ended with nothing, and the phase was closing already: from there the session goes back to guarding."""
    floor = Floor()
    await floor.store.append(KEY, (PhaseEntered(Phase.ARMING), IntentCommitted(an_intent("ghost"))))
    await floor.store.append(KEY, (CoinCounted("NEW", NO_BASE), EntryEnded("nothing", ""), PhaseEntered(Phase.CLOSING)))
    floor.exchange.orders.append(an_order("ghost", executed="100", status=OrderStatus.FILLED))
    floor.exchange.trades.append((0.0, a_fill("1", name="ghost")))
    floor.exchange.free["NEW"] += 100
    sessions = FakeSessions(floor.store, reserved=a_policy().budget_quote, leases=floor.leases)
    books = BookActivities(floor.exchange, sessions, floor.store)
    guards = floor.desk("guard-1", may_fire=False)

    first = await ActivityEnvironment().run(books.close_books, CloseBooks(KEY, "nothing", ""))
    guarding = asyncio.create_task(guards.guard(KEY))
    while floor.store.record.phase is not Phase.GUARDING:
        await floor.clock.sleep(0.05)
    report = await asyncio.wait_for(asyncio.shield(guarding), 5 * 3600)
    second = await ActivityEnvironment().run(books.close_books, CloseBooks(KEY, "nothing", "", report.dust))
    await guards.close()

    assert (first.closed, second.closed) == (False, True)
    assert len(floor.store.of(BooksClosed)) == 1
    assert floor.exchange.free["NEW"] == report.dust


async def test_what_the_last_guard_left_is_what_is_told() -> None:
    """An order that came to life after the first one was flat: both times the session was closing and flat count."""
    floor = Floor()
    desk = floor.desk()
    _, first = await floor.trade(desk)
    await desk.close()
    await floor.store.append(KEY, (IntentCommitted(an_intent("ghost")),))
    floor.store.settled_as["ghost"] = "absent"
    floor.exchange.orders.append(an_order("ghost", quantity="100.005", executed="100.005", status=OrderStatus.FILLED))
    floor.exchange.trades.append((0.0, a_fill("g1", name="ghost", quantity="100.005")))
    floor.exchange.free["NEW"] += Decimal("100.005")
    sessions = FakeSessions(floor.store, reserved=a_policy().budget_quote, leases=floor.leases)
    books = BookActivities(floor.exchange, sessions, floor.store)
    guards = floor.desk("guard-1", may_fire=False)

    found = await ActivityEnvironment().run(books.close_books, CloseBooks(KEY, "filled", "", first.dust))
    report = await asyncio.wait_for(guards.guard(KEY), 5 * 3600)
    closed = await ActivityEnvironment().run(books.close_books, CloseBooks(KEY, "filled", "", report.dust))
    await guards.close()

    assert (found.closed, closed.closed) == (False, True)
    assert [event.dust for event in floor.store.of(PositionFlat)] == [first.dust, report.dust]
    assert report.dust == Decimal("0.005")
    assert sum(event.phase is Phase.CLOSING for event in floor.store.of(PhaseEntered)) == 2


@pytest.mark.parametrize("offered", [True, False])
async def test_the_books_of_what_a_lost_runs_desk_did_do_not_tell_its_successors_rejection(offered: bool) -> None:
    """What the desk wrote of its entry says how it ended."""
    floor, desk, firing = await armed(offered=offered)
    sessions = FakeSessions(floor.store, reserved=a_policy().budget_quote, leases=floor.leases)
    books = BookActivities(floor.exchange, sessions, floor.store)

    refused = await ActivityEnvironment().run(books.close_books, REJECTED)
    await firing
    guard = await asyncio.wait_for(desk.guard(KEY), 5 * 3600)
    await desk.close()
    await ActivityEnvironment().run(books.close_books, replace(REJECTED, dust=guard.dust))

    [closed] = floor.store.of(BooksClosed)
    assert not refused.closed
    assert closed.outcome is (Outcome.COMPLETED if offered else Outcome.UNFILLED)
    assert closed.reason == floor.store.record.entry_reason
