"""The desk of one process: it owns sessions from arming to flat, whatever happens to the activities that asked."""

from desk.account_feed import AccountFeed
from desk.journal import SessionJournal
from desk.kit import DeskKit
from desk.session_run import SessionRun
from domain.commands import EntryReport, GuardReport
from domain.events import AbortRequested
from domain.ids import SessionKey
from domain.money import NO_BASE, NO_QUOTE


class Desk:
    """Implements domain.ports.Desks. may_fire: whether this process sends entries, or only guards."""

    def __init__(self, kit: DeskKit, *, may_fire: bool) -> None:
        self._kit = kit
        self._may_fire = may_fire
        self._feed = AccountFeed(kit.streams)
        self._runs: dict[SessionKey, SessionRun] = {}

    async def fire(self, key: SessionKey) -> EntryReport:
        run = self._run(key)
        await run.until(lambda: run.entry is not None and (run.entry.result != "disarmed" or run.over))
        assert run.entry is not None
        return run.entry  # a disarmed one once it has let go: whoever asks again gets a new run, not this answer

    async def guard(self, key: SessionKey) -> GuardReport:
        run = self._run(key)
        await run.until(lambda: run.flat is not None or (run.entry is not None and not run.entry.bought))
        return run.flat or GuardReport(flat=True, result_quote=NO_QUOTE, dust=NO_BASE)

    async def abort(self, key: SessionKey) -> None:
        journal = SessionJournal(self._kit.store, self._kit.clock, key)
        await journal.write_patiently(AbortRequested("the activity was cancelled", "activity-cancelled"))

    async def close(self) -> None:
        """Let go of every session."""
        for run in tuple(self._runs.values()):
            await run.close()

    def _run(self, key: SessionKey) -> SessionRun:
        """The run of this session, a new one when the earlier one has ended."""
        run = self._runs.get(key)
        if run is None or run.over:
            for ended in [known for known, other in self._runs.items() if other.over]:
                del self._runs[ended]
            run = SessionRun(self._kit, self._feed, key, may_fire=self._may_fire)
            run.start()
            self._runs[key] = run
        return run
