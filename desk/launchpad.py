"""The one place of a process that waits for instants, sends at them, and hears and answers what comes back.

A thread of its own holds all pending instants in one heap, so that sessions with the same opening do not spin against
each other. Up to a few milliseconds before an instant it sleeps, then it spins; an answer it awaits by spinning too, so
that the next shot leaves as soon as the one before is refused. What a flight does then (desk.volley) is memory and
sends only. The event loop is told when nothing is due, and soon in any case.
"""

import asyncio
import gc
import heapq
import os
import select
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from desk.warm_path import WarmPath
from domain.errors import TryAgain
from domain.ports import Clock

SPIN_S = 0.003
"""Sleeping is precise to about a millisecond; the rest of the way is spun."""
NEVER = float("inf")
_TOGETHER_S = 0.001
"""Instants so close count as one: nobody is told of the first before the second has left."""
_TELL_WITHIN_S = 0.01
"""News waits no longer for a pause between instants: flights that look for something every few milliseconds leave none,
and what they look for may be what the event loop has to be told for."""
_WARM_UNTIL_S = 0.0002
"""Longer than a round of warming takes: after it there is nothing but the clock."""
_REHEARSE_UNTIL_S = 0.0007
"""Longer than a rehearsal takes, also the first one."""
_POLL_S = 0.001
"""How often an answer is looked for that cannot be waited at."""
_CLOSING = "this process is closing: nothing more is sent"
_SWITCH_S = 0.0002
"""How long another thread may keep the interpreter while this one wants it; the usual 5 ms would be a late shot."""


class Flight(Protocol):
    """What the launchpad serves: shots that follow each other. All of it is called on the launchpad's thread.

    due: local monotonic second of the next act; NEVER: there is none. over: nothing more follows.
    waits_at: what becomes readable when an answer comes, -1 when there is no such thing; None: none is awaited.
    spins_until: local monotonic second up to which the answer is awaited by spinning.
    """

    due: float
    over: bool
    waits_at: int | None
    spins_until: float

    def act(self) -> None:
        """Called at `due`."""

    def listen(self) -> None:
        """Called again and again while an answer is awaited; never waits."""

    def rehearse(self) -> None:
        """Called again and again shortly before `due`: what may have to be done after it is done for nothing, so that
        its code and data are near. Never waits, changes nothing."""


class _Seat:
    """One flight and who is told of it. error: what ended it, besides itself. withdrawn: no more of it is wanted.
    let_go: the thread does nothing with it any more."""

    __slots__ = ("done", "error", "flight", "let_go", "loop", "number", "told", "withdrawn")

    def __init__(self, flight: Flight, told: Callable[[], None], number: int) -> None:
        self.flight = flight
        self.told = told
        self.number = number
        self.loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = self.loop.create_future()
        self.error: Exception | None = None
        self.withdrawn = False
        self.let_go = False

    @property
    def over(self) -> bool:
        return self.flight.over or self.withdrawn or self.error is not None


