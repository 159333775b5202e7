"""What is asked before an entry is committed, and when arming gives it up."""

import asyncio
from collections import deque
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.errors import TryAgain
from domain.events import CoinCounted, LeaseTaken
from domain.orders import Side
from domain.ports import Balance
from tests.desk.entries import a_floor, after_opening, buys
from tests.fakes import FakeBattery, FakeClock, FakeExchange, FakeHotLines, Lost


class WrongClock(FakeClock):
    """Of a machine whose wall clock is a minute ahead."""

    def now(self) -> Any:
        return super().now() + timedelta(minutes=1)


@pytest.mark.parametrize("after_s", [20.0, 50.0])
async def test_coins_that_come_before_the_opening_are_not_sold(after_s: float) -> None:
    """Between two armings, or while armed: what was there when the first shot left belongs to the operator."""
    floor = a_floor(opens_in_s=20.0, time_stop_s=3)
    floor.exchange.answer_within_s = 0.1
    floor.exchange.fates.extend([None, Lost(booked=True, after_s=0.9), None, None])  # its first sale is doubtful
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))

    await floor.at(-5, lambda: None)
    moved = floor.record.opens_at + timedelta(seconds=60)
    floor.exchange.opens_at = moved
    floor.store.change(opens_at=moved, policy_revision=1)
    await asyncio.sleep(after_s)
    floor.exchange.free["NEW"] += 5000
    await trading
    await desk.close()

    assert floor.exchange.free["NEW"] == 5000 + floor.dust
    assert [event.before for event in floor.store.of(CoinCounted)][-1] == 5000


async def test_a_count_that_is_not_answered_in_time_keeps_no_shot_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last count before the opening is a precaution."""
    floor = a_floor(opens_in_s=20.0)
    balance, asked = FakeExchange.balance, 0

    async def slower(exchange: FakeExchange, *arguments: Any, **named: Any) -> Balance:
        nonlocal asked
        asked += 1
        if floor.clock.now() > floor.record.opens_at - timedelta(seconds=6):
            await asyncio.sleep(30)
        return await balance(exchange, *arguments, **named)

    monkeypatch.setattr(FakeExchange, "balance", slower)
    desk = floor.desk()

    entry, _ = await floor.trade(desk)
    await desk.close()

    assert asked >= 3
    assert entry.result == "filled"
    assert floor.exchange.booked_at[0] - floor.record.opens_at < timedelta(milliseconds=10)


@pytest.mark.parametrize(("opens_in_s", "max_price"), [(8.0, None), (0.5, Decimal("0.06"))])
async def test_no_coins_are_counted_once_that_could_keep_the_first_shot_back(
    opens_in_s: float, max_price: Decimal | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither after the opening, which a session without a price bound waits for, nor in the last instants before."""
    floor = a_floor(opens_in_s=opens_in_s, max_price=max_price)
    balance, asked = FakeExchange.balance, 0

    async def slow(exchange: FakeExchange, *arguments: Any, **named: Any) -> Balance:
        nonlocal asked
        asked += 1
        if asked > 2:
            await asyncio.sleep(5)
        return await balance(exchange, *arguments, **named)

    monkeypatch.setattr(FakeExchange, "balance", slow)
    desk = floor.desk()

    await desk.fire(floor.record.key)
    await desk.close()

    assert after_opening(floor, buys(floor)[0]) < 0.3


async def test_without_a_price_bound_coins_that_come_before_the_opening_are_not_sold() -> None:
    """They are counted again before an ask is waited for."""
    floor = a_floor(opens_in_s=20.0, max_price=None)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))

    await floor.at(-6, lambda: floor.exchange.free.update(NEW=Decimal(5000)))
    entry, _ = await trading
    await desk.close()

    assert entry.result == "filled"
    assert floor.exchange.free["NEW"] == 5000 + floor.dust
    assert [event.before for event in floor.store.of(CoinCounted)][-1] == 5000


@pytest.mark.parametrize(("what", "opens_in_s"), [("balance", -5.0), ("rules", -5.0), ("rules", 0.8)])
async def test_one_busy_answer_ends_no_entry_that_is_still_in_time(what: str, opens_in_s: float) -> None:
    """What is allowed to be late is asked for again."""
    floor = a_floor(opens_in_s=opens_in_s, late_entry_s=60)
    floor.exchange.refusals[what] = deque([TryAgain("busy")])
    desk = floor.desk()

    entry = await desk.fire(floor.record.key)
    await desk.close()

    assert entry.result == "filled", entry.reason


