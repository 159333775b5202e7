"""May this session be carried out? Pure rules over what was seen; the reservation itself is the store's transaction."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.commands import StartSnipe
from domain.money import Quote, SymbolRules, plain
from domain.policy import complaints

MAX_SESSIONS = 5
"""Sessions of one account that may hold a reservation at once."""


@dataclass(frozen=True, slots=True)
class RiskSnapshot:
    """What is known when the question is asked.

    rules: None while the venue does not show the symbol. free_quote: on the account, before other reservations.
    open_sessions: other sessions of the account that hold a reservation. now: exchange time.
    """

    rules: SymbolRules | None
    quote_asset: str
    free_quote: Quote
    open_sessions: int
    halted: bool
    now: datetime


def reasons_against(start: StartSnipe, seen: RiskSnapshot) -> tuple[str, ...]:
    """Every reason why the session must not go on, so that the operator reads one complete answer; empty: approved."""
    found = list(complaints(start.policy))
    if not (start.policy.budget_quote.is_finite() and start.policy.entry.max_price.is_finite()):
        return tuple(found)  # nothing can be compared with them
    for rule in _RULES:
        reason = rule(start, seen)
        if reason is not None:
            found.append(reason)
    return tuple(found)


def _opening_is_ahead(start: StartSnipe, seen: RiskSnapshot) -> str | None:
    latest = start.opens_at + timedelta(seconds=start.policy.entry.late_entry_s)
    if seen.now <= latest:
        return None
    return (
        f"opening: got {start.opens_at:%Y-%m-%d %H:%M:%S} UTC, expected a time after {seen.now:%Y-%m-%d %H:%M:%S} UTC; "
        "a passed opening is not chased unless late entry is allowed"
    )


def _funds_suffice(start: StartSnipe, seen: RiskSnapshot) -> str | None:
    needed = start.policy.budget_quote
    if needed <= seen.free_quote:
        return None
    return f"funds: needs {plain(needed)} {seen.quote_asset}, has {plain(seen.free_quote)} free; lower the budget"


def _budget_reaches_smallest_order(start: StartSnipe, seen: RiskSnapshot) -> str | None:
    if seen.rules is None or seen.rules.affordable(start.policy.budget_quote, start.policy.entry.max_price) > 0:
        return None
    return (
        f"budget: got {plain(start.policy.budget_quote)}, expected enough for one order of {start.symbol} at the price "
        f"bound {plain(start.policy.entry.max_price)} (smallest value {plain(seen.rules.min_notional)} "
        f"{seen.rules.quote_asset}, smallest quantity {plain(seen.rules.min_quantity)}); raise it"
    )


def _slot_is_free(start: StartSnipe, seen: RiskSnapshot) -> str | None:
    if seen.open_sessions < MAX_SESSIONS:
        return None
    return f"sessions: {seen.open_sessions} are open, expected fewer than {MAX_SESSIONS}; wait for one to close"


def _nothing_is_halted(start: StartSnipe, seen: RiskSnapshot) -> str | None:
    return "halted: a halt covers this account or session; release it first" if seen.halted else None


_RULES: tuple[Callable[[StartSnipe, RiskSnapshot], str | None], ...] = (
    _opening_is_ahead,
    _funds_suffice,
    _budget_reaches_smallest_order,
    _slot_is_free,
    _nothing_is_halted,
)
