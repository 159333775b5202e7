"""What the venue does by itself, each thing at its exact instant of venue time, however late the real loop is.

So the course of a venue depends on its seed and on the instants of what it is asked, and not on a machine's speed.
"""

import heapq
from collections.abc import Callable

Act = Callable[[int], int | None]
"""Called with its instant in venue milliseconds; returns the instant of its next turn, None when it has had enough."""


class Agenda:
    """Acts by instant; equal instants in the order in which they were put down."""

    def __init__(self) -> None:
        self._due: list[tuple[int, int, Act]] = []
        self._count = 0

    def add(self, at_ms: int, act: Act) -> None:
        """Do it at `at_ms`, or at the next occasion when that has passed."""
        self._count += 1
        heapq.heappush(self._due, (at_ms, self._count, act))

    def advance(self, now_ms: int) -> None:
        """Do everything that is due up to `now_ms`, in order."""
        while self._due and self._due[0][0] <= now_ms:
            at_ms, _, act = heapq.heappop(self._due)
            again_ms = act(at_ms)
            if again_ms is not None:
                self.add(again_ms, act)
