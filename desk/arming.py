"""What has to be known before an entry is committed, and until it is near: clock, rules, coins, funds, price bound.

Each step waits for its answer as long as the entry is wanted and may still be in time.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeVar

from desk.entry_ask import best_ask
from desk.last_look import EntryGivenUp, LastLook
from desk.session_desk import SessionDesk
from desk.shooting import LOAD_BEFORE_S
from domain import ages
from domain.entry import bound_of
from domain.errors import ClockRefused, OutcomeUnknown, Refused, StoreUnavailable, TryAgain
from domain.events import ClockMeasured, CoinCounted
from domain.money import Base, Price, SymbolRules, plain
from domain.policy import EntryStrategy
from domain.ports import Balance
from domain.session import SessionRecord

_MEASURE_EVERY_S = 5.0
_ASK_AGAIN_S = 0.5
_ASK_RULES_S = 1.0, 3.0
"""Near the opening and far from it on either side, while the venue does not list the pair: a question takes almost a
second's worth of the request budget, which other sessions need too."""
_LOOK_FOR_ASK_S = 0.1
_COUNT_AGAIN_BEFORE_S = 5.0
_COUNT_WITHIN_S = 1.0
_SAME_ANSWER_S = 1.0
"""The venue tells all balances at once: those of the coin and of the quote, and of other sessions' coins."""
_LONG_PAST = timedelta(hours=1)
"""This machine's clock may be wrong, but hardly by more."""

Answer = TypeVar("Answer")


