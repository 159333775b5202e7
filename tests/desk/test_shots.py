"""What follows a shot: refused, filled, lost or late."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest

from domain.entry import FIRE_WINDOW_S
from domain.errors import PriceRefused, SizeRefused
from domain.events import (
    IntentWithdrawn,
    OrderAbsent,
    ShotAnswered,
    ShotSent,
)
from domain.lease import SETTLE_MARGIN_S
from domain.money import NO_BASE, Base
from domain.orders import Side
from tests.builders import KEY
from tests.desk.sessions import a_floor
from tests.fakes import Lost


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
