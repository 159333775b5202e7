"""The error we admit to is honest: the true offset is always inside it, now and later, whatever the rate."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.exchange_time import RATE_LIMIT, WOBBLE, ClockEstimate, ClockSample, estimate

trips = st.tuples(
    st.floats(0.0005, 20.0),  # pause
    st.floats(0.0001, 0.2),  # there
    st.floats(0.0001, 0.2),  # back
)
schedules = st.lists(trips, min_size=1, max_size=16)
rates = st.floats(-RATE_LIMIT, RATE_LIMIT)
offsets = st.floats(1.6e9, 1.8e9)
laters = st.floats(0.0, 600.0)


@dataclass
class Venue:
    """A clock that is `ahead` seconds ahead at local second zero and gains `rate` seconds per second."""

    ahead: float
    rate: float

    def offset(self, local: float) -> float:
        return self.ahead + self.rate * local

    def reads(self, local: float) -> float:
        return math.floor((local + self.offset(local)) * 1000) / 1000

    def asked(self, journeys: list[tuple[float, float, float]]) -> Iterator[ClockSample]:
        now = 100.0
        for pause, there, back in journeys:
            now += pause
            yield ClockSample(now, now + there + back, self.reads(now + there))
            now += there + back


def known(samples: list[ClockSample]) -> ClockEstimate:
    found = estimate(samples)
    assert found is not None
    return found


@given(offsets, rates, schedules, laters)
def test_the_true_offset_is_always_inside_the_bound(
    ahead: float, rate: float, journeys: list[tuple[float, float, float]], later: float
) -> None:
    """Whatever the ways there and back, the truncation and the drift: when measured, and minutes before and after."""
    venue = Venue(ahead, rate)

    found = known(list(venue.asked(journeys)))

    for instant in (found.measured, found.measured + later, found.measured - later):
        assert abs(found.offset_at(instant) - venue.offset(instant)) <= found.bound_at(instant)
    assert abs(found.rate - rate) <= found.rate_bound
    assert found.one_way > 0


@given(offsets, rates, schedules, trips, laters)
def test_a_sample_more_never_widens_the_bound(
    ahead: float,
    rate: float,
    journeys: list[tuple[float, float, float]],
    one_more: tuple[float, float, float],
    later: float,
) -> None:
    """Each can only narrow what is possible, of the offset now and later and of the rate."""
    samples = list(Venue(ahead, rate).asked([*journeys, one_more]))

    before, after = known(samples[:-1]), known(samples)

    assert after.bound_at(after.measured + later) <= before.bound_at(after.measured + later) + 1e-9
    assert after.rate_bound <= before.rate_bound + 1e-12


wobbles = st.sampled_from((-WOBBLE, 0.0, WOBBLE))
sharp_trips = st.tuples(
    st.sampled_from((0.002, 0.5, 20.0)),  # pause
    st.sampled_from((2e-6, 0.2)),  # there
    st.sampled_from((2e-6, 0.2)),  # back
    st.sampled_from((1e-6, 0.0005, 0.000999)),  # how far into its millisecond the exchange's clock is when it is read
    wobbles,
)


@given(
    offsets,
    st.sampled_from((-RATE_LIMIT, -100e-6, 0.0, 100e-6, RATE_LIMIT)),
    st.lists(sharp_trips, min_size=1, max_size=12),
    laters,
    wobbles,
)
def test_the_sharpest_samples_still_leave_the_truth_inside(
    ahead: float, rate: float, journeys: list[tuple[float, float, float, float, float]], later: float, then: float
) -> None:
    """At the edges of a millisecond, with one way at no time, and a rate that strays from its mean all the while."""
    samples, offset, now = [], ahead, 100.0
    for pause, there, back, phase, wobble in journeys:
        gained = 1 + rate + wobble
        shown = (now + offset + (pause + there) * gained) % 0.001
        pause += (phase - shown) % 0.001 / gained
        sent, received = now + pause, now + pause + there + back
        shown_at = now + offset + (pause + there) * gained
        samples.append(ClockSample(sent, received, math.floor(shown_at * 1000) / 1000))
        offset += (received - now) * (rate + wobble)
        now = received

    found = known(samples)

    assert abs(found.offset - offset) <= found.bound
    assert abs(found.offset_at(now + later) - offset - later * (rate + then)) <= found.bound_at(now + later)


@given(offsets, rates)
def test_a_drift_is_learnt_within_half_a_minute(ahead: float, rate: float) -> None:
    """Eight questions every five seconds, half a millisecond each: the bound then hardly widens any more."""
    journeys = [(0.0037 if number % 8 else 5.0, 0.00021, 0.00029) for number in range(48)]

    found = known(list(Venue(ahead, rate).asked(journeys)))

    assert found.rate_bound < 60e-6
    assert abs(found.rate - rate) < 60e-6
    assert found.bound < 0.001


def test_a_steep_drift_does_not_contradict_itself() -> None:
    """200 ppm for a minute are twelve milliseconds, far more than the bound."""
    venue = Venue(1.7e9, 200e-6)
    journeys = [(0.0037 if number % 8 else 5.0, 0.0002, 0.0003) for number in range(96)]

    found = known(list(venue.asked(journeys)))

    assert found.rate == pytest.approx(200e-6, abs=20e-6)
    assert found.bound < 0.0008


def test_an_unknown_rate_costs_width() -> None:
    """One sample tells nothing of the rate."""
    found = known([ClockSample(0.0, 0.01, 1000.0)])

    assert found.bound_at(found.measured) == found.bound
    assert found.bound_at(found.measured + 10) >= found.bound + 10 * RATE_LIMIT
    assert found.bound_at(found.measured - 10) == found.bound_at(found.measured + 10)


@given(offsets, rates, laters)
def test_both_clocks_are_translated_into_each_other(ahead: float, rate: float, later: float) -> None:
    """There and back is where one was."""
    found = ClockEstimate(ahead, 0.001, 0.0001, 100.0, rate, 0.0)

    assert found.monotonic_at(found.exchange_at(100.0 + later)) == pytest.approx(100.0 + later, abs=1e-6)


def test_samples_that_contradict_each_other_allow_nothing() -> None:
    """A clock that was set between them has no one offset."""
    assert estimate([ClockSample(0.0, 0.01, 1000.0), ClockSample(1.0, 1.01, 6001.0)]) is None


def test_without_samples_nothing_is_known() -> None:
    """No guess is made."""
    with pytest.raises(ValueError, match="at least one"):
        estimate([])


@given(offsets, rates, st.floats(0.0001, 0.1), st.floats(0.0001, 0.1), st.lists(st.floats(0.0, 0.05), max_size=12))
def test_what_is_sent_arrives_when_it_was_aimed_at_whatever_the_ways_there_and_back(
    ahead: float, rate: float, there: float, back: float, slower: list[float]
) -> None:
    """Never before it, and after it by no more than is admitted, as long as the way there is as fast as it was seen."""
    venue = Venue(ahead, rate)
    journeys = [(0.05, there, back), *((0.05, there + late, back) for late in slower)]
    found = known(list(venue.asked(journeys)))
    aim = math.floor(found.exchange_at(found.measured)) + 3.0

    sent = found.send_at(aim)

    arrived = sent + there
    assert found.arrival is not None
    late = arrived + venue.offset(arrived) - aim
    admitted = 2 * (found.arrival_bound + (sent - found.measured) * found.rate_bound)
    assert -2e-6 - there * RATE_LIMIT <= late <= admitted + 2e-6 + there * RATE_LIMIT


def test_acknowledged_orders_sharpen_what_is_known_of_arrivals() -> None:
    """One that the exchange took a microsecond before its next millisecond says more than many replies."""
    venue = Venue(1.7e9, 0.0)
    samples = [ClockSample(100.0 + at, 100.004 + at, venue.reads(100.002 + at)) for at in (0.0003, 0.0203, 0.0403)]
    order = ClockSample(100.0979995, 100.102, venue.reads(100.0999995))

    alone, sharpened = estimate(samples), estimate(samples, [order])

    assert alone is not None
    assert sharpened is not None
    assert sharpened.arrival_bound < alone.arrival_bound
    assert sharpened.offset == alone.offset


def test_an_acknowledgement_by_another_clock_is_passed_over() -> None:
    """It contradicts every reply: nothing is learnt from it."""
    venue = Venue(1.7e9, 0.0)
    samples = [ClockSample(100.0 + at, 100.004 + at, venue.reads(100.002 + at)) for at in (0.0003, 0.0203, 0.0403)]
    order = ClockSample(100.1, 100.104, venue.reads(100.102) - 3)

    assert estimate(samples, [order]) == estimate(samples)


@given(st.lists(st.floats(0.0, 0.008), min_size=6, max_size=6))
def test_queues_on_both_legs_leave_the_arrival_known_and_no_shot_early(held_up: list[float]) -> None:
    """10 ms of queue in all, differently parted: what travels as fast as the fastest seen is not there early."""
    now, way, ahead, samples = 100.0, 0.005, 1.7e9, []
    queues = [(there, 0.01 - there) for there in (0.0, 0.002, *held_up)]
    for there, back in queues:
        received = now + 2 * way + there + back
        samples.append(ClockSample(now, received, math.floor((now + way + there + ahead) * 1000) / 1000))
        now = received + 0.0037
    opening = ahead + now + 1.0

    found = estimate(samples)

    assert found is not None
    assert found.arrival is not None
    assert found.send_at(opening) + way + min(there for there, _ in queues) + ahead >= opening - 1e-6
