"""The exchange's time is known within an honest bound."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from adapters.clock import SystemClock
from adapters.mexc.exchange_clock import SAMPLES, MexcExchangeClock
from adapters.mexc.governor import RequestGovernor
from adapters.mexc.limits import Limits, Resource
from adapters.mexc.venue import MexcVenue
from domain.clock_learning import UNEVEN_S
from domain.errors import TryAgain
from domain.exchange_time import JumpOf
from simulator.exchange.clock import VenueClock


class UnsteadyClock(SystemClock):
    """This machine's clocks, after it slept and its wall clock was set. sleeps: it sleeps while something waits."""

    def __init__(self) -> None:
        self.suspended_s = 0.0
        self.wall_set_s = 0.0
        self.sleeps = False

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.wall_set_s + self.suspended_s)

    def boottime(self) -> float:
        return super().boottime() + self.suspended_s

    async def sleep(self, seconds: float) -> None:
        self.suspended_s += 0.2 if self.sleeps else 0.0
        await super().sleep(seconds)


@pytest.fixture
async def unsteady(control: Any) -> AsyncIterator[tuple[UnsteadyClock, MexcExchangeClock]]:
    clock = UnsteadyClock()
    exchange_clock = MexcExchangeClock(control.server.rest_url, clock=clock, governor=RequestGovernor(clock))
    yield clock, exchange_clock
    await exchange_clock.close()


def error_and_bound(exchange_clock: MexcExchangeClock, venue_clock: VenueClock) -> tuple[float, float]:
    """By how much the time told is wrong at this moment, and what is admitted to; both in seconds."""
    estimate = exchange_clock.estimate()
    assert estimate is not None
    before = time.monotonic()
    told = exchange_clock.now().timestamp()
    truth = venue_clock.running_us() / 1e6 + venue_clock.offset_ms / 1e3
    after = time.monotonic()
    return max(0.0, abs(told - truth) - (after - before)), estimate.bound_at(after) + 5e-6  # both tell microseconds


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
    """The next measurement starts anew, says by how much and when, and one line is logged."""
    before = await venue.exchange_clock.synchronise()
    await control.post("clock", offset_ms=5_000)
    asked_at = time.monotonic()

    with capture_logs() as logs:
        after = await venue.exchange_clock.synchronise()
        again = await venue.exchange_clock.synchronise()

    assert after.offset - before.offset == pytest.approx(5, abs=0.01)
    assert after.jump is not None
    assert after.jump.of is JumpOf.VENUE
    assert after.jump.seconds == pytest.approx(5, abs=0.01)
    assert asked_at < after.jump.noticed < time.monotonic()
    assert again.jump == after.jump
    assert list(venue.exchange_clock.jumps) == [after.jump]
    told = [line for line in logs if line["event"] == "clock.jumped"]
    assert [(line["log_level"], line["clock"], round(line["seconds"])) for line in told] == [("warning", "venue", 5)]


@pytest.mark.parametrize("drift_ppm", [-500, 200])
async def test_a_drifting_venue_is_followed(venue: MexcVenue, control: Any, drift_ppm: int) -> None:
    """Between the measurements too; the rate becomes known, and no jump is seen."""
    await control.post("clock", offset_ms=-700, drift_ppm=drift_ppm)
    seen: list[tuple[float, float]] = []

    for _ in range(4):
        estimate = await venue.exchange_clock.synchronise()
        for _ in range(4):
            seen.append(error_and_bound(venue.exchange_clock, control.server.clock))
            await asyncio.sleep(0.2)

    assert all(error <= bound for error, bound in seen), seen
    assert abs(estimate.rate * 1e6 - drift_ppm) <= estimate.rate_bound * 1e6
    assert not venue.exchange_clock.jumps


@pytest.mark.parametrize("step_ms", [40, 3_600_000])
async def test_a_stepped_venue_is_noticed_at_the_next_measurement(venue: MexcVenue, control: Any, step_ms: int) -> None:
    """And from then on the time is right again."""
    for _ in range(2):
        await venue.exchange_clock.synchronise()
    await control.post("clock", step_ms=step_ms)

    estimate = await venue.exchange_clock.synchronise()
    error, bound = error_and_bound(venue.exchange_clock, control.server.clock)

    assert estimate.jump is not None
    assert estimate.jump.seconds == pytest.approx(step_ms / 1000, abs=0.005)
    assert error <= bound < 0.01


