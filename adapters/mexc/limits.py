"""How much may be asked of the venue, and who may take the last of it. Pure values.

The published limits contradict each other; these are the strictest of them.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum


class Priority(IntEnum):
    """Who goes first. A lower number is served before a higher one."""

    EXIT = 0
    """Sales and cancellations."""
    GUARD = 1
    """What else a position depends on: questions about our orders, a price that a stop waits for."""
    ENTRY = 2
    """Purchases, and the venue's time, without which nothing can be signed."""
    PREPARE = 3
    """What has to be known before a purchase: rules, balances."""
    POLL = 4
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

Ceilings = Mapping[Priority, float]
"""How far each priority may fill a resource, as a share of its limit. The rest is left to those above it."""

RESERVING: Ceilings = {
    Priority.EXIT: 1.0,
    Priority.GUARD: 0.9,
    Priority.ENTRY: 0.8,
    Priority.PREPARE: 0.6,
    Priority.POLL: 0.4,
}


@dataclass(frozen=True, slots=True)
class Limits:
    """orders: placements and cancellations per second. requests: calls per second. weight, account_weight: per 10 s."""

    orders: int = 12
    requests: int = 20
    weight: int = 300
    account_weight: int = 500
    ceilings: Ceilings = field(default_factory=lambda: RESERVING)

    def of(self, resource: Resource) -> int:
        """The whole of it, which exits may use."""
        return {
            Resource.ORDERS: self.orders,
            Resource.REQUESTS: self.requests,
            Resource.WEIGHT: self.weight,
            Resource.ACCOUNT_WEIGHT: self.account_weight,
        }[resource]

    def cap(self, resource: Resource, priority: Priority) -> int:
        """How far a call of `priority` may fill it; at least one, lest it never leaves."""
        return max(1, math.floor(self.of(resource) * self.ceilings[priority]))


_ALONE: Mapping[str, Limits] = {
    # Control asks for lists, rules and balances, and for absent orders at the close. It sends none, so that nothing of
    # its part has to be kept for orders.
    "control": Limits(1, 8, 150, 250, dict.fromkeys(Priority, 1.0)),
    # Fire measures the time, asks for rules, warms connections and shoots, all within the seconds before an opening.
    "fire": Limits(8, 16, 180, 300, {**RESERVING, Priority.ENTRY: 0.9, Priority.PREPARE: 0.8}),
    # Leaving at once means: a ladder cancelled, order by order, and the rest sold.
    "guard": Limits(9, 16, 150, 250, RESERVING),
}


def alone(role: str) -> Limits:
    """What a worker of `role` keeps to while it cannot see what the others send.

    Together they may take more than the venue allows, as they are never full at once: smaller parts made sessions that
    arm together miss their opening, and a guard that took over wait for its first look.
    """
    return _ALONE[role]
