"""How old an answer of the venue may be and still be used. Never for a price: those are as old as they say."""

from datetime import datetime, timedelta

RULES_S = 1800.0
"""A symbol's rules, far from its opening."""
RULES_RENEWED_BEFORE_OPENING = timedelta(minutes=5)
"""What was asked earlier than this before an opening, or before the opening itself, is not used after that moment: the
venue completes a new symbol's rules late."""
SYMBOLS_S = 30.0
"""Lists of symbols that may be traded."""
CALENDAR_S = 300.0
CALENDAR_NEAR_OPENING_S = 30.0
ACCOUNT_S = 60.0
"""Balances, for a first look. What is reserved or concluded is decided on a fresh answer."""
FRESH_S = 0.0
"""Asked after this moment."""


def rules_s(opens_at: datetime, now: datetime) -> float:
    """How old, in seconds, the rules of a symbol that opens at `opens_at` may be at `now` (both exchange time)."""
    renewed_at = [moment for moment in (opens_at - RULES_RENEWED_BEFORE_OPENING, opens_at) if moment <= now]
    return min([RULES_S, *((now - moment).total_seconds() for moment in renewed_at)])
