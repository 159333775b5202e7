"""Activities by name, as a workflow sees them, with answers that a test chooses."""

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal

from temporalio import activity
from temporalio.exceptions import ApplicationError

from domain.commands import (
    CloseBooks,
    EntryReport,
    GuardReport,
    Prepared,
    RecordChange,
    RecordRefusal,
    SessionRef,
    SnipeClosed,
    StartSnipe,
)
from domain.money import NO_BASE, NO_QUOTE, Base, Quote
from domain.session import outcome_of

FILLED = EntryReport("filled", "bought", Base(Decimal(10)), Quote(Decimal(1)))
NOTHING = EntryReport("nothing", "empty book", NO_BASE, NO_QUOTE)
DISARMED = EntryReport("disarmed", "opening moved", NO_BASE, NO_QUOTE)


@dataclass
class StandIns:
    """Remembers what it was asked, in order. too_late: why the session's row takes no change; empty: it does.
    found_open: so many times the books stay open. admits_after_s: until then the session has no row.
    takes_refusals: whether one can be written."""

    prepared: Prepared = field(default_factory=lambda: Prepared("approved"))
    entries: list[EntryReport] = field(default_factory=lambda: [FILLED])
    hold_entry: asyncio.Event | None = None
    too_late: str = ""
    calls: list[str] = field(default_factory=list)
    changes: list[RecordChange] = field(default_factory=list)
    refusals: list[RecordRefusal] = field(default_factory=list)
    fired: list[SessionRef] = field(default_factory=list)
    closed_with: list[CloseBooks] = field(default_factory=list)
    found_open: int = 0
    admits_after_s: float = 0
    takes_refusals: bool = True
    hold_books: asyncio.Event | None = None

    @activity.defn
    async def prepare_session(self, start: StartSnipe) -> Prepared:
        await asyncio.sleep(self.admits_after_s)
        self.calls.append("prepare")
        return self.prepared

    @activity.defn
    async def fire_entry(self, session: SessionRef) -> EntryReport:
        self.calls.append("fire")
        self.fired.append(session)
        while self.hold_entry is not None and not self.hold_entry.is_set():
            activity.heartbeat()
            await asyncio.sleep(0.1)
        return self.entries.pop(0)

    @activity.defn
    async def guard_exit(self, session: SessionRef) -> GuardReport:
        self.calls.append("guard")
        return GuardReport(flat=True, result_quote=NO_QUOTE, dust=NO_BASE)

    @activity.defn
    async def close_books(self, close: CloseBooks) -> SnipeClosed:
        self.calls.append("close")
        self.closed_with.append(close)
        if self.hold_books is not None:
            await self.hold_books.wait()
        outcome = outcome_of(
            bought="guard" in self.calls,
            aborting=any(change.abort for change in self.changes),
            entry_result=close.result,
            shots_sent="fire" in self.calls,
        )
        closed = len(self.closed_with) > self.found_open
        return SnipeClosed(outcome, close.reason, NO_QUOTE, NO_QUOTE, NO_QUOTE, closed)

    @activity.defn
    async def record_change(self, change: RecordChange) -> None:
        if self.too_late:
            raise ApplicationError(self.too_late, type="InvalidInput", non_retryable=True)
        self.changes.append(change)

    @activity.defn
    async def record_refusal(self, refusal: RecordRefusal) -> None:
        if not self.takes_refusals or "prepare" not in self.calls:
            raise ApplicationError("session: no such row", type="InvalidInput", non_retryable=True)
        self.refusals.append(refusal)
