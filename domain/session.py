"""The life of a session: phases, the one table of moves between them, outcomes, and its record."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.ids import SessionKey
from domain.money import Base, Quote
from domain.policy import TradePolicy


class Phase(StrEnum):
    PREPARING = "preparing"
    """Rules, balance and risk are being looked at; the budget is being reserved."""
    WAITING = "waiting"
    """Approved; the opening is further away than the arm lead."""
    ARMING = "arming"
    """The desk takes the lease, measures the clock and commits the intents."""
    ARMED = "armed"
    """Everything is known and warm; only the instant is missing."""
    FIRING = "firing"
    """Shots are going out, or the outcome of one is being learnt."""
    GUARDING = "guarding"
    """A position exists and is watched."""
    CLOSING = "closing"
    """Flat, or never bought; the books are being closed."""
    CLOSED = "closed"
    """Nothing will happen any more."""
    NEEDS_ATTENTION = "needs_attention"
    """A human has to look: something could not be learnt or sold."""


MOVES: dict[Phase, frozenset[Phase]] = {
    Phase.PREPARING: frozenset({Phase.WAITING, Phase.CLOSING}),
    Phase.WAITING: frozenset({Phase.ARMING, Phase.CLOSING}),
    Phase.ARMING: frozenset({Phase.ARMED, Phase.WAITING, Phase.FIRING, Phase.GUARDING, Phase.CLOSING}),
    Phase.ARMED: frozenset({Phase.ARMING, Phase.WAITING, Phase.FIRING, Phase.GUARDING, Phase.CLOSING}),
    Phase.FIRING: frozenset({Phase.WAITING, Phase.GUARDING, Phase.CLOSING, Phase.NEEDS_ATTENTION}),
    Phase.GUARDING: frozenset({Phase.CLOSING, Phase.NEEDS_ATTENTION}),
    Phase.CLOSING: frozenset({Phase.CLOSED, Phase.GUARDING, Phase.NEEDS_ATTENTION}),
    Phase.CLOSED: frozenset(),
    Phase.NEEDS_ATTENTION: frozenset({Phase.GUARDING, Phase.CLOSING}),
}
"""ARMED goes back to ARMING when another process takes over; it and FIRING go back to WAITING when the opening moves
away before anything was sent. CLOSING goes back to GUARDING when an order turns out to have bought after all."""


def may_move(old: Phase, new: Phase) -> bool:
    """Whether `new` may follow `old`; a phase follows itself, since every step may run twice."""
    return old is new or new in MOVES[old]


def past_arming(phase: Phase) -> bool:
    """From here on an order may exist: a run that starts anew reconciles and guards, and never fires."""
    return phase in (Phase.ARMED, Phase.FIRING, Phase.GUARDING, Phase.CLOSING, Phase.NEEDS_ATTENTION)


def may_have_fired(phase: Phase) -> bool:
    """Whether a desk came so near to its opening that a shot may have left. No row goes back from there, but for a
    changed plan, when none had. From here on only exits can be changed."""
    return phase not in (Phase.PREPARING, Phase.WAITING, Phase.ARMING, Phase.ARMED)


class Outcome(StrEnum):
    COMPLETED = "completed"
    """Bought and sold."""
    MISSED = "missed"
    """The instant passed without a shot."""
    UNFILLED = "unfilled"
    """Shots went out and bought nothing."""
    REJECTED = "rejected"
    """Risk, rules or input said no beforehand."""
    FAILED = "failed"
    """It could not be carried out; the reason says why."""
    CANCELLED = "cancelled"
    """Somebody stopped it before it bought."""


def outcome_of(*, bought: bool, aborting: bool, entry_result: str, shots_sent: bool) -> Outcome:
    """How a session that ends now is called. entry_result: how the entry ended, or rejected when there was none."""
    if bought:
        return Outcome.COMPLETED
    if entry_result == "rejected":
        return Outcome.REJECTED
    if aborting:
        return Outcome.CANCELLED
    if entry_result == "missed":
        return Outcome.MISSED
    return Outcome.UNFILLED if shots_sent else Outcome.FAILED


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session as the store knows it; `policy_revision` rises with each change of policy or opening time.

    opens_at: exchange time. aborting: nothing more is bought and any position is sold at once.
    coin_before: free and locked base held on the account before the entry; None before arming.
    entry_result: as in EntryEnded; empty until then, as the reason is.
    """

    key: SessionKey
    symbol: str
    phase: Phase
    opens_at: datetime
    policy: TradePolicy
    policy_revision: int
    aborting: bool
    halted: bool
    workflow_id: str
    outcome: Outcome | None = None
    coin_before: Base | None = None
    entry_ended: bool = False
    entry_result: str = ""
    entry_reason: str = ""


@dataclass(frozen=True, slots=True)
class LooseEnds:
    """What the books ask before they are closed. led: a desk took the session and has not let go, so it may act, or
    its process is lost. reserved: what was set aside for it, in quote, whether or not it was given back. token: of the
    last desk's lease; 0: no desk ever had the session."""

    led: bool
    reserved: Quote
    token: int = 0
