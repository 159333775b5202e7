"""The error we admit to is honest: the true offset is always inside it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.exchange_time import DRIFT_PER_S, ClockSample, estimate

_FLOAT_S = 1e-6
"""Seconds since the epoch as a float are good to a fraction of a microsecond."""

trips = st.tuples(
    st.floats(0.001, 10.0), st.floats(0.0001, 0.5), st.floats(0.0001, 0.5), st.floats(-DRIFT_PER_S, DRIFT_PER_S)
)


@given(st.floats(1.6e9, 1.8e9), st.lists(trips, min_size=1, max_size=12))
def test_the_true_offset_is_always_inside_the_bound(
    offset: float, journeys: list[tuple[float, float, float, float]]
) -> None:
    """Whatever the ways there and back, the server's truncation, and a drift inside its limit."""
    samples, now = [], 100.0
    for pause, there, back, drift in journeys:
        offset += drift * pause
        now += pause
        server = math.floor((now + there + offset) * 1000) / 1000
        samples.append(ClockSample(now, now + there + back, server))
        now += there + back

    known = estimate(samples)

    assert abs(known.offset - offset) <= known.bound + _FLOAT_S + DRIFT_PER_S
    assert known.one_way > 0


def test_more_samples_are_never_worse_than_the_newest_alone() -> None:
    """Each sample can only narrow what is possible."""
    newest = ClockSample(10.0, 10.1, 1010.04)
    older = ClockSample(9.0, 9.02, 1009.01)

    assert estimate([older, newest]).bound <= estimate([newest]).bound


def test_a_clock_that_jumped_is_measured_anew() -> None:
    """Samples from before the jump contradict the newest and are left out."""
    before = [ClockSample(float(second), second + 0.01, second + 1000.005) for second in range(5)]
    after = ClockSample(6.0, 6.01, 6 + 5000.005)

    assert estimate([*before, after]) == estimate([after])


def test_a_bound_widens_with_time() -> None:
    """Two ordinary clocks drift apart."""
    known = estimate([ClockSample(0.0, 0.01, 1000.0)])

    assert known.bound_at(known.measured) == known.bound
    assert known.bound_at(known.measured + 100) == pytest.approx(known.bound + 100 * DRIFT_PER_S)
    assert known.bound_at(known.measured - 100) == known.bound


def test_without_samples_nothing_is_known() -> None:
    """No guess is made."""
    with pytest.raises(ValueError, match="at least one"):
        estimate([])
