"""A session never fires on what was known of the exchange's clock before a clock jumped."""

import asyncio
from datetime import timedelta

import pytest

from domain.events import ClockMeasured, EntryEnded, LeaseTaken, PhaseEntered, ShotAnswered, ShotSent
from domain.policy import EntryStrategy
from tests.builders import KEY
from tests.desk import entries
from tests.desk.floor import Floor
from tests.desk.sessions import a_floor


def at_the_instant(floor: Floor, seconds: float, *, suspended: float = 0.0, measured: bool = True) -> None:
    """Between the aim and the first last look: the exchange's clock is set ahead, or this machine sleeps.

    measured: another session asks for the time meanwhile.
    """

    def jump() -> None:
        floor.launchpad.before_look = lambda: None
        floor.clock.suspended_s += suspended
        floor.exchange_clock.set_ahead_s += seconds
        if measured:
            floor.exchange_clock.measure()

    floor.launchpad.before_look = jump


async def test_a_machine_suspended_after_the_aim_sends_nothing_with_it() -> None:
    """Too short a sleep for the lease to end; the estimate is worthless all the same. Armed anew, it is too late."""
    floor = a_floor()
    desk = floor.desk()
    at_the_instant(floor, 0.0, suspended=0.3, measured=False)

    entry, _ = await floor.trade(desk)
    await desk.close()

    assert (entry.result, floor.exchange.sent) == ("missed", [])
    assert any("suspended" in event.detail for event in floor.store.of(PhaseEntered))
    assert floor.store.impossible == []


async def test_after_a_suspension_at_the_instant_a_late_entry_is_aimed_anew() -> None:
    """Where the operator allows to be late, the one shot that leaves rests on a new measurement."""
    floor = a_floor(late_entry_s=30, time_stop_s=2, ladder=())
    desk = floor.desk()
    at_the_instant(floor, 0.0, suspended=0.3, measured=False)

    entry, _ = await floor.trade(desk)
    await desk.close()

    assert entry.result == "filled"
    assert len(floor.store.of(ClockMeasured)) == 2
    assert len(floor.store.of(ShotSent)) == len(floor.exchange.sent)
    assert floor.complaints() == []


async def test_a_venue_clock_set_ahead_after_the_aim_sends_nothing_with_it() -> None:
    """Another session's measurement shows it; the opening has passed already."""
    floor = a_floor()
    desk = floor.desk()
    at_the_instant(floor, 3.0)

    entry, _ = await floor.trade(desk)
    await desk.close()

    assert (entry.result, floor.exchange.sent) == ("missed", [])
    assert any("jumped" in event.detail for event in floor.store.of(PhaseEntered))


async def test_a_venue_clock_set_back_after_the_aim_is_waited_for() -> None:
    """The opening is still to come: armed anew, the session fires at the time the venue's clock now shows."""
    floor = a_floor(time_stop_s=2, ladder=())
    desk = floor.desk()
    at_the_instant(floor, -0.6)

    entry, _ = await floor.trade(desk)
    await desk.close()

    assert entry.result == "filled", entry.reason
    late = floor.exchange.booked_at[0] - floor.record.opens_at
    assert timedelta(seconds=0.6) <= late < timedelta(seconds=0.61)
    assert floor.complaints() == []


async def test_a_measurement_that_agrees_does_not_stop_the_shot() -> None:
    """Another session measured between aim and look, and the clock is where it was."""
    floor = a_floor(time_stop_s=2, ladder=())
    desk = floor.desk()
    at_the_instant(floor, 0.0005)

    entry, _ = await floor.trade(desk)
    await desk.close()

    assert entry.result == "filled"
    assert len(floor.store.of(ClockMeasured)) == 1


async def test_a_clock_that_became_unsure_after_the_aim_sends_nothing() -> None:
    """A bound worse than the policy's counts at the last look too."""
    floor = a_floor()
    desk = floor.desk()
    at_the_instant(floor, 0.0, measured=False)
    jump = floor.launchpad.before_look

    def unsure() -> None:
        jump()
        floor.exchange_clock.bound = 1.0
        floor.exchange_clock.measure()

    floor.launchpad.before_look = unsure

    await floor.trade(desk)
    await desk.close()

    assert floor.exchange.sent == []


async def test_a_machine_suspended_while_armed_measures_anew_and_fires() -> None:
    """Long before the opening a short sleep costs a measurement only."""
    floor = a_floor(time_stop_s=2, ladder=(), opens_in_s=20.0)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(-12.0, lambda: setattr(floor.clock, "suspended_s", 0.3))

    entry, _ = await trading
    await desk.close()

    late = floor.exchange.booked_at[0] - floor.record.opens_at
    assert entry.result == "filled"
    assert timedelta(0) <= late < timedelta(milliseconds=10)
    assert len(floor.store.of(LeaseTaken)) == 1


