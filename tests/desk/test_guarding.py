"""What a guard believes of prices and clocks, also when these are absurd, set, or break off."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from domain.events import AttentionNeeded, EntryEnded, ExitDecided, LeaseTaken, PositionFlat
from domain.exits import WORTHLESS_AFTER_S, Trigger
from domain.orders import Order, OrderRequest, Side
from domain.policy import EntryStrategy, ExitPolicy, LadderStep
from domain.ports import StreamGap
from domain.quotes import TopOfBook
from tests.builders import KEY, a_policy, a_record
from tests.desk.floor import Floor
from tests.fakes import FakeClock, FakeExchange, FakeStreams

ABSURD = "0.00001"
"""A bid at which what was bought for 50 USDT makes no order."""


def a_floor(
    *,
    ladder: tuple[LadderStep, ...] = (),
    time_stop_s: int = 600,
    stop_confirm_ms: int = 400,
    tranches: int | None = None,
    clock: FakeClock | None = None,
) -> Floor:
    exits = ExitPolicy(ladder=ladder, time_stop_s=time_stop_s, stop_confirm_ms=stop_confirm_ms)
    policy = a_policy(exits=exits)
    if tranches is not None:
        entry = replace(
            policy.entry, strategy=EntryStrategy.TRANCHE, tranche_parts=tranches, tranche_every_s=5, window_s=60
        )
        policy = replace(policy, entry=entry)
    return Floor(a_record(policy=policy), opens_in_s=8.0, clock=clock or FakeClock())


def set_venue_clock(floor: Floor, ahead_s: float) -> None:
    """The venue's clock is set, and another session's measurement finds it at once. The listing stays open."""
    floor.exchange.opens_at -= timedelta(days=1)
    floor.exchange_clock.set_ahead_s = ahead_s
    floor.exchange_clock.measure()
    vars(floor.exchange)["now"] = lambda: floor.clock.now() + timedelta(seconds=ahead_s)


def sales(floor: Floor) -> list[OrderRequest]:
    return [request for request in floor.exchange.sent if request.side is Side.SELL]


def seconds_after_opening(floor: Floor, kind: type[ExitDecided | PositionFlat | AttentionNeeded]) -> list[float]:
    return [
        (floor.store.written_at[event.key] - floor.record.opens_at).total_seconds() for event in floor.store.of(kind)
    ]


def triggers(floor: Floor) -> list[str]:
    return [event.trigger for event in floor.store.of(ExitDecided)]


async def test_one_absurd_bid_after_an_abort_writes_nothing_off() -> None:
    """The guard waits for a bid it can sell to, and sells all of it."""
    floor = a_floor()
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(1.0, lambda: floor.exchange.set_bid(ABSURD))
    await floor.at(1.3, lambda: floor.store.change(aborting=True))
    await floor.at(3.0, lambda: floor.exchange.set_bid("0.05"))

    _, guard = await trading
    await desk.close()

    assert guard.dust == 0
    assert floor.complaints() == []


async def test_a_coin_that_became_worthless_ends_the_session_after_a_human_was_told() -> None:
    """The bid stood for half a minute: what is held is dust."""
    floor = a_floor()
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(1.0, lambda: floor.exchange.set_bid(ABSURD))

    _, guard = await trading
    await desk.close()

    [told], [flat] = seconds_after_opening(floor, AttentionNeeded), seconds_after_opening(floor, PositionFlat)
    assert guard.flat
    assert guard.dust > 800
    assert 1 + WORTHLESS_AFTER_S < flat < 3 + WORTHLESS_AFTER_S
    assert told < flat - 10
    assert floor.complaints() == []


@pytest.mark.parametrize("between", ["0.0478", None], ids=["a bid above the stop", "no bid"])
async def test_an_absurd_bid_that_was_interrupted_has_to_stand_anew(between: str | None) -> None:
    """Half a minute in all is not half a minute on end; unknown is never zero."""
    floor = a_floor()
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(1.0, lambda: floor.exchange.set_bid(ABSURD))
    await floor.at(25.0, lambda: floor.exchange.set_bid(between))
    await floor.at(26.0, lambda: floor.exchange.set_bid(ABSURD))
    await floor.at(50.0, lambda: floor.exchange.set_bid("0.04"))

    _, guard = await trading
    await desk.close()

    assert guard.dust == 0
    assert floor.complaints() == []


async def test_a_venue_clock_set_back_does_not_delay_the_stop() -> None:
    """A minute back while the stop is being confirmed: it is sold as if nothing was."""
    floor = a_floor(stop_confirm_ms=2000)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(2.0, lambda: floor.exchange.set_bid("0.04"))
    await floor.at(3.0, lambda: set_venue_clock(floor, -60.0))
    fell = floor.clock.monotonic()

    await trading
    took = floor.clock.monotonic() - fell
    await desk.close()

    assert triggers(floor) == [Trigger.STOP]
    assert took < 3


async def test_a_venue_clock_set_ahead_does_not_confirm_the_stop() -> None:
    """One wide spread stays one wide spread, whatever the venue's clock says."""
    floor = a_floor(time_stop_s=20, stop_confirm_ms=5000)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(2.0, lambda: floor.exchange.set_bid("0.04"))
    await floor.at(3.0, lambda: set_venue_clock(floor, 6.0))
    await floor.at(4.0, lambda: floor.exchange.set_bid("0.05"))

    await trading
    await desk.close()

    assert triggers(floor) == [Trigger.TIME_STOP]


