"""Time that runs faster than this machine's, for everything in a chaos run: clocks, event loops, threads that wait.

All processes of one run share one TimeScale, since Linux gives all of them the same monotonic clock. A second of the
scaled time is here called a second; where a second of this machine is meant, it is called real.
"""

import asyncio
import select
import selectors
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Self

import desk.launchpad
from domain.ports import Clock


@dataclass(frozen=True, slots=True)
class TimeScale:
    """scale: seconds per real second. real_zero, wall_zero: this machine's two clocks when it began."""

    scale: float
    real_zero: float
    wall_zero: float

    @classmethod
    def beginning_now(cls, scale: float) -> Self:
        return cls(scale, time.monotonic(), time.time())

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return self.real_zero + (time.monotonic() - self.real_zero) * self.scale

    def wall(self) -> float:
        """Seconds since 1970, as every machine of the run believes them to be."""
        return self.wall_zero + (time.monotonic() - self.real_zero) * self.scale

    def real(self, seconds: float) -> float:
        """How many real seconds that many seconds take."""
        return seconds / self.scale

    def told(self) -> str:
        """For another process' command line."""
        return f"{self.scale!r},{self.real_zero!r},{self.wall_zero!r}"

    @classmethod
    def heard(cls, text: str) -> Self:
        """Back from `told`."""
        return cls(*(float(part) for part in text.split(",")))


class ScaledClock(Clock):
    """One machine's clocks. `suspend` and `resume`: it sleeps, so its monotonic clock stands still meanwhile."""

    def __init__(self, scale: TimeScale) -> None:
        self._scale = scale
        self._slept_s = 0.0
        self._asleep_at: float | None = None

    def now(self) -> datetime:
        """Wall time, aware UTC."""
        return datetime.fromtimestamp(self._scale.wall(), UTC)

    def monotonic(self) -> float:
        """Seconds awake."""
        at = self._asleep_at
        return (self._scale.monotonic() if at is None else at) - self._slept_s

    def boottime(self) -> float:
        """Seconds, asleep or awake."""
        return self._scale.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait without blocking others."""
        await asyncio.sleep(max(0.0, seconds))

    def suspend(self) -> None:
        if self._asleep_at is None:
            self._asleep_at = self._scale.monotonic()

    def resume(self) -> None:
        if self._asleep_at is not None:
            self._slept_s += self._scale.monotonic() - self._asleep_at
            self._asleep_at = None


class ScaledLoop(asyncio.SelectorEventLoop):
    """An event loop on a scaled clock: every timeout and timer inside it is scaled with it."""

    def __init__(self, clock: ScaledClock, scale: TimeScale) -> None:
        self._chaos_clock = clock
        super().__init__(_ScaledSelector(scale))

    def time(self) -> float:
        return self._chaos_clock.monotonic()


class _ScaledSelector(selectors.SelectSelector):
    """Of all selectors the one that waits to the microsecond: a real millisecond is long here."""

    def __init__(self, scale: TimeScale) -> None:
        super().__init__()
        self._scale = scale

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(None if timeout is None else self._scale.real(max(0.0, timeout)))


@contextmanager
def scaled_thread_waits(scale: TimeScale) -> Iterator[None]:
    """The launchpad's thread waits by select.poll, which asks no Clock: it is scaled inside its module. Its garbage
    handling is left out, since many lives share this process."""
    changed: dict[str, Any] = {}
    module: Any = desk.launchpad
    substitutes = {
        "select": _like(select, poll=lambda: _ScaledPoll(scale)),
        "gc": SimpleNamespace(collect=lambda: 0, freeze=lambda: None, enable=lambda: None, disable=lambda: None),
    }
    for name, substitute in substitutes.items():
        if hasattr(module, name):
            changed[name] = getattr(module, name)
            setattr(module, name, substitute)
    try:
        yield
    finally:
        for name, original in changed.items():
            setattr(module, name, original)


class _ScaledPoll:
    def __init__(self, scale: TimeScale) -> None:
        self._scale = scale
        self._at: list[int] = []

    def register(self, at: Any, _events: int = 0) -> None:
        self._at.append(at if isinstance(at, int) else at.fileno())

    def poll(self, timeout_ms: float | None = None) -> list[tuple[int, int]]:
        """By select, which waits to the microsecond. Only reading is ever waited for."""
        ready, _, _ = select.select(
            self._at, [], [], None if timeout_ms is None else self._scale.real(timeout_ms / 1e3)
        )
        return [(at, select.POLLIN) for at in ready]


def _like(module: Any, **changed: object) -> SimpleNamespace:
    return SimpleNamespace(**{**vars(module), **changed})
