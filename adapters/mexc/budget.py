"""How much may be asked of the venue: one budget for everything a process sends.

The published limits contradict each other; these are the strictest of them. Orders never wait for reads: they have a
bucket of their own, and reads make room for them.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

from domain.errors import RateLimited
from domain.ports import Clock

LONGEST_WAIT_S = 5.0
"""A call that would have to wait longer is told so instead."""
_PAUSE_UNSAID_S = 1.0
"""How long everything rests when the venue limits us without saying for how long."""


@dataclass(frozen=True, slots=True)
class Limits:
    """orders: order requests per second. requests: all requests per second. weight: of reads, per 10 seconds."""

    orders: int = 12
    requests: int = 20
    weight: int = 300


class Window:
    """At most `limit` units within any `span_s` seconds. Pure: the time is a parameter."""

    def __init__(self, limit: int, span_s: float) -> None:
        self._limit = limit
        self._span_s = span_s
        self._spent: deque[tuple[float, int]] = deque()
        self._sum = 0

    def wait_s(self, now: float, amount: int = 1) -> float:
        """Seconds until `amount` fits; zero when it fits now. More than the limit fits into an empty window."""
        while self._spent and self._spent[0][0] <= now - self._span_s:
            self._sum -= self._spent.popleft()[1]
        excess = self._sum + min(amount, self._limit) - self._limit
        for at, spent in self._spent:
            if excess <= 0:
                return 0.0
            excess -= spent
            if excess <= 0:
                return at + self._span_s - now
        return 0.0

    def spend(self, now: float, amount: int = 1) -> None:
        """Count `amount` as used at `now`, whether it fits or not."""
        self._spent.append((now, amount))
        self._sum += amount


class RequestBudget:
    """Admits requests. Reads and cancels wait their turn; an order that does not fit is refused, since it is signed for
    this moment and its lease was checked for this moment."""

    def __init__(self, clock: Clock, limits: Limits | None = None) -> None:
        limits = limits or Limits()
        self._clock = clock
        self._orders = Window(limits.orders, 1.0)
        self._requests = Window(limits.requests, 1.0)
        self._weight = Window(limits.weight, 10.0)
        self._paused_until = float("-inf")
        self._reads = asyncio.Lock()
        self._cancels = asyncio.Lock()

    async def admit_read(self, weight: int) -> None:
        """Returns when a read of `weight` may leave. Raises RateLimited when the venue asked for a long rest."""
        async with self._reads:  # in the order of asking, so that a heavy read is not passed over for ever
            while (wait_s := self._read_wait_s(weight)) > 0:
                await self._clock.sleep(wait_s)
            self.note_read(weight)

    async def admit_cancel(self) -> None:
        """Returns when a cancellation may leave. Raises RateLimited when the venue asked for a long rest."""
        async with self._cancels:
            while (wait_s := self._order_wait_s()) > 0:
                self._refuse_long(wait_s)
                await self._clock.sleep(wait_s)
            self.note_order(self._clock.monotonic())

    def admit_order(self) -> None:
        """Counts an order that leaves now. Raises RateLimited, with the seconds to wait, when it must not."""
        if (wait_s := self._order_wait_s()) > 0:
            raise RateLimited(f"order budget used up for {wait_s:.3f} s; nothing was sent", retry_after_s=wait_s)
        self.note_order(self._clock.monotonic())

    def check_pause(self) -> None:
        """Raises RateLimited while the venue's wish for rest lasts."""
        if (wait_s := self._paused_until - self._clock.monotonic()) > 0:
            raise RateLimited(f"the venue asked for rest, {wait_s:.3f} s are left", retry_after_s=wait_s)

    def note_order(self, sent_at: float) -> None:
        """Counts an order that left by another way. sent_at: local monotonic seconds."""
        self._orders.spend(sent_at)
        self._requests.spend(sent_at)

    def note_read(self, weight: int) -> None:
        """Counts a read that could not wait its turn."""
        now = self._clock.monotonic()
        self._requests.spend(now)
        self._weight.spend(now, weight)

    def pause(self, retry_after_s: float | None) -> None:
        """The venue limits us: nothing leaves until it asked to be asked again."""
        rest_s = _PAUSE_UNSAID_S if retry_after_s is None else retry_after_s
        self._paused_until = max(self._paused_until, self._clock.monotonic() + rest_s)

    def _read_wait_s(self, weight: int) -> float:
        now = self._clock.monotonic()
        paused_s = self._paused_until - now
        self._refuse_long(paused_s)
        return max(paused_s, self._requests.wait_s(now), self._weight.wait_s(now, weight))

    def _order_wait_s(self) -> float:
        now = self._clock.monotonic()
        return max(self._paused_until - now, self._orders.wait_s(now))

    def _refuse_long(self, wait_s: float) -> None:
        if wait_s > LONGEST_WAIT_S:
            raise RateLimited(f"the venue asked for rest, {wait_s:.0f} s are left", retry_after_s=wait_s)
