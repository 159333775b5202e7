"""The exchange's time is known within an honest bound."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from adapters.clock import SystemClock
from adapters.mexc.budget import RequestBudget
from adapters.mexc.exchange_clock import MexcExchangeClock
from adapters.mexc.venue import MexcVenue
from domain.errors import TryAgain


async def test_the_offset_is_known_within_its_bound(venue: MexcVenue, control: Any) -> None:
    """A venue two seconds ahead is seen two seconds ahead, and the bound is below a few milliseconds."""
    await control.post("clock", offset_ms=2_000)

    estimate = await venue.exchange_clock.synchronise()
    truth = time.time() + 2.0
    told = venue.exchange_clock.now().timestamp()

    assert estimate.bound < 0.005
    assert abs(told - truth) < estimate.bound + 0.005
    assert venue.exchange_clock.estimate() == estimate


async def test_an_instant_is_translated_to_the_local_clock(venue: MexcVenue) -> None:
    """At that local time the exchange reads the instant."""
    await venue.exchange_clock.synchronise()
    instant = venue.exchange_clock.now() + timedelta(seconds=10)

    at = venue.exchange_clock.monotonic_at(instant)

    assert at - time.monotonic() == pytest.approx(10, abs=0.05)


async def test_before_the_first_measurement_there_is_no_time(venue: MexcVenue) -> None:
    """Nobody may take the local clock for the exchange's."""
    assert venue.exchange_clock.estimate() is None
    with pytest.raises(TryAgain):
        venue.exchange_clock.now()
    with pytest.raises(TryAgain):
        venue.exchange_clock.monotonic_at(datetime.now(UTC))


async def test_a_venue_that_jumps_is_believed_anew(venue: MexcVenue, control: Any) -> None:
    """Samples that contradict the newest ones lose."""
    before = await venue.exchange_clock.synchronise()
    await control.post("clock", offset_ms=5_000)

    after = await venue.exchange_clock.synchronise()

    assert after.offset - before.offset == pytest.approx(5, abs=0.01)


@pytest.mark.parametrize("answer", [b"", b'{"serverTime":"x"}', b"{}", b"<html>"])
async def test_without_a_readable_answer_it_is_worth_another_try(
    scripted: Any, http_answer: Any, answer: bytes
) -> None:
    """And the next measurement starts over a new connection."""
    clock = SystemClock()
    exchange_clock = MexcExchangeClock(scripted.url, clock=clock, budget=RequestBudget(clock))
    scripted.answers = [http_answer(200, answer) if answer else b""]
    with pytest.raises(TryAgain):
        await exchange_clock.synchronise()
    now_ms = b'{"serverTime":%d}' % (time.time_ns() // 1_000_000)
    scripted.answers = [http_answer(200, now_ms)] * 8

    estimate = await exchange_clock.synchronise()
    await exchange_clock.close()

    assert estimate.one_way < 1
