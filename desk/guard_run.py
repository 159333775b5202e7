"""Guarding a position until it is flat: reconcile, let the ladder rest, watch the price, sell.

Each round asks domain.exits for the one next step. Exits are never held back by a halt.
"""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta

from desk.kept_up import kept_up
from desk.price_watch import PriceWatch
from desk.selling import ASK_PENDING_EVERY_S, Selling
from desk.session_desk import SessionDesk
from desk.waiting import until_woken
from domain.commands import GuardReport
from domain.errors import ClockRefused, OutcomeUnknown, PriceRefused, Refused, SizeRefused, TryAgain
from domain.events import AttentionNeeded, ExitDecided, PhaseEntered, PositionFlat, StreamInterrupted
from domain.exits import (
    WORTHLESS_AFTER_S,
    CancelSells,
    Decision,
    Flat,
    GuardView,
    NoPrice,
    PlaceRung,
    SellNow,
    Trigger,
    decide,
    stop_price,
)
from domain.ids import Leg
from domain.money import NO_BASE, Base, Price, SymbolRules
from domain.orders import OrderKind, Position
from domain.ports import StreamGap
from domain.session import Phase

_ROUND_S = 0.2
_REFUSED_PAUSE_S = 3.0
"""How long a refused order is not repeated; the book may have moved by then."""
_NO_PRICE_WORRY_S = 10.0
"""How long an exit waits for a usable bid before a human is told: well before anything is written off."""
_MEASURE_EVERY_S = 60.0


