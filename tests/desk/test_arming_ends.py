"""When a session arms, when it is too late, and what ends it before a shot."""

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from domain.errors import AccessDenied, TryAgain
from domain.events import ClockMeasured, Event, IntentCommitted
from domain.ids import SessionKey
from domain.money import Price
from tests.builders import RULES
from tests.desk import entries
from tests.desk.floor import Floor
from tests.desk.sessions import a_floor


async def test_a_pair_that_is_listed_seconds_before_its_opening_is_bought(asked_at: list[datetime]) -> None:
    """Until then its rules are asked for sparingly: a question costs almost a second of the request budget."""
    floor = a_floor(ladder=(), time_stop_s=2, opens_in_s=30.0)
    floor.exchange.rules_now = None
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(-3.5, lambda: setattr(floor.exchange, "rules_now", RULES))

    entry, _ = await trading
    await desk.close()

    before = [at for at in asked_at if at < floor.record.opens_at - timedelta(seconds=3.5)]
    assert entry.result == "filled"
    assert len(before) <= 15
    assert all(later - earlier < timedelta(seconds=3.2) for earlier, later in pairwise(before))


async def test_a_pair_that_is_listed_after_its_opening_is_bought_by_a_late_entry(asked_at: list[datetime]) -> None:
    """Its rules are asked for as sparingly as before."""
    floor = a_floor(ladder=(), time_stop_s=2, late_entry_s=60)
    floor.exchange.rules_now = None
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(40, lambda: setattr(floor.exchange, "rules_now", RULES))

    entry, _ = await trading
    await desk.close()

    after = [at for at in asked_at if timedelta(0) < at - floor.record.opens_at < timedelta(seconds=40)]
    assert entry.result == "filled"
    assert len(after) <= 25


@pytest.mark.parametrize(("late_entry_s", "ends_s"), [(0, -1.0), (60, 59.0)])
async def test_a_pair_that_is_not_listed_is_given_up_just_before_it_is_too_late(
    late_entry_s: int, ends_s: float
) -> None:
    """The venue said so: nothing can be bought."""
    floor = a_floor(late_entry_s=late_entry_s)
    floor.exchange.rules_now = None
    desk = floor.desk()

    entry, _ = await floor.trade(desk)
    ended_s = (floor.clock.now() - floor.record.opens_at).total_seconds()
    await desk.close()

    assert (entry.result, entry.reason) == ("nothing", "the venue does not list NEWUSDT")
    assert ends_s < ended_s < ends_s + 3.5


@pytest.mark.parametrize("what", ["rules", "balance"])
@pytest.mark.parametrize("late_entry_s", [0, 10])
async def test_a_venue_that_does_not_answer_in_time_makes_it_missed(what: str, late_entry_s: int) -> None:
    """The reason says what was asked in vain; that a pair is not listed, only the venue can say."""
    floor = a_floor(late_entry_s=late_entry_s)
    floor.exchange.refusals[what] = deque([TryAgain("busy")] * 1000)
    desk = floor.desk()

    entry, _ = await floor.trade(desk)
    ended_s = (floor.clock.now() - floor.record.opens_at).total_seconds()
    await desk.close()

    assert entry.result == "missed"
    assert "busy" in entry.reason
    assert f"late entry is allowed for {late_entry_s} s" in entry.reason
    assert late_entry_s < ended_s < late_entry_s + 2


async def test_a_clock_that_is_not_known_well_enough_is_not_armed_with() -> None:
    """A bound worse than the policy's sends nothing, and the reason names both."""
    floor = a_floor()
    floor.exchange_clock.bound = 0.3
    desk = floor.desk()

    entry, _ = await floor.trade(desk)
    await desk.close()

    assert floor.exchange.sent == []
    assert "300.0 ms, needs 100 ms" in entry.reason


async def test_a_venue_that_stops_telling_the_time_does_not_cost_the_shot() -> None:
    """Once armed, an estimate that is still sharp enough will do."""
    floor = a_floor(time_stop_s=2, ladder=(), opens_in_s=20.0)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(-15.0, lambda: setattr(floor.exchange_clock, "away", True))

    entry, _ = await trading
    await desk.close()

    assert entry.result == "filled"
    assert len(floor.store.of(ClockMeasured)) == 1


async def test_a_late_desk_misses_unless_late_entry_is_allowed() -> None:
    """A passed opening is not chased."""
    floor = a_floor(opens_in_s=-5.0)
    desk = floor.desk()

    entry, _ = await floor.trade(desk)
    await desk.close()

    assert (entry.result, floor.exchange.sent) == ("missed", [])


async def test_a_late_desk_buys_when_late_entry_is_allowed() -> None:
    """The operator's word counts."""
    floor = a_floor(opens_in_s=-5.0, late_entry_s=60, time_stop_s=2)
    desk = floor.desk()

    entry, _ = await floor.trade(desk)
    await desk.close()

    assert entry.result == "filled"
    assert floor.complaints() == []


async def test_a_refused_key_while_arming_ends_the_entry_with_the_reason() -> None:
    """Nothing was sent, so nothing is in doubt."""
    floor = a_floor()
    floor.exchange.refusals["balance"] = deque([AccessDenied("key expired")])
    desk = floor.desk()

    entry, _ = await floor.trade(desk)
    await desk.close()

    assert entry.result == "nothing"
    assert "key expired" in entry.reason


def commits_within(floor: Floor, seconds: float) -> None:
    """The store takes that long to write intents, while the lease is renewed."""
    append = floor.store.append

    async def slow(key: SessionKey, events: Sequence[Event], token: int | None = None) -> None:
        if any(isinstance(event, IntentCommitted) for event in events):
            await floor.clock.sleep(seconds)
        await append(key, events, token)

    vars(floor.store)["append"] = slow


async def test_an_entry_that_becomes_late_while_its_shots_are_committed_is_missed() -> None:
    """Where late entry is not allowed: not half a second late either."""
    floor = a_floor(opens_in_s=4.0)
    commits_within(floor, 4.5)
    desk = floor.desk()

    entry, _ = await floor.trade(desk)
    await desk.close()

    assert (entry.result, floor.exchange.sent) == ("missed", [])
    assert floor.complaints() == []


@pytest.mark.parametrize("seconds", [4.5, 9.0])
async def test_an_entry_that_becomes_late_while_its_shots_are_committed_pays_no_more_than_its_late_bound(
    seconds: float,
) -> None:
    floor = entries.a_floor(opens_in_s=4.0, late_entry_s=30, late_max_price=Price(Decimal("0.051")))
    commits_within(floor, seconds)
    desk = floor.desk()

    entry, _ = await floor.trade(desk)
    await desk.close()

    assert entry.result == "filled"
    assert all(order.price <= Decimal("0.051") for order in entries.buys(floor))
    assert floor.complaints() == []
