"""Request limits over sliding windows. Pure: the time is passed in."""

import math
from collections import deque

from simulator.errors import Refusal, too_many_requests


class Window:
    """Counts weight within the last `length_us`."""

    __slots__ = ("_length_us", "_spent", "_total")

    def __init__(self, length_us: int) -> None:
        self._length_us = length_us
        self._spent: deque[tuple[int, int]] = deque()
        self._total = 0

    def wait_us(self, weight: int, capacity: int, now_us: int) -> int:
        """How long until `weight` fits under `capacity`; 0: now. A capacity of 0 means no limit."""
        while self._spent and self._spent[0][0] <= now_us - self._length_us:
            self._total -= self._spent.popleft()[1]
        if not capacity or self._total + weight <= capacity:
            return 0
        excess = self._total + weight - capacity
        for at_us, spent in self._spent:
            excess -= spent
            if excess <= 0:
                return at_us + self._length_us - now_us
        return self._length_us

    def spend(self, weight: int, now_us: int) -> None:
        """Book an admitted call."""
        self._spent.append((now_us, weight))
        self._total += weight


class Limits:
    """All windows of one kind, one per caller. Refused calls are not booked."""

    def __init__(self, length_s: int) -> None:
        self._length_us = length_s * 1_000_000
        self._windows: dict[str, Window] = {}

    def check(self, caller: str, weight: int, capacity: int, now_us: int) -> Refusal | None:
        """The refusal when `weight` does not fit now, with the whole seconds to wait; None when it fits."""
        window = self._windows.get(caller)
        if window is None:
            window = self._windows[caller] = Window(self._length_us)
        wait_us = window.wait_us(weight, capacity, now_us)
        return too_many_requests(max(1, math.ceil(wait_us / 1_000_000))) if wait_us else None

    def spend(self, caller: str, weight: int, now_us: int) -> None:
        """Book a call that `check` admitted."""
        self._windows[caller].spend(weight, now_us)
