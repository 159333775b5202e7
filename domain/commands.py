"""Messages between faces, workflows and activities: one frozen object each."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from domain.ids import SessionKey
from domain.money import NO_BASE, Base, Quote
from domain.policy import PolicyChange, TradePolicy
from domain.session import Outcome, Phase

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Told(Generic[M]):
    """A request as somebody told it to Temporal, whose fields may be misspelt.

    message: None when it cannot be read. wrong: every field that is wrong, missing or unknown. When none but unknown
        ones are there is a message all the same: a run that took it before goes on with it.
    """

    message: M | None
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StartSnipe:
    """Everything one session needs; also what an automation passes to `temporal workflow start --type Snipe`.

    opens_at: exchange time, aware. attempt: counted from 1; arming again takes the next.
    """

    key: SessionKey
    symbol: str
    opens_at: datetime
    policy: TradePolicy


@dataclass(frozen=True, slots=True)
class OverfullStart(StartSnipe):
    """A start that can be read and holds fields that there are not. wrong: their names, as in `Told`."""

    wrong: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session to be admitted. workflow_id: of the run that carries it out. target_id: None makes a new target."""

    start: StartSnipe
    workflow_id: str
    target_id: int | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """Answer of prepare_session.

    verdict: approved, rejected (with reasons), resume (an order may exist already: reconcile and never fire) or
        closed (nothing is left to do; with the reason why a new run has no place here).
    revision: of policy and opening in the session's row; above zero when an earlier run changed them.
    """

    verdict: str
    reasons: tuple[str, ...] = ()
    revision: int = 0


@dataclass(frozen=True, slots=True)
class SessionRef:
    """Names a session to an activity. revision: of the policy, so that a changed one is seen in the history."""

    key: SessionKey
    revision: int = 0


@dataclass(frozen=True, slots=True)
class EntryReport:
    """How the entry ended: filled, nothing, missed, or disarmed (unsent; opening, policy or a clock changed)."""

    result: str
    reason: str
    bought: Base
    spent: Quote


@dataclass(frozen=True, slots=True)
class GuardReport:
    """flat: nothing sellable left. attention: why a human is needed, empty when not."""

    flat: bool
    result_quote: Quote
    dust: Base
    attention: str = ""


@dataclass(frozen=True, slots=True)
class CloseBooks:
    """What the run knows when it closes; the store knows the money.

    result: rejected, or how the entry ended; empty for a resumed session.
    dust: base units that this run's guard left as too small to sell; zero when nothing was guarded.
    """

    key: SessionKey
    result: str
    reason: str
    dust: Base = NO_BASE


@dataclass(frozen=True, slots=True)
class SnipeClosed:
    """Result of a Snipe: money in quote.

    closed: False: answer of close_books for a session that holds something or whose desk may still buy. It stays open
        and has to be guarded first.
    """

    outcome: Outcome
    reason: str
    spent: Quote
    received: Quote
    result: Quote
    closed: bool = True


@dataclass(frozen=True, slots=True)
class Abort:
    """Stop buying, cancel all orders of the session, take-profits too, sell any position at once.

    request: the caller's idempotency key. Told without one it gets one from the run: to stop must not fail for that.
    """

    reason: str
    request: str = ""


@dataclass(frozen=True, slots=True)
class Reschedule:
    """The opening moved. request: e.g. the listing's revision."""

    opens_at: datetime
    request: str


@dataclass(frozen=True, slots=True)
class ChangePolicy:
    """Change bounds or exits of a running session."""

    change: PolicyChange
    request: str


Wish = Abort | Reschedule | ChangePolicy
"""What a running session can be told."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Answer to an update. The same request gets the same receipt."""

    request: str
    text: str


@dataclass(frozen=True, slots=True)
class SnipeView:
    """What the query `view` tells."""

    phase: Phase
    opens_at: datetime
    policy: TradePolicy
    revision: int
    aborting: bool
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class RecordChange:
    """Writes a request to the session's row before it is carried out. Exactly one of the three is set."""

    key: SessionKey
    abort: Abort | None = None
    reschedule: Reschedule | None = None
    policy: TradePolicy | None = None
    policy_request: str = ""
    revision: int = 0


@dataclass(frozen=True, slots=True)
class RecordRefusal:
    """A signal that could not be carried out."""

    key: SessionKey
    name: str
    reason: str
    request: str


@dataclass(frozen=True, slots=True)
class NextListings:
    """cursor: where the last answer ended."""

    cursor: int


@dataclass(frozen=True, slots=True)
class MovedOpening:
    """A running session whose listing now opens at another time."""

    workflow_id: str
    reschedule: Reschedule


@dataclass(frozen=True, slots=True)
class ListingNews:
    """Answer of next_listings: sessions to start, openings that moved, and the next cursor."""

    cursor: int
    start: tuple[NewSession, ...] = ()
    moved: tuple[MovedOpening, ...] = ()