class GuardRun:
    """One attempt to close a session's position under one lease. `hinted` and `woken` are set from outside when a
    stream speaks of one of our orders."""

    def __init__(self, desk: SessionDesk, rules: SymbolRules) -> None:
        self._desk = desk
        self._kit = desk.kit
        self._rules = rules
        self._selling = Selling(desk)
        self._prices = PriceWatch(desk.kit.clock)
        self._leaving: Trigger | None = None
        self._blocked: dict[Price, float] = {}
        self._sell_again_at = 0.0
        self._prices_refused = 0
        self._unseen = 0
        self._no_price_since: float | None = None
        self._worthless_since: float | None = None
        self._held_since: float | None = None
        self._held_from: datetime | None = None
        self._gaps = 0
        self._clock_doubted = asyncio.Event()
        self.woken = asyncio.Event()
        self.hinted = self._selling.hinted

    async def run(self) -> GuardReport | None:
        """Until nothing sellable is left; None: handed over to another desk, with nothing in flight.

        Raises LeaseLost.
        """
        self._desk.journal.note(PhaseEntered(Phase.GUARDING, f"by {self._kit.holder}", str(self._desk.grant.token)))
        await self._reconcile()
        helpers = [
            asyncio.create_task(kept_up(name, work), name=name)
            for name, work in (
                (f"quotes {self._desk.key}", self._follow_quotes),
                (f"clock {self._desk.key}", self._keep_clock),
            )
        ]
        try:
            while True:
                self._desk.keeper.check()
                # The next desk would take a sell that may still appear at the venue for absent.
                if self._desk.keeper.wanted.is_set() and not self._selling.unseen():
                    return None
                report = await self._round()
                if report is not None:
                    return report
                await until_woken(self.woken, _ROUND_S)
        finally:
            for helper in helpers:
                helper.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)

    def gap(self, gap: StreamGap) -> None:
        """A stream was interrupted: leave a record."""
        self._gaps += 1
        self._desk.journal.note(StreamInterrupted(self._desk.grant.token, gap.stream, gap.reason, self._gaps))

    async def _reconcile(self) -> None:
        """What do the intents and the venue say of sells that are not settled?"""
        now = await self._desk.exchange_now()
        quiet_in = max(0.0, self._desk.quiet_at() - self._kit.clock.monotonic())
        self._selling.take_over(now, now + timedelta(seconds=quiet_in))
        if self._desk.ledger.coin_before != NO_BASE:
            # Coins from before the session could be sold by an order of the earlier holder that is still under way.
            await self._kit.clock.sleep(quiet_in)

    async def _round(self) -> GuardReport | None:
        """One look and at most one act; the report when nothing is left. Without the exchange's time, which is lost
        when the machine was suspended, nothing can be signed: it is measured first."""
        try:
            if self._kit.exchange_clock.estimate() is None:
                await self._kit.exchange_clock.synchronise()
            await self._selling.ask_due()
            return await self._step()
        except (TryAgain, OutcomeUnknown, Refused):  # lost meanwhile, or not to be had: the next round begins with it
            return None

    async def _step(self) -> GuardReport | None:
        view = self._view()
        decision = decide(view, self._desk.record.policy.exits, self._rules)
        self._note_price(view, decision)
        match decision:
            case Flat(dust):
                return None if self._selling.purchase_in_doubt() else await self._flat(dust)
            case PlaceRung(price, quantity):
                await self._place_rung(price, quantity)
            case CancelSells(names):
                await self._selling.cancel(names)
            case SellNow(trigger, price, quantity):
                await self._sell(trigger, price, quantity)
            case _:
                pass
        return None

    def _view(self) -> GuardView:
        position = self._desk.ledger.position()
        now = self._kit.clock.monotonic()
        # An unknown rung is not open as far as exits are concerned, but a second one would sell its share twice.
        unseen = {intent.bound for intent in self._selling.unseen() if intent.leg is Leg.LADDER}
        return GuardView(
            position=position,
            sells=self._desk.ledger.sells(unknown_blocks=self._desk.ledger.coin_before != NO_BASE),
            bid=self._prices.bid(),
            below_for_s=self._below_stop_for_s(position),
            worthless_for_s=None if self._worthless_since is None else now - self._worthless_since,
            aborting=self._desk.record.aborting,
            leaving=self._leaving,
            held_for_s=self._held_for_s(position),
            blocked=frozenset(unseen.union(price for price, until in self._blocked.items() if until > now)),
            at_bid=self._prices_refused % 2 == 1,
        )

    def _below_stop_for_s(self, position: Position) -> float | None:
        return self._prices.below_for_s(stop_price(position, self._desk.record.policy.exits))

    def _held_for_s(self, position: Position) -> float | None:
        """Seconds since the first fill, which tells exchange time. That is asked once: the venue's clock may be set
        afterwards, and an exit shall neither come early by it nor late. A suspended machine's position grows old too.
        """
        first = position.first_fill_at
        if first is None:
            return None
        now = self._kit.clock.boottime()
        if self._held_since is None or first != self._held_from:
            since = now - max(0.0, (self._kit.exchange_clock.now() - first).total_seconds())
            self._held_since = since if self._held_since is None else min(since, self._held_since)
            self._held_from = first
        return now - self._held_since

    async def _place_rung(self, price: Price, quantity: Base) -> None:
        try:
            seen = await self._selling.send(Leg.LADDER, OrderKind.LIMIT, price, quantity)
        except (Refused, TryAgain) as error:
            await self._doubt(error)
            seen = False
        if not seen:  # also after an unknown outcome: a venue that is ill shall not be sent a rung in every round
            self._blocked[price] = self._kit.clock.monotonic() + _REFUSED_PAUSE_S

    async def _sell(self, trigger: Trigger, price: Price, quantity: Base) -> None:
        if self._leaving is not trigger:
            self._leaving = trigger
            occurrence = self._desk.grant.token
            self._desk.journal.note(ExitDecided(trigger, self._prices.bid(), quantity, occurrence))
        if self._kit.clock.monotonic() < self._sell_again_at:
            return
        try:
            seen = await self._selling.send(Leg.EXIT, OrderKind.IMMEDIATE, price, quantity)
            self._prices_refused = 0
            self._unseen = 0 if seen else self._unseen + 1
            pause = _doubled(ASK_PENDING_EVERY_S, self._unseen)
        except PriceRefused:  # the next one is priced at the bid, the one after as deep again, soon and then slower
            pause = _doubled(_ROUND_S, self._prices_refused)
            self._prices_refused += 1
        except (Refused, TryAgain) as error:
            await self._doubt(error)
            pause = _REFUSED_PAUSE_S
        self._sell_again_at = self._kit.clock.monotonic() + pause

    async def _doubt(self, error: Exception) -> None:
        """What was known of the exchange's clock or of the symbol's rules may not be true any more."""
        if isinstance(error, ClockRefused):
            self._clock_doubted.set()
        elif isinstance(error, SizeRefused):
            self._rules = await self._desk.rules_anew(self._rules, urgent=True)

    def _note_price(self, view: GuardView, decision: Decision) -> None:
        """Keep how long an exit has been waiting for a usable bid, and for how long the one there is was worthless
        without interruption; tell a human in time."""
        if not isinstance(decision, NoPrice):
            self._no_price_since = self._worthless_since = None
            return
        now = self._kit.clock.monotonic()
        if view.bid is None:  # unknown is never zero
            self._worthless_since = None
        elif self._worthless_since is None:
            self._worthless_since = now
        if self._no_price_since is None:
            self._no_price_since = now
        if now - self._no_price_since > _NO_PRICE_WORRY_S:
            self._no_price_since = now
            symbol = self._desk.record.symbol
            why = (
                f"no usable bid for {symbol}, so nothing can be sold"
                if view.bid is None
                else f"at the best bid for {symbol} what is held makes no order; "
                f"it counts as dust once that has lasted {WORTHLESS_AFTER_S:.0f} s"
            )
            self._desk.journal.note(AttentionNeeded(f"{decision.trigger}: {why}"))

    async def _flat(self, dust: Base) -> GuardReport:
        result = self._desk.ledger.position().realised_quote
        await self._desk.journal.write_patiently(PositionFlat(dust, result, str(self._desk.grant.token)))
        return GuardReport(flat=True, result_quote=result, dust=dust)

    async def _follow_quotes(self) -> bool:
        async with self._kit.streams.quotes(self._desk.record.symbol) as items:
            async for item in items:
                if isinstance(item, StreamGap):
                    self.gap(item)
                else:
                    self._prices.hear(item)
                    self._below_stop_for_s(self._desk.ledger.position())  # a recovery counts, however short it is
                    self._kit.prices.note(self._desk.key, item)
                self.woken.set()
        return False

    async def _keep_clock(self) -> bool:
        """A guard may last for days: an old estimate has drifted, and a suspended machine has lost it altogether."""
        while True:
            await until_woken(self._clock_doubted, _MEASURE_EVERY_S)
            with suppress(TryAgain, OutcomeUnknown, Refused):
                await self._kit.exchange_clock.synchronise()


def _doubled(first_s: float, times: int) -> float:
    """A pause that has grown so many times already, as long as that of a refused order at most."""
    pause_s = first_s
    while times > 0 and pause_s < _REFUSED_PAUSE_S:  # a guard may last for days: a power of `times` would overflow
        pause_s, times = pause_s * 2, times - 1
    return min(pause_s, _REFUSED_PAUSE_S)
