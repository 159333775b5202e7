"""A part of the venue that keeps failing is left alone for a while; exits are not kept from it."""

import pytest

from adapters.mexc.breakers import FAILURES, FIRST_REST_S, LONGEST_REST_S, SLOW_S, Breaker, Breakers, Part
from adapters.mexc.limits import Priority
from domain.errors import NotTradable, OutcomeUnknown, RateLimited, TryAgain
from tests.adapters.mexc.still_clock import StillClock


def broken_at(now: float) -> Breaker:
    breaker = Breaker(Part.ORDERS)
    for _ in range(FAILURES):
        breaker.failed(now)
    return breaker


def test_it_opens_after_five_failures_in_a_row() -> None:
    """An answer in between begins the count anew."""
    breaker = Breaker(Part.ORDERS)

    opened = [breaker.failed(0.0) for _ in range(FAILURES - 1)]
    breaker.succeeded()
    opened += [breaker.failed(0.0) for _ in range(FAILURES)]

    assert opened == [False] * (2 * FAILURES - 2) + [True]


def test_while_open_only_exits_pass() -> None:
    """Everything else is told when the next try is."""
    breaker = broken_at(0.0)

    assert not breaker.check(0.1, Priority.EXIT)
    assert not breaker.check(0.1, Priority.GUARD)
    for priority in (Priority.ENTRY, Priority.PREPARE, Priority.POLL):
        with pytest.raises(TryAgain, match=r"next try in 1\.9 s"):
            breaker.check(0.1, priority)


def test_after_its_rest_one_call_tries_and_each_failure_doubles_the_rest() -> None:
    """Up to a minute; failures of others meanwhile change nothing."""
    breaker = broken_at(0.0)
    now = 0.0
    rests: list[float] = []
    while len(rests) < 7:
        rest = breaker.status(now).open_s
        assert rest is not None
        rests.append(rest)
        now += rest
        assert breaker.check(now, Priority.POLL)
        with pytest.raises(TryAgain):
            breaker.check(now, Priority.POLL)
        breaker.failed(now)
        breaker.failed(now, trying=True)

    assert rests == [FIRST_REST_S, 4.0, 8.0, 16.0, 32.0, LONGEST_REST_S, LONGEST_REST_S]


def test_the_first_answer_closes_it_for_everybody() -> None:
    """Also an exit's, which never asked whether it was open."""
    breaker = broken_at(0.0)

    assert breaker.succeeded()
    breaker.check(0.0, Priority.POLL)
    assert breaker.status(0.0).open_s is None


@pytest.mark.parametrize(("error", "counts"), [(TryAgain, 1), (OutcomeUnknown, 1), (RateLimited, 0), (NotTradable, 0)])
def test_a_no_is_an_answer_and_silence_is_none(error: type[Exception], counts: int) -> None:
    """Limits are the budget's business."""
    breakers = Breakers(StillClock())
    with pytest.raises(error), breakers.begin(Part.ACCOUNT, Priority.POLL).judging():
        raise error("said")

    assert breakers.status()[Part.ACCOUNT].failures == counts
    assert breakers.status()[Part.MARKET].failures == 0


def test_a_slow_answer_is_a_failure() -> None:
    """Whoever waited for it could not rely on it."""
    clock = StillClock()
    breakers = Breakers(clock)
    with breakers.begin(Part.MARKET, Priority.POLL).judging():
        clock.seconds += SLOW_S + 0.1

    assert breakers.status()[Part.MARKET].failures == 1


def test_a_try_that_was_not_made_leaves_the_turn_to_the_next() -> None:
    """The budget refused it, or it was cancelled: nothing was asked, so nothing rests for that."""
    clock = StillClock()
    breakers = Breakers(clock)
    for _ in range(FAILURES):
        breakers.begin(Part.MARKET, Priority.POLL).failed("no answer")
    clock.seconds += FIRST_REST_S

    breakers.begin(Part.MARKET, Priority.POLL).end()
    again = breakers.begin(Part.MARKET, Priority.POLL)
    with pytest.raises(TryAgain):
        breakers.begin(Part.MARKET, Priority.POLL)
    breakers.begin(Part.MARKET, Priority.EXIT).failed("nor this")  # an exit's failure is not the try's
    again.end()

    assert breakers.status()[Part.MARKET].open_s == 0
