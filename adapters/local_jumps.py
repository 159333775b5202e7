"""Notices when this machine slept, and when its wall clock was set. Nothing here knows the exchange's time."""

from domain.ports import Clock

SUSPENSION_S = 1e-4
"""The clocks tell a suspension exactly; this is far above what floats make of them and below any real one."""
WALL_STEP_S = 0.05
"""A smaller step of the wall clock may as well be a thread that was not scheduled between two readings."""
_TRIES = 3


class LocalClocks:
    """Compares readings of one Clock. `awake` and `suspended_s` may be called on any thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wall_ahead: float | None = None

    def awake(self) -> float:
        """Boottime minus monotonic seconds, as it is until the machine sleeps; for `suspended_s`."""
        return min(-self._clock.monotonic() + self._clock.boottime() for _ in range(_TRIES))

    def suspended_s(self, awake: float) -> float:
        """Seconds slept since `awake` was told; zero: none. It takes two readings: nothing is mistaken for sleep, since
        a thread that is not scheduled between them only makes the difference smaller."""
        slept = self._clock.boottime() - self._clock.monotonic() - awake
        return slept if slept > SUSPENSION_S else 0.0

    def wall_stepped_s(self) -> float:
        """Seconds the wall clock was set ahead (negative: back) since the last call; zero: it was not.

        NTP slews both clocks alike, and the boottime counts while asleep: only steps remain.
        """
        ahead = self._wall_ahead_of_boottime()
        before, self._wall_ahead = self._wall_ahead, ahead
        stepped = 0.0 if before is None else ahead - before
        return stepped if abs(stepped) > WALL_STEP_S else 0.0

    def _wall_ahead_of_boottime(self) -> float:
        """From the reading that was disturbed least."""
        readings: list[tuple[float, float]] = []
        for _ in range(_TRIES):
            before = self._clock.boottime()
            wall = self._clock.now().timestamp()
            after = self._clock.boottime()
            readings.append((after - before, wall - after))
        return min(readings)[1]
