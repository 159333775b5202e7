"""What it takes to arm a listing: the request, its checks, and the answer. Pure; actions.py carries it out."""

import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from domain.errors import InvalidInput
from domain.ids import SessionKey, check_own_account, split_symbol
from domain.money import Price, Quote
from domain.policy import (
    DEFAULT_BUDGET,
    DEFAULT_LADDER,
    EntryPolicy,
    EntryStrategy,
    ExitPolicy,
    LadderStep,
    TradePolicy,
    complaints,
)
from ui.wording import day_and_clock

_BELONGS: dict[str, tuple[str, tuple[EntryStrategy, ...]]] = {
    "window_s": ("entry window", (EntryStrategy.LIMIT, EntryStrategy.TRANCHE)),
    "burst_shots": ("burst shots", (EntryStrategy.BURST,)),
    "burst_spacing_ms": ("burst spacing", (EntryStrategy.BURST,)),
    "burst_first_ms": ("burst start", (EntryStrategy.BURST,)),
    "tranche_parts": ("tranches", (EntryStrategy.TRANCHE,)),
    "tranche_every_s": ("tranche interval", (EntryStrategy.TRANCHE,)),
}
"""Fields that mean something for some strategies only: their name for people, and the strategies."""


def new_request_key() -> str:
    """A key of one's own for one request."""
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class ArmRequest:
    """Buy one listing.

    opens_at: exchange time, aware; None: wait until a source names it. budget: quote, fees included. max_price: quote
    per base unit; None: the best ask seen after the opening, plus the markup. Seconds, milliseconds and counts as in
    domain.policy; None: not chosen, the policy's own. unlisted: take a symbol that no source has named. request: the
    caller's key; repeating it makes no second session.
    """

    symbol: str
    max_price: Decimal | None = None
    budget: Decimal = DEFAULT_BUDGET
    opens_at: datetime | None = None
    ladder: tuple[LadderStep, ...] = DEFAULT_LADDER
    stop_percent: Decimal = Decimal(5)
    time_stop_s: int = 3600
    arm_lead_s: int = 30
    grace_s: int = 30
    late_entry_s: int = 0
    strategy: EntryStrategy = EntryStrategy.IOC_CAP
    markup_percent: Decimal = Decimal(10)
    late_max_price: Decimal | None = None
    window_s: int | None = None
    burst_shots: int | None = None
    burst_spacing_ms: int | None = None
    burst_first_ms: int | None = None
    tranche_parts: int | None = None
    tranche_every_s: int | None = None
    account: str = "main"
    unlisted: bool = False
    request: str = field(default_factory=new_request_key)

    @property
    def policy(self) -> TradePolicy:
        """What it says about the trade; not yet checked."""
        return TradePolicy(
            budget_quote=Quote(self.budget),
            entry=self._entry,
            exits=ExitPolicy(ladder=self.ladder, stop_percent=self.stop_percent, time_stop_s=self.time_stop_s),
            arm_lead_s=self.arm_lead_s,
        )

    @property
    def of_one_strategy(self) -> dict[str, Any]:
        """What was chosen of the fields that belong to some strategies only."""
        return {name: value for name in _BELONGS if (value := getattr(self, name)) is not None}

    @property
    def _entry(self) -> EntryPolicy:
        entry = EntryPolicy(
            max_price=None if self.max_price is None else Price(self.max_price),
            grace_s=self.grace_s,
            late_entry_s=self.late_entry_s,
            strategy=self.strategy,
            markup_percent=self.markup_percent,
            late_max_price=None if self.late_max_price is None else Price(self.late_max_price),
        )
        return replace(entry, **self.of_one_strategy)


class Verdict(StrEnum):
    """How far the asking has come, for programs."""

    WAITING = "waiting"
    """A target waits for its opening; risk judges its session when a source has named that."""
    PENDING = "pending"
    """The session stands; risk has not judged it yet."""
    APPROVED = "approved"
    """Risk has approved the session; what became of it since is in the text."""
    REJECTED = "rejected"
    """The session is closed; nothing is bought."""


@dataclass(frozen=True, slots=True)
class Armed:
    """Answer to an ArmRequest. session: None while the target waits for its opening; target: its number.

    reasons: of a rejection. warnings: what would have a session rejected now, for a target whose session is made later.
    """

    request: str
    text: str
    session: SessionKey | None
    target: int
    verdict: Verdict = Verdict.WAITING
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def reasons_against(request: ArmRequest, now: datetime, account: str) -> tuple[str, ...]:
    """Every reason why `request` cannot be carried out by itself, each with value, expectation and remedy.

    account: the one of this installation.
    """
    found: list[str] = []
    try:
        check_own_account(request.account, account)
    except InvalidInput as error:
        found.append(str(error))
    try:
        split_symbol(request.symbol)
    except InvalidInput as error:
        found.append(str(error))
    found += complaints(request.policy)
    found += _what_is_not_used(request)
    if request.opens_at is not None:
        found += _why_no_opening(request.opens_at, now, request.late_entry_s)
    if not request.request:
        found.append("request: got an empty key, expected one that is yours alone; leave it out for a new one")
    return tuple(found)


def _what_is_not_used(request: ArmRequest) -> list[str]:
    """What was chosen and would be ignored: somebody meant something by it."""
    found = []
    for name, value in request.of_one_strategy.items():
        word, strategies = _BELONGS[name]
        if request.strategy not in strategies:
            found.append(
                f"{word}: got {value} for the strategy {request.strategy}, expected it only for "
                f"{' or '.join(strategies)}; leave it out or choose that strategy"
            )
    if request.late_max_price is not None and request.late_entry_s == 0:
        found.append(
            f"late max price: got {request.late_max_price}, expected it only where late entry is allowed; "
            "allow late entry or leave it out"
        )
    return found


def _why_no_opening(opens_at: datetime, now: datetime, late_entry_s: int) -> list[str]:
    if opens_at.utcoffset() is None:
        return [f"opening: got {opens_at}, expected a time with its zone; append Z for UTC"]
    if opens_at + timedelta(seconds=late_entry_s) <= now:
        allowed = f" by more than the late entry of {late_entry_s} s" if late_entry_s else ""
        return [
            f"opening: got {day_and_clock(opens_at)} UTC, expected a time after {day_and_clock(now)} UTC; "
            f"a passed opening is not chased{allowed}"
        ]
    return []
