"""A step of the exchange's clock is believed within one round, a single wrong reply never."""

from hypothesis import given
from hypothesis import strategies as st

from domain.clock_learning import AGREEING, KEPT_S, THINNED_S, UNEVEN_S, Learnt, agreeing, learn
from domain.exchange_time import RATE_LIMIT, ClockSample, JumpOf
from tests.domain.test_exchange_time import Venue, offsets, rates

_EVERY_S = 5.0
delays = st.floats(0.0001, 0.05)
ways = st.lists(st.tuples(delays, delays), min_size=8, max_size=8)


def a_round(venue: Venue, at: float, there_and_back: list[tuple[float, float]]) -> list[ClockSample]:
    """Eight questions in quick succession."""
    samples = []
    for there, back in there_and_back:
        samples.append(ClockSample(at, at + there + back, venue.reads(at + there)))
        at += there + back + 0.0037
    return samples


def some_rounds(venue: Venue, count: int, there_and_back: list[tuple[float, float]]) -> Learnt:
    learnt = learn((), a_round(venue, 100.0, there_and_back))
    for number in range(1, count):
        learnt = learn(learnt.samples, a_round(venue, 100.0 + number * _EVERY_S, there_and_back))
    return learnt


STEADY = [(0.0002, 0.0003)] * 8


@given(offsets, rates, st.integers(1, 12), ways, st.floats(0.25, 1e5), st.sampled_from((-1, 1)))
def test_a_step_is_noticed_at_once_and_nothing_is_claimed_across_it(
    ahead: float, rate: float, rounds: int, there_and_back: list[tuple[float, float]], step: float, way: int
) -> None:
    """The first round after it starts anew, and its bound is honest."""
    before = some_rounds(Venue(ahead, rate), rounds, there_and_back)
    venue = Venue(ahead + way * step, rate)
    fresh = agreeing(a_round(venue, 100.0 + rounds * _EVERY_S, there_and_back))

    after = learn(before.samples, fresh)

    found = after.estimate
    told = found.offset - before.estimate.offset_at(found.measured)
    assert after.jumped is JumpOf.VENUE
    assert abs(told - way * step) <= found.bound + before.estimate.bound_at(found.measured)
    for later in (0.0, 10.0, 300.0):
        instant = found.measured + later
        assert abs(found.offset_at(instant) - venue.offset(instant)) <= found.bound_at(instant)


@given(offsets, rates, st.integers(1, 12), ways, st.floats(0.0, 0.3), st.sampled_from((-1, 1)))
def test_a_step_too_small_to_be_noticed_does_little_harm(
    ahead: float, rate: float, rounds: int, there_and_back: list[tuple[float, float]], step: float, way: int
) -> None:
    """What one round alone allows is never left: the estimate is off by no more than that is wide."""
    before = some_rounds(Venue(ahead, rate), rounds, there_and_back)
    venue = Venue(ahead + way * step, rate)
    fresh = agreeing(a_round(venue, 100.0 + rounds * _EVERY_S, there_and_back))

    found = learn(before.samples, fresh).estimate
    alone = learn((), fresh).estimate

    assert abs(found.offset - venue.offset(found.measured)) <= 2 * alone.bound


@given(offsets, rates, st.integers(2, 30), ways)
def test_an_ordinary_drift_is_never_taken_for_a_step(
    ahead: float, rate: float, rounds: int, there_and_back: list[tuple[float, float]]
) -> None:
    """Round after round the same clock."""
    learnt = learn((), a_round(Venue(ahead, rate), 100.0, there_and_back))
    for number in range(1, rounds):
        venue = Venue(ahead, rate)
        learnt = learn(learnt.samples, a_round(venue, 100.0 + number * _EVERY_S, there_and_back))
        found = learnt.estimate

        assert learnt.jumped is None
        assert abs(found.offset - venue.offset(found.measured)) <= found.bound


@given(st.integers(0, 7), st.floats(0.1, 1e4), st.sampled_from((-1, 1)))
def test_one_wrong_reply_is_no_step(number: int, wrong_by: float, way: int) -> None:
    """Wherever in the round it stands; when too few follow it, another round is asked for first."""
    venue = Venue(1.7e9, 50e-6)
    before = some_rounds(venue, 3, STEADY)
    fresh = a_round(venue, 115.0, STEADY)
    fresh[number] = ClockSample(fresh[number].sent, fresh[number].received, fresh[number].server + way * wrong_by)
    agreed = agreeing(fresh)
    if len(agreed) < AGREEING:
        agreed = agreeing([*agreed, *a_round(venue, 115.2, STEADY)])

    after = learn(before.samples, agreed)

    found = after.estimate
    assert after.jumped is None
    assert abs(found.offset - venue.offset(found.measured)) <= found.bound


def test_a_step_in_the_middle_of_a_round_is_seen() -> None:
    """The samples after it agree, those before are left out."""
    before = some_rounds(Venue(1.7e9, 0.0), 3, STEADY)
    first, then = (a_round(Venue(1.7e9 + ahead, 0.0), 115.0, STEADY) for ahead in (0.0, 2.0))

    after = learn(before.samples, agreeing([*first[:4], *then[4:]]))

    assert after.jumped is JumpOf.VENUE
    assert abs(after.estimate.offset - 1.7e9 - 2.0) <= after.estimate.bound


def test_a_clock_that_stands_still_is_hardly_known() -> None:
    """Its replies contradict each other; the bound says so, and widens a second per second."""
    frozen = [ClockSample(100.0 + 0.004 * number, 100.0005 + 0.004 * number, 1.7e9) for number in range(16)]

    learnt = learn((), agreeing(frozen))

    found = learnt.estimate
    assert (learnt.jumped, learnt.samples) == (JumpOf.UNEVEN, ())
    assert found.bound == UNEVEN_S
    for later in (0.0, 1.0, 100.0):
        assert abs(found.exchange_at(found.measured + later) - 1.7e9) <= found.bound_at(found.measured + later)


def test_what_is_remembered_stays_small_and_recent() -> None:
    """Two samples of each two seconds, of the last minutes, whoever asks how often."""
    learnt = learn((), a_round(Venue(1.7e9, RATE_LIMIT), 100.0, STEADY))
    for number in range(1, 1500):
        learnt = learn(learnt.samples, a_round(Venue(1.7e9, RATE_LIMIT), 100.0 + number * 0.5, STEADY))

    assert len(learnt.samples) <= 2 * (KEPT_S / THINNED_S + 1) + 8
    assert learnt.samples[0].received >= learnt.samples[-1].received - KEPT_S - 1
    assert learnt.jumped is None
