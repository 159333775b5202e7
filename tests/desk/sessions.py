"""Floors on which a whole session is traded."""

from dataclasses import replace
from decimal import Decimal

from domain.policy import ExitPolicy, LadderStep
from tests.builders import a_policy, a_record
from tests.desk.floor import Floor

LADDER = (LadderStep(Decimal(10), Decimal(50)), LadderStep(Decimal(20), Decimal(50)))


def a_floor(
    *,
    ladder: tuple[LadderStep, ...] = LADDER,
    time_stop_s: int = 30,
    late_entry_s: int = 0,
    opens_in_s: float = 8.0,
    grace_s: int = 30,
) -> Floor:
    """A session with a ladder that holds for half a minute."""
    policy = a_policy(exits=ExitPolicy(ladder=ladder, time_stop_s=time_stop_s))
    entry = replace(policy.entry, late_entry_s=late_entry_s, grace_s=grace_s)
    return Floor(a_record(policy=replace(policy, entry=entry)), opens_in_s=opens_in_s)
