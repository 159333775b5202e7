"""Each entry strategy keeps its own promise, and all of them the one about the budget."""

import asyncio
from collections import deque
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest

from domain.errors import NotTradable, OrderRejected, TryAgain
from domain.events import ShotAnswered, ShotSent, ShotSettled
from domain.money import Price
from domain.orders import OrderKind, OrderStatus
from domain.policy import EntryStrategy
from tests.builders import RULES
from tests.desk.entries import a_floor, after_opening, buys
from tests.desk.floor import Life
from tests.fakes import Lost

ASK = Decimal("0.05")


async def test_a_burst_overlaps_on_slices_that_make_up_the_budget() -> None:
    """Three orders 50 ms apart, each on its third, whatever the answers of the others."""
    floor = a_floor(strategy=EntryStrategy.BURST)
    floor.exchange.latency_s = 0.3  # each answer comes after all have left
    floor.exchange_clock.one_way = 0.15
    desk = floor.desk()

    entry, _ = await floor.trade(desk)
    await desk.close()

    at = [after_opening(floor, order) for order in buys(floor)]
    assert at[0] < 0.02
    assert [round(later - earlier, 3) for earlier, later in pairwise(at)] == [0.05, 0.05]
    assert all(order.price * order.quantity <= Decimal(50) / 3 for order in buys(floor))
    assert Decimal(40) < entry.spent <= Decimal(50)
    assert len(floor.lines.opened[0].lines) == 4
    assert [complaint for complaint in floor.complaints() if "entries were filled" not in complaint] == []


async def test_a_burst_whose_first_answer_is_lost_sends_nothing_more_until_it_is_known() -> None:
    """What is in doubt may have bought; the others that had not left yet stay."""
    floor = a_floor(strategy=EntryStrategy.BURST, burst_spacing_ms=1000, recv_window_ms=500)
    floor.exchange.fates.append(Lost(booked=True))
    floor.exchange.refusals["find_order"] = deque([TryAgain("busy")] * 12)
    floor.launchpad.answers_within_s = 0.3
    desk = floor.desk()

    entry, _ = await floor.trade(desk)
    await desk.close()

    assert len(buys(floor)) == 1
    assert entry.result == "filled"
    assert floor.complaints() == []


async def test_a_limit_order_rests_and_is_taken_off_the_book_when_its_window_ends() -> None:
    """What it bought until then is guarded, the rest is cancelled, seen cancelled."""
    floor = a_floor(strategy=EntryStrategy.LIMIT, window_s=5, grace_s=5)
    floor.exchange.asks = [(ASK, Decimal(100))]
    desk = floor.desk()

    entry, _ = await floor.trade(desk)
    await desk.close()

    order = buys(floor)[0]
    assert [order.kind for order in buys(floor)] == [OrderKind.LIMIT]
    assert order.status is OrderStatus.PARTIALLY_CANCELLED
    assert entry.bought == 100
    assert floor.exchange.cancelled[0] == order.client_order_id
    assert floor.complaints() == []


async def test_a_limit_order_that_is_filled_while_it_rests_ends_the_entry() -> None:
    """Somebody sells into it a second later."""
    floor = a_floor(strategy=EntryStrategy.LIMIT, window_s=30)
    floor.exchange.asks = []
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(1.0, lambda: floor.exchange.set_asks(("0.05", "100000")))

    entry, _ = await trading
    await desk.close()

    assert entry.result == "filled"
    assert [order.status for order in buys(floor)] == [OrderStatus.FILLED]
    assert floor.complaints() == []


@pytest.mark.parametrize("value", ["aborting", "halted"])
async def test_an_abort_or_a_halt_takes_a_resting_entry_off_the_book(value: str) -> None:
    """Nothing more is bought from then on."""
    floor = a_floor(strategy=EntryStrategy.LIMIT, window_s=30)
    floor.exchange.asks = []
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(1.0, lambda: floor.store.change(**{value: True}))
    await floor.at(3.0, lambda: floor.exchange.set_asks(("0.05", "100000")))

    entry, _ = await trading
    await desk.close()

    assert entry.bought == 0
    assert [order.status for order in buys(floor)] == [OrderStatus.CANCELLED]


async def test_a_resting_entry_of_a_desk_that_died_is_ended_by_the_next_one() -> None:
    """It is found, taken off the book and counted; no second one is placed after its fill."""
    floor = a_floor(strategy=EntryStrategy.LIMIT, window_s=300, late_entry_s=120)
    floor.exchange.asks = [(ASK, Decimal(100))]
    life = Life()
    dying = asyncio.create_task(floor.trade_dying(life))
    await floor.at(2.0, lambda: setattr(life, "ends_at", life.calls + 1))
    await dying

    await floor.trade_dying(Life(), "fire-next")

    assert len(buys(floor)) == 1
    assert buys(floor)[0].status is OrderStatus.PARTIALLY_CANCELLED
    assert floor.complaints() == []


async def test_tranches_are_bought_at_their_times_each_on_its_slice() -> None:
    """Four parts, three seconds apart, the later ones at the ask of their moment plus the markup."""
    floor = a_floor(strategy=EntryStrategy.TRANCHE, tranche_parts=4, tranche_every_s=3, time_stop_s=30)
    desk = floor.desk()

    entry, _ = await floor.trade(desk)
    await desk.close()

    assert [round(after_opening(floor, order)) for order in buys(floor)] == [0, 3, 6, 9]
    assert buys(floor)[1].price == RULES.price_down(ASK * Decimal("1.1"))
    assert entry.spent <= Decimal(50)
    assert len(floor.store.of(ShotSettled)) == 4


