"""What the lanes of one entry owe each other, and the position they have bought."""

import asyncio
from collections import deque
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from desk.volley import ANSWER_WITHIN_S
from domain.entry import FIRE_WINDOW_S
from domain.errors import NotTradable, RateLimited, TryAgain
from domain.events import EntryEnded, LeaseTaken, OrderAbsent, ShotAnswered, ShotSent
from domain.money import Base
from domain.orders import Side
from domain.policy import EntryStrategy
from tests.builders import KEY, RULES
from tests.desk.entries import a_floor, after_opening, buys, first_sale
from tests.desk.floor import Floor, Life
from tests.fakes import FakeBattery, FakeExchange, Lost

BURST: dict[str, Any] = {"strategy": EntryStrategy.BURST}
TRANCHE: dict[str, Any] = {"strategy": EntryStrategy.TRANCHE, "tranche_parts": 2, "tranche_every_s": 3, "window_s": 60}


def prices_paid(floor: Floor) -> list[Decimal]:
    return [fill.price for _, fill in floor.exchange.trades if fill.side is Side.BUY]


def a_market_floor() -> Floor:
    floor = a_floor(strategy=EntryStrategy.MARKET)
    floor.exchange.rules_now = replace(RULES, market_orders=True)
    return floor


async def test_no_market_order_follows_another_without_a_look_at_the_ask() -> None:
    """After a refusal the book may be another one."""
    floor = a_market_floor()
    floor.exchange.fates.append(NotTradable("no opponent order", code=30025))
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    while not floor.exchange.sent:
        await asyncio.sleep(0.001)
    floor.exchange.set_asks(("0.60", "100000"))
    await floor.at(3, lambda: floor.exchange.set_asks(("0.055", "100000")))

    await trading
    await desk.close()

    assert prices_paid(floor) == [Decimal("0.055")]


async def test_no_market_order_follows_a_partial_fill_without_a_look_at_the_ask() -> None:
    """What is left of the budget is not spent at ten times the bound."""
    floor = a_market_floor()
    floor.exchange.offers = Decimal(500)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    while not floor.exchange.trades:
        await asyncio.sleep(0.001)
    floor.exchange.offers = None
    floor.exchange.set_asks(("0.60", "100000"))

    await trading
    await desk.close()

    assert prices_paid(floor) == [Decimal("0.05")]


async def test_an_unknown_outcome_stops_the_other_lanes_only_until_it_is_known() -> None:
    """Their slices are not lost with it."""
    floor = a_floor(**{**TRANCHE, "tranche_parts": 4}, time_stop_s=30)
    floor.exchange.fates.append(Lost(booked=False))
    desk = floor.desk()

    await floor.trade(desk)
    await desk.close()

    assert len(buys(floor)) == 4
    assert floor.exchange.spent <= floor.record.policy.budget_quote
    settled_after = after_opening(floor, buys(floor)[0])
    assert settled_after > 6  # receive window and margin


async def test_lanes_that_are_disarmed_are_armed_anew_together() -> None:
    """A clock that is found set back before the first shot costs no slice."""
    floor = a_floor(strategy=EntryStrategy.TRANCHE, tranche_parts=3, tranche_every_s=5, time_stop_s=30)
    jumped = False

    def jump() -> None:
        nonlocal jumped
        if not jumped:
            jumped = True
            floor.exchange_clock.set_ahead_s = -2.6
            floor.exchange.now = lambda: floor.clock.now() - timedelta(seconds=2.6)  # type: ignore[method-assign]
            floor.exchange_clock.measure()

    floor.launchpad.before_look = jump
    desk = floor.desk()

    await floor.trade(desk)
    await desk.close()

    assert len(buys(floor)) == 3


async def test_a_resting_order_that_was_lost_has_no_successor_after_the_window() -> None:
    """The window is shorter than the grace here."""
    floor = a_floor(strategy=EntryStrategy.LIMIT, window_s=10, grace_s=30)
    floor.exchange.asks = []
    floor.exchange.fates.append(Lost(booked=True))
    desk = floor.desk()

    await floor.trade(desk)
    await desk.close()

    assert len(buys(floor)) == 1


