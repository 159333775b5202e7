"""One session in this process, from arming until it is flat or another desk takes over.

It needs no Temporal: an activity attaches to hear how it goes, and may leave at any time.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog

from desk.account_feed import AccountFeed, Heard
from desk.entry_run import EntryRun
from desk.guard_run import GuardRun
from desk.journal import SessionJournal
from desk.kept_up import kept_up
from desk.kit import DeskKit
from desk.learning import Learner
from desk.lease_keeper import LeaseKeeper
from desk.ledger import SessionLedger
from desk.rivals import RivalWatch
from desk.row_watch import RowWatch
from desk.session_desk import SessionDesk
from domain.commands import EntryReport, GuardReport
from domain.errors import InvalidInput, LeaseLost, OutcomeUnknown, Refused, StoreUnavailable, TryAgain
from domain.events import LeaseTaken, StoodDown
from domain.ids import SessionKey, split_symbol
from domain.money import NO_BASE, SymbolRules
from domain.orders import Fill
from domain.ports import StreamGap
from domain.session import Phase, SessionRecord

_ASK_AGAIN_S = 0.5
_ASK_UNLISTED_S = 3.0
"""A question for the rules of a pair that the venue does not list takes almost a second's worth of the request budget,
which other sessions' exits need too."""
_LET_GO_WITHIN_S = 3.0

log = structlog.get_logger()