async def test_a_venue_that_stands_still_is_hardly_known(venue: MexcVenue, control: Any) -> None:
    """The bound is worse than any session allows and stays honest; requests are still signed at the frozen time."""
    await venue.exchange_clock.synchronise()
    await control.post("clock", scale=0)

    frozen = await venue.exchange_clock.synchronise()
    await asyncio.sleep(0.3)
    error, bound = error_and_bound(venue.exchange_clock, control.server.clock)
    await control.post("clock", scale=1)
    thawed = await venue.exchange_clock.synchronise()

    assert frozen.bound == UNEVEN_S
    assert frozen.jump is not None
    assert frozen.jump.of is JumpOf.UNEVEN
    assert 0.2 < error <= bound
    assert thawed.bound < 0.01


async def test_one_wrong_reply_is_asked_about_and_not_believed(scripted: Any, http_answer: Any) -> None:
    """The last of a round is an hour off: a second round follows, and nothing has jumped."""
    clock = SystemClock()
    exchange_clock = MexcExchangeClock(scripted.url, clock=clock, governor=RequestGovernor(clock))
    asked = 0

    def reply() -> bytes:
        nonlocal asked
        asked += 1
        wrong = 3_600_000 if asked == 16 else 0
        body = http_answer(200, b'{"serverTime":%d}' % (time.time_ns() // 1_000_000 + wrong))
        assert isinstance(body, bytes)
        return body

    class Answers(list[bytes]):
        def pop(self, index: Any = -1) -> bytes:
            return reply()

    scripted.answers = Answers()
    await exchange_clock.synchronise()
    await exchange_clock.synchronise()
    estimate = exchange_clock.estimate()
    told = exchange_clock.now().timestamp()
    await exchange_clock.close()

    assert asked == 24
    assert estimate is not None
    assert estimate.jump is None
    assert abs(told - time.time()) < 0.05


class _ToldNow(list[bytes | tuple[bytes, ...]]):
    """Answers with this machine's wall clock at the moment of asking, each after the time its own way takes."""

    def __init__(self, answer: Any, *, twice: int = 0) -> None:
        self.asked = 0
        self._answer = answer
        self._twice = twice

    def pop(self, index: Any = -1) -> bytes | tuple[bytes, ...]:
        self.asked += 1
        told: bytes = self._answer(200, b'{"serverTime":%d}' % (time.time_ns() // 1_000_000))
        return (told, told) if self.asked == self._twice else told


async def test_an_answer_nobody_asked_for_does_not_put_the_clock_out_of_step(scripted: Any, http_answer: Any) -> None:
    """Else each question is paired with the answer before: the connection is left, and every sample tells the truth."""
    clock = SystemClock()
    exchange_clock = MexcExchangeClock(scripted.url, clock=clock, governor=RequestGovernor(clock))
    scripted.answers = _ToldNow(http_answer)
    await exchange_clock.synchronise()
    scripted.say(1, http_answer(200, b'{"serverTime":%d}' % (time.time_ns() // 1_000_000)))
    await asyncio.sleep(0.05)

    for _ in range(2):
        estimate = await exchange_clock.synchronise()
        await asyncio.sleep(0.05)
    error = abs(exchange_clock.now().timestamp() - time.time())
    await exchange_clock.close()

    assert scripted.connections == 2
    assert not exchange_clock.jumps
    assert error <= estimate.bound_at(time.monotonic()) + 0.002


async def test_a_second_answer_in_the_same_breath_is_noticed_with_tls_too(
    scripted_tls: Any, certified: Any, http_answer: Any
) -> None:
    """It was taken in together with the first one: the socket itself is quiet."""
    clock = SystemClock()
    exchange_clock = MexcExchangeClock(
        scripted_tls.url, clock=clock, governor=RequestGovernor(clock), trust=certified[1]
    )
    scripted_tls.answers = _ToldNow(http_answer, twice=3)
    await exchange_clock.synchronise()
    await exchange_clock.close()

    assert scripted_tls.connections == 2
    assert scripted_tls.answers.asked == 8


async def test_after_a_suspension_there_is_no_time_until_it_is_measured_anew(
    unsteady: tuple[UnsteadyClock, MexcExchangeClock],
) -> None:
    """The monotonic clock stood still: what was known is worthless, and nothing of it enters the next estimate."""
    clock, exchange_clock = unsteady
    await exchange_clock.synchronise()
    clock.suspended_s += 0.05

    lost = exchange_clock.estimate()
    with pytest.raises(TryAgain, match="suspended"):
        exchange_clock.now()
    with pytest.raises(TryAgain, match="suspended"):
        exchange_clock.monotonic_at(datetime.now(UTC))
    with capture_logs() as logs:
        found = await exchange_clock.synchronise()
        await exchange_clock.synchronise()

    assert lost is None
    assert exchange_clock.estimate() is not None
    assert found.jump is not None
    assert found.jump.of is JumpOf.SUSPENDED
    assert found.jump.seconds == pytest.approx(0.05, abs=0.001)
    assert found.rate_bound > 400e-6  # learnt from new samples only
    assert [line["clock"] for line in logs if line["event"] == "clock.jumped"] == ["suspended"]


async def test_a_suspension_while_measuring_measures_nothing(
    unsteady: tuple[UnsteadyClock, MexcExchangeClock],
) -> None:
    """A question may have been under way while the machine slept."""
    clock, exchange_clock = unsteady
    clock.sleeps = True

    with pytest.raises(TryAgain, match="suspended"):
        await exchange_clock.synchronise()

    assert exchange_clock.estimate() is None


async def test_a_wall_clock_that_is_set_is_told_and_changes_nothing(
    unsteady: tuple[UnsteadyClock, MexcExchangeClock],
) -> None:
    """The estimate rests on the monotonic clock alone."""
    clock, exchange_clock = unsteady
    before = await exchange_clock.synchronise()
    clock.wall_set_s -= 90.0

    between = exchange_clock.estimate()
    after = await exchange_clock.synchronise()
    await exchange_clock.synchronise()

    assert between == before
    assert after.jump is None
    assert abs(after.offset - before.offset_at(after.measured)) <= after.bound + before.bound_at(after.measured)
    assert [jump.of for jump in exchange_clock.jumps] == [JumpOf.WALL]
    assert exchange_clock.jumps[0].seconds == pytest.approx(-90, abs=0.05)


@pytest.mark.parametrize("answer", [b"", b'{"serverTime":"x"}', b"{}", b"<html>"])
async def test_without_a_readable_answer_it_is_worth_another_try(
    scripted: Any, http_answer: Any, answer: bytes
) -> None:
    """And the next measurement starts over a new connection."""
    clock = SystemClock()
    exchange_clock = MexcExchangeClock(scripted.url, clock=clock, governor=RequestGovernor(clock))
    scripted.answers = [http_answer(200, answer) if answer else b""]
    with pytest.raises(TryAgain):
        await exchange_clock.synchronise()
    now_ms = b'{"serverTime":%d}' % (time.time_ns() // 1_000_000)
    scripted.answers = [http_answer(200, now_ms)] * 8

    estimate = await exchange_clock.synchronise()
    await exchange_clock.close()

    assert estimate.one_way < 1


async def test_a_question_that_is_asked_again_is_counted_again(scripted: Any, http_answer: Any) -> None:
    """One that was cut off without an answer may have been at the venue."""
    told = http_answer(200, b'{"serverTime":1767225600000}')
    governor = RequestGovernor(SystemClock(), Limits(10**4, 10**4, 10**4, 10**4))
    scripted.always = told
    clock = MexcExchangeClock(scripted.url, clock=SystemClock(), governor=governor)
    await clock.synchronise()
    scripted.answers = [b"", told] * SAMPLES
    await clock.synchronise()
    used = governor.status().used[Resource.REQUESTS]
    await clock.close()

    assert used == len(scripted.requests) >= 3 * SAMPLES
