"""What a desk promises about one session, from arming until flat."""

import asyncio
from collections import deque
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from domain.entry import FIRE_WINDOW_S
from domain.errors import AccessDenied, ClockRefused, NotTradable, OrderRejected, PriceRefused, SizeRefused, TryAgain
from domain.events import (
    AttentionNeeded,
    ClockMeasured,
    EntryEnded,
    ExitDecided,
    IntentWithdrawn,
    LeaseTaken,
    OrderAbsent,
    ShotAnswered,
    ShotSent,
    StoodDown,
)
from domain.exits import Trigger
from domain.lease import SETTLE_MARGIN_S
from domain.money import NO_BASE, Base, SymbolRules
from domain.orders import OrderKind, OrderStatus, Side
from domain.policy import ExitPolicy, LadderStep
from domain.session import Phase
from tests.builders import KEY, RULES, a_policy, a_record
from tests.desk.floor import Floor, Life
from tests.fakes import FakeExchange, Lost

LADDER = (LadderStep(Decimal(10), Decimal(50)), LadderStep(Decimal(20), Decimal(50)))


def a_floor(
    *,
    ladder: tuple[LadderStep, ...] = LADDER,
    time_stop_s: int = 30,
    late_entry_s: int = 0,
    opens_in_s: float = 8.0,
    grace_s: int = 30,
) -> Floor:
    policy = a_policy(exits=ExitPolicy(ladder=ladder, time_stop_s=time_stop_s))
    entry = replace(policy.entry, late_entry_s=late_entry_s, grace_s=grace_s)
    return Floor(a_record(policy=replace(policy, entry=entry)), opens_in_s=opens_in_s)


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


async def test_the_shot_arrives_just_after_the_opening() -> None:
    """It leaves one way early and one clock bound late: never before the opening, and within milliseconds of it."""
    floor = a_floor(time_stop_s=2)
    desk = floor.desk()

    await floor.trade(desk)
    await desk.close()

    late = floor.exchange.booked_at[0] - floor.record.opens_at
    assert timedelta(0) <= late < timedelta(milliseconds=10)


async def test_a_lost_answer_is_looked_up_and_never_sent_again() -> None:
    """The order is booked, its answer lost: the desk finds it by its id."""
    floor = a_floor(time_stop_s=2, ladder=())
    floor.exchange.fates.append(Lost(booked=True))
    desk = floor.desk()

    entry, _ = await floor.trade(desk)
    await desk.close()

    assert entry.result == "filled"
    assert len([request for request in floor.exchange.sent if request.side is Side.BUY]) == 1
    assert floor.complaints() == []


async def test_a_lost_request_is_absent_only_after_window_and_margin() -> None:
    """Before timestamp + recvWindow + margin nothing is believed; then the next shot goes, under a new id."""
    floor = a_floor(time_stop_s=2, ladder=())
    floor.exchange.fates.append(Lost(booked=False))
    desk = floor.desk()

    entry, _ = await floor.trade(desk)
    await desk.close()

    absent = floor.store.of(OrderAbsent)[0]
    waited = floor.store.written_at[absent.key] - floor.record.opens_at
    buys = [request.client_order_id for request in floor.exchange.sent if request.side is Side.BUY]
    assert waited >= timedelta(seconds=1 + SETTLE_MARGIN_S)
    assert entry.result == "filled"
    assert buys[0] == absent.client_order_id
    assert len(set(buys)) == 2
    assert floor.complaints() == []


async def test_an_order_that_arrives_late_is_waited_for() -> None:
    """A request that travels for most of its window is found before a second one is sent."""
    floor = a_floor(time_stop_s=2, ladder=())
    floor.exchange.fates.append(Lost(booked=True, after_s=0.9))
    desk = floor.desk()

    entry, _ = await floor.trade(desk)
    await desk.close()

    assert entry.result == "filled"
    assert len(floor.exchange.bought_orders) == 1
    assert floor.complaints() == []


