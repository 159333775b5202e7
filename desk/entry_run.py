"""The purchase of one session: reconcile, arm, wait, fire, learn.

Everything a shot needs is known and committed before the opening; between the last look and the send there is no
store, no Temporal, no JSON and no log line.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeVar

from desk.entry_ask import best_ask
from desk.last_look import Disarmed, EntryGivenUp, LastLook
from desk.session_desk import SessionDesk
from desk.shooting import LOAD_BEFORE_S, Shooting
from domain import ages
from domain.commands import EntryReport
from domain.entry import Lane, bound_of, plan_lanes
from domain.errors import ClockRefused, OutcomeUnknown, Refused, TryAgain
from domain.events import ClockMeasured, CoinCounted, EntryEnded, IntentCommitted, IntentWithdrawn, PhaseEntered
from domain.ids import Leg
from domain.lease import may_have_left
from domain.money import Base, Price, SymbolRules, plain
from domain.policy import EntryStrategy
from domain.ports import Battery
from domain.session import Phase, SessionRecord

_MEASURE_EVERY_S = 5.0
_ASK_AGAIN_S = 0.5
_ASK_RULES_S = 1.0, 3.0
"""Near the opening and far from it, while the venue does not list the pair: a question takes almost a second's worth of
the request budget, which other sessions need too."""
_LOOK_FOR_ASK_S = 0.1
_SAME_ANSWER_S = 1.0
"""The venue told all balances when the coin was counted just before."""

Answer = TypeVar("Answer")


class EntryRun:
    """One attempt to carry out the entry under one lease."""

    def __init__(self, desk: SessionDesk) -> None:
        self._desk = desk
        self._kit = desk.kit
        self._armed_for: SessionRecord = desk.record
        self._look = LastLook(desk, desk.record)
        self._battery: Battery | None = None
        self._late = False
        self._measured_at = desk.kit.clock.monotonic()

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
        await self._desk.exchange_now()
        await self._settle_earlier_holders()
        if self._desk.ledger.position().bought:
            return await self._end("filled", "bought before this desk took over; found by asking the venue")
        self._look.still_wanted()
        self._not_too_late()
        await self._measure_clock()
        rules = await self._rules()
        await self._count_coin(rules)
        await self._approve(rules)
        self._battery = await self._ask(lambda: self._kit.lines.open(self._lines()))
        self._late = self._seconds_to_opening() < 0
        lanes = await self._commit(rules, await self._bound())
        await self._desk.journal.write(PhaseEntered(Phase.ARMED, occurrence=str(self._desk.grant.token)))
        await self._wait_for_final_approach(lanes[0].begins)
        self._desk.journal.note(PhaseEntered(Phase.FIRING, occurrence=str(self._desk.grant.token)))
        return await self._shoot(lanes, rules, self._battery)

    async def _settle_earlier_holders(self) -> None:
        """Learn what became of every intent an earlier holder may have sent."""
        granted_at = await self._desk.exchange_now() - timedelta(
            seconds=self._kit.clock.monotonic() - self._desk.granted_at
        )
        quiet_in = max(0.0, self._desk.quiet_at() - self._kit.clock.monotonic())
        believe_absent_at = self._kit.exchange_clock.now() + timedelta(seconds=quiet_in)
        in_doubt = [
            intent
            for intent in self._desk.ledger.unsettled(Leg.ENTRY)
            if intent.client_order_id in self._desk.ledger.elsewhere
            or may_have_left(self._desk.grant, intent.not_before, granted_at)
        ]
        await self._desk.learner.settle_all(in_doubt, believe_absent_at)

    async def _measure_clock(self) -> None:
        """Measure until the bound is good enough to arm. Raises EntryGivenUp when it never becomes so.

        A late entry has no instant to aim at: what is known well enough is not measured for it, as the questions would
        take the places of others that it waits for.
        """
        allowed = self._armed_for.policy.entry.clock_bound_ms / 1000
        known = self._kit.exchange_clock.estimate()
        if known is not None:
            good = known.bound_at(self._kit.clock.monotonic()) <= allowed
            known = known if good and self._seconds_to_opening() < 0 else None
        while True:
            try:
                measured = await self._kit.exchange_clock.synchronise() if known is None else known
                known = None
            except (TryAgain, OutcomeUnknown) as error:
                why = f"the exchange's clock cannot be read: {error}"
            else:
                bound = measured.bound_at(self._kit.clock.monotonic())
                if bound <= allowed:
                    self._desk.journal.note(
                        ClockMeasured(self._desk.grant.token, measured.offset, bound, measured.one_way)
                    )
                    return
                why = f"the exchange's clock is known to {bound * 1000:.1f} ms, needs {allowed * 1000:.0f} ms"
            if self._kit.clock.now() > self._armed_for.opens_at:
                raise EntryGivenUp(why)
            self._look.still_wanted()
            await self._kit.clock.sleep(_ASK_AGAIN_S)

    async def _measure_clock_again(self) -> None:
        """Sharpen what is known; a venue that does not tell the time leaves it as good as it still is."""
        with suppress(TryAgain, OutcomeUnknown):
            await self._kit.exchange_clock.synchronise()
        estimate = self._kit.exchange_clock.estimate()
        allowed = self._armed_for.policy.entry.clock_bound_ms / 1000
        if estimate is None or estimate.bound_at(self._kit.clock.monotonic()) > allowed:
            await self._measure_clock()

    async def _rules(self) -> SymbolRules:
        """The symbol's rules, waited for until shortly before the opening."""
        while True:
            try:
                at_most_s = ages.rules_s(self._armed_for.opens_at, await self._desk.exchange_now())
                rules = await self._kit.exchange.rules(self._armed_for.symbol, at_most_s)
            except (TryAgain, OutcomeUnknown, Refused):
                rules = None
            if rules is not None:
                return rules
            self._look.still_wanted()
            if self._seconds_to_opening() < LOAD_BEFORE_S / 2:
                raise EntryGivenUp(f"the venue does not list {self._armed_for.symbol}")
            shortest, longest = _ASK_RULES_S
            await self._kit.clock.sleep(min(max(self._seconds_to_opening() / 8, shortest), longest))

    async def _count_coin(self, rules: SymbolRules) -> None:
        if self._desk.ledger.coin_before is not None:
            return
        balance = await self._ask(lambda: self._kit.exchange.balance(rules.base_asset))
        before = Base(balance.free + balance.locked)
        self._desk.ledger.coin_before = before
        await self._desk.journal.write(CoinCounted(rules.base_asset, before))

    async def _approve(self, rules: SymbolRules) -> None:
        """Risk was judged when the session was prepared, perhaps days ago: judge again what can have changed since."""
        policy = self._armed_for.policy
        balance = await self._ask(lambda: self._kit.exchange.balance(rules.quote_asset, _SAME_ANSWER_S))
        if balance.free < policy.budget_quote:
            raise EntryGivenUp(
                f"the budget is {plain(policy.budget_quote)} {rules.quote_asset}, free are {plain(balance.free)}"
            )
        if policy.entry.strategy is EntryStrategy.MARKET and rules.api_allowed and not rules.market_orders:
            raise EntryGivenUp(f"the venue takes no market orders for {rules.symbol}")

    def _lines(self) -> int:
        """One for each order that may be under way, and one to spare."""
        policy = self._armed_for.policy.entry
        return 1 + (policy.burst_shots if policy.strategy is EntryStrategy.BURST else 1)

    async def _bound(self) -> Price:
        """The most that may be paid. Without a bound of the operator's an ask since the opening is waited for."""
        policy = self._armed_for.policy.entry
        ask: Price | None = None
        while (bound := bound_of(policy, ask, late=self._late)) is None:
            self._look.still_wanted()
            self._desk.keeper.check()
            since_s = -self._seconds_to_opening()
            if since_s > policy.grace_s and not self._late:
                raise EntryGivenUp(f"nothing was offered within {policy.grace_s} s, and no price bound was given")
            if since_s >= 0:
                ask = await best_ask(self._kit.exchange, self._armed_for.symbol)
            if ask is None:
                await self._measure_clock_if_due()
                await self._kit.clock.sleep(_LOOK_FOR_ASK_S if since_s > -1 else 0.25)
        return bound

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

    async def _wait_for_final_approach(self, first: datetime) -> None:
        """first: exchange time at which the first shot is to arrive."""
        while True:
            if self._kit.exchange_clock.estimate() is None:  # the machine was suspended
                await self._measure_clock()
            remaining = (first - self._kit.exchange_clock.now()).total_seconds() - LOAD_BEFORE_S
            if remaining <= 0:
                break
            self._look.still_wanted()
            self._desk.keeper.check()
            if remaining > 1:
                await self._measure_clock_if_due()
            await self._kit.clock.sleep(min(remaining, 0.25))
        self._look.still_wanted()

    async def _measure_clock_if_due(self) -> None:
        if self._kit.clock.monotonic() - self._measured_at > _MEASURE_EVERY_S:
            await self._measure_clock_again()
            self._measured_at = self._kit.clock.monotonic()

    async def _shoot(self, lanes: tuple[Lane, ...], rules: SymbolRules, battery: Battery) -> EntryReport:
        shooting = Shooting(self._desk, self._armed_for, rules, lanes, battery, self._look, late=self._late)
        over = await shooting.run()
        return await self._end(over.result, over.reason)

    def _not_too_late(self) -> None:
        late = -self._seconds_to_opening()
        allowed = self._armed_for.policy.entry.late_entry_s
        if late > allowed:
            raise EntryGivenUp(
                f"ready {late:.1f} s after the opening, late entry is allowed for {allowed} s", result="missed"
            )

    def _seconds_to_opening(self) -> float:
        return (self._armed_for.opens_at - self._kit.exchange_clock.now()).total_seconds()

    async def _withdraw(self, reason: str) -> None:
        """Give up every intent that was never sent. Raises LeaseLost: they may be another desk's by now."""
        self._desk.keeper.check()
        fired = self._look.fired
        waiting = [one for one in self._desk.ledger.unsettled(Leg.ENTRY) if one.client_order_id not in fired]
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
                self._look.still_wanted()
                if self._seconds_to_opening() < 0:
                    raise EntryGivenUp(f"the venue could not be asked while arming: {error}") from error
            except Refused as error:
                raise EntryGivenUp(f"the venue refused while arming: {error}") from error
            await self._kit.clock.sleep(_ASK_AGAIN_S)
