"""A desk that takes a session over finds what the one before sent, takes its purchases off the book, and guards."""

import asyncio
from collections import deque
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.errors import TryAgain
from domain.policy import EntryStrategy
from tests.desk.entries import a_floor, buys, first_sale
from tests.desk.floor import Floor, Life

RESTING: dict[str, Any] = {"strategy": EntryStrategy.LIMIT, "window_s": 60, "time_stop_s": 600}


async def fired_and_died(floor: Floor, calls: int = 1) -> None:
    """The first desk dies so many calls after its first order has reached the venue."""
    life = Life()
    dying = asyncio.create_task(floor.trade_dying(life))
    while not floor.exchange.orders:
        await asyncio.sleep(0.001)
    life.ends_at = life.calls + calls
    await dying


def set_venue_clock_back(floor: Floor, seconds: float) -> None:
    vars(floor.exchange)["now"] = lambda: floor.clock.now() - timedelta(seconds=seconds)
    floor.exchange_clock.set_ahead_s = -seconds
    floor.exchange_clock.measure()


def complaints(floor: Floor) -> list[str]:
    """Without the one that compares the venue's clock, which is set here, with the store's."""
    return [complaint for complaint in floor.complaints() if "was durable" not in complaint]


async def test_a_venue_clock_set_back_hides_no_purchase_from_the_next_desk() -> None:
    """The bound is another one by then, so that whatever was not sent would be planned anew."""
    floor = a_floor(time_stop_s=5, max_price=None)
    await fired_and_died(floor)
    await asyncio.sleep(0.2)
    floor.leases._ends = floor.clock.boottime()  # its process is known to be dead
    set_venue_clock_back(floor, 1.5)
    floor.exchange.set_asks(("0.051", "100000"))

    desk = floor.desk("fire-2")
    await floor.trade(desk)
    await desk.close()

    assert complaints(floor) == []


async def test_a_venue_clock_set_back_sends_no_id_twice() -> None:
    floor = a_floor(time_stop_s=5)
    await fired_and_died(floor)
    set_venue_clock_back(floor, 7)

    desk = floor.desk("fire-2")
    await floor.trade(desk)
    await desk.close()

    assert complaints(floor) == []


async def test_what_one_of_many_due_shots_bought_is_guarded_before_the_others_are_asked_about() -> None:
    floor = a_floor(strategy=EntryStrategy.TRANCHE, tranche_parts=10, tranche_every_s=1, window_s=60, time_stop_s=600)
    await fired_and_died(floor, calls=3)
    floor.exchange.latency_s = 0.2
    await floor.at(20, lambda: floor.exchange.set_bid("0.03"))

    desk = floor.desk("fire-2")
    trading = asyncio.create_task(floor.trade(desk))
    sold_at = await first_sale(floor)
    trading.cancel()
    await desk.close()

    assert sold_at < 25


@pytest.mark.parametrize("coins", [0, 500])
async def test_nothing_is_sold_while_a_purchase_of_the_dead_desk_rests(coins: int) -> None:
    """Also among coins that were there before, which its sale could take instead."""
    floor = a_floor(**RESTING)
    floor.exchange.free["NEW"] += coins
    floor.exchange.offers = Decimal(200)
    await fired_and_died(floor)
    await floor.at(1, lambda: floor.store.change(aborting=True))
    floor.exchange.latency_s = 0.1

    desk = floor.desk("fire-2")
    trading = asyncio.create_task(floor.trade(desk))
    await first_sale(floor)
    rested = not floor.exchange.orders[0].status.final
    await trading
    await desk.close()

    assert not rested


async def test_after_an_abort_a_resting_purchase_comes_off_before_anything_else_is_waited_for() -> None:
    """The guard waits for rules that the venue does not tell; meanwhile it offers more at a lower price."""
    floor = a_floor(**RESTING)
    floor.exchange.offers = Decimal(200)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(1, lambda: None)
    floor.exchange.refusals["rules"] = deque([TryAgain("busy")] * 20)
    await floor.at(1.5, lambda: floor.store.change(aborting=True))

    def offer_more() -> None:
        floor.exchange.offers = None
        floor.exchange.set_asks(("0.05", "10000"))

    await floor.at(8, offer_more)
    await trading
    await desk.close()

    assert sum(order.executed for order in buys(floor)) == 200


async def test_what_the_stream_told_whole_is_guarded_although_its_trades_are_not_listed() -> None:
    floor = a_floor(time_stop_s=600)
    floor.exchange.refusals["fills"] = deque([TryAgain("busy")] * 200)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(3, lambda: floor.store.change(aborting=True))

    sold_at = await first_sale(floor)
    trading.cancel()
    await desk.close()

    assert sold_at < 10
