"""Reads the gauges of one process' venue: budget, breakers, clock. No I/O."""

from adapters.mexc.breakers import Breakers
from adapters.mexc.exchange_clock import MexcExchangeClock
from adapters.mexc.governor import RequestGovernor
from adapters.mexc.limits import Priority
from domain.exchange_time import ClockJump
from domain.ports import Clock
from domain.venue_access import Trouble, Use, VenueAccess


class Gauges:
    """Of the parts that MexcVenue consists of."""

    def __init__(
        self, clock: Clock, governor: RequestGovernor, breakers: Breakers, exchange_clock: MexcExchangeClock
    ) -> None:
        self._clock = clock
        self._governor = governor
        self._breakers = breakers
        self._exchange_clock = exchange_clock

    def read(self) -> VenueAccess:
        """As they stand now."""
        budget = self._governor.status()
        waits_s = self._governor.waits_s[Priority.EXIT]
        estimate = self._exchange_clock.estimate()
        now = self._clock.monotonic()
        return VenueAccess(
            budget=budget.mode,
            why=budget.reason,
            uses=tuple(
                Use(resource.replace("_", " "), used, budget.limits.of(resource))
                for resource, used in budget.used.items()
            ),
            paused_s=budget.paused_s,
            troubles=tuple(
                Trouble(part, status.failures, status.open_s)
                for part, status in self._breakers.status().items()
                if status.failures
            ),
            exit_wait_ms=max(waits_s) * 1000 if waits_s else None,
            clock_bound_ms=None if estimate is None else estimate.bound_at(now) * 1000,
            jumps=tuple(_told(jump, now) for jump in self._exchange_clock.jumps),
        )


def _told(jump: ClockJump, now: float) -> str:
    return f"{jump.of} {jump.seconds:+.3f} s, noticed {now - jump.noticed:.0f} s ago"