async def test_a_named_cap_lowers_the_price() -> None:
    """A refusal that names the highest price is followed by a shot at that price."""
    floor = a_floor(time_stop_s=2, ladder=())
    floor.exchange.fates.append(PriceRefused("too high", code=30010, cap=Decimal("0.0512345")))
    desk = floor.desk()

    entry, _ = await floor.trade(desk)
    await desk.close()

    buys = [request for request in floor.exchange.sent if request.side is Side.BUY]
    assert [request.price for request in buys] == [Decimal("0.06"), Decimal("0.05123")]
    assert entry.result == "filled"
    assert floor.complaints() == []


async def test_a_listing_that_opens_a_little_late_is_still_bought() -> None:
    """`Not open yet` is answered by further shots inside the grace."""
    floor = a_floor(time_stop_s=2, ladder=())
    floor.exchange.opens_at += timedelta(seconds=4)
    desk = floor.desk()

    entry, _ = await floor.trade(desk)
    await desk.close()

    assert entry.result == "filled"
    assert len(floor.store.of(ShotAnswered)) > 3
    assert floor.complaints() == []


async def test_a_listing_that_does_not_open_is_given_up_after_the_grace() -> None:
    """Shots end with the grace, and unsent ones are withdrawn."""
    floor = a_floor(grace_s=10)
    floor.exchange.opens_at += timedelta(hours=1)
    desk = floor.desk()

    entry, _ = await floor.trade(desk)
    await desk.close()

    assert (entry.result, entry.bought) == ("nothing", NO_BASE)
    assert "no shot goes later than 10 s after the opening" in entry.reason
    assert len(floor.store.of(ShotSent)) + len(floor.store.of(IntentWithdrawn)) == len(floor.store.committed)


async def test_an_empty_book_is_shot_at_again_until_something_is_offered() -> None:
    """An order that ended without a fill uses no budget."""
    floor = a_floor(time_stop_s=2, ladder=())
    offers, floor.exchange.asks = floor.exchange.asks, []
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(1.0, lambda: floor.exchange.asks.extend(offers))

    entry, _ = await trading
    await desk.close()

    assert entry.result == "filled"
    assert floor.complaints() == []


async def test_after_a_partial_fill_the_rest_of_the_budget_is_tried_for_a_moment_only() -> None:
    """The position waits for its guard: beyond the fire window what is missing is not chased."""
    floor = a_floor(time_stop_s=2, ladder=())
    floor.exchange.asks = [(Decimal("0.05"), Decimal(100))]
    desk = floor.desk()

    entry, _ = await floor.trade(desk)
    await desk.close()

    assert (entry.result, entry.bought) == ("filled", Base(Decimal(100)))
    shots = [order for order in floor.exchange.orders if order.side is Side.BUY]
    assert len(shots) > 1
    assert sum(order.price * order.quantity for order in shots[1:2]) <= Decimal(50) - entry.spent
    assert (floor.exchange.booked_at[len(shots) - 1] - floor.record.opens_at).total_seconds() < FIRE_WINDOW_S + 0.1
    assert floor.complaints() == []


async def test_a_second_shot_buys_what_the_first_one_left_and_no_more() -> None:
    """Offers that come a moment later are taken for what is left of the budget."""
    floor = a_floor(time_stop_s=2, ladder=())
    floor.exchange.asks = [(Decimal("0.05"), Decimal(100))]
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(0.03, lambda: floor.exchange.asks.append((Decimal("0.05"), Decimal(10_000))))

    entry, _ = await trading
    await desk.close()

    assert entry.bought > Decimal(100)
    assert entry.spent <= floor.record.policy.budget_quote
    assert len(floor.exchange.bought_orders) == 2
    assert floor.complaints() == []


async def test_fills_that_lag_are_waited_for() -> None:
    """A position is what the fills say, also when they come seconds after the order's end."""
    floor = a_floor(time_stop_s=6, ladder=())
    floor.exchange.fills_after_s = 2.0
    desk = floor.desk()

    entry, _ = await floor.trade(desk)
    await desk.close()

    assert entry.bought == floor.exchange.orders[0].executed
    assert floor.complaints() == []