class SessionRun:
    """Starts with `start`; `entry` and `flat` are set once known, `over` when this process has let go."""

    def __init__(self, kit: DeskKit, feed: AccountFeed, key: SessionKey, *, may_fire: bool) -> None:
        self._kit = kit
        self._feed = feed
        self._key = key
        self._may_fire = may_fire
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._keeper: LeaseKeeper | None = None
        self._rivals = RivalWatch()
        self.entry: EntryReport | None = None
        self.flat: GuardReport | None = None
        self.failure: BaseException | None = None

    @property
    def over(self) -> bool:
        return self._task is not None and self._task.done()

    def start(self) -> None:
        self._task = asyncio.create_task(self._live(), name=f"session {self._key}")
        self._task.add_done_callback(lambda _: self._changed.set())

    async def until(self, known: Callable[[], bool]) -> None:
        """Return once `known()`; raises TryAgain when this process let go before, or what broke the run."""
        while not known():
            if self.failure is not None:
                raise self.failure
            if self.over:
                raise TryAgain(f"this process has let go of {self._key}")
            self._changed.clear()
            await self._changed.wait()

    async def close(self) -> None:
        """Let go: a guard at its next safe point, giving the lease back; anything else at once, and its lease ends
        with the process."""
        if self._task is None:
            return
        if self._keeper is not None and self.entry is not None:
            self._keeper.wanted.set()
            await asyncio.wait({self._task}, timeout=_LET_GO_WITHIN_S)
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _live(self) -> None:
        try:
            while not await self._once():
                await self._kit.clock.sleep(_ASK_AGAIN_S)
        except Exception as error:  # reported to whoever is attached, who will try again
            log.exception("session.broke", session=str(self._key))
            self.failure = error

    async def _once(self) -> bool:
        """One term under one lease; False: try again."""
        keeper = self._keeper = LeaseKeeper(self._kit.leases, self._kit.clock, self._key, self._kit.holder)
        try:
            grant = await keeper.take()
            granted_at = self._kit.clock.monotonic()
            record = await self._load()
            ledger = await self._load_ledger(record)
        except StoreUnavailable:
            return False
        journal = SessionJournal(self._kit.store, self._kit.clock, self._key, keeper)
        watch = RowWatch(self._kit.store, self._kit.wakeups, self._kit.clock, record)
        learner = Learner(self._kit.exchange, self._kit.exchange_clock, self._kit.clock, ledger, journal)
        desk = SessionDesk(self._kit, grant, keeper, watch, ledger, journal, learner, granted_at)
        log.info("session.taken", session=str(self._key), lease=grant.token, clean=grant.clean, phase=record.phase)
        journal.note(LeaseTaken(grant.token, self._kit.holder, grant.clean))
        keeping = [
            asyncio.create_task(keeper.keep(), name=f"lease {self._key}"),
            asyncio.create_task(kept_up(f"row {self._key}", watch.keep), name=f"row {self._key}"),
            asyncio.create_task(kept_up(f"journal {self._key}", journal.keep), name=f"journal {self._key}"),
        ]
        stop_listening = self._feed.listen(lambda item: self._rivals.hear(desk, item))
        try:
            why = await self._work(desk)
            await journal.write_patiently(StoodDown(grant.token, why))
        except LeaseLost as error:
            stop_listening()  # what is heard from here on may be the next desk's
            log.warning("session.stood_down", session=str(self._key), lease=grant.token, reason=str(error))
            await journal.write_last(StoodDown(grant.token, str(error)))
            return False
        except StoreUnavailable:
            return False
        finally:
            stop_listening()
            for task in keeping:
                task.cancel()
            for broken in await asyncio.gather(*keeping, return_exceptions=True):
                if isinstance(broken, Exception) and not isinstance(broken, LeaseLost):
                    log.error("session.helper_broke", session=str(self._key), error=repr(broken))
        await keeper.release()
        log.info("session.released", session=str(self._key), lease=grant.token)
        return True

    async def _work(self, desk: SessionDesk) -> str:
        """Enter and guard as far as it goes; returns why this desk lets go."""
        if desk.record.phase is Phase.CLOSED:
            self.entry = _report_of(desk)
            self.flat = GuardReport(True, desk.ledger.position().realised_quote, NO_BASE)
            self._changed.set()
            return "the books are closed"
        if desk.record.entry_ended:
            self.entry = _report_of(desk)
        else:
            self.entry = await self._enter(desk)
        self._changed.set()
        if self.entry.result == "disarmed":
            return "disarmed: waits for the changed plan"
        if not desk.ledger.position().bought:
            return "nothing was bought"
        report = await self._guard(desk)
        if report is None:
            return "handed over to another desk, which asked for it"
        self.flat = report
        self._changed.set()
        return "flat"

    async def _enter(self, desk: SessionDesk) -> EntryReport:
        run = EntryRun(desk)
        stop_listening = self._feed.listen(lambda item: _hint_learner(desk, item))
        try:
            return await (run.run() if self._may_fire else run.reconcile_only())
        finally:
            stop_listening()

    async def _guard(self, desk: SessionDesk) -> GuardReport | None:
        run = GuardRun(desk, await self._rules(desk))
        stop_listening = self._feed.listen(lambda item: _hint_guard(desk, run, item))
        try:
            return await run.run()
        finally:
            stop_listening()

    async def _rules(self, desk: SessionDesk) -> SymbolRules:
        """Rules for selling; waited for, since a position that cannot be rounded cannot be sold."""
        while True:
            desk.keeper.check()
            await desk.exchange_now()
            pause = _ASK_AGAIN_S
            with suppress(TryAgain, OutcomeUnknown, Refused):
                rules = await self._kit.exchange.rules(desk.record.symbol, urgent=True)
                if rules is not None:
                    return rules
                pause = _ASK_UNLISTED_S
            await self._kit.clock.sleep(pause)

    async def _load(self) -> SessionRecord:
        record = await self._kit.store.load(self._key)
        if record is None:
            raise InvalidInput(
                "session", value=str(self._key), expected="a session that was admitted", remedy="start it through arm"
            )
        return record

    async def _load_ledger(self, record: SessionRecord) -> SessionLedger:
        base, quote = split_symbol(record.symbol)
        store = self._kit.store
        ledger = SessionLedger(base, quote, coin_before=record.coin_before)
        ledger.intents = {intent.client_order_id: intent for intent in await store.intents(self._key)}
        ledger.orders = {
            order.client_order_id: order for order in await store.orders(self._key) if order.client_order_id
        }
        ledger.fills = {fill.trade_id: fill for fill in await store.fills(self._key)}
        ledger.settled = set(await store.settled(self._key))
        self._rivals.reopen(ledger)
        return ledger


def _report_of(desk: SessionDesk) -> EntryReport:
    position = desk.ledger.position()
    result = "filled" if position.bought else "nothing"
    return EntryReport(result, desk.record.entry_reason, position.bought, position.spent)


def _hint_learner(desk: SessionDesk, item: Heard) -> None:
    if isinstance(item, StreamGap) or item.client_order_id in desk.ledger.intents:
        if isinstance(item, Fill):
            desk.learner.hear(item)
        desk.learner.hinted.set()


def _hint_guard(desk: SessionDesk, run: GuardRun, item: Heard) -> None:
    if isinstance(item, StreamGap):
        run.hinted.update(intent.client_order_id for intent in desk.ledger.unsettled())
        run.gap(item)
    elif item.client_order_id in desk.ledger.intents:
        if isinstance(item, Fill):
            desk.learner.hear(item)
        run.hinted.add(item.client_order_id)
    else:
        return
    run.woken.set()
