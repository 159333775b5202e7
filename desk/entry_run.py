"""The purchase of one session: reconcile, arm, wait, fire, learn.

Everything a shot needs is known and committed before the opening; between the last look and the send there is no
store, no Temporal, no JSON and no log line.
"""

from datetime import timedelta

from desk.arming import Arming
from desk.last_look import Disarmed, EntryGivenUp, LastLook
from desk.session_desk import SessionDesk
from desk.shooting import LOAD_BEFORE_S, Shooting
from domain.commands import EntryReport
from domain.entry import Lane, plan_lanes
from domain.events import EntryEnded, IntentCommitted, IntentWithdrawn, PhaseEntered
from domain.ids import Leg
from domain.lease import may_have_left
from domain.money import Price, SymbolRules
from domain.policy import EntryStrategy
from domain.ports import Battery
from domain.session import Phase, SessionRecord, may_have_fired


class EntryRun:
    """One attempt to carry out the entry under one lease."""

    def __init__(self, desk: SessionDesk) -> None:
        self._desk = desk
        self._kit = desk.kit
        self._armed_for: SessionRecord = desk.record
        self._look = LastLook(desk, desk.record)
        self._battery: Battery | None = None
        self._late = False
        self._in_doubt: frozenset[str] = frozenset()  # what an earlier holder may have sent
        self._arming = Arming(desk, desk.record, self._look)

    async def run(self) -> EntryReport:
        """The entry's outcome, durable when this returns. Raises LeaseLost, and StoreUnavailable while arming."""
        try:
            return await self._arm_and_fire()
        except EntryGivenUp as reason:
            return await self._end(reason.result, str(reason))
        except Disarmed as reason:
            return await self._disarm(str(reason))
        finally:
            if self._battery is not None:
                await self._battery.close()

    async def reconcile_only(self) -> EntryReport:
        """For a session that was past arming when its run was lost: learn what was bought, send nothing."""
        await self._desk.exchange_now()
        await self._settle_earlier_holders()
        bought = self._desk.ledger.position().bought
        if bought:
            return await self._end("filled", "bought before this run; found by asking the venue")
        return await self._end("nothing", "nothing was bought before this run, and a resumed session does not fire")

    async def _arm_and_fire(self) -> EntryReport:
        await self._desk.journal.write(PhaseEntered(Phase.ARMING, occurrence=str(self._desk.grant.token)))
        await self._settle_earlier_holders()
        if self._desk.ledger.position().bought:
            return await self._end("filled", "bought before this desk took over; found by asking the venue")
        self._look.still_wanted()
        await self._arming.not_too_late()
        await self._arming.measure_clock()
        rules = await self._arming.rules()
        await self._arming.count_coin(rules)
        await self._arming.approve(rules)
        self._battery = await self._arming.ask(lambda: self._kit.lines.open(self._lines()))
        lanes = await self._ready(rules)
        self._desk.journal.note(PhaseEntered(Phase.FIRING, occurrence=str(self._desk.grant.token)))
        return await self._shoot(lanes, rules, self._battery)

    async def _ready(self, rules: SymbolRules) -> tuple[Lane, ...]:
        """All shots, committed, just before the first has to be laid ready. An entry that became late over it, since
        the store or the venue was slow, is planned anew as a late one, where it may be late."""
        self._late = await self._arming.not_too_late()
        while True:
            lanes = await self._commit(rules, await self._arming.bound(rules, late=self._late))
            await self._desk.journal.write(PhaseEntered(Phase.ARMED, occurrence=str(self._desk.grant.token)))
            if not self._late:
                await self._arming.count_coin_again(rules, lanes[0].begins)
            await self._arming.wait_until_near(lanes[0].begins, LOAD_BEFORE_S)
            if self._late or self._arming.waits_for_offer or not await self._arming.not_too_late():
                return lanes
            self._late = True

    async def _settle_earlier_holders(self) -> None:
        """Learn what became of every intent an earlier holder may have sent; or that something was bought, which needs
        its guard now: that asks on about the rest."""
        if not self._desk.ledger.unsettled(Leg.ENTRY):
            return
        fired = may_have_fired(self._armed_for.phase)
        granted_at = await self._desk.exchange_now() - timedelta(
            seconds=self._kit.clock.monotonic() - self._desk.granted_at
        )
        quiet_in = max(0.0, self._desk.quiet_at() - self._kit.clock.monotonic())
        believe_absent_at = self._kit.exchange_clock.now() + timedelta(seconds=quiet_in)
        in_doubt = [
            intent
            for intent in self._desk.ledger.unsettled(Leg.ENTRY)
            if intent.client_order_id in self._desk.ledger.elsewhere
            or may_have_left(self._desk.grant, intent.not_before, granted_at, fired=fired)
        ]
        self._in_doubt = frozenset(intent.client_order_id for intent in in_doubt)
        await self._desk.learner.settle_all(
            in_doubt, believe_absent_at, lambda: self._desk.ledger.position().bought > 0
        )

    def _lines(self) -> int:
        """One for each order that may be under way, and one to spare."""
        policy = self._armed_for.policy.entry
        return 1 + (policy.burst_shots if policy.strategy is EntryStrategy.BURST else 1)

    async def _commit(self, rules: SymbolRules, bound: Price) -> tuple[Lane, ...]:
        """Make every shot durable; an earlier holder's unsent shots are used again when they still fit."""
        waiting = self._desk.ledger.unsettled(Leg.ENTRY)
        first = waiting[0].shot if waiting else await self._kit.store.next_shot(self._desk.key, Leg.ENTRY)
        lanes = self._plan(rules, bound, first)
        if waiting and tuple(intent for lane in lanes for intent in lane.intents) != waiting:
            await self._withdraw("planned anew")
            lanes = self._plan(rules, bound, await self._kit.store.next_shot(self._desk.key, Leg.ENTRY))
        if not lanes:
            raise EntryGivenUp("the budget buys no smallest order inside the price bound")
        planned = tuple(intent for lane in lanes for intent in lane.intents)
        await self._desk.journal.write(*(IntentCommitted(intent) for intent in planned))
        self._desk.ledger.intents.update({intent.client_order_id: intent for intent in planned})
        self._desk.ledger.unsent.update(intent.client_order_id for intent in planned)
        return lanes

    def _plan(self, rules: SymbolRules, bound: Price, first_shot: int) -> tuple[Lane, ...]:
        record = self._armed_for
        return plan_lanes(
            record.symbol,
            rules,
            record.policy.entry,
            record.policy.budget_quote,
            bound,
            record.opens_at,
            first_shot,
            self._desk.order_id,
        )

    async def _shoot(self, lanes: tuple[Lane, ...], rules: SymbolRules, battery: Battery) -> EntryReport:
        shooting = Shooting(self._desk, self._armed_for, rules, lanes, battery, self._look, late=self._late)
        over = await shooting.run()
        return await self._end(over.result, over.reason)

    async def _withdraw(self, reason: str) -> None:
        """Give up every intent that was never sent. Raises LeaseLost: they may be another desk's by now."""
        self._desk.keeper.check()
        sent = self._look.fired | self._in_doubt
        waiting = [one for one in self._desk.ledger.unsettled(Leg.ENTRY) if one.client_order_id not in sent]
        self._desk.ledger.settled.update(intent.client_order_id for intent in waiting)
        await self._desk.journal.write_patiently(
            *(IntentWithdrawn(intent.client_order_id, reason) for intent in waiting)
        )

    async def _disarm(self, reason: str) -> EntryReport:
        if self._desk.ledger.position().bought:
            return await self._end("filled", "bought before the plan changed")
        await self._withdraw(reason)
        occurrence = str(self._desk.grant.token)  # a term is disarmed at most once, a revision perhaps more often
        await self._desk.journal.write_patiently(PhaseEntered(Phase.WAITING, reason, occurrence))
        return self._report("disarmed", reason)

    async def _end(self, result: str, reason: str) -> EntryReport:
        result = "filled" if self._desk.ledger.position().bought else result  # whatever ended it: a guard must follow
        await self._withdraw("the entry is over")
        await self._desk.journal.write_patiently(EntryEnded(result, reason))
        return self._report(result, reason)

    def _report(self, result: str, reason: str) -> EntryReport:
        position = self._desk.ledger.position()
        return EntryReport(result, reason, position.bought, position.spent)