@pytest.mark.parametrize("what", ["set ahead", "set back", "suspended", "unsure"])
async def test_a_clock_that_jumps_between_two_shots_ends_no_entry(what: str) -> None:
    """The next shot is aimed anew, by a new measurement where there is no exchange time that will do."""
    floor = a_floor(time_stop_s=2, ladder=())
    floor.exchange.opens_at += timedelta(seconds=0.5)
    desk = floor.desk()
    looks = 0

    def second_look() -> None:
        nonlocal looks
        looks += 1
        if looks != 2:
            return
        if what == "suspended":
            floor.clock.suspended_s += 0.3
        elif what == "unsure":
            floor.exchange_clock.bound = 1.0
            floor.exchange_clock.measure()
            floor.exchange_clock.bound = 0.002
        else:
            floor.exchange_clock.set_ahead_s = 0.02 if what == "set ahead" else -0.3
            floor.exchange_clock.measure()

    floor.launchpad.before_look = second_look

    entry, _ = await floor.trade(desk)
    await desk.close()

    assert entry.result == "filled", entry.reason
    assert len(floor.store.of(LeaseTaken)) == len(floor.store.of(EntryEnded)) == 1
    assert looks > 2
    assert len(floor.store.of(ShotSent)) == len(floor.exchange.sent)
    assert floor.complaints() == []


async def test_a_clock_that_stays_unsure_between_two_shots_sends_nothing_more_and_asks_with_pauses() -> None:
    """Until the grace is over; nobody's request budget is used up for it."""
    floor = a_floor(grace_s=10)
    floor.exchange.opens_at += timedelta(seconds=0.5)
    desk = floor.desk()
    looks = sent_before = 0

    def second_look() -> None:
        nonlocal looks, sent_before
        looks += 1
        if looks == 2:
            sent_before = len(floor.exchange.sent)
            floor.exchange_clock.bound = 1.0
            floor.exchange_clock.measure()

    floor.launchpad.before_look = second_look

    entry, _ = await floor.trade(desk)
    await desk.close()

    assert (entry.result, len(floor.exchange.sent)) == ("nothing", sent_before)
    assert "not known well enough" in entry.reason
    assert floor.exchange_clock.measured < 25


async def test_an_abort_is_heard_although_the_clock_was_set_back_between_two_shots() -> None:
    """A minute: the lane's beginning is before it again, and is waited for with an open ear."""
    floor = entries.a_floor(strategy=EntryStrategy.TRANCHE, tranche_parts=2, tranche_every_s=3, time_stop_s=600)
    desk = floor.desk()
    looks = 0

    def second_look() -> None:
        nonlocal looks
        looks += 1
        if looks == 2:
            floor.exchange_clock.set_ahead_s = -60
            floor.exchange.now = lambda: floor.clock.now() - timedelta(seconds=60)  # type: ignore[method-assign]
            floor.exchange_clock.measure()

    floor.launchpad.before_look = second_look
    firing = asyncio.create_task(desk.fire(KEY))
    await floor.at(5, lambda: floor.store.change(aborting=True))
    told_at = floor.clock.monotonic()

    entry = await firing
    ended_after = floor.clock.monotonic() - told_at
    await desk.close()

    assert entry.result == "filled"
    assert ended_after < 0.5


async def test_a_guard_survives_a_suspension() -> None:
    """The position is sold at its time stop although the time was lost on the way; nobody else had to take over."""
    floor = a_floor(time_stop_s=10, ladder=())
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(4.0, lambda: setattr(floor.clock, "suspended_s", 0.3))

    _, guard = await trading
    await desk.close()

    assert guard.flat
    assert len(floor.store.of(LeaseTaken)) == 1
    assert floor.complaints() == []


async def test_a_machine_suspended_before_the_answer_came_still_knows_what_it_bought() -> None:
    """The shot is on record with its answer, and the same desk guards what it bought."""
    floor = a_floor(time_stop_s=2, ladder=())
    desk = floor.desk()
    sleeping = asyncio.create_task(
        floor.at(0.006, lambda: setattr(floor.clock, "suspended_s", 0.3))  # between arrival and answer
    )

    entry, guard = await floor.trade(desk)
    await desk.close()
    await sleeping

    assert entry.result == "filled"
    assert guard.flat
    assert len(floor.store.of(ShotSent)) == len(floor.store.of(ShotAnswered)) == len(floor.exchange.sent)
    assert len(floor.store.of(LeaseTaken)) == 1
    assert floor.complaints() == []