async def test_tranches_end_when_the_price_falls_to_the_stop() -> None:
    """What was bought so far is sold by the guard; the parts to come are not bought."""
    floor = a_floor(strategy=EntryStrategy.TRANCHE, tranche_parts=5, tranche_every_s=5, time_stop_s=60)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(2.0, lambda: floor.exchange.set_bid("0.04"))

    entry, guard = await trading
    await desk.close()

    assert len(buys(floor)) == 1
    assert "stop" in entry.reason
    assert guard.flat


async def test_a_market_purchase_waits_for_an_ask_inside_the_bound() -> None:
    """By amount of quote, never before an ask was seen and never above it."""
    floor = a_floor(strategy=EntryStrategy.MARKET)
    floor.exchange.rules_now = replace(RULES, market_orders=True)
    floor.exchange.asks = [(Decimal("0.09"), Decimal(100_000))]
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(2.0, lambda: floor.exchange.set_asks(("0.05", "100000")))

    entry, _ = await trading
    await desk.close()

    assert [order.kind for order in buys(floor)] == [OrderKind.MARKET]
    assert [shot.quote for shot in floor.store.of(ShotSent)][:2] == [floor.exchange.sent[0].quote, None]
    assert after_opening(floor, buys(floor)[0]) > 1.9
    assert Decimal(45) < entry.spent <= Decimal(50)


async def test_a_market_purchase_is_given_up_where_the_venue_takes_none() -> None:
    """It does not turn into another kind of order."""
    floor = a_floor(strategy=EntryStrategy.MARKET)
    desk = floor.desk()

    entry, _ = await floor.trade(desk)
    await desk.close()

    assert "market orders" in entry.reason
    assert floor.exchange.sent == []


async def test_without_a_price_bound_nothing_leaves_before_an_ask_was_seen() -> None:
    """The bound is the best ask since the opening plus the markup."""
    floor = a_floor(max_price=None, markup_percent=Decimal(4))
    floor.exchange.asks = []
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(1.5, lambda: floor.exchange.set_asks(("0.05", "100000")))

    entry, _ = await trading
    await desk.close()

    assert entry.result == "filled"
    assert buys(floor)[0].price == Decimal("0.052")
    assert after_opening(floor, buys(floor)[0]) > 1.5
    assert floor.complaints() == []


async def test_without_a_price_bound_and_without_an_ask_nothing_is_sent() -> None:
    """The grace ends and the entry with it."""
    floor = a_floor(max_price=None, grace_s=3)
    floor.exchange.asks = []
    desk = floor.desk()

    entry, _ = await floor.trade(desk)
    await desk.close()

    assert "no price bound was given" in entry.reason
    assert floor.exchange.sent == []


async def test_a_late_entry_keeps_to_its_own_price_bound() -> None:
    """And to the ask of the moment plus the markup, when that is lower."""
    floor = a_floor(opens_in_s=-5.0, late_entry_s=60, late_max_price=Price(Decimal("0.051")))
    desk = floor.desk()

    await floor.trade(desk)
    await desk.close()

    assert [order.price for order in buys(floor)] == [Decimal("0.051")]


async def test_shots_wait_for_a_place_in_the_request_budget() -> None:
    """None is skipped for it, and none leaves without."""
    floor = a_floor()
    floor.exchange.fates.extend([NotTradable("not yet")] * 3)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(-1.0, lambda: setattr(floor.lines.opened[0], "places", 0))

    entry, _ = await trading
    await desk.close()

    assert entry.result == "filled"
    assert len(floor.exchange.sent) >= 4
    assert floor.complaints() == []


async def test_too_little_money_on_the_account_ends_the_entry_before_anything_is_committed() -> None:
    """Risk was judged when the session was prepared; the balance may be another one since."""
    floor = a_floor()
    floor.exchange.free["USDT"] = Decimal(10)
    desk = floor.desk()

    entry, _ = await floor.trade(desk)
    await desk.close()

    assert entry.reason == "the budget is 50 USDT, free are 10"
    assert not floor.store.committed


async def test_a_connection_that_died_before_the_instant_is_replaced_by_the_spare_one() -> None:
    """The order leaves at the same instant, over the other line."""
    floor = a_floor()
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(-0.5, lambda: setattr(floor.lines.opened[0].lines[1], "standing", False))

    entry, _ = await trading
    await desk.close()

    assert entry.result == "filled"
    assert after_opening(floor, buys(floor)[0]) < 0.02


async def test_rules_that_changed_are_seen_by_every_lane() -> None:
    """Each slice is bought by the new ones, also where another lane read them first."""
    floor = a_floor(strategy=EntryStrategy.BURST, burst_shots=2)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(-0.5, lambda: floor.exchange.set_quantity_step("100"))

    entry, _ = await trading
    await desk.close()

    assert entry.result == "filled"
    assert [order.quantity % 100 for order in buys(floor)] == [0, 0]
    assert [shot.answer for shot in floor.store.of(ShotAnswered)][:4].count("refused") == 2


async def test_a_refusal_for_good_in_one_lane_does_not_stop_the_others() -> None:
    """Each slice has a fate of its own."""
    floor = a_floor(strategy=EntryStrategy.BURST, burst_shots=2)
    floor.exchange.fates.append(OrderRejected("no"))
    desk = floor.desk()

    entry, _ = await floor.trade(desk)
    await desk.close()

    assert entry.result == "filled"
    assert entry.spent <= Decimal(25)
