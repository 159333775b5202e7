"""What was sent lately, and whether one more call fits: the request budget of one process. Pure: `now` is a parameter.

A call is counted from its admission until its window's length after its answer. It reached the venue somewhere between
the two, so at no instant has the venue more of our calls within its own window than are counted here; unless a call
whose answer is outstanding for longer than UNANSWERED_S had not left by then.
`shared_ledger` keeps the same books for several processes.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adapters.mexc.limits import SPANS_S, Cost, Limits, Priority, Resource

UNANSWERED_S = 6.0
"""How long an admitted call may take to reach the venue: longer than a connection may take to be made. One whose answer
is not known by then was sent by a process that died, or is counted anew when its answer comes."""
YIELD_S = 0.06
"""How long the claim of a call that had to wait lasts; it asks again about as soon."""
IN_TURN = frozenset({Priority.PREPARE, Priority.POLL})
"""Priorities whose calls differ in weight. Orders all cost the same, and no question may hold up an exit."""
MARGIN_S = 0.01
"""Added to every window: two clocks do not run alike."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What one call takes of one resource. lasts_s: how much longer it counts."""

    grant: int
    resource: Resource
    amount: int
    lasts_s: float


class _Window:
    """The calls that still count, and who waits for room."""

    def __init__(self) -> None:
        self.used = 0
        self.claims: dict[Priority, tuple[int, float]] = {}
        self._amounts: dict[int, tuple[int, float]] = {}
        self._ends: list[tuple[float, int]] = []

    def forget(self, now: float) -> None:
        """Drop what does not count any more."""
        while self._ends and self._ends[0][0] <= now:
            end, grant = heapq.heappop(self._ends)
            if self._amounts.get(grant, (0, 0.0))[1] == end:
                self.remove(grant)

    def put(self, grant: int, amount: int, until: float) -> None:
        self.remove(grant)
        self._amounts[grant] = (amount, until)
        heapq.heappush(self._ends, (until, grant))
        self.used += amount

    def remove(self, grant: int) -> None:
        self.used -= self._amounts.pop(grant, (0, 0.0))[0]

    def wait_s(self, now: float, amount: int, cap: int) -> float:
        """Until `amount` fits under `cap`, if no answer comes sooner; zero: now. More than `cap` fits when empty."""
        excess = self.used + min(amount, cap) - cap
        if excess <= 0:
            return 0.0
        for until, counted in sorted((until, counted) for counted, until in self._amounts.values()):
            excess -= counted
            if excess <= 0:
                return until - now
        return 0.0

    def claimed_s(self, now: float, grant: int, priority: Priority) -> float:
        """How long somebody else of `priority` still has a claim; zero: nobody has."""
        claimant, until = self.claims.get(priority, (grant, now))
        return max(0.0, until - now) if claimant != grant else 0.0

    def entries(self, now: float) -> list[tuple[int, int, float]]:
        """Grant, amount, and when it stops counting."""
        self.forget(now)
        return [(grant, amount, until) for grant, (amount, until) in self._amounts.items()]


class Ledger:
    """One process's calls, against `limits`."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._windows = {resource: _Window() for resource in Resource}

    def ask(self, now: float, grant: int, cost: Cost, priority: Priority) -> float:
        """Seconds until a call fits, zero when it does. A call that does not fit has a claim on what it lacks.

        Never says zero while a higher priority has a claim on the same resource, nor, among questions, while an
        earlier one of the same priority has: a heavy one would otherwise never find enough room at once.
        """
        wait_s = 0.0
        for resource, amount in cost.items():
            window = self._windows[resource]
            window.forget(now)
            lacking_s = window.wait_s(now, amount, self.limits.cap(resource, priority))
            if lacking_s > 0 and not window.claimed_s(now, grant, priority):
                window.claims[priority] = (grant, now + YIELD_S)
            least = priority + 1 if priority in IN_TURN else priority
            yields_s = max((window.claimed_s(now, grant, Priority(above)) for above in range(least)), default=0.0)
            wait_s = max(wait_s, lacking_s, yields_s)
        return wait_s

    def take(self, now: float, grant: int, cost: Cost, leaves_in_s: float = 0.0) -> None:
        """Count a call that leaves within `leaves_in_s`, whether it fits or not."""
        for resource, amount in cost.items():
            until = now + leaves_in_s + UNANSWERED_S + SPANS_S[resource] + MARGIN_S
            self._windows[resource].put(grant, amount, until)

    def answered(self, now: float, grant: int, cost: Cost) -> None:
        """It has been at the venue, by now at the latest."""
        for resource, amount in cost.items():
            self._windows[resource].put(grant, amount, now + SPANS_S[resource] + MARGIN_S)

    def unused(self, grant: int, cost: Cost) -> None:
        """It never left."""
        for resource in cost:
            self._windows[resource].remove(grant)

    def counted(self, now: float) -> Sequence[Counted]:
        """Every call that counts now."""
        return [
            Counted(grant, resource, amount, until - now)
            for resource, window in self._windows.items()
            for grant, amount, until in window.entries(now)
        ]

    def used(self, now: float) -> Mapping[Resource, int]:
        """How much of each resource counts now."""
        for window in self._windows.values():
            window.forget(now)
        return {resource: window.used for resource, window in self._windows.items()}
