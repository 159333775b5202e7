"""The one place of a process that waits for instants and sends at them.

A thread of its own holds all pending instants in one heap, so that sessions with the same opening do not spin against
each other. Up to a few milliseconds before an instant it sleeps, then it spins; between the last look and the send
there is nothing but the send.
"""

import asyncio
import heapq
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from domain.ports import Clock, HotLine

SPIN_S = 0.003
"""Sleeping is precise to about a millisecond; the rest of the way is spun."""


@dataclass(order=True)
class _Launch:
    at: float
    number: int
    last_look: Callable[[], None] = field(compare=False)
    line: HotLine = field(compare=False)
    result: asyncio.Future[float] = field(compare=False)
    loop: asyncio.AbstractEventLoop = field(compare=False)


class Launchpad:
    """Starts its thread on `open`; `close` ends it and abandons what is pending, unsent."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[_Launch] = []
        self._changed = threading.Condition()
        self._closing = False
        self._count = 0
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        self._thread = threading.Thread(target=self._wait_and_send, name="launchpad", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Idempotent; returns when the thread has ended."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    async def launch(self, at: float, last_look: Callable[[], None], line: HotLine) -> float:
        """Fire `line` at local monotonic second `at`; returns the monotonic second after the send.

        last_look: called on the launchpad's thread just before; what it raises is raised here, and nothing is sent.
        Cancelling before the instant sends nothing.
        """
        loop = asyncio.get_running_loop()
        result: asyncio.Future[float] = loop.create_future()
        with self._changed:
            self._count += 1
            heapq.heappush(self._heap, _Launch(at, self._count, last_look, line, result, loop))
            self._changed.notify()
        return await result

    def _wait_and_send(self) -> None:
        while True:
            with self._changed:
                while not self._closing and (not self._heap or self._heap[0].at - self._clock.monotonic() > SPIN_S):
                    timeout = self._heap[0].at - self._clock.monotonic() - SPIN_S if self._heap else None
                    self._changed.wait(timeout)
                if self._closing:
                    return
                launch = heapq.heappop(self._heap)
            while self._clock.monotonic() < launch.at:
                pass
            self._send(launch)

    def _send(self, launch: _Launch) -> None:
        if launch.result.cancelled():
            return
        try:
            launch.last_look()
            sent_at = launch.line.fire()
        except Exception as error:  # the thread serves other sessions too: whatever it is, its own caller hears of it
            launch.loop.call_soon_threadsafe(_fail, launch.result, error)
        else:
            launch.loop.call_soon_threadsafe(_succeed, launch.result, sent_at)


def _fail(result: asyncio.Future[float], error: Exception) -> None:
    if not result.done():
        result.set_exception(error)


def _succeed(result: asyncio.Future[float], sent_at: float) -> None:
    if not result.done():
        result.set_result(sent_at)