async def test_the_stop_is_heard_while_a_lane_waits_out_a_limit() -> None:
    """The venue asked for two minutes; what was bought before is sold at once."""
    floor = a_floor(**{**TRANCHE, "window_s": 300}, time_stop_s=600)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(1, lambda: floor.exchange.fates.append(RateLimited("slow down", retry_after_s=120)))
    await floor.at(5, lambda: floor.exchange.set_bid("0.02"))
    told_at = floor.clock.monotonic()

    await trading
    await desk.close()

    assert floor.clock.monotonic() - told_at < 3


async def test_a_suspension_while_the_ask_is_read_costs_no_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exchange's time is measured anew before the next part is aimed."""
    floor = a_floor(**{**TRANCHE, "tranche_parts": 4}, time_stop_s=60)
    top_of_book, suspended = FakeExchange.top_of_book, False

    async def suspending(exchange: FakeExchange, symbol: str) -> Any:
        nonlocal suspended
        found = await top_of_book(exchange, symbol)
        if not suspended and buys(floor):
            suspended = True
            floor.clock.suspended_s += 0.3
        return found

    monkeypatch.setattr(FakeExchange, "top_of_book", suspending)
    desk = floor.desk()

    await floor.trade(desk)
    await desk.close()

    assert len(floor.store.of(LeaseTaken)) == 1
    assert len(buys(floor)) == 4


async def test_a_purchase_has_its_guard_although_a_later_shot_is_in_doubt() -> None:
    """The stop is acted upon long before receive window and margin are over; the guard asks on."""
    floor = a_floor(time_stop_s=600)
    floor.exchange.offers = Decimal(300)
    floor.exchange.fates.extend([None, Lost(booked=False)])
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(0.3, lambda: floor.exchange.set_bid("0.03"))
    while not any(order.side is Side.SELL for order in floor.exchange.orders):
        await asyncio.sleep(0.01)
    sold_after = after_opening(floor, floor.exchange.orders[-1])

    await trading
    await desk.close()

    assert sold_after < 2.5
    assert floor.complaints() == []


async def test_an_abort_is_carried_out_although_a_part_stays_in_doubt() -> None:
    """A coin that somebody gave keeps the balance from agreeing, so the part is in doubt until a human looks."""
    floor = a_floor(**TRANCHE, time_stop_s=600)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(1, lambda: floor.exchange.fates.append(Lost(booked=False)))
    await floor.at(2, lambda: floor.exchange.free.__setitem__("NEW", floor.exchange.free["NEW"] + 1))
    await floor.at(12, lambda: floor.store.change(aborting=True))
    while not any(order.side is Side.SELL for order in floor.exchange.orders):
        await asyncio.sleep(0.01)
    sold_after = after_opening(floor, floor.exchange.orders[-1])
    trading.cancel()
    await desk.close()

    assert 12 < sold_after < 15


@pytest.mark.parametrize("after_s", [0.3, 0.9])
async def test_a_doubtful_purchase_that_turns_out_to_live_is_guarded_too(after_s: float) -> None:
    """It is found by asking while the guard is at work, booked, and sold with the rest."""
    floor = a_floor(time_stop_s=600)
    floor.exchange.offers = Decimal(300)
    floor.exchange.fates.extend([None, Lost(booked=True, after_s=after_s)])
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(0.3, lambda: setattr(floor.exchange, "offers", None))
    await floor.at(5, lambda: floor.exchange.set_bid("0.03"))

    await trading
    await desk.close()

    assert len(buys(floor)) == 2
    assert floor.complaints() in ([], ["2 entries were filled"])


async def test_a_resting_order_is_taken_off_the_book_although_its_fills_are_late() -> None:
    """Aborted while the venue does not list its fills yet: the guard cancels the rest of the purchase."""
    floor = a_floor(strategy=EntryStrategy.LIMIT, window_s=35, time_stop_s=4)
    floor.exchange.offers = Decimal(359)
    floor.exchange.fills_after_s = 3.0
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(0.25, lambda: floor.store.change(aborting=True))

    await trading
    await desk.close()

    assert floor.complaints() == []


