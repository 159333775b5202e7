"""Who may trade a session, and what only its holder may write, as pure rules.

A lease is a row with a rising token. No wall clock decides about it, since any can be set: its holder counts the end
from before a renewal left, and whoever wants it counts from when it saw that renewal, which is later; both on clocks of
their own that never jump and run while the machine sleeps. So when somebody takes it over, its holder has stopped
already.
"""

from dataclasses import dataclass
from datetime import datetime

from domain.events import (
    AttentionNeeded,
    ClockMeasured,
    Event,
    FillSeen,
    LeaseTaken,
    OrderSeen,
    ShotAnswered,
    ShotSent,
    StoodDown,
    StreamInterrupted,
)

LEASE_TTL_S = 5.0
RENEW_EVERY_S = 1.0
SETTLE_MARGIN_S = 5.0
"""Beyond the venue's receive window: how long until an order that left under an old lease can no longer appear."""
_RATES_DIFFER_BY = 0.01
"""Two machines' clocks run alike to 0.05 % at worst; a hundredth more of waiting costs nobody anything."""
_FACTS = (
    LeaseTaken,
    StoodDown,
    ClockMeasured,
    ShotSent,
    ShotAnswered,
    OrderSeen,
    FillSeen,
    StreamInterrupted,
    AttentionNeeded,
)
"""What a desk did, heard or calls a human for: as true when another desk has the session by now."""


@dataclass(frozen=True, slots=True)
class LeaseGrant:
    """A lease just taken.

    token: higher than every earlier holder's.
    asked_at: the holder's suspend-proof clock before the request left; the lease ends at asked_at + ttl.
    clean: nothing of an earlier holder can be in flight: there was none, or it handed over. When its right ended
        otherwise is not told: some time before the grant, and no clock of ours says how long.
    """

    token: int
    asked_at: float
    ttl_s: float
    clean: bool


def has_run_out(unchanged_for_s: float, ttl_s: float) -> bool:
    """Whether a lease that nobody was seen to renew for so long has ended for its holder as well.

    unchanged_for_s: on the asker's suspend-proof clock, from after it first saw the row as it still is."""
    return unchanged_for_s >= ttl_s * (1 + _RATES_DIFFER_BY)


def quiet_for_s(grant: LeaseGrant, recv_window_ms: int) -> float:
    """Seconds from the grant until nothing an earlier holder sent can reach the venue's book any more."""
    return 0.0 if grant.clean else recv_window_ms / 1000 + SETTLE_MARGIN_S


def may_have_left(grant: LeaseGrant, not_before: datetime, granted_at: datetime, *, fired: bool) -> bool:
    """Whether an earlier holder may have sent an intent. Both times on the exchange's clock.

    fired: an earlier holder told that it was about to shoot. Then no clock decides: the exchange's may have gone back.
    """
    return not grant.clean and (fired or not_before <= granted_at)


def needs_lease(event: Event) -> bool:
    """Whether a desk may not write this any more once another one took the session from it.

    Decisions and judgements do: the other desk acts on what it found, and a late "withdrawn" or "absent" would hide an
    order that it sent since. So does a refusal, which settles its id; what only tells of it is in the log."""
    match event:
        case ShotAnswered() if event.left_no_order:
            return True
        case _:
            return not isinstance(event, _FACTS)
