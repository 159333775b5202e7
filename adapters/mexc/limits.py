"""How much may be asked of the venue, and who may take the last of it. Pure values.

The published limits contradict each other; these are the strictest of them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from typing import Self


class Priority(IntEnum):
    """Who goes first. A lower number is served before a higher one."""

    EXIT = 0
    """Whatever a position depends on: sales, cancellations, questions about our orders, prices a stop waits for."""
    ENTRY = 1
    """Purchases."""
    PREPARE = 2
    """What has to be known before them: rules, balances, the venue's time, a warm connection."""
    POLL = 3
    """What can as well be asked a little later."""


class Resource(StrEnum):
    """What the venue counts, each in a window of its own."""

    ORDERS = "orders"
    """Placements and cancellations of one account."""
    REQUESTS = "requests"
    """Every call from one address."""
    WEIGHT = "weight"
    """Of every call from one address."""
    ACCOUNT_WEIGHT = "account_weight"
    """Of every signed call of one account."""


SPANS_S: Mapping[Resource, float] = {
    Resource.ORDERS: 1.0,
    Resource.REQUESTS: 1.0,
    Resource.WEIGHT: 10.0,
    Resource.ACCOUNT_WEIGHT: 10.0,
}
"""The length of each resource's window."""

Cost = Mapping[Resource, int]
"""What one call takes of each resource; what it does not take is left out."""


@dataclass(frozen=True, slots=True)
class Limits:
    """orders: placements and cancellations per second. requests: calls per second. weight, account_weight: per 10 s.

    reserved: share of each that every priority leaves to the one above it.
    """

    orders: int = 12
    requests: int = 20
    weight: int = 300
    account_weight: int = 500
    reserved: float = 0.2

    def of(self, resource: Resource) -> int:
        """The whole of it, which exits may use."""
        return {
            Resource.ORDERS: self.orders,
            Resource.REQUESTS: self.requests,
            Resource.WEIGHT: self.weight,
            Resource.ACCOUNT_WEIGHT: self.account_weight,
        }[resource]

    def reserve(self, resource: Resource) -> int:
        """What nobody but exits may use of it."""
        limit = self.of(resource)
        return math.ceil(limit * self.reserved) if limit > 1 else 0

    def cap(self, resource: Resource, priority: Priority) -> int:
        """How far a call of `priority` may fill it; at least one, lest it never leaves."""
        return max(1, self.of(resource) - self.reserve(resource) * priority)

    def share(self, *, orders: float, reads: float, reserved: float) -> Self:
        """The part of one process among several that cannot see each other. orders, reads: shares from 0 to 1."""
        return replace(
            self,
            orders=max(1, math.floor(self.orders * orders)),
            requests=max(1, math.floor(self.requests * reads)),
            weight=max(1, math.floor(self.weight * reads)),
            account_weight=max(1, math.floor(self.account_weight * reads)),
            reserved=reserved,
        )


_PARTS: Mapping[str, tuple[float, float, float]] = {
    # role: orders, reads, reserved. Control asks for lists and has no exits to keep anything for; the first second of
    # a session's shots is six of fire's eight.
    "control": (0.0, 0.35, 0.0),
    "fire": (0.67, 0.4, 0.1),
    "guard": (0.33, 0.25, 0.1),
}


def alone(role: str) -> Limits:
    """What a worker of `role` keeps to while it cannot see what the others send: one of each fills the limits."""
    orders, reads, reserved = _PARTS[role]
    return Limits().share(orders=orders, reads=reads, reserved=reserved)
