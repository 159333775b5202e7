"""A session's journal as lines to read: when, how far from the opening, and what.

Intents come in twenties; a run of them is one line. Not here: the words (wording.py), where they are shown.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.checks import Check
from domain.events import (
    Event,
    FillSeen,
    IntentCommitted,
    IntentWithdrawn,
    PhaseEntered,
    RiskApproved,
    RiskRejected,
    ShotAnswered,
    ShotSent,
    ShotSettled,
)
from ui.wording import Units, group_in_words, in_words


@dataclass(frozen=True, slots=True)
class Recorded:
    """One entry of a journal. number: rises by one within the session. at: when it was written."""

    number: int
    at: datetime
    event: Event


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a timeline. at: exchange time where the venue or the desk states it, else when it was written.

    heading: a phase begins. last: number of the last entry told by this line.
    """

    at: datetime
    text: str
    heading: bool
    last: int


def lines(entries: Iterable[Recorded], units: Units) -> tuple[Line, ...]:
    """The entries of one session, told in as few lines as make sense, in the order of their times; what has one time
    stays as it was written. A desk writes what it did after it has done it, so that others may write in between."""
    return tuple(sorted(_as_written(entries, units), key=lambda line: line.at))


def _as_written(entries: Iterable[Recorded], units: Units) -> Iterator[Line]:
    sent: dict[str, datetime] = {}
    answered: dict[str, datetime] = {}
    run: list[Recorded] = []
    for entry in entries:
        if run and not _continues(run[-1].event, entry.event):
            yield _told(run, units)
            run = []
        if isinstance(entry.event, ShotSent):
            sent[entry.event.client_order_id] = entry.event.sent_at
        if isinstance(entry.event, IntentCommitted | IntentWithdrawn):
            run.append(entry)
            continue
        heading = isinstance(entry.event, PhaseEntered)
        at = happened_at(entry, answered if isinstance(entry.event, ShotSettled) else sent)
        if isinstance(entry.event, ShotAnswered):
            answered[entry.event.client_order_id] = at
        yield Line(at, in_words(entry.event, units), heading, entry.number)
    if run:
        yield _told(run, units)


def checks_of(entries: Iterable[Recorded]) -> tuple[Check, ...]:
    """What was asked before money could be spent; the last answer when it was asked more than once."""
    asked: tuple[Check, ...] = ()
    for entry in entries:
        if isinstance(entry.event, RiskApproved | RiskRejected):
            asked = entry.event.checks
    return asked


def happened_at(entry: Recorded, before: dict[str, datetime]) -> datetime:
    """Exchange time of the thing itself where it is known.

    before: when each order left, or for one that is settled, when it was answered; by client order id.
    """
    event = entry.event
    if isinstance(event, ShotSent):
        return event.sent_at
    if isinstance(event, ShotAnswered | ShotSettled) and event.client_order_id in before:
        return before[event.client_order_id] + timedelta(microseconds=event.after_us)
    if isinstance(event, FillSeen) and event.fill.at.microsecond:  # a list of trades tells whole seconds only
        return event.fill.at
    return entry.at


def _continues(before: Event, after: Event) -> bool:
    """Whether two intents are told in one line."""
    if isinstance(before, IntentCommitted) and isinstance(after, IntentCommitted):
        return before.intent.leg is after.intent.leg
    if isinstance(before, IntentWithdrawn) and isinstance(after, IntentWithdrawn):
        return before.reason == after.reason
    return False


def _told(run: list[Recorded], units: Units) -> Line:
    committed = tuple(entry.event for entry in run if isinstance(entry.event, IntentCommitted))
    withdrawn = tuple(entry.event for entry in run if isinstance(entry.event, IntentWithdrawn))
    text = group_in_words(committed, units) if committed else group_in_words(withdrawn, units)
    return Line(run[0].at, text, False, run[-1].number)