async def test_questions_that_are_refused_keep_no_position_from_its_guard() -> None:
    """An outcome cannot be learnt for a minute; the abort is carried out within seconds."""
    floor = a_floor(time_stop_s=600)
    floor.exchange.offers = Decimal(300)
    floor.exchange.fates.extend([None, Lost(booked=False)])
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    busy: deque[Exception] = deque([TryAgain("busy")] * 60)
    await floor.at(0.3, lambda: floor.exchange.refusals.update(open_orders=busy))
    await floor.at(3, lambda: floor.store.change(aborting=True))
    while not any(order.side is Side.SELL for order in floor.exchange.orders):
        await asyncio.sleep(0.01)
    sold_after = after_opening(floor, floor.exchange.orders[-1])

    await trading
    await desk.close()

    assert sold_after < 5


async def test_a_purchase_that_is_found_at_a_take_over_is_guarded_at_once() -> None:
    """Other shots of the dead desk stay in doubt for ever, since somebody gave a coin: a human has to look, but the
    stop does not wait for him, and other sessions have their request budget."""
    floor = a_floor(time_stop_s=600)
    first = Life()
    dying = asyncio.create_task(floor.trade_dying(first))
    while not floor.exchange.sent:
        await asyncio.sleep(0.001)
    first.ends_at = first.calls + 1
    await dying
    floor.exchange.free["NEW"] += 1
    desk = floor.desk("fire-2")
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(8, lambda: floor.exchange.set_bid("0.03"))
    asked_before = floor.exchange.questions
    while not any(order.side is Side.SELL for order in floor.exchange.orders):
        await asyncio.sleep(0.01)
    sold_after = after_opening(floor, floor.exchange.orders[-1])
    await asyncio.sleep(100)
    trading.cancel()
    await desk.close()

    assert sold_after < 9
    assert floor.exchange.questions - asked_before < 400


@pytest.mark.parametrize("value", ["aborting", "halted"])
async def test_a_partly_filled_resting_order_that_is_given_up_is_a_purchase(value: str) -> None:
    """Whoever reads the entry's result has to let it be guarded."""
    floor = a_floor(strategy=EntryStrategy.LIMIT, time_stop_s=60)
    floor.exchange.offers = Decimal(200)
    desk = floor.desk()
    changing = asyncio.create_task(floor.at(1, lambda: floor.store.change(**{value: True})))

    entry = await desk.fire(KEY)
    await changing
    await desk.close()

    assert (entry.result, entry.bought) == ("filled", Base(Decimal(200)))
    assert [event.result for event in floor.store.of(EntryEnded)] == ["filled"]


async def test_a_part_in_doubt_keeps_no_position_from_its_time_stop() -> None:
    """Although it stays in doubt: somebody gave a coin. Other parts could be bought for much longer."""
    floor = a_floor(**{**TRANCHE, "window_s": 200}, time_stop_s=10)
    floor.exchange.fates.extend([None, Lost(booked=False)])
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(1, lambda: floor.exchange.free.__setitem__("NEW", floor.exchange.free["NEW"] + 1))
    while not any(order.side is Side.SELL for order in floor.exchange.orders):
        await asyncio.sleep(0.1)
    sold_after = after_opening(floor, floor.exchange.orders[-1])
    trading.cancel()
    await desk.close()

    assert 10 <= sold_after < 13


async def test_a_part_in_doubt_keeps_no_position_from_its_guard_when_the_window_is_over() -> None:
    """Then nothing more is bought, and nothing else holds the entry."""
    floor = a_floor(**{**TRANCHE, "window_s": 20}, time_stop_s=600)
    floor.exchange.fates.extend([None, Lost(booked=False)])
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(1, lambda: floor.exchange.free.__setitem__("NEW", floor.exchange.free["NEW"] + 1))
    await floor.at(30, lambda: None)
    ended = [event.result for event in floor.store.of(EntryEnded)]
    trading.cancel()
    await desk.close()

    assert ended == ["filled"]