class Arming:
    """Of one entry under one lease. Every method raises EntryGivenUp or Disarmed when the entry ends with it.

    waits_for_offer: it was ready in time, and without a bound of the operator's its first shot comes after the opening.
    """

    def __init__(self, desk: SessionDesk, armed_for: SessionRecord, look: LastLook) -> None:
        self._desk = desk
        self._kit = desk.kit
        self._armed_for = armed_for
        self._look = look
        self.waits_for_offer = False
        self._counts = 0
        self._measured_at = desk.kit.clock.monotonic()

    async def measure_clock(self) -> None:
        """Measure until the bound is good enough to arm. Raises EntryGivenUp when it does not become so in time.

        A late entry has no instant to aim at: what is known well enough is not measured for it, as the questions would
        take the places of others that it waits for.
        """
        allowed = self._armed_for.policy.entry.clock_bound_ms / 1000
        known = self._kit.exchange_clock.estimate()
        if known is not None:
            good = known.bound_at(self._kit.clock.monotonic()) <= allowed
            known = known if good and await self._seconds_to_opening() < 0 else None
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
            if self._is_over_for_certain():
                raise EntryGivenUp(why)
            self._look.still_wanted()
            await self._kit.clock.sleep(_ASK_AGAIN_S)

    @property
    def _may_be_late_s(self) -> int:
        """By how much the first shot may come after the opening."""
        policy = self._armed_for.policy.entry
        return policy.grace_s if self.waits_for_offer else policy.late_entry_s

    def _is_over_for_certain(self) -> bool:
        """Whether no first shot may leave any more; told by this machine's clock, which may be wrong, only when there
        is no better one and it is long past."""
        last = self._armed_for.opens_at + timedelta(seconds=self._may_be_late_s)
        if self._kit.exchange_clock.estimate() is None:
            return self._kit.clock.now() > last + _LONG_PAST
        return self._kit.exchange_clock.now() > last

    async def _measure_clock_again(self) -> None:
        """Sharpen what is known; a venue that does not tell the time leaves it as good as it still is."""
        with suppress(TryAgain, OutcomeUnknown):
            await self._kit.exchange_clock.synchronise()
        estimate = self._kit.exchange_clock.estimate()
        allowed = self._armed_for.policy.entry.clock_bound_ms / 1000
        if estimate is None or estimate.bound_at(self._kit.clock.monotonic()) > allowed:
            await self.measure_clock()

    async def rules(self) -> SymbolRules:
        """The symbol's rules, asked for while they may still come in time. A venue that says it does not list the pair
        is believed shortly before a first shot could leave no more; one that does not answer says nothing."""
        symbol = self._armed_for.symbol
        while True:
            at_most_s = ages.rules_s(self._armed_for.opens_at, await self._exchange_now())
            try:
                rules = await self._kit.exchange.rules(symbol, at_most_s)
            except (TryAgain, OutcomeUnknown, Refused) as error:
                self._look.still_wanted()
                since_s = await self._still_in_time(
                    f"not ready (the venue did not tell the rules of {symbol}: {error})"
                )
            else:
                if rules is not None:
                    return rules
                self._look.still_wanted()
                since_s = -await self._seconds_to_opening()
                if since_s > self._may_be_late_s - LOAD_BEFORE_S / 2:
                    raise EntryGivenUp(f"the venue does not list {symbol}")
            shortest, longest = _ASK_RULES_S
            await self._kit.clock.sleep(min(max(abs(since_s) / 8, shortest), longest))

    async def count_coin(self, rules: SymbolRules) -> None:
        """At each arming: nothing of the session is at the venue, and coins may have come or gone since the last."""
        balance = await self.ask(lambda: self._kit.exchange.balance(rules.base_asset))
        await self._counted(rules.base_asset, balance)

    async def count_coin_again(self, rules: SymbolRules, first: datetime) -> None:
        """What is credited while the session is armed, as around a listing, is not taken for bought. No answer in time
        leaves the count, and so does a first shot that an answer could keep back.

        first: exchange time at which the first shot may arrive; it is waited for until shortly before.
        """
        await self.wait_until_near(first, _COUNT_AGAIN_BEFORE_S)
        if (first - await self._exchange_now()).total_seconds() <= LOAD_BEFORE_S + _COUNT_WITHIN_S:
            return
        with suppress(TryAgain, OutcomeUnknown, Refused, TimeoutError, StoreUnavailable):
            async with asyncio.timeout(_COUNT_WITHIN_S):
                balance = await self._kit.exchange.balance(rules.base_asset, _SAME_ANSWER_S)
                await self._counted(rules.base_asset, balance)

    async def _counted(self, asset: str, balance: Balance) -> None:
        before = Base(balance.free + balance.locked)
        if before != self._desk.ledger.coin_before:
            self._desk.ledger.coin_before = before
            self._counts += 1
            await self._desk.journal.write(CoinCounted(asset, before, f"{self._desk.grant.token}.{self._counts}"))

    async def approve(self, rules: SymbolRules) -> None:
        """Risk was judged when the session was prepared, perhaps days ago: judge again what can have changed since."""
        policy = self._armed_for.policy
        balance = await self.ask(lambda: self._kit.exchange.balance(rules.quote_asset, _SAME_ANSWER_S))
        if balance.free < policy.budget_quote:
            raise EntryGivenUp(
                f"the budget is {plain(policy.budget_quote)} {rules.quote_asset}, free are {plain(balance.free)}"
            )
        if policy.entry.strategy is EntryStrategy.MARKET and rules.api_allowed and not rules.market_orders:
            raise EntryGivenUp(f"the venue takes no market orders for {rules.symbol}")

    async def bound(self, rules: SymbolRules, *, late: bool) -> Price:
        """The most that may be paid. Without a bound of the operator's an ask since the opening is waited for; by then
        there is no time to count coins, so that is done before."""
        policy = self._armed_for.policy.entry
        ask: Price | None = None
        if not late and bound_of(policy, ask, late=late) is None:
            await self.count_coin_again(rules, self._armed_for.opens_at)
            self.waits_for_offer = True
        while (bound := bound_of(policy, ask, late=late)) is None:
            self._look.may_wait()
            since_s = -await self._seconds_to_opening()
            if since_s > self._may_be_late_s:
                raise EntryGivenUp(f"nothing was offered within {self._may_be_late_s} s, and no price bound was given")
            if since_s >= 0:
                ask = await best_ask(self._kit.exchange, self._armed_for.symbol)
            if ask is None:
                await self._measure_clock_if_due()
                await self._kit.clock.sleep(_LOOK_FOR_ASK_S if since_s > -1 else 0.25)
        return bound

    async def wait_until_near(self, first: datetime, before_s: float) -> None:
        """first: exchange time at which the first shot is to arrive."""
        while True:
            if self._kit.exchange_clock.estimate() is None:  # the machine was suspended
                await self.measure_clock()
            remaining = (first - self._kit.exchange_clock.now()).total_seconds() - before_s
            if remaining <= 0:
                break
            self._look.may_wait()
            if remaining > 1:
                await self._measure_clock_if_due()
            await self._kit.clock.sleep(min(remaining, 0.25))
        self._look.still_wanted()

    async def _measure_clock_if_due(self) -> None:
        if self._kit.clock.monotonic() - self._measured_at > _MEASURE_EVERY_S:
            await self._measure_clock_again()
            self._measured_at = self._kit.clock.monotonic()

    async def not_too_late(self) -> bool:
        """Whether the opening has passed. Raises EntryGivenUp when it passed longer ago than the policy allows."""
        return await self._still_in_time("ready") > 0

    async def _still_in_time(self, how: str) -> float:
        """Seconds since the opening, below zero before it. Raises EntryGivenUp, as missed, when no first shot may leave
        any more; how: what is said of the session then."""
        late = -await self._seconds_to_opening()
        allowed = self._may_be_late_s
        if late > allowed:
            raise EntryGivenUp(
                f"{how} {late:.1f} s after the opening, late entry is allowed for {allowed} s", result="missed"
            )
        return late

    async def _seconds_to_opening(self) -> float:
        return (self._armed_for.opens_at - await self._exchange_now()).total_seconds()

    async def _exchange_now(self) -> datetime:
        """Raises EntryGivenUp or Disarmed while the venue does not tell the time: nothing of ours is there."""

        def still_wanted() -> None:
            self._look.still_wanted()
            if self._is_over_for_certain():
                raise EntryGivenUp("the exchange's clock cannot be read")

        return await self._desk.exchange_now(still_wanted)

    async def ask(self, question: Callable[[], Awaitable[Answer]]) -> Answer:
        """Ask the venue until it answers, or is asked in vain for so long that the entry is given up."""
        while True:
            try:
                return await question()
            except (TryAgain, OutcomeUnknown, ClockRefused) as error:
                self._look.still_wanted()
                await self._still_in_time(f"not ready (the venue could not be asked while arming: {error})")
            except Refused as error:
                raise EntryGivenUp(f"the venue refused while arming: {error}") from error
            await self._kit.clock.sleep(_ASK_AGAIN_S)
