"""Who may trade a session, as pure rules.

A lease is a row with a rising token. Its holder counts the end from before the renewal left (local, suspend-proof
clock); the store counts it from when the renewal arrived, which is later. So when the store calls a lease ended, its
holder has stopped already.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

LEASE_TTL_S = 5.0
RENEW_EVERY_S = 1.0
SETTLE_MARGIN_S = 5.0
"""Beyond the venue's receive window: how long until an order that left under an old lease can no longer appear."""


@dataclass(frozen=True, slots=True)
class LeaseGrant:
    """A lease just taken.

    token: higher than every earlier holder's.
    asked_at: the holder's suspend-proof clock before the request left; the lease ends at asked_at + ttl.
    previous_end: how many seconds ago the earlier holder's right ended; None: there was none, or it was handed over
        with nothing in flight.
    """

    token: int
    asked_at: float
    ttl_s: float
    previous_end: float | None

    @property
    def clean(self) -> bool:
        """No earlier holder can have anything in flight."""
        return self.previous_end is None


def quiet_for_s(grant: LeaseGrant, recv_window_ms: int) -> float:
    """Seconds from the grant until nothing an earlier holder sent can reach the venue's book any more."""
    if grant.previous_end is None:
        return 0.0
    return max(0.0, recv_window_ms / 1000 + SETTLE_MARGIN_S - grant.previous_end)


def may_have_left(grant: LeaseGrant, not_before: datetime, granted_at: datetime) -> bool:
    """Whether an earlier holder may have sent an intent. Both times on the exchange's clock."""
    if grant.previous_end is None:
        return False
    return not_before <= granted_at - timedelta(seconds=grant.previous_end)
