"""Flights for a launchpad that need no venue."""

import socket
from collections.abc import Callable

from adapters.clock import SystemClock
from desk.launchpad import NEVER

CLOCK = SystemClock()


def nothing() -> None:
    """A step that does nothing."""


class OneShot:
    """Acts once at its instant, then is over. broken: what acting raises. before: called first."""

    def __init__(
        self,
        at: float,
        acted: list["OneShot"],
        *,
        broken: Exception | None = None,
        before: Callable[[], None] = nothing,
    ) -> None:
        self.due = at
        self.over = False
        self.waits_at: int | None = None
        self.spins_until = 0.0
        self.acted_at = 0.0
        self.rehearsed_at: list[float] = []
        self._acted = acted
        self._broken = broken
        self._before = before

    def act(self) -> None:
        self._before()
        if self._broken is not None:
            raise self._broken
        self.acted_at = CLOCK.monotonic()
        self._acted.append(self)
        self.due, self.over = NEVER, True

    def listen(self) -> None:
        raise AssertionError("nothing is awaited")

    def rehearse(self) -> None:
        self.rehearsed_at.append(CLOCK.monotonic())
        if self._broken is not None:
            raise self._broken


class Conversation:
    """Says a byte at its instant, hears one, and says the next at once, `times` in all. spins: how it awaits them."""

    def __init__(self, at: float, mine: socket.socket, times: int, *, spins: bool) -> None:
        self.due = at
        self.over = False
        self.waits_at: int | None = None
        self.spins_until = NEVER if spins else 0.0
        self.left = times
        self.gave_up = False
        self._mine = mine

    def act(self) -> None:
        if self.waits_at is not None:
            self.gave_up = self.over = True
            return
        self._mine.send(b"?")
        self.waits_at, self.due = self._mine.fileno(), CLOCK.monotonic() + 5

    def listen(self) -> None:
        try:
            self._mine.recv(1)
        except BlockingIOError:
            return
        self.left -= 1
        self.waits_at, self.due = None, NEVER
        if self.left:
            self.act()
        else:
            self.over = True

    def rehearse(self) -> None:
        """Nothing to practise."""
