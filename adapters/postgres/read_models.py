"""What panel and command line show: frozen rows. How they are read: reader.py."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from adapters.postgres import rows
from adapters.postgres.event_codec import policy_of
from domain.ids import ListingKey, SessionKey
from domain.orders import Fill, Order, OrderIntent, Position
from domain.policy import TradePolicy
from domain.session import Outcome, Phase


@dataclass(frozen=True, slots=True)
class SessionLine:
    """One session. opens_at: exchange time; spent, received, fees, result: quote; fee_coin, dust: base; None: not known
    yet. attention: why a human is needed, empty when not. halted: it is open and a halt covers it now."""

    key: SessionKey
    symbol: str
    phase: Phase
    outcome: Outcome | None
    reason: str
    opens_at: datetime
    policy: TradePolicy
    policy_revision: int
    aborting: bool
    halted: bool
    workflow_id: str
    target_id: int
    coin_before: Decimal | None
    entry_ended: bool
    entry_result: str
    entry_reason: str
    attention: str
    reserved: Decimal
    spent: Decimal | None
    received: Decimal | None
    fees: Decimal | None
    fee_coin: Decimal | None
    result: Decimal | None
    dust: Decimal | None
    created_at: datetime
    updated_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class IntentLine:
    """A committed intent. settled_as: refused, absent or withdrawn; None: not known, or an order tells it."""

    intent: OrderIntent
    settled_as: str | None


@dataclass(frozen=True, slots=True)
class LeaseLine:
    """Who may trade a session. live: not released and not ended by the database's clock."""

    token: int
    holder: str
    expires_at: datetime
    released: bool
    live: bool


@dataclass(frozen=True, slots=True)
class SessionDetail:
    """One session with everything it did. position: from its fills; lease: None when nobody ever held it."""

    line: SessionLine
    position: Position
    intents: tuple[IntentLine, ...]
    orders: tuple[Order, ...]
    fills: tuple[Fill, ...]
    lease: LeaseLine | None


@dataclass(frozen=True, slots=True)
class TimelineItem:
    """One event. id: the cursor for what comes after it; seq: counted from 1 per session; at: the database's clock."""

    id: int
    seq: int
    at: datetime
    key: str
    kind: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TargetLine:
    """What an operator wants. opens_at: as asked for; None waits for a source. status: waiting, taken or withdrawn.

    seen_opens_at: the opening that a source last told for its pair; None: none has, or it waits no longer.
    session_opens_at: the one its session has now, wherever that moved; None: it has made none.
    """

    id: int
    account: str
    listing: ListingKey
    symbol: str
    policy: TradePolicy
    opens_at: datetime | None
    status: str
    created_at: datetime
    seen_opens_at: datetime | None = None
    session_opens_at: datetime | None = None

    @property
    def opening(self) -> datetime | None:
        """The one that holds, as far as it is known."""
        return self.session_opens_at or self.opens_at or self.seen_opens_at

    def missed(self, now: datetime) -> bool:
        """Whether it waits for an opening that has passed by more than it allows a late entry: it buys nothing unless
        the pair opens anew."""
        late = timedelta(seconds=self.policy.entry.late_entry_s)
        return self.status == "waiting" and self.seen_opens_at is not None and self.seen_opens_at + late < now


@dataclass(frozen=True, slots=True)
class HaltLine:
    """scope: everything, account or session; scope_key: its name, empty for everything. released_at: None: holds.

    request: the idempotency key it was asked for under; released_because: empty while it holds.
    """

    id: int
    scope: str
    scope_key: str
    verb: str
    reason: str
    at: datetime
    released_at: datetime | None
    request: str | None
    released_because: str


@dataclass(frozen=True, slots=True)
class PricePoint:
    """Best prices at one instant, our clock; None: that side was empty."""

    at: datetime
    bid: Decimal | None
    ask: Decimal | None


@dataclass(frozen=True, slots=True)
class NoticeLine:
    """A notice for people. session: the session's key as text."""

    id: int
    session: str
    severity: str
    text: str
    created_at: datetime
    delivered_at: datetime | None


def session_line(
    *,
    account: str,
    listing: str,
    attempt: int,
    phase: str,
    outcome: str | None,
    policy: object,
    halted: bool,
    **columns: Any,
) -> SessionLine:
    """From a row of SELECT_SESSION_LINE."""
    return SessionLine(
        key=SessionKey(account, ListingKey.parse(listing), attempt),
        phase=Phase(phase),
        outcome=None if outcome is None else Outcome(outcome),
        policy=policy_of(policy),
        halted=halted and phase != Phase.CLOSED,
        **columns,
    )


def target_line(*, listing: str, policy: object, **columns: Any) -> TargetLine:
    """From a row of `targets`."""
    return TargetLine(listing=ListingKey.parse(listing), policy=policy_of(policy), **columns)


def intent_line(*, settled_as: str | None, **columns: Any) -> IntentLine:
    """From a row of `intents`."""
    return IntentLine(rows.intent(**columns), settled_as)
