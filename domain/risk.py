"""May this session be carried out? Pure rules over what was seen; the reservation itself is the store's transaction."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.checks import Check
from domain.commands import StartSnipe
from domain.money import Quote, SymbolRules, plain
from domain.policy import EntryStrategy, TradePolicy, complaints

_COIN_ID = re.compile("[0-9a-f]{32}")
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
    if not _comparable(start.policy):
        return tuple(policy)
    return (*policy, *(rule(start, seen) for rule in _RULES))


def _comparable(policy: TradePolicy) -> bool:
    """Whether its amounts are numbers that others can be compared with, and its slices can be counted."""
    amounts = (policy.budget_quote, policy.entry.max_price, policy.entry.late_max_price)
    return policy.entry.slices > 0 and all(amount is None or amount.is_finite() for amount in amounts)


def _symbol(start: StartSnipe, seen: RiskSnapshot) -> Check:
    """Coin and quote name the session and what it holds, the symbol what is bought: they must be one pair. The venue's
    id of a coin says nothing of its ticker."""
    listing = start.key.listing
    coin = listing.coin
    if _COIN_ID.fullmatch(coin):
        coin = start.symbol.removesuffix(listing.quote)
    expected = f"{coin}{listing.quote}"
    if start.symbol == expected:
        return Check("symbol", f"{start.symbol} is the pair of {listing}")
    return Check(
        "symbol",
        f"{start.symbol} is not the pair of {listing}",
        f"symbol: got {start.symbol!r}, expected {expected!r}, the pair of {listing}; correct the one that is wrong",
    )


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
    entry = start.policy.entry
    bound = entry.bound(late=seen.now > start.opens_at)
    if bound is None:
        return Check("smallest order", "not known before a price is seen: there is no max price")
    quantity = seen.rules.affordable(entry.slice_of(start.policy.budget_quote), bound)
    spender = "the budget" if entry.slices == 1 else f"each of {entry.slices} slices of the budget"
    if quantity > 0:
        return Check(
            "smallest order",
            f"{spender} buys {plain(quantity)} {seen.rules.base_asset} at the price bound or below it",
        )
    return Check(
        "smallest order",
        f"{spender} buys none",
        f"budget: got {plain(start.policy.budget_quote)}, expected enough for "
        f"{'one order' if entry.slices == 1 else f'{entry.slices} orders'} of {start.symbol} at the price "
        f"bound {plain(bound)} (smallest value {plain(seen.rules.min_notional)} "
        f"{seen.rules.quote_asset}, smallest quantity {plain(seen.rules.min_quantity)}); raise it"
        f"{'' if entry.slices == 1 else ' or buy in fewer slices'}",
    )


def _market_orders(start: StartSnipe, seen: RiskSnapshot) -> Check:
    """A pair that API clients cannot trade yet may still say anything of its order types."""
    if start.policy.entry.strategy is not EntryStrategy.MARKET:
        return Check("market orders", f"not used by the strategy {start.policy.entry.strategy}")
    if seen.rules is None or not seen.rules.api_allowed:
        return Check("market orders", "not known yet: the pair cannot be traded; asked again while arming")
    if seen.rules.market_orders:
        return Check("market orders", "the venue takes them")
    return Check(
        "market orders",
        "the venue takes none",
        f"strategy: got market, expected one without market orders: the venue takes none for {start.symbol}; "
        f"choose {EntryStrategy.IOC_CAP}, {EntryStrategy.LIMIT}, {EntryStrategy.BURST} or {EntryStrategy.TRANCHE}",
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


_RULES: tuple[Callable[[StartSnipe, RiskSnapshot], Check], ...] = (
    _symbol,
    _opening,
    _funds,
    _smallest_order,
    _market_orders,
    _slot,
    _halts,
)