@pytest.mark.parametrize("value", ["aborting", "halted"])
async def test_nothing_is_bought_after_an_abort_or_a_halt_while_armed(value: str) -> None:
    """The last look before the send reads the row."""
    floor = a_floor()
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(-0.5, lambda: floor.store.change(**{value: True}))

    entry, guard = await trading
    await desk.close()

    assert (entry.result, floor.exchange.sent) == ("nothing", [])
    assert guard.flat
    assert len(floor.store.of(IntentWithdrawn)) == len(floor.store.committed)


async def test_a_row_that_cannot_be_read_for_two_seconds_stops_the_entry() -> None:
    """A halt might be missed, so nothing is sent."""
    floor = a_floor()
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(-3.0, lambda: setattr(floor.store, "away", True))
    await floor.at(3.0, lambda: setattr(floor.store, "away", False))

    entry, _ = await trading
    await desk.close()

    assert floor.exchange.sent == []
    assert "could not be read" in entry.reason


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


async def test_a_disarmed_answer_is_given_once() -> None:
    """Whoever fires again while the old run lets go gets a new run, not the old answer."""
    floor = a_floor()
    desk = floor.desk()
    firing = asyncio.create_task(desk.fire(KEY))
    await floor.at(-4.0, lambda: floor.store.change(policy_revision=1))
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


async def test_a_lease_lost_between_signing_and_sending_stops_the_shot() -> None:
    """The lease is looked at after the signature, at the instant itself: a machine that was suspended sends nothing."""
    floor = a_floor()
    desk = floor.desk()

    def suspended() -> None:
        floor.clock.suspended_s += 10
        floor.launchpad.before_look = lambda: None

    floor.launchpad.before_look = suspended

    entry, _ = await floor.trade(desk)
    await desk.close()

    assert floor.exchange.sent == []
    assert entry.result == "missed"


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


async def test_a_rising_price_sells_the_ladder() -> None:
    """Both rungs are filled while they rest, and the session ends without an exit at once."""
    floor = a_floor()
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(2.0, lambda: floor.exchange.set_bid("0.0561"))
    await floor.at(4.0, lambda: floor.exchange.set_bid("0.0601"))

    _, report = await trading
    await desk.close()

    assert report.result_quote > 0
    assert floor.store.of(ExitDecided) == []
    assert floor.complaints() == []


async def test_a_stop_cancels_what_rests_and_sells_the_rest() -> None:
    """A half-filled rung is cancelled, its fills are counted, and the remainder goes at once."""
    floor = a_floor(time_stop_s=3600)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(2.0, lambda: floor.exchange.fill_part(1, Decimal(50)))
    await floor.at(4.0, lambda: floor.exchange.set_bid("0.045"))

    await trading
    await desk.close()

    rung = floor.exchange.orders[1]
    assert (rung.status, rung.executed) == (OrderStatus.PARTIALLY_CANCELLED, Base(Decimal(50)))
    assert [event.trigger for event in floor.store.of(ExitDecided)] == [Trigger.STOP]
    assert floor.complaints() == []


async def test_a_spread_that_recovers_is_no_crash() -> None:
    """A bid under the stop for less than the confirmation time, or an absurd one for a blink, sells nothing."""
    floor = a_floor(time_stop_s=10, ladder=())
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(2.0, lambda: floor.exchange.set_bid("0.0001"))
    await floor.at(2.45, lambda: floor.exchange.set_bid("0.05"))

    await trading
    await desk.close()

    assert [event.trigger for event in floor.store.of(ExitDecided)] == [Trigger.TIME_STOP]
    assert floor.complaints() == []


async def test_an_abort_while_guarding_sells_at_once() -> None:
    """What rests is cancelled and everything is sold, long before any other exit."""
    floor = a_floor(time_stop_s=3600)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(3.0, lambda: floor.store.change(aborting=True))

    await trading
    await desk.close()

    flat = floor.store.written_at["flat"] - floor.record.opens_at
    assert flat < timedelta(seconds=6)
    assert floor.complaints() == []


async def test_a_halt_does_not_hold_back_an_exit() -> None:
    """Exits go on under a halt."""
    floor = a_floor(time_stop_s=5)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(2.0, lambda: floor.store.change(halted=True))

    _, report = await trading
    await desk.close()

    assert report.flat
    assert floor.complaints() == []


