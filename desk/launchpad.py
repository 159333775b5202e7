"""The one place of a process that waits for instants and sends at them.

A thread of its own holds all pending instants in one heap, so that sessions with the same opening do not spin against
each other. Up to a few milliseconds before an instant it sleeps, then it spins; between the last look and the send
there is nothing but the send.
"""

import asyncio
import gc
import heapq
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from desk.warm_path import WarmPath
from domain.ports import Clock, HotLine

SPIN_S = 0.003
"""Sleeping is precise to about a millisecond; the rest of the way is spun."""
_TOGETHER_S = 0.001
"""Instants so close count as one: nobody is told of the first before the second has left."""
_WARM_UNTIL_S = 0.0002
"""Longer than a round of warming takes: after it there is nothing but the clock."""


@dataclass(order=True)
class _Launch:
    at: float
    number: int
    last_look: Callable[[], None] = field(compare=False)
    line: HotLine = field(compare=False)
    result: asyncio.Future[float] = field(compare=False)
    loop: asyncio.AbstractEventLoop = field(compare=False)


@dataclass(frozen=True, slots=True)
class _Sent:
    launch: _Launch
    outcome: float | Exception | None  # None: it was cancelled


class Launchpad:
    """Starts its thread on `open`; `close` ends it and abandons what is pending, unsent."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heap: list[_Launch] = []
        self._changed = threading.Condition()
        self._closing = False
        self._count = 0
        self._thread: threading.Thread | None = None
        self._warm_path: WarmPath | None = None

    def open(self) -> None:
        """What lives by now lives on: the garbage collector need not look at it again."""
        gc.collect()
        gc.freeze()
        with suppress(OSError):  # a machine without a loopback address fires all the same, a little later
            self._warm_path = WarmPath()
        self._thread = threading.Thread(target=self._wait_and_send, name="launchpad", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Idempotent; returns when the thread has ended."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()
        if self._warm_path is not None:
            self._warm_path.close()

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
        _go_first()
        sent: list[_Sent] = []
        while (launch := self._next(sent)) is not None:
            while (left_s := launch.at - self._clock.monotonic()) > 0:
                if left_s > _WARM_UNTIL_S and self._warm_path is not None:
                    self._warm_path.send()
            sent.append(_send(launch))

    def _next(self, sent: list[_Sent]) -> _Launch | None:
        """The next launch, a few milliseconds before its instant; None when closing.

        Until nothing else is due at once nobody is told of what was sent, since waking the event loop's thread would
        take the interpreter from this one, and no garbage is collected.
        """
        with self._changed:
            while not self._closing:
                ahead_s = self._heap[0].at - self._clock.monotonic() if self._heap else None
                if sent and (ahead_s is None or ahead_s > _TOGETHER_S):
                    gc.enable()
                    _tell(sent)
                elif ahead_s is not None and ahead_s <= SPIN_S:
                    gc.disable()
                    return heapq.heappop(self._heap)
                else:
                    self._changed.wait(None if ahead_s is None else ahead_s - SPIN_S)
            gc.enable()
            _tell(sent)
            return None


def _go_first() -> None:
    """Real-time scheduling for this thread, where that is permitted: a busy machine then does not delay it."""
    if hasattr(os, "sched_setscheduler"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(os.sched_get_priority_min(os.SCHED_FIFO)))


def _send(launch: _Launch) -> _Sent:
    if launch.result.cancelled():
        return _Sent(launch, None)
    try:
        launch.last_look()
        return _Sent(launch, launch.line.fire())
    except Exception as error:  # the thread serves other sessions too: whatever it is, its own caller hears of it
        return _Sent(launch, error)


def _tell(sent: list[_Sent]) -> None:
    """Have every caller told, and forget it."""
    for loop in {one.launch.loop for one in sent}:
        loop.call_soon_threadsafe(_settle, [one for one in sent if one.launch.loop is loop])
    sent.clear()


def _settle(sent: list[_Sent]) -> None:
    for one in sent:
        if one.launch.result.done():
            continue
        if isinstance(one.outcome, Exception):
            one.launch.result.set_exception(one.outcome)
        elif one.outcome is not None:
            one.launch.result.set_result(one.outcome)