class Launchpad:
    """Starts its thread on `open`; `close` ends it and abandons what is pending, unsent.

    cpu: number of the processor its thread keeps to; None: any. first: whether it asks for real-time scheduling.
    """

    def __init__(self, clock: Clock, *, cpu: int | None = None, first: bool = True) -> None:
        self._clock = clock
        self._first = first
        self._cpu = cpu
        self._heap: list[tuple[float, int, _Seat]] = []
        self._listening: list[_Seat] = []
        self._news: dict[_Seat, float] = {}  # until when its caller has to be told; NEVER: it awaits an answer
        self._seats: set[_Seat] = set()
        self._arriving: deque[_Seat] = deque()
        self._leaving: deque[_Seat] = deque()
        self._closing = False
        self._door = threading.Lock()  # nobody comes in unseen while the thread ends
        self._count = 0
        self._thread: threading.Thread | None = None
        self._warm_path: WarmPath | None = None
        self._bell: tuple[socket.socket, socket.socket] | None = None  # rung and heard to wake the thread
        self._switch_s = 0.0

    def open(self) -> None:
        """What lives by now lives on: the garbage collector need not look at it again."""
        gc.collect()
        gc.freeze()
        self._switch_s = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_S)
        self._bell = socket.socketpair()
        for end in self._bell:
            end.setblocking(False)
        with suppress(OSError):  # a machine without a loopback address fires all the same, a little later
            self._warm_path = WarmPath()
        self._thread = threading.Thread(target=self._serve, name="launchpad", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Idempotent; returns when the thread has ended."""
        if self._thread is not None:
            self._closing = True
            self._wake()
            self._thread.join()
            self._thread = None
            sys.setswitchinterval(self._switch_s)
        if self._warm_path is not None:
            self._warm_path.close()
        if self._bell is not None:
            for end in self._bell:
                end.close()

    async def fly(self, flight: Flight, told: Callable[[], None]) -> None:
        """Serve `flight` until it is over; raises what one of its steps raised.

        told: called on the event loop when something happened, some time before this returns too; what it raises ends
        the flight. Cancelling before an instant sends nothing at it; when this has returned, however often it was
        cancelled, the flight is served no more.
        """
        with self._door:
            if self._closing:
                raise TryAgain(_CLOSING)
            self._count += 1
            seat = _Seat(flight, told, self._count)
            self._arriving.append(seat)
        self._wake()
        try:
            await asyncio.shield(seat.done)
        except asyncio.CancelledError:
            self._withdraw(seat)
            while not seat.done.done():  # until then the thread may be acting, and whoever called uses its line again
                with suppress(asyncio.CancelledError):
                    await asyncio.wait({seat.done})
            raise
        if seat.error is not None:
            raise seat.error

    def _withdraw(self, seat: _Seat) -> None:
        """On the event loop: nothing more of it is wanted. Its thread says when it has let go."""
        seat.withdrawn = True
        self._leaving.append(seat)
        self._wake()

    def _wake(self) -> None:
        if self._bell is not None:
            with suppress(OSError):  # full: it is awake; closed: there is nobody
                self._bell[0].send(b"!")

    def _serve(self) -> None:
        if self._first:
            _go_first()
        if self._cpu is not None:
            _stay_on(self._cpu)
        try:
            while not self._closing:
                self._go_round()
        finally:  # also when this thread is at fault: no session waits for it in vain
            with self._door:
                self._closing = True
            for seat in (*self._seats, *self._arriving):
                if not seat.over:
                    seat.error = TryAgain(_CLOSING)
                self._news[seat] = NEVER
            self._tell()
            gc.enable()

    def _go_round(self) -> None:
        self._let_in_and_out()
        now = self._clock.monotonic()
        ahead_s = self._ahead_s(now)
        if ahead_s <= SPIN_S:
            gc.disable()
            self._tell_between(now, ahead_s)
            self._act_when_due()
        elif self._spins(now):
            gc.disable()
            self._listen()
            if self._news:
                now = self._clock.monotonic()
                self._tell_between(now, self._ahead_s(now))
        else:
            gc.enable()
            self._tell()
            self._wait(ahead_s - SPIN_S)
            self._listen()

    def _let_in_and_out(self) -> None:
        while self._arriving:
            seat = self._arriving.popleft()
            self._seats.add(seat)
            self._settle(seat)
        while self._leaving:
            self._settle(self._leaving.popleft())

    def _ahead_s(self, now: float) -> float:
        """Seconds until something is due; entries of the heap that were overtaken are dropped."""
        while self._heap:
            due, _, seat = self._heap[0]
            if seat.over or seat.flight.due != due:
                heapq.heappop(self._heap)
            else:
                return due - now
        return NEVER

    def _act_when_due(self) -> None:
        """Spin to the next instant, then act, unless its caller has left meanwhile."""
        due, _, seat = self._heap[0]
        while (left_s := due - self._clock.monotonic()) > 0:
            if seat.withdrawn:
                return
            if left_s > _WARM_UNTIL_S:
                if self._listening:
                    self._listen()
                    if self._ahead_s(0.0) != due:  # an answer brought something earlier, or ended it
                        return
                else:
                    self._rehearse(left_s)
        seat = heapq.heappop(self._heap)[2]  # not always the one above: an answer may have made another as early
        if seat.withdrawn:
            return
        try:
            seat.flight.act()
        except Exception as error:  # the thread serves other sessions too: whatever it is, its own caller hears of it
            seat.error = error
        self._settle(seat)

    def _rehearse(self, left_s: float) -> None:
        """Keep near what will be needed in a moment: by turns the send path, and what the next flight does then."""
        if self._warm_path is not None:
            with suppress(OSError):  # a machine short of buffers: what flies is more important than how warm its way is
                self._warm_path.send()
        if left_s > _REHEARSE_UNTIL_S:
            with suppress(Exception):  # a shot is not given up because it could not be practised
                self._heap[0][2].flight.rehearse()

    def _spins(self, now: float) -> bool:
        return any(seat.flight.spins_until > now for seat in self._listening)

    def _listen(self) -> None:
        for seat in tuple(self._listening):
            if seat.withdrawn or seat.flight.waits_at is None:
                continue
            try:
                seat.flight.listen()
            except Exception as error:
                seat.error = error
            if seat.error is not None or seat.flight.waits_at is None or seat.flight.over:
                self._settle(seat)

    def _settle(self, seat: _Seat) -> None:
        """Put the seat where its flight now belongs, and have its caller told in time."""
        flight = seat.flight
        if seat in self._listening:
            self._listening.remove(seat)
        if not seat.over:
            if flight.waits_at is not None:
                self._listening.append(seat)
            if flight.due < NEVER:
                heapq.heappush(self._heap, (flight.due, seat.number, seat))
        if seat.over or flight.waits_at is None:
            self._news[seat] = min(self._news.get(seat, NEVER), self._clock.monotonic() + _TELL_WITHIN_S)
        else:
            self._news[seat] = NEVER

    def _wait(self, at_most_s: float) -> None:
        assert self._bell is not None
        heard = self._bell[1]
        waiting = select.poll()
        waiting.register(heard, select.POLLIN)
        for seat in self._listening:
            at = seat.flight.waits_at
            if at is not None and at >= 0:
                waiting.register(at, select.POLLIN)
            else:
                at_most_s = min(at_most_s, _POLL_S)
        waiting.poll(None if at_most_s == NEVER else max(0.0, at_most_s) * 1000)
        with suppress(BlockingIOError):
            heard.recv(4096)

    def _tell_between(self, now: float, ahead_s: float) -> None:
        """Tell who is over when nothing is due in a moment, and everybody who has waited for long."""
        for seat, by in self._news.items():
            if by <= now or (seat.over and ahead_s > _TOGETHER_S):
                self._tell()
                return

    def _tell(self) -> None:
        """Have every caller told of what happened; those whose flight is over are let go."""
        if not self._news:
            return
        news = tuple(self._news)
        self._news.clear()
        for seat in news:
            if seat.over:
                self._seats.discard(seat)
                if seat in self._listening:  # withdrawn after it was put there
                    self._listening.remove(seat)
                seat.let_go = True
        for loop in {seat.loop for seat in news}:
            with suppress(RuntimeError):  # that loop has ended, and with it whoever would be told
                loop.call_soon_threadsafe(self._hear, [seat for seat in news if seat.loop is loop])

    def _hear(self, news: list[_Seat]) -> None:
        """On the event loop: tell the callers. What one of them makes of it is no other's trouble."""
        for seat in news:
            if seat.done.done():  # withdrawn while it acted: it has been told of both
                continue
            try:
                seat.told()
            except Exception as error:  # raised where its flight is awaited
                seat.error = seat.error or error
                if not seat.let_go:
                    self._withdraw(seat)
            if seat.let_go:
                seat.done.set_result(None)


def _go_first() -> None:
    """Real-time scheduling for this thread, where that is permitted: a busy machine then does not delay it."""
    if hasattr(os, "sched_setscheduler"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(os.sched_get_priority_min(os.SCHED_FIFO)))


def _stay_on(cpu: int) -> None:
    """Keep this thread to one processor, whose caches then are its own, where that is permitted."""
    if hasattr(os, "sched_setaffinity"):
        with suppress(OSError):
            os.sched_setaffinity(0, {cpu})
