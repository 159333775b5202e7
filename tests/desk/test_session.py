"""A session from arming to flat, and how desks share it."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from domain.events import (
    EntryEnded,
    ExitDecided,
    IntentWithdrawn,
    LeaseTaken,
    StoodDown,
)
from domain.exits import Trigger
from domain.money import Price
from domain.orders import OrderKind, Side
from domain.policy import ExitPolicy
from domain.session import Phase
from tests.builders import KEY
from tests.desk.floor import Life
from tests.desk.sessions import a_floor
from tests.fakes import Lost


async def test_a_session_is_bought_laddered_and_sold_at_the_time_stop() -> None:
    """One purchase inside the budget, two rungs that rest, and all of it sold when time is up."""
    floor = a_floor()
    desk = floor.desk()

    entry, guard = await floor.trade(desk)
    await desk.close()

    assert entry.result == "filled"
    assert entry.spent <= floor.record.policy.budget_quote
    assert guard.flat
    assert [event.trigger for event in floor.store.of(ExitDecided)] == [Trigger.TIME_STOP]
    assert [order.kind for order in floor.exchange.orders[1:3]] == [OrderKind.LIMIT] * 2
    assert floor.complaints() == []


async def test_the_phases_of_a_session_follow_the_table_of_moves() -> None:
    """Nothing is written that the table of moves does not allow."""
    floor = a_floor(time_stop_s=2)
    desk = floor.desk()

    await floor.trade(desk)
    await desk.close()

    assert floor.store.impossible == []
    assert floor.store.record.phase is Phase.GUARDING


async def test_a_changed_plan_disarms_and_is_armed_anew() -> None:
    """Intents of the old plan are withdrawn; the new one buys at its own time, once."""
    floor = a_floor(time_stop_s=2, ladder=())
    moved = floor.record.opens_at + timedelta(seconds=30)
    floor.exchange.opens_at = moved
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(-0.3, lambda: floor.store.change(opens_at=moved, policy_revision=1))

    entry, _ = await trading
    await desk.close()

    assert entry.result == "filled"
    assert floor.exchange.booked_at[0] >= moved
    assert len(floor.exchange.sent) == 2
    assert floor.store.impossible == []
    assert floor.complaints() == []


async def test_exits_that_are_changed_just_before_the_opening_cost_no_entry() -> None:
    """They are no part of the purchase; the guard goes by the new ones."""
    floor = a_floor(ladder=())
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    changed = replace(floor.record.policy, exits=ExitPolicy(ladder=(), time_stop_s=3))
    await floor.at(-0.05, lambda: floor.store.change(policy=changed, policy_revision=1))

    entry, _ = await trading
    await desk.close()

    [bought_at, sold_at] = floor.exchange.booked_at
    assert entry.result == "filled"
    assert 3 <= (sold_at - bought_at).total_seconds() < 4
    assert floor.complaints() == []


async def test_a_price_bound_that_is_changed_before_the_opening_is_armed_anew() -> None:
    """Nothing leaves at the old one, also when exits are changed with it."""
    floor = a_floor(ladder=(), time_stop_s=2)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    policy = floor.record.policy
    bound = Price(Decimal("0.055"))
    changed = replace(policy, entry=replace(policy.entry, max_price=bound), exits=ExitPolicy(ladder=(), time_stop_s=3))
    await floor.at(-4, lambda: floor.store.change(policy=changed, policy_revision=1))

    await trading
    await desk.close()

    assert [request.price for request in floor.exchange.sent if request.side is Side.BUY] == [bound]
    assert len(floor.store.of(IntentWithdrawn)) > 0


async def test_a_disarmed_answer_is_given_once() -> None:
    """Whoever fires again while the old run lets go gets a new run, not the old answer."""
    floor = a_floor()
    desk = floor.desk()
    firing = asyncio.create_task(desk.fire(KEY))
    await floor.at(-4.0, floor.store.change_plan)
    first = await firing
    floor.store.change(aborting=True)

    second = await desk.fire(KEY)
    await desk.close()

    assert (first.result, second.result) == ("disarmed", "nothing")


async def test_a_lease_lost_before_the_opening_sends_nothing() -> None:
    """A desk whose token was overtaken stands down before the send."""
    floor = a_floor()
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(-2.5, floor.leases.steal)

    entry, _ = await trading
    await desk.close()

    assert floor.exchange.sent == []
    assert entry.result == "missed"
    assert len(floor.store.of(StoodDown)) == 2


async def test_a_desk_that_takes_over_cleanly_need_not_wait() -> None:
    """A guard that was handed over goes on at once, and the session ends as if nothing had happened."""
    floor = a_floor(time_stop_s=20)
    fire = floor.desk("fire")
    guard = floor.desk("guard", may_fire=False)
    entry = await fire.fire(KEY)

    report = await guard.guard(KEY)
    await fire.close()
    await guard.close()

    taken = floor.store.of(LeaseTaken)
    assert entry.result == "filled"
    assert report.flat
    assert [(event.holder, event.clean) for event in taken] == [("fire", True), ("guard", True)]
    assert floor.complaints() == []


async def test_a_desk_is_not_handed_over_while_a_sell_is_in_flight() -> None:
    """The next desk would take a sell that is still on its way for absent, and sell coins it must not touch."""
    floor = a_floor(time_stop_s=2, ladder=())
    floor.exchange.free["NEW"] = floor.coins_before = Decimal(1000)
    fire = floor.desk("fire")
    guard = floor.desk("guard", may_fire=False)
    await fire.fire(KEY)
    floor.exchange.fates.append(Lost(booked=True, after_s=0.8))
    await floor.at(2.1, lambda: None)
    guarding = asyncio.create_task(guard.guard(KEY))

    report = await guarding
    await fire.close()
    await guard.close()

    assert report.flat
    assert floor.complaints() == []


async def test_a_second_desk_finds_the_position_from_intents_and_venue_alone() -> None:
    """The first one dies right after its shot left: nobody wrote down what became of it."""
    floor = a_floor(time_stop_s=12, ladder=())
    life = Life()
    floor.launchpad.before_look = lambda: setattr(life, "ends_at", life.calls + 2)
    await floor.trade_dying(life)
    floor.launchpad.before_look = lambda: None
    known = set(floor.store.booked)

    desk = floor.desk("second")
    entry, report = await floor.trade(desk)
    await desk.close()

    assert known == set()
    assert "found by asking the venue" in entry.reason
    assert report.flat
    assert floor.complaints() == []


async def test_a_guard_only_desk_never_fires() -> None:
    """A session whose run was lost while armed is reconciled, not bought."""
    floor = a_floor()
    desk = floor.desk("guard", may_fire=False)

    report = await desk.guard(KEY)
    await desk.close()

    assert report.flat
    assert floor.exchange.sent == []
    assert [event.result for event in floor.store.of(EntryEnded)] == ["nothing"]


async def test_closing_the_desk_hands_a_guard_over_cleanly() -> None:
    """A deploy leaves nothing in flight: the next desk need not wait."""
    floor = a_floor(time_stop_s=20)
    first = floor.desk("first")
    await first.fire(KEY)
    await floor.clock.sleep(2)
    await first.close()

    second = floor.desk("second")
    report = await second.guard(KEY)
    await second.close()

    assert report.flat
    assert [event.clean for event in floor.store.of(LeaseTaken)] == [True, True]
    assert floor.complaints() == []


async def test_leaving_an_attached_call_stops_nothing() -> None:
    """An activity that is cancelled detaches; the desk goes on and is found again."""
    floor = a_floor(time_stop_s=5)
    desk = floor.desk()
    attached = asyncio.create_task(desk.fire(KEY))
    await floor.clock.sleep(1)
    attached.cancel()

    entry, report = await floor.trade(desk)
    await desk.close()

    assert entry.result == "filled"
    assert report.flat
    assert len(floor.store.of(LeaseTaken)) == 1


async def test_an_abort_through_the_desk_is_written_to_the_row() -> None:
    """An activity that was told to stop leaves the order where every process reads it."""
    floor = a_floor()
    desk = floor.desk()

    await desk.abort(KEY)
    await desk.abort(KEY)

    assert floor.store.record.aborting
    assert list(floor.store.journal) == ["abort:activity-cancelled"]
