"""The purchase of one session: reconcile, arm, wait, fire, learn.

Everything a shot needs is known and committed before the opening; between the last look and the send there is no
store, no Temporal, no JSON and no log line.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from desk.learning import absent_from
from desk.session_desk import SessionDesk
from domain import ages
from domain.commands import EntryReport
from domain.entry import EntryOver, ShootAgain, after_empty, after_refusal, plan_intents, request_for
from domain.errors import ClockRefused, OutcomeUnknown, Refused, SniperError, TryAgain
from domain.events import (
    ClockMeasured,
    CoinCounted,
    EntryEnded,
    IntentCommitted,
    IntentWithdrawn,
    PhaseEntered,
    ShotAnswered,
    ShotSent,
)
from domain.exchange_time import ClockEstimate
from domain.ids import Leg
from domain.lease import may_have_left
from domain.money import Base, SymbolRules
from domain.orders import OrderIntent, OrderRequest
from domain.ports import HotLine
from domain.session import Phase, SessionRecord

_FINAL_APPROACH_S = 2.0
"""Before the opening: from here on the clock is not measured and the row not waited for any more."""
_MEASURE_EVERY_S = 5.0
_ASK_AGAIN_S = 0.5
_ANSWER_WITHIN_S = 5.0

Answer = TypeVar("Answer")


class Disarmed(SniperError):
    """The session's policy or opening changed, or a clock jumped, before anything was sent: it is handed back to be
    armed anew."""


class EntryGivenUp(SniperError):
    """Nothing more is bought; its text is the reason. result: what the report will say."""

    def __init__(self, reason: str, *, result: str = "nothing") -> None:
        self.result = result
        super().__init__(reason)


class EntryRun:
    """One attempt to carry out the entry under one lease."""

    def __init__(self, desk: SessionDesk) -> None:
        self._desk = desk
        self._kit = desk.kit
        self._armed_for: SessionRecord = desk.record
        self._line: HotLine | None = None
        self._aimed_by: ClockEstimate | None = None
        self._fired = False

    async def run(self) -> EntryReport:
        """The entry's outcome, durable when this returns. Raises LeaseLost, and StoreUnavailable while arming."""
        try:
            return await self._arm_and_fire()
        except EntryGivenUp as reason:
            return await self._end(reason.result, str(reason))
        except Disarmed as reason:
            return await self._disarm(str(reason))
        finally:
            if self._line is not None:
                await self._line.close()

    async def reconcile_only(self) -> EntryReport:
        """For a session that was past arming when its run was lost: learn what was bought, send nothing."""
        await self._measure_clock_once()
        await self._settle_earlier_holders()
        bought = self._desk.ledger.position().bought
        if bought:
            return await self._end("filled", "bought before this run; found by asking the venue")
        return await self._end("nothing", "nothing was bought before this run, and a resumed session does not fire")

    async def _arm_and_fire(self) -> EntryReport:
        await self._desk.journal.write(PhaseEntered(Phase.ARMING, occurrence=str(self._desk.grant.token)))
        await self._measure_clock_once()
        await self._settle_earlier_holders()
        if self._desk.ledger.position().bought:
            return await self._end("filled", "bought before this desk took over; found by asking the venue")
        self._still_wanted()
        self._not_too_late()
        await self._measure_clock()
        rules = await self._rules()
        await self._count_coin(rules)
        intents = await self._commit(rules)
        self._line = await self._open_line()
        await self._desk.journal.write(PhaseEntered(Phase.ARMED, occurrence=str(self._desk.grant.token)))
        await self._wait_for_final_approach()
        self._desk.journal.note(PhaseEntered(Phase.FIRING, occurrence=str(self._desk.grant.token)))
        return await self._shoot(intents, rules, self._line)

    async def _settle_earlier_holders(self) -> None:
        """Learn what became of every intent an earlier holder may have sent."""
        granted_at = await self._now() - timedelta(seconds=self._kit.clock.monotonic() - self._desk.granted_at)
        quiet_in = max(0.0, self._desk.quiet_at() - self._kit.clock.monotonic())
        believe_absent_at = self._kit.exchange_clock.now() + timedelta(seconds=quiet_in)
        in_doubt = [
            intent
            for intent in self._desk.ledger.unsettled(Leg.ENTRY)
            if may_have_left(self._desk.grant, intent.not_before, granted_at)
        ]
        await self._desk.learner.settle_all(in_doubt, believe_absent_at)

    async def _measure_clock(self) -> None:
        """Measure until the bound is good enough to arm. Raises EntryGivenUp when it never becomes so."""
        allowed = self._armed_for.policy.entry.clock_bound_ms / 1000
        while True:
            try:
                measured = await self._kit.exchange_clock.synchronise()
            except (TryAgain, OutcomeUnknown) as error:
                why = f"the exchange's clock cannot be read: {error}"
            else:
                if measured.bound <= allowed:
                    self._desk.journal.note(
                        ClockMeasured(self._desk.grant.token, measured.offset, measured.bound, measured.one_way)
                    )
                    return
                why = f"the exchange's clock is known to {measured.bound * 1000:.1f} ms, needs {allowed * 1000:.0f} ms"
            if self._kit.clock.now() > self._armed_for.opens_at:
                raise EntryGivenUp(why)
            self._still_wanted()
            await self._kit.clock.sleep(_ASK_AGAIN_S)

    async def _measure_clock_again(self) -> None:
        """Sharpen what is known; a venue that does not tell the time leaves it as good as it still is."""
        with suppress(TryAgain, OutcomeUnknown):
            await self._kit.exchange_clock.synchronise()
        estimate = self._kit.exchange_clock.estimate()
        allowed = self._armed_for.policy.entry.clock_bound_ms / 1000
        if estimate is None or estimate.bound_at(self._kit.clock.monotonic()) > allowed:
            await self._measure_clock()

    async def _measure_clock_once(self) -> None:
        """Any estimate will do for reconciling; waited for as long as it takes."""
        while self._kit.exchange_clock.estimate() is None:
            try:
                await self._kit.exchange_clock.synchronise()
            except (TryAgain, OutcomeUnknown):
                await self._kit.clock.sleep(_ASK_AGAIN_S)

    async def _now(self) -> datetime:
        """Exchange time, measured anew when this machine was suspended."""
        while True:
            await self._measure_clock_once()
            with suppress(TryAgain):
                return self._kit.exchange_clock.now()

    async def _rules(self) -> SymbolRules:
        """The symbol's rules, waited for until shortly before the opening."""
        while True:
            try:
                at_most_s = ages.rules_s(self._armed_for.opens_at, await self._now())
                rules = await self._kit.exchange.rules(self._armed_for.symbol, at_most_s)
            except (TryAgain, OutcomeUnknown, Refused):
                rules = None
            if rules is not None:
                return rules
            self._still_wanted()
            if self._seconds_to_opening() < _FINAL_APPROACH_S / 2:
                raise EntryGivenUp(f"the venue does not list {self._armed_for.symbol}")
            await self._kit.clock.sleep(_ASK_AGAIN_S)

    async def _count_coin(self, rules: SymbolRules) -> None:
        if self._desk.ledger.coin_before is not None:
            return
        balance = await self._ask(lambda: self._kit.exchange.balance(rules.base_asset))
        before = Base(balance.free + balance.locked)
        self._desk.ledger.coin_before = before
        await self._desk.journal.write(CoinCounted(rules.base_asset, before))

    async def _commit(self, rules: SymbolRules) -> tuple[OrderIntent, ...]:
        """Make every shot durable; an earlier holder's unsent shots are used again when they still fit."""
        waiting = self._desk.ledger.unsettled(Leg.ENTRY)
        first = waiting[0].shot if waiting else await self._kit.store.next_shot(self._desk.key, Leg.ENTRY)
        planned = self._plan(rules, first)
        if waiting and planned != waiting:
            await self._withdraw("planned anew")
            planned = self._plan(rules, await self._kit.store.next_shot(self._desk.key, Leg.ENTRY))
        if not planned:
            raise EntryGivenUp("the budget buys no smallest order inside the price bound")
        await self._desk.journal.write(*(IntentCommitted(intent) for intent in planned))
        self._desk.ledger.intents.update({intent.client_order_id: intent for intent in planned})
        return planned

    def _plan(self, rules: SymbolRules, first_shot: int) -> tuple[OrderIntent, ...]:
        record = self._armed_for
        return plan_intents(
            record.symbol,
            rules,
            record.policy.entry,
            record.policy.budget_quote,
            record.opens_at,
            first_shot,
            self._desk.order_id,
        )

    async def _open_line(self) -> HotLine:
        return await self._ask(self._kit.lines.open)

    async def _wait_for_final_approach(self) -> None:
        measured_at = self._kit.clock.monotonic()
        while True:
            if self._kit.exchange_clock.estimate() is None:  # the machine was suspended
                await self._measure_clock()
            if (remaining := self._seconds_to_opening() - _FINAL_APPROACH_S) <= 0:
                break
            self._still_wanted()
            self._desk.keeper.check()
            if remaining > 1 and self._kit.clock.monotonic() - measured_at > _MEASURE_EVERY_S:
                await self._measure_clock_again()
                measured_at = self._kit.clock.monotonic()
            await self._kit.clock.sleep(min(remaining, 0.25))
        self._still_wanted()

    async def _shoot(self, intents: tuple[OrderIntent, ...], rules: SymbolRules, line: HotLine) -> EntryReport:
        price = intents[0].bound
        aim = max(self._armed_for.opens_at, await self._now())
        for intent in intents:
            request = request_for(intent, rules, price)
            if request is None:
                return await self._end("nothing", f"no order fits the budget at {price}")
            step = await self._one_shot(intent, request, aim, line)
            if isinstance(step, EntryOver):
                return await self._end(step.result, step.reason)
            price = step.price
            aim = max(await self._now() + timedelta(seconds=step.pause_s), self._armed_for.opens_at)
        return await self._end("nothing", f"all {len(intents)} shots are used up")

    async def _one_shot(
        self, intent: OrderIntent, request: OrderRequest, aim: datetime, line: HotLine
    ) -> ShootAgain | EntryOver:
        """Send one committed intent so that it arrives at `aim`, and learn what became of it."""
        policy = self._armed_for.policy.entry
        signed = self._kit.exchange.sign(request, aim, policy.recv_window_ms)
        at = self._arrival(aim)
        sent_at = None
        try:
            await line.load(signed)
            sent_at = await self._kit.launchpad.launch(at, self._last_look, line)
            self._fired = True
            ack = await line.answer(_ANSWER_WITHIN_S)
        except OutcomeUnknown as error:
            self._note_shot(request, aim, at, sent_at, "unknown", None, str(error))
        except (Refused, TryAgain) as error:
            code = error.code if isinstance(error, Refused) else None
            answer = "refused" if isinstance(error, Refused) else "try again"
            self._note_shot(request, aim, at, sent_at, answer, code, str(error))
            self._desk.ledger.settled.add(intent.client_order_id)
            return after_refusal(error, request.price, policy, self._armed_for.opens_at, await self._now())
        else:
            self._note_shot(request, aim, at, sent_at, "accepted", None, f"order {ack.order_id}")
        order = await self._desk.learner.settle(intent, absent_from(aim, policy.recv_window_ms))
        if order is not None and order.executed > 0:
            return EntryOver("filled", f"bought {order.executed} for {order.executed_quote}")
        return after_empty(request.price, policy, self._armed_for.opens_at, await self._now())

    def _arrival(self, aim: datetime) -> float:
        """Local monotonic second to send at, so that the request arrives just after `aim` even if the clock estimate
        is off by its whole bound: a shot that comes too early is lost."""
        estimate = self._kit.exchange_clock.estimate()
        if estimate is None:
            raise EntryGivenUp("the exchange's clock is not known")
        self._aimed_by = estimate
        opens = estimate.monotonic_at(aim.timestamp())
        return opens + estimate.bound_at(opens) - estimate.one_way

    def _last_look(self) -> None:
        """The last thing before a send, on the launchpad's thread: memory only."""
        self._desk.keeper.check()
        self._still_wanted()
        if self._desk.watch.stale():
            raise EntryGivenUp("the session's row could not be read for 2 s, so a halt might be missed")
        self._aim_still_holds()

    def _aim_still_holds(self) -> None:
        """Raises Disarmed when what was known of the exchange's clock when aiming is not true any more; after an
        earlier shot EntryGivenUp."""
        known, aimed = self._kit.exchange_clock.estimate(), self._aimed_by
        if known is aimed and aimed is not None:
            return
        now = self._kit.clock.monotonic()
        if known is None or aimed is None:
            why = "the machine was suspended after the shot was aimed"
        elif abs(known.offset_at(now) - aimed.offset_at(now)) > known.bound_at(now) + aimed.bound_at(now):
            why = "the exchange's clock jumped after the shot was aimed"
        elif known.bound_at(now) > self._armed_for.policy.entry.clock_bound_ms / 1000:
            why = "the exchange's clock is not known well enough any more"
        else:
            return
        raise EntryGivenUp(why) if self._fired else Disarmed(why)

    def _still_wanted(self) -> None:
        """Raises EntryGivenUp after abort or halt, Disarmed after a change of plan."""
        record = self._desk.record
        if record.aborting:
            raise EntryGivenUp("aborted")
        if record.halted:
            raise EntryGivenUp("halted")
        if not self._fired and record.policy_revision != self._armed_for.policy_revision:
            raise Disarmed("opening or policy changed")

    def _not_too_late(self) -> None:
        late = -self._seconds_to_opening()
        allowed = self._armed_for.policy.entry.late_entry_s
        if late > allowed:
            raise EntryGivenUp(
                f"ready {late:.1f} s after the opening, late entry is allowed for {allowed} s", result="missed"
            )

    def _seconds_to_opening(self) -> float:
        return (self._armed_for.opens_at - self._kit.exchange_clock.now()).total_seconds()

    def _note_shot(
        self,
        request: OrderRequest,
        aim: datetime,
        at: float,
        sent_at: float | None,
        answer: str,
        code: int | None,
        text: str,
    ) -> None:
        now = self._kit.clock.monotonic()
        name = request.client_order_id
        if sent_at is not None and self._aimed_by is not None:  # by what it was aimed by: nothing newer need be known
            late_us = round((sent_at - at) * 1e6)
            exchange_sent = datetime.fromtimestamp(self._aimed_by.exchange_at(sent_at), UTC)
            self._desk.journal.note(ShotSent(name, request.price, request.quantity, aim, exchange_sent, late_us))
        after_us = round((now - (sent_at if sent_at is not None else at)) * 1e6)
        self._desk.journal.note(ShotAnswered(name, answer, code, text, after_us))

    async def _withdraw(self, reason: str) -> None:
        """Give up every intent that was never sent. Raises LeaseLost: they may be another desk's by now."""
        self._desk.keeper.check()
        waiting = self._desk.ledger.unsettled(Leg.ENTRY)
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
        await self._withdraw("the entry is over")
        await self._desk.journal.write_patiently(EntryEnded(result, reason))
        return self._report(result, reason)

    def _report(self, result: str, reason: str) -> EntryReport:
        position = self._desk.ledger.position()
        return EntryReport(result, reason, position.bought, position.spent)

    async def _ask(self, question: Callable[[], Awaitable[Answer]]) -> Answer:
        """Ask the venue until it answers or the entry is given up."""
        while True:
            try:
                return await question()
            except (TryAgain, OutcomeUnknown, ClockRefused) as error:
                self._still_wanted()
                if self._seconds_to_opening() < 0:
                    raise EntryGivenUp(f"the venue could not be asked while arming: {error}") from error
            except Refused as error:
                raise EntryGivenUp(f"the venue refused while arming: {error}") from error
            await self._kit.clock.sleep(_ASK_AGAIN_S)
