"""The two activities that stand beside a trade. The desk trades; these attach to it, report and detach."""

from dataclasses import dataclass

from temporalio import activity

from activities.attachment import attached
from domain.commands import EntryReport, GuardReport, SessionRef
from domain.ports import Desks


@dataclass(frozen=True)
class EntryActivities:
    desk: Desks

    @activity.defn
    async def fire_entry(self, session: SessionRef) -> EntryReport:
        """The entry's outcome. Any number of attempts leaves at most one entry: lease, intents and venue decide."""
        return await attached(self.desk.fire(session.key), lambda: self.desk.abort(session.key))


@dataclass(frozen=True)
class GuardActivities:
    desk: Desks

    @activity.defn
    async def guard_exit(self, session: SessionRef) -> GuardReport:
        """Until the position is flat. Being told to stop sells it at once: a position is never walked away from."""
        return await attached(self.desk.guard(session.key), lambda: self.desk.abort(session.key))