async def test_one_failed_connection_ends_no_late_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as it may be late, another one is opened."""
    floor = a_floor(opens_in_s=-5.0, late_entry_s=60)
    open_, broken = FakeHotLines.open, deque([TryAgain("the venue cannot be reached for orders")])

    async def failing(lines: FakeHotLines, number: int) -> FakeBattery:
        if broken:
            raise broken.popleft()
        return await open_(lines, number)

    monkeypatch.setattr(FakeHotLines, "open", failing)
    desk = floor.desk()

    entry = await desk.fire(floor.record.key)
    await desk.close()

    assert entry.result == "filled", entry.reason


async def test_a_venue_that_does_not_tell_the_time_at_once_ends_no_late_entry() -> None:
    """What was known of its clock is too vague by now."""
    floor = a_floor(opens_in_s=-5.0, late_entry_s=60)
    floor.exchange_clock.bound = 0.3
    floor.exchange_clock.measure()
    floor.exchange_clock.bound, floor.exchange_clock.away = 0.002, True
    desk = floor.desk()
    firing = asyncio.create_task(desk.fire(floor.record.key))
    await asyncio.sleep(0.3)
    floor.exchange_clock.away = False

    entry = await firing
    await desk.close()

    assert entry.result == "filled", entry.reason


async def test_an_arming_that_takes_until_after_the_opening_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without late entry no first shot leaves late, whatever it was that took so long."""
    floor = a_floor(opens_in_s=4.0)
    balance = FakeExchange.balance

    async def slow(exchange: FakeExchange, *arguments: Any, **named: Any) -> Balance:
        await asyncio.sleep(8)
        return await balance(exchange, *arguments, **named)

    monkeypatch.setattr(FakeExchange, "balance", slow)
    desk = floor.desk()

    entry = await desk.fire(floor.record.key)
    await desk.close()

    assert entry.result == "missed"
    assert buys(floor) == []


async def test_a_late_entry_without_a_price_waits_no_longer_than_it_may_be_late() -> None:
    """An ask that comes half an hour later finds nobody."""
    floor = a_floor(opens_in_s=-5.0, late_entry_s=10, max_price=None, grace_s=5)
    floor.exchange.asks = []
    desk = floor.desk()

    async with asyncio.timeout(20):
        entry = await desk.fire(floor.record.key)
    await desk.close()

    assert entry.result == "nothing"
    assert "within 10 s" in entry.reason


async def test_a_wrong_wall_clock_ends_no_arming() -> None:
    """Whether the opening has passed is a question of the exchange's time."""
    floor = a_floor(opens_in_s=20.0)
    floor.clock.__class__ = WrongClock
    floor.exchange.now = lambda: FakeClock.now(floor.clock)  # type: ignore[method-assign]
    floor.exchange_clock.bound = 0.3
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await asyncio.sleep(2)
    floor.exchange_clock.bound = 0.002

    entry, _ = await trading
    await desk.close()

    assert entry.result == "filled"


async def test_an_abort_is_heard_while_the_exchange_does_not_tell_the_time() -> None:
    """Nothing of the session is at the venue, so there is nothing to wait for."""
    floor = a_floor(opens_in_s=100.0)
    floor.exchange_clock.away = True
    desk = floor.desk()
    trading = asyncio.create_task(desk.fire(floor.record.key))
    await floor.at(-50, lambda: floor.store.change(aborting=True))

    async with asyncio.timeout(5):
        entry = await trading
    await desk.close()

    assert entry.reason == "aborted"


async def test_an_exchange_that_never_tells_the_time_is_given_up() -> None:
    """Long after the opening, as nobody can say when that was: the reservation is not held for ever."""
    floor = a_floor(opens_in_s=10.0)
    floor.exchange_clock.away = True
    desk = floor.desk()

    async with asyncio.timeout(3700):
        entry = await desk.fire(floor.record.key)
    await desk.close()

    assert entry.result == "nothing"
    assert "clock cannot be read" in entry.reason


async def test_a_suspension_while_arming_costs_no_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exchange's time is measured anew, wherever it is asked for next."""
    floor = a_floor(opens_in_s=20.0)
    rules, suspended = FakeExchange.rules, False

    async def suspending(exchange: FakeExchange, *arguments: Any, **named: Any) -> Any:
        nonlocal suspended
        found = await rules(exchange, *arguments, **named)
        if not suspended:
            suspended = True
            floor.clock.suspended_s += 0.3
        return found

    monkeypatch.setattr(FakeExchange, "rules", suspending)
    desk = floor.desk()

    entry, _ = await floor.trade(desk)
    await desk.close()

    assert entry.result == "filled"
    assert len(floor.store.of(LeaseTaken)) == 1
    assert [order.side for order in floor.exchange.orders] == [Side.BUY, Side.SELL]
    assert floor.exchange.spent <= Decimal(50)
