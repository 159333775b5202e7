"""May this session be carried out? Pure rules over what was seen; the reservation itself is the store's transaction."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.checks import Check
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


def assess(start: StartSnipe, seen: RiskSnapshot) -> tuple[Check, ...]:
    """Every question with its answer, so that the operator reads one complete record; approved when all passed."""
    wrong = complaints(start.policy)
    policy = [Check("policy", "cannot be used", reason) for reason in wrong] or [Check("policy", "inside its limits")]
    if not (start.policy.budget_quote.is_finite() and start.policy.entry.max_price.is_finite()):
        return tuple(policy)  # nothing can be compared with them
    return (*policy, *(rule(start, seen) for rule in _RULES))


def _opening(start: StartSnipe, seen: RiskSnapshot) -> Check:
    latest = start.opens_at + timedelta(seconds=start.policy.entry.late_entry_s)
    found = f"opens {start.opens_at:%Y-%m-%d %H:%M:%S} UTC, now {seen.now:%Y-%m-%d %H:%M:%S} UTC"
    if seen.now <= latest:
        return Check("opening", found)
    return Check(
        "opening",
        found,
        f"opening: got {start.opens_at:%Y-%m-%d %H:%M:%S} UTC, expected a time after {seen.now:%Y-%m-%d %H:%M:%S} UTC; "
        "a passed opening is not chased unless late entry is allowed",
    )


def _funds(start: StartSnipe, seen: RiskSnapshot) -> Check:
    needed = start.policy.budget_quote
    found = f"needs {plain(needed)} {seen.quote_asset}, has {plain(seen.free_quote)} free"
    return Check("funds", found, "" if needed <= seen.free_quote else f"funds: {found}; lower the budget")


def _smallest_order(start: StartSnipe, seen: RiskSnapshot) -> Check:
    if seen.rules is None:
        return Check("smallest order", "not known yet: the venue does not list the pair; asked again while arming")
    quantity = seen.rules.affordable(start.policy.budget_quote, start.policy.entry.max_price)
    if quantity > 0:
        return Check(
            "smallest order",
            f"the budget buys {plain(quantity)} {seen.rules.base_asset} at the price bound or below it",
        )
    return Check(
        "smallest order",
        "the budget buys none",
        f"budget: got {plain(start.policy.budget_quote)}, expected enough for one order of {start.symbol} at the price "
        f"bound {plain(start.policy.entry.max_price)} (smallest value {plain(seen.rules.min_notional)} "
        f"{seen.rules.quote_asset}, smallest quantity {plain(seen.rules.min_quantity)}); raise it",
    )


def _slot(start: StartSnipe, seen: RiskSnapshot) -> Check:
    found = f"{seen.open_sessions} others are open, {MAX_SESSIONS} is the limit"
    if seen.open_sessions < MAX_SESSIONS:
        return Check("sessions", found)
    return Check(
        "sessions",
        found,
        f"sessions: {seen.open_sessions} are open, expected fewer than {MAX_SESSIONS}; wait for one to close",
    )


def _halts(start: StartSnipe, seen: RiskSnapshot) -> Check:
    if not seen.halted:
        return Check("halts", "none covers this session")
    return Check("halts", "one covers this session", "halted: a halt covers this account or session; release it first")


_RULES: tuple[Callable[[StartSnipe, RiskSnapshot], Check], ...] = (_opening, _funds, _smallest_order, _slot, _halts)