async def test_an_exit_whose_price_is_refused_is_sold_at_the_bid() -> None:
    """A venue that does not take the sweep gets the best bid as limit."""
    floor = a_floor(time_stop_s=2, ladder=())
    floor.exchange.fates.extend([None, PriceRefused("too low", code=30010)])
    desk = floor.desk()

    await floor.trade(desk)
    await desk.close()

    sells = [request.price for request in floor.exchange.sent if request.side is Side.SELL]
    assert sells == [Decimal("0.045"), Decimal("0.05")]
    assert floor.complaints() == []


async def test_an_exit_whose_clock_is_refused_measures_the_clock_again() -> None:
    """A guard may outlive the estimate it began with."""
    floor = a_floor(time_stop_s=3, ladder=())
    floor.exchange.fates.extend([None, ClockRefused("outside the window")])
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(2.5, lambda: None)
    measured = floor.exchange_clock.measured

    await trading
    await desk.close()

    assert floor.exchange_clock.measured > measured
    assert floor.complaints() == []


async def test_a_long_guard_keeps_its_clock_sharp() -> None:
    """Hours of guarding measure the exchange's time again and again."""
    floor = a_floor(time_stop_s=600, ladder=())
    desk = floor.desk()

    await floor.trade(desk)
    await desk.close()

    assert floor.exchange_clock.measured >= 10


async def test_a_venue_that_answers_nothing_is_not_flooded_with_rungs() -> None:
    """Lost answers are followed by pauses: a minute of them leaves a few dozen intents, not hundreds."""
    floor = a_floor(time_stop_s=65)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(0.05, lambda: floor.exchange.fates.extend([Lost(booked=False)] * 1000))
    await floor.at(60.0, floor.exchange.fates.clear)

    await trading
    await desk.close()

    assert len([request for request in floor.exchange.sent if request.side is Side.SELL]) < 60
    assert floor.complaints() == []


async def test_a_store_that_is_away_while_guarding_delays_nothing_for_good() -> None:
    """The session stands down, takes over again and ends flat with every fill booked."""
    floor = a_floor(time_stop_s=20)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))

    def away(value: bool) -> None:
        floor.store.away = floor.leases.away = value

    await floor.at(2.0, lambda: away(True))
    await floor.at(12.0, lambda: floor.exchange.set_bid("0.0601"))
    await floor.at(30.0, lambda: away(False))

    _, report = await trading
    await desk.close()

    assert report.flat
    assert floor.complaints() == []


async def test_a_key_that_is_refused_while_guarding_does_not_end_the_guard() -> None:
    """A refused question says nothing about an order, and a position is not walked away from."""
    floor = a_floor(time_stop_s=10)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    denied = [AccessDenied("key refused")] * 5
    await floor.at(2.0, lambda: floor.exchange.refusals.update(find_order=deque(denied)))

    _, report = await trading
    await desk.close()

    assert report.flat
    assert [event.holder for event in floor.store.of(LeaseTaken)] == ["fire"]
    assert floor.complaints() == []


