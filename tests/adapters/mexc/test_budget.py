"""What may leave when: orders at once or not at all, reads in turn, nothing while the venue wants rest."""

import asyncio
from datetime import UTC, datetime

import pytest

from adapters.mexc.budget import Limits, RequestBudget, Window
from domain.errors import RateLimited


class FakeClock:
    """Sleeping moves it."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds

    def boottime(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        await asyncio.sleep(0)


def test_a_window_frees_what_was_spent_a_span_ago() -> None:
    """The wait is exactly until enough has left the window."""
    window = Window(3, 1.0)
    for at in (0.0, 0.25, 0.5):
        window.spend(at)

    assert window.wait_s(0.5, 1) == 0.5
    assert window.wait_s(0.5, 2) == 0.75
    assert window.wait_s(1.0, 1) == 0.0
    assert window.wait_s(2.0, 99) == 0.0


def test_an_order_that_does_not_fit_is_refused_and_not_delayed() -> None:
    """It is signed for this moment; the refusal says when to come back."""
    clock = FakeClock()
    budget = RequestBudget(clock, Limits(orders=2))
    budget.admit_order()
    budget.admit_order()

    with pytest.raises(RateLimited) as caught:
        budget.admit_order()
    clock.seconds += 1

    assert caught.value.retry_after_s == 1.0
    budget.admit_order()


async def test_reads_wait_their_turn_and_cancels_theirs() -> None:
    """Both wait; the orders' bucket is not the reads' window."""
    clock = FakeClock()
    budget = RequestBudget(clock, Limits(orders=1, requests=100, weight=50))
    await budget.admit_read(50)
    await budget.admit_cancel()
    after_both = clock.seconds
    await budget.admit_cancel()
    after_cancel = clock.seconds
    await budget.admit_read(50)

    assert after_both == 100.0
    assert after_cancel == 101.0
    assert clock.seconds == 110.0


async def test_the_venues_wish_for_rest_is_honoured_by_all() -> None:
    """Orders are refused, reads wait; a long rest is told instead of waited for."""
    clock = FakeClock()
    budget = RequestBudget(clock)
    budget.pause(3.0)

    with pytest.raises(RateLimited):
        budget.admit_order()
    with pytest.raises(RateLimited):
        budget.check_pause()
    await budget.admit_read(1)
    assert clock.seconds == 103.0
    budget.check_pause()
    budget.pause(120.0)
    with pytest.raises(RateLimited):
        await budget.admit_read(1)
    with pytest.raises(RateLimited):
        await budget.admit_cancel()