@pytest.mark.parametrize("ahead_s", [-60.0, 60.0], ids=["back", "ahead"])
async def test_a_venue_clock_that_is_set_does_not_move_the_time_stop(ahead_s: float) -> None:
    """The age of a position is read from the venue's clock once, and counted on this machine's."""
    floor = a_floor(time_stop_s=20)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(5.0, lambda: set_venue_clock(floor, ahead_s))

    await trading
    await desk.close()

    [decided] = seconds_after_opening(floor, ExitDecided)
    assert triggers(floor) == [Trigger.TIME_STOP]
    assert 20 <= decided < 21


async def test_a_desk_that_takes_over_counts_the_time_stop_from_the_first_fill() -> None:
    """Not from the moment at which it took over."""
    floor = a_floor(time_stop_s=20)
    first = floor.desk("first")
    await first.fire(KEY)
    await floor.at(12.0, lambda: None)
    await first.close()

    second = floor.desk("second")
    await second.guard(KEY)
    await second.close()

    [decided] = seconds_after_opening(floor, ExitDecided)
    assert len(floor.store.of(LeaseTaken)) == 2
    assert 20 <= decided < 21


class WrongWall(FakeClock):
    """A machine whose wall clock can be set."""

    ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead


async def test_an_old_bid_does_not_become_fresh_when_the_wall_clock_is_set_back() -> None:
    """Nothing is sold by a price that was heard half a minute ago."""
    clock = WrongWall()
    floor = a_floor(time_stop_s=10, clock=clock)
    vars(floor.exchange)["now"] = lambda: FakeClock.now(clock)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(2.0, lambda: setattr(floor.streams, "silent", True))
    clock.ahead = -timedelta(hours=1)
    await clock.sleep(30)
    blind = sales(floor)
    floor.streams.silent = False

    await trading
    await desk.close()

    assert blind == []
    assert len(sales(floor)) == 1
    assert floor.complaints() == []


class BreakingStreams(FakeStreams):
    """Every stream of quotes ends after its first one, by a bug or just so; `breaks` times in all."""

    def __init__(self, exchange: FakeExchange, *, breaks: int, bug: bool) -> None:
        super().__init__(exchange)
        self._breaks = breaks
        self._bug = bug

    def quotes(self, symbol: str) -> AbstractAsyncContextManager[AsyncIterator[TopOfBook | StreamGap]]:
        return self._broken() if self._breaks else super().quotes(symbol)

    @asynccontextmanager
    async def _broken(self) -> AsyncIterator[AsyncIterator[TopOfBook | StreamGap]]:
        self._breaks -= 1

        async def one() -> AsyncIterator[TopOfBook | StreamGap]:
            yield self._exchange.top()
            if self._bug:
                raise ValueError("a bug in the stream")

        yield one()


@pytest.mark.parametrize("bug", [True, False], ids=["by a bug", "just so"])
async def test_a_guard_whose_quotes_break_off_opens_them_anew(bug: bool) -> None:
    """The stop is kept although the stream has ended three times."""
    floor = a_floor()
    floor.streams = BreakingStreams(floor.exchange, breaks=3, bug=bug)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(10.0, lambda: floor.exchange.set_bid("0.04"))

    await trading
    await desk.close()

    [decided] = seconds_after_opening(floor, ExitDecided)
    assert triggers(floor) == [Trigger.STOP]
    assert decided < 12
    assert len(floor.store.of(LeaseTaken)) == 1
    assert floor.complaints() == []


@pytest.mark.parametrize("bug", [True, False], ids=["by a bug", "just so"])
async def test_an_entry_whose_quotes_break_off_still_watches_the_stop(bug: bool) -> None:
    """A stream that ends is not taken for a price that fell, nor does it blind the entry that buys for minutes."""
    floor = a_floor(tranches=10)
    floor.streams = BreakingStreams(floor.exchange, breaks=3, bug=bug)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(17.0, lambda: floor.exchange.set_bid("0.04"))

    entry, guard = await trading
    await desk.close()

    [ended] = floor.store.of(EntryEnded)
    after = floor.store.written_at[ended.key] - floor.record.opens_at
    assert "reached its stop" in entry.reason
    assert timedelta(seconds=17) < after < timedelta(seconds=19)
    assert guard.flat
    assert guard.dust == 0


async def test_a_bid_that_recovered_while_the_guard_awaited_an_answer_is_no_crash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It fell twice, each time for less than what confirms the stop; one question took longer than both."""
    floor = a_floor(ladder=(LadderStep(Decimal(10), Decimal(50)),), time_stop_s=30, stop_confirm_ms=1200)
    find_order = FakeExchange.find_order

    async def slow(exchange: FakeExchange, symbol: str, name: str) -> Order | None:
        if 6.3 < (floor.clock.now() - floor.record.opens_at).total_seconds() < 6.5:
            await asyncio.sleep(1.6)
        return await find_order(exchange, symbol, name)

    monkeypatch.setattr(FakeExchange, "find_order", slow)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(6.0, lambda: floor.exchange.set_bid("0.04"))
    await floor.at(6.4, lambda: floor.exchange._tell(floor.exchange.orders[-1]))  # a hint: the rung is asked about
    await floor.at(6.7, lambda: floor.exchange.set_bid("0.05"))
    await floor.at(7.5, lambda: floor.exchange.set_bid("0.04"))
    await floor.at(8.2, lambda: floor.exchange.set_bid("0.05"))

    await trading
    await desk.close()

    assert [event.trigger for event in floor.store.of(ExitDecided)] == [Trigger.TIME_STOP]