@pytest.fixture
def asked_at(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """When the venue was asked for rules."""
    asked: list[datetime] = []
    rules = FakeExchange.rules

    async def noted(exchange: FakeExchange, *arguments: Any, **named: Any) -> SymbolRules | None:
        asked.append(exchange.clock.now())
        return await rules(exchange, *arguments, **named)

    monkeypatch.setattr(FakeExchange, "rules", noted)
    return asked


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


async def test_a_pair_that_vanished_is_asked_for_sparingly_by_its_guard(asked_at: list[datetime]) -> None:
    """Who takes over waits for the rules to sell by, and leaves the request budget to the exits of others."""
    floor = a_floor(ladder=(), time_stop_s=10)
    first = floor.desk()
    entry = await first.fire(KEY)
    await first.close()
    floor.exchange.rules_now = None
    taken_over_at = floor.clock.now()
    second = floor.desk("guard", may_fire=False)
    trading = asyncio.create_task(floor.trade(second))
    await floor.at(40.0, lambda: setattr(floor.exchange, "rules_now", RULES))

    _, report = await trading
    await second.close()

    assert entry.result == "filled"
    assert report.flat
    assert 5 < len([at for at in asked_at if at > taken_over_at]) <= 15
    assert floor.complaints() == []


async def test_rules_that_changed_at_the_opening_are_read_again() -> None:
    """An order whose decimals are refused is sized by the new rules, and leaves within the second."""
    floor = a_floor(ladder=(), time_stop_s=2)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(-0.5, lambda: floor.exchange.set_quantity_step("100"))

    entry, _ = await trading
    await desk.close()

    assert entry.result == "filled"
    assert [shot.answer for shot in floor.store.of(ShotAnswered)][:2] == ["refused", "accepted"]
    assert floor.exchange.bought_orders[0].quantity % 100 == 0
    assert floor.complaints() == []


async def test_a_size_that_is_refused_by_unchanged_rules_is_not_sent_again() -> None:
    """Nothing would be different the next time."""
    floor = a_floor()
    floor.exchange.fates.append(SizeRefused("more than the largest order", code=30003))
    desk = floor.desk()

    entry = await desk.fire(KEY)
    await desk.close()

    assert (entry.result, len(floor.exchange.sent)) == ("nothing", 1)


async def test_a_guard_reads_the_rules_again_when_its_size_is_refused() -> None:
    """What no longer fits stays behind as dust; the rest is sold."""
    floor = a_floor(ladder=(), time_stop_s=4)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(2, lambda: floor.exchange.set_quantity_step("100"))

    _, guard = await trading
    await desk.close()

    assert guard.flat
    assert 0 < floor.dust < 100
    assert floor.complaints() == []


async def test_a_refused_sell_is_repeated() -> None:
    """A definite no to an exit is not the end of it."""
    floor = a_floor(time_stop_s=2, ladder=())
    floor.exchange.fates.extend([None, OrderRejected("no"), NotTradable("halted"), TryAgain("busy")])
    desk = floor.desk()

    await floor.trade(desk)
    await desk.close()

    assert floor.complaints() == []


async def test_a_position_nobody_bids_for_is_shown_to_a_human() -> None:
    """Without a bid there is no price to sell at: the guard waits, says so, and sells once there is one."""
    floor = a_floor(time_stop_s=3, ladder=())
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(2.0, lambda: floor.exchange.set_bid(None))
    await floor.at(50.0, lambda: floor.exchange.set_bid("0.04"))

    await trading
    await desk.close()

    assert any("no usable bid" in event.reason for event in floor.store.of(AttentionNeeded))
    assert floor.complaints() == []


async def test_coins_from_before_the_session_are_never_sold() -> None:
    """A lost sell blocks the next one, so that at most what the session bought is sold."""
    floor = a_floor(time_stop_s=3)
    floor.exchange.free["NEW"] = floor.coins_before = Decimal(5000)
    floor.exchange.fates.extend([None, None, None, Lost(booked=True, after_s=0.9), Lost(booked=False)])
    desk = floor.desk()

    await floor.trade(desk)
    await desk.close()

    assert floor.exchange.free["NEW"] == Decimal(5000) + floor.dust
    assert floor.complaints() == []


async def test_silent_streams_only_make_learning_slower() -> None:
    """Every fact is asked for; frames are hints."""
    floor = a_floor(time_stop_s=20)
    floor.streams.silent = True
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(5.0, lambda: floor.exchange.set_bid("0.0601"))

    _, report = await trading
    await desk.close()

    assert report.flat
    assert floor.complaints() == []


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


async def test_fills_that_the_list_of_trades_does_not_tell_are_taken_from_the_stream() -> None:
    """More than a hundred within a second: what the stream told counts when it makes up the whole order."""
    floor = a_floor(time_stop_s=2, ladder=())
    floor.exchange.asks = [(Decimal("0.05"), Decimal(300))] * 4
    floor.exchange.fills_told = 2
    desk = floor.desk()

    entry, _ = await floor.trade(desk)
    await desk.close()

    assert entry.result == "filled"
    assert len([fill for _, fill in floor.exchange.trades if fill.side is Side.BUY]) > 2
    assert floor.complaints() == []
