"""What it takes to arm a listing: the request, its checks, and the answer. Pure; actions.py carries it out."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from domain.errors import InvalidInput
from domain.ids import SessionKey, check_account, split_symbol
from domain.money import Price, Quote
from domain.policy import DEFAULT_BUDGET, DEFAULT_LADDER, EntryPolicy, ExitPolicy, LadderStep, TradePolicy, complaints
from ui.wording import day_and_clock


def new_request_key() -> str:
    """A key of one's own for one request."""
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class ArmRequest:
    """Buy one listing.

    opens_at: exchange time, aware; None: wait until a source names it. budget: quote, fees included. max_price: quote
    per base unit. Seconds as in domain.policy. unlisted: take a symbol that no source has named. request: the caller's
    key; repeating it makes no second session.
    """

    symbol: str
    max_price: Decimal
    budget: Decimal = DEFAULT_BUDGET
    opens_at: datetime | None = None
    ladder: tuple[LadderStep, ...] = DEFAULT_LADDER
    stop_percent: Decimal = Decimal(5)
    time_stop_s: int = 3600
    arm_lead_s: int = 30
    grace_s: int = 30
    late_entry_s: int = 0
    account: str = "main"
    unlisted: bool = False
    request: str = field(default_factory=new_request_key)

    @property
    def policy(self) -> TradePolicy:
        """What it says about the trade; not yet checked."""
        return TradePolicy(
            budget_quote=Quote(self.budget),
            entry=EntryPolicy(max_price=Price(self.max_price), grace_s=self.grace_s, late_entry_s=self.late_entry_s),
            exits=ExitPolicy(ladder=self.ladder, stop_percent=self.stop_percent, time_stop_s=self.time_stop_s),
            arm_lead_s=self.arm_lead_s,
        )


@dataclass(frozen=True, slots=True)
class Armed:
    """Answer to an ArmRequest. session: None while the target waits for its opening; target: its number."""

    request: str
    text: str
    session: SessionKey | None
    target: int


def reasons_against(request: ArmRequest, now: datetime) -> tuple[str, ...]:
    """Every reason why `request` cannot be carried out by itself, each with value, expectation and remedy."""
    found: list[str] = []
    try:
        check_account(request.account)
    except InvalidInput as error:
        found.append(str(error))
    try:
        split_symbol(request.symbol)
    except InvalidInput as error:
        found.append(str(error))
    found += complaints(request.policy)
    if request.opens_at is not None:
        found += _why_no_opening(request.opens_at, now)
    if not request.request:
        found.append("request: got an empty key, expected one that is yours alone; leave it out for a new one")
    return tuple(found)


def _why_no_opening(opens_at: datetime, now: datetime) -> list[str]:
    if opens_at.utcoffset() is None:
        return [f"opening: got {opens_at}, expected a time with its zone; append Z for UTC"]
    if opens_at <= now:
        return [
            f"opening: got {day_and_clock(opens_at)} UTC, expected a time after {day_and_clock(now)} UTC; "
            "a passed opening is not chased"
        ]
    return []