async def test_an_abort_is_heard_while_a_part_waits_for_room_in_the_request_budget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The venue asked for rest, so that no place can be had until the end of the window."""
    floor = a_floor(**TRANCHE, time_stop_s=600)
    floor.exchange.fates.extend([None, NotTradable("halted")])
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(1, lambda: None)

    async def none(*_: Any, **__: Any) -> None:
        """No place was taken ahead."""

    monkeypatch.setattr(FakeBattery, "restock", none)
    floor.lines.opened[0].places = 0
    await floor.at(5, lambda: floor.store.change(aborting=True))
    sold_after = await first_sale(floor)

    await trading
    await desk.close()

    assert 5 < sold_after < 6
    assert floor.complaints() == []


@pytest.mark.parametrize("what", ["stop", "abort"])
@pytest.mark.parametrize("entry", [{**BURST, "burst_shots": 2}, {**TRANCHE, "tranche_every_s": 1}])
async def test_a_purchase_has_its_guard_although_another_shot_is_not_answered(entry: Any, what: str) -> None:
    """That shot is in doubt from then on, and the guard asks about it: long before its answer would be given up."""
    floor = a_floor(**entry, time_stop_s=600)
    floor.launchpad.answers_within_s = floor.exchange.answer_within_s = ANSWER_WITHIN_S
    floor.exchange.fates.extend([None, Lost(booked=False)])
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    act = {"stop": lambda: floor.exchange.set_bid("0.03"), "abort": lambda: floor.store.change(aborting=True)}[what]
    await floor.at(1.1, act)
    sold_after = await first_sale(floor)

    await trading
    await desk.close()

    assert 1.1 < sold_after < 3
    assert floor.complaints() == []


async def test_a_purchase_whose_own_lane_waits_for_an_answer_has_its_guard_after_the_fire_window() -> None:
    """What was bought first is known; the shot for the rest of the slice is not answered and turns out to live."""
    floor = a_floor(time_stop_s=600)
    floor.launchpad.answers_within_s = floor.exchange.answer_within_s = ANSWER_WITHIN_S
    floor.exchange.offers = Decimal(300)
    floor.exchange.fates.extend([None, Lost(booked=True, after_s=0.9)])
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(1, lambda: floor.exchange.set_bid("0.03"))
    sold_after = await first_sale(floor)

    await trading
    await desk.close()

    assert sold_after < 1.8
    assert floor.complaints() == []


async def test_an_unanswered_part_is_waited_for_while_the_entry_may_go_on_buying() -> None:
    """Its answer takes almost two seconds; stop and time stop are watched meanwhile, so nothing is in doubt."""
    floor = a_floor(**TRANCHE, time_stop_s=30)
    floor.launchpad.answers_within_s = floor.exchange.answer_within_s = ANSWER_WITHIN_S
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(2.5, lambda: setattr(floor.exchange, "latency_s", 1.8))
    await floor.at(6, lambda: setattr(floor.exchange, "latency_s", 0.01))

    await trading
    await desk.close()

    assert len(buys(floor)) == 2
    assert {shot.answer for shot in floor.store.of(ShotAnswered)} == {"accepted"}


async def test_a_burst_that_begins_before_the_opening_has_shots_until_its_end() -> None:
    """Those that come too early are committed beside the others."""
    floor = a_floor(**BURST, burst_shots=2, burst_spacing_ms=0, burst_first_ms=-200)
    floor.exchange.opens_at += timedelta(seconds=12)
    desk = floor.desk()

    entry = await desk.fire(KEY)
    await desk.close()

    assert entry.result == "filled", entry.reason


async def test_a_shot_that_waited_for_anothers_outcome_leaves_when_it_is_known() -> None:
    """It was kept from leaving, not refused: nothing has to be paced."""
    floor = a_floor(**BURST, burst_shots=3, burst_spacing_ms=1000)
    floor.exchange.fates.append(Lost(booked=False))
    desk = floor.desk()

    await desk.fire(KEY)
    await desk.close()

    settled_at = floor.store.written_at[floor.store.of(OrderAbsent)[0].key]
    waited = after_opening(floor, buys(floor)[0]) - (settled_at - floor.record.opens_at).total_seconds()
    assert waited < 0.05


async def test_a_shot_that_waited_for_anothers_outcome_does_not_lose_its_grace() -> None:
    """A pause as after a refusal would be longer than what is left of it."""
    floor = a_floor(**BURST, burst_shots=3, burst_spacing_ms=1000, grace_s=9)
    floor.exchange.fates.append(Lost(booked=False))
    desk = floor.desk()

    entry = await desk.fire(KEY)
    await desk.close()

    assert len(buys(floor)) >= 2, entry.reason


def a_late_burst() -> Floor:
    """The listing opens 4 s late, when each lane shoots every ten seconds."""
    floor = a_floor(**BURST, burst_shots=5, burst_spacing_ms=200, time_stop_s=60)
    floor.exchange.opens_at += timedelta(seconds=4)
    return floor


async def test_what_one_lane_of_a_late_burst_buys_ends_the_pause_of_the_others() -> None:
    """It shows that the market is open: each shoots once more at once, none of them ten seconds later."""
    floor = a_late_burst()
    desk = floor.desk()

    await floor.trade(desk)
    await desk.close()

    bought = [after_opening(floor, order) for order in buys(floor)]
    assert len(bought) == 5
    assert max(bought) - min(bought) <= FIRE_WINDOW_S
    assert floor.exchange.spent <= floor.record.policy.budget_quote


async def test_a_burst_that_bought_a_part_keeps_its_pace() -> None:
    """Nothing more is offered for 0.4 s: its shots last, and buy then."""
    floor = a_floor(**BURST, burst_shots=3, burst_spacing_ms=50)
    floor.exchange.offers = Decimal(100)
    floor.exchange.latency_s = 0.005
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(0.4, lambda: setattr(floor.exchange, "offers", None))

    await trading
    await desk.close()

    assert len(buys(floor)) <= 12
    assert floor.exchange.spent > 40


@pytest.mark.parametrize("what", ["stop", "abort"])
async def test_a_burst_that_bought_late_is_guarded_at_once(what: str) -> None:
    """Its lanes do not end with their pauses, the last of which would be at fourteen seconds."""
    floor = a_late_burst()
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    act = {"stop": lambda: floor.exchange.set_bid("0.02"), "abort": lambda: floor.store.change(aborting=True)}[what]
    await floor.at(5, act)

    sold = await first_sale(floor)
    await trading
    await desk.close()

    assert sold < 6


async def test_a_stop_is_heard_while_a_part_pauses_after_a_refusal() -> None:
    """The other parts of the tranche would come for half a minute more."""
    floor = a_floor(strategy=EntryStrategy.TRANCHE, tranche_parts=4, tranche_every_s=12, window_s=60, time_stop_s=600)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(11, lambda: floor.exchange.fates.extend([NotTradable("no opponent order", code=30025)] * 9))
    await floor.at(14.9, floor.exchange.fates.clear)
    await floor.at(15, lambda: floor.exchange.set_bid("0.02"))

    sold = await first_sale(floor)
    await trading
    await desk.close()

    assert sold < 17


async def test_the_stop_of_a_burst_that_is_spread_over_seconds_is_watched_while_it_buys() -> None:
    floor = a_floor(**BURST, burst_shots=5, burst_spacing_ms=1000, time_stop_s=600)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(0.5, lambda: floor.exchange.set_bid("0.02"))

    sold = await first_sale(floor)
    await trading
    await desk.close()

    assert sold < 2.5


async def test_a_later_part_is_not_sent_by_a_clock_that_is_hardly_known() -> None:
    """Also when it is aimed by what is known of it by now."""
    floor = a_floor(**TRANCHE, time_stop_s=30)
    desk = floor.desk()

    def lose_the_bound() -> None:
        floor.exchange_clock.bound = 1.0
        floor.exchange_clock.measure()

    await asyncio.gather(floor.trade(desk), floor.at(1, lose_the_bound))
    await desk.close()

    names = {order.client_order_id for order in buys(floor)}
    bounds = [shot.bound_us for shot in floor.store.of(ShotSent) if shot.client_order_id in names]
    assert len(bounds) == 1
