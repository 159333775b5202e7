"""A position is sold as its policy says, whatever stands in the way."""

import asyncio
from collections import deque
from datetime import datetime, timedelta
from decimal import Decimal

from domain.errors import AccessDenied, ClockRefused, NotTradable, OrderRejected, PriceRefused, TryAgain
from domain.events import (
    AttentionNeeded,
    ExitDecided,
    LeaseTaken,
    PositionFlat,
)
from domain.exits import Trigger
from domain.money import Base
from domain.orders import OrderStatus, Side
from tests.builders import KEY, RULES
from tests.desk.sessions import a_floor
from tests.fakes import Lost


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

    [flat] = floor.store.of(PositionFlat)
    assert floor.store.written_at[flat.key] - floor.record.opens_at < timedelta(seconds=6)
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
