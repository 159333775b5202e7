"""The venue's time against a machine whose monotonic clock is in our hands."""

import pytest

from simulator.exchange.clock import VenueClock

START_MS = 1_767_225_600_000
SECOND_US = 1_000_000


class Machine(VenueClock):
    """Its microseconds move only when told to."""

    def __init__(self, *, scale: float = 1.0) -> None:
        self.us = 5 * SECOND_US
        super().__init__(start_ms=START_MS, scale=scale)

    def monotonic_us(self) -> int:
        """What the test says."""
        return self.us

    def later(self, seconds: float) -> int:
        """Venue milliseconds since the start, so many seconds of this machine later."""
        self.us += round(seconds * SECOND_US)
        return self.now_ms() - START_MS


@pytest.mark.parametrize(("scale", "passed_ms"), [(1, 2000), (10, 20_000), (0.5, 1000), (0, 0)])
def test_venue_seconds_per_second(scale: float, passed_ms: int) -> None:
    """Faster, slower, frozen."""
    assert Machine(scale=scale).later(2) == passed_ms


def test_drift_adds_up() -> None:
    """A hundred millionths too fast is a tenth of a second in a thousand."""
    clock = Machine()
    clock.set(drift_ppm=100)

    assert clock.later(1000) == 1_000_100


def test_an_offset_jumps_and_the_running_time_does_not() -> None:
    """Backwards as well; limits and distances are counted on the running time."""
    clock = Machine()
    clock.later(1)
    clock.set(offset_ms=-5000)
    running_us = clock.running_us()

    assert clock.now_ms() == START_MS - 4000
    assert clock.later(1) == -3000
    assert clock.running_us() - running_us == SECOND_US


def test_changes_hold_from_now_on() -> None:
    """Frozen after a second, stepped by a minute, let go at double speed: nothing of before is told anew."""
    clock = Machine()
    clock.later(1)
    clock.set(scale=0)
    assert clock.later(100) == 1000
    clock.set(step_ms=60_000)
    assert clock.later(100) == 61_000
    clock.set(scale=2)
    assert clock.later(1) == 63_000
