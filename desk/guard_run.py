"""Guarding a position until it is flat: reconcile, let the ladder rest, watch the price, sell.

Each round asks domain.exits for the one next step. Exits are never held back by a halt.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from desk.learning import absent_from
from desk.session_desk import SessionDesk
from desk.waiting import until_woken
from domain.commands import GuardReport
from domain.errors import ClockRefused, OutcomeUnknown, PriceRefused, Refused, SizeRefused, StoreUnavailable, TryAgain
from domain.events import (
    AttentionNeeded,
    ExitDecided,
    IntentCommitted,
    IntentWithdrawn,
    PhaseEntered,
    PositionFlat,
    ShotAnswered,
    ShotSent,
    StreamInterrupted,
)
from domain.exits import (
    CancelSells,
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
from domain.money import NO_BASE, NO_QUOTE, Base, Price, SymbolRules
from domain.orders import OrderIntent, OrderKind, OrderRequest, Side
from domain.ports import StreamGap
from domain.quotes import TopOfBook
from domain.session import Phase

_ROUND_S = 0.2
_ASK_RESTING_EVERY_S = 3.0
"""How often a resting order is asked about when no stream speaks of it."""
_ASK_PENDING_EVERY_S = 0.3
_REFUSED_PAUSE_S = 3.0
"""How long a refused order is not repeated; the book may have moved by then."""
_NO_PRICE_WORRY_S = 30.0
_MEASURE_EVERY_S = 60.0
_PRICE_AGE_S = 5.0
"""A quote older than this is unknown."""


@dataclass
class _Sent:
    """What the guard remembers of a sell under way: monotonic second of the next question, and when absence counts."""

    ask_at: float
    absent_at: datetime


class GuardRun:
    """One attempt to close a session's position under one lease. `hints` is set from outside when a stream speaks of
    one of our orders."""

    def __init__(self, desk: SessionDesk, rules: SymbolRules) -> None:
        self._desk = desk
        self._kit = desk.kit
        self._rules = rules
        self._quote: TopOfBook | None = None
        self._below_since: datetime | None = None
        self._leaving: Trigger | None = None
        self._sent: dict[str, _Sent] = {}
        self._blocked: dict[Price, float] = {}
        self._sell_again_at = 0.0
        self._sell_at_bid = False
        self._no_price_since: float | None = None
        self._next_shots: dict[Leg, int] = {}
        self._gaps = 0
        self._unseen = 0
        self._clock_doubted = asyncio.Event()
        self.woken = asyncio.Event()
        self.hinted: set[str] = set()

    async def run(self) -> GuardReport | None:
        """Until nothing sellable is left; None: handed over to another desk, with nothing in flight.

        Raises LeaseLost.
        """
        self._desk.journal.note(PhaseEntered(Phase.GUARDING, f"by {self._kit.holder}", str(self._desk.grant.token)))
        await self._reconcile()
        helpers = [
            asyncio.create_task(self._follow_quotes(), name=f"quotes {self._desk.key}"),
            asyncio.create_task(self._keep_clock(), name=f"clock {self._desk.key}"),
        ]
        try:
            while True:
                self._desk.keeper.check()
                if self._desk.keeper.wanted.is_set() and not self._in_flight():
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
        quiet_in = max(0.0, self._desk.quiet_at() - self._kit.clock.monotonic())
        absent_at = self._kit.exchange_clock.now() + timedelta(seconds=quiet_in)
        for intent in self._desk.ledger.unsettled():
            self._sent[intent.client_order_id] = _Sent(0.0, absent_at)
        if self._desk.ledger.coin_before != NO_BASE:
            # Coins from before the session could be sold by an order of the earlier holder that is still under way.
            await self._kit.clock.sleep(quiet_in)

    async def _round(self) -> GuardReport | None:
        """One look and at most one act; the report when nothing is left. Without the exchange's time, which is lost
        when the machine was suspended, nothing can be signed: it is measured first."""
        try:
            if self._kit.exchange_clock.estimate() is None:
                await self._kit.exchange_clock.synchronise()
            await self._ask_due()
            return await self._step()
        except (TryAgain, OutcomeUnknown):  # lost meanwhile, or still not to be had: the next round begins with it
            return None

    async def _ask_due(self) -> None:
        now = self._kit.clock.monotonic()
        for intent in self._desk.ledger.unsettled():
            name = intent.client_order_id
            sent = self._sent.get(name)
            if sent is None or (now < sent.ask_at and name not in self.hinted):
                continue
            self.hinted.discard(name)
            await self._desk.learner.ask(intent, sent.absent_at)
            resting = name in self._desk.ledger.orders and intent.kind is OrderKind.LIMIT
            sent.ask_at = now + (_ASK_RESTING_EVERY_S if resting else _ASK_PENDING_EVERY_S)

    def _in_flight(self) -> bool:
        """Whether a sell of ours may still appear at the venue: the next desk would take it for absent."""
        return any(
            intent.client_order_id in self._sent and intent.client_order_id not in self._desk.ledger.orders
            for intent in self._desk.ledger.unsettled()
        )

    async def _step(self) -> GuardReport | None:
        record = self._desk.record
        view = self._view()
        decision = decide(view, record.policy.exits, self._rules)
        match decision:
            case Flat(dust):
                return await self._flat(dust)
            case PlaceRung(price, quantity):
                await self._place_rung(price, quantity)
            case CancelSells(names):
                await self._cancel(names)
            case SellNow(trigger, price, quantity):
                await self._sell(trigger, price, quantity)
            case NoPrice(trigger):
                await self._worry_about_price(trigger)
            case _:
                self._no_price_since = None
        return None

    def _view(self) -> GuardView:
        now = self._kit.exchange_clock.now()
        position = self._desk.ledger.position()
        bid = self._bid()
        stop = stop_price(position, self._desk.record.policy.exits)
        if bid is None or stop is None or bid > stop:
            self._below_since = None
        elif self._below_since is None:
            self._below_since = now
        monotonic = self._kit.clock.monotonic()
        return GuardView(
            position=position,
            sells=self._desk.ledger.sells(unknown_blocks=self._desk.ledger.coin_before != NO_BASE),
            bid=bid,
            below_since=self._below_since,
            aborting=self._desk.record.aborting,
            leaving=self._leaving,
            now=now,
            blocked=frozenset(price for price, until in self._blocked.items() if until > monotonic),
        )

    def _bid(self) -> Price | None:
        quote = self._quote
        if quote is None or (self._kit.clock.now() - quote.at).total_seconds() > _PRICE_AGE_S:
            return None
        return quote.bid

    async def _place_rung(self, price: Price, quantity: Base) -> None:
        try:
            seen = await self._send(Leg.LADDER, OrderKind.LIMIT, price, quantity)
        except (Refused, TryAgain) as error:
            await self._doubt(error)
            seen = False
        if not seen:  # also after an unknown outcome: a venue that is ill shall not be sent a rung in every round
            self._blocked[price] = self._kit.clock.monotonic() + _REFUSED_PAUSE_S

    async def _sell(self, trigger: Trigger, price: Price, quantity: Base) -> None:
        if self._leaving is not trigger:
            self._leaving = trigger
            occurrence = self._desk.grant.token
            self._desk.journal.note(ExitDecided(trigger, self._bid(), quantity, occurrence))
        if self._kit.clock.monotonic() < self._sell_again_at:
            return
        bid = self._bid()
        if self._sell_at_bid and bid is not None:
            price = self._rules.price_up(bid)
        try:
            seen = await self._send(Leg.EXIT, OrderKind.IMMEDIATE, price, quantity)
            self._unseen = 0 if seen else self._unseen + 1
            pause = min(_ASK_PENDING_EVERY_S * 2.0**self._unseen, _REFUSED_PAUSE_S)
            self._sell_again_at = self._kit.clock.monotonic() + pause
        except PriceRefused:
            self._sell_at_bid = True
            self._sell_again_at = self._kit.clock.monotonic() + _ROUND_S
        except (Refused, TryAgain) as error:
            await self._doubt(error)
            self._sell_again_at = self._kit.clock.monotonic() + _REFUSED_PAUSE_S

    async def _send(self, leg: Leg, kind: OrderKind, price: Price, quantity: Base) -> bool:
        """Commit an intent, then send it once; False: whether the venue has it is not known.

        Raises Refused or TryAgain when it certainly left no order.
        """
        record = self._desk.record
        shot = await self._take_shot(leg)
        name = self._desk.order_id(leg, shot)
        planned_at = self._kit.exchange_clock.now()
        request = OrderRequest(name, record.symbol, Side.SELL, kind, price, quantity)
        intent = OrderIntent(name, leg, shot, record.symbol, Side.SELL, kind, price, quantity, NO_QUOTE, planned_at)
        await self._desk.journal.write_patiently(IntentCommitted(intent))
        self._desk.ledger.intents[name] = intent
        try:
            stamped_at = self._kit.exchange_clock.now()
        except TryAgain as error:  # while the intent was committed the machine was suspended: it never leaves
            self._desk.ledger.settled.add(name)
            self._desk.journal.note(IntentWithdrawn(name, str(error)))
            raise
        signed = self._kit.exchange.sign(request, stamped_at, record.policy.entry.recv_window_ms)
        self._desk.keeper.check()
        sent_at = self._kit.clock.monotonic()
        self._sent[name] = _Sent(0.0, absent_from(stamped_at, record.policy.entry.recv_window_ms))
        self._desk.journal.note(ShotSent(name, price, quantity, stamped_at, stamped_at, 0))
        try:
            ack = await self._kit.exchange.send(signed)
        except OutcomeUnknown as error:
            self._answered(name, "unknown", None, str(error), sent_at)
        except (Refused, TryAgain) as error:
            code = error.code if isinstance(error, Refused) else None
            answer = "refused" if isinstance(error, Refused) else "try again"
            self._answered(name, answer, code, str(error), sent_at)
            self._desk.ledger.settled.add(name)
            raise
        else:
            self._answered(name, "accepted", None, f"order {ack.order_id}", sent_at)
            await self._desk.learner.ask(intent, self._sent[name].absent_at)
            return True
        return False

    async def _doubt(self, error: Exception) -> None:
        """What was known of the exchange's clock or of the symbol's rules may not be true any more."""
        if isinstance(error, ClockRefused):
            self._clock_doubted.set()
        elif isinstance(error, SizeRefused):
            self._rules = await self._desk.rules_anew(self._rules, urgent=True)

    async def _keep_clock(self) -> None:
        """A guard may last for days: an old estimate has drifted, and a suspended machine has lost it altogether."""
        while True:
            await until_woken(self._clock_doubted, _MEASURE_EVERY_S)
            with suppress(TryAgain, OutcomeUnknown, Refused):
                await self._kit.exchange_clock.synchronise()

    def _answered(self, name: str, answer: str, code: int | None, text: str, sent_at: float) -> None:
        after_us = round((self._kit.clock.monotonic() - sent_at) * 1e6)
        self._desk.journal.note(ShotAnswered(name, answer, code, text, after_us))

    async def _take_shot(self, leg: Leg) -> int:
        if leg not in self._next_shots:
            while True:
                with suppress(StoreUnavailable):
                    self._next_shots[leg] = await self._kit.store.next_shot(self._desk.key, leg)
                    break
                await self._kit.clock.sleep(_ROUND_S)
        shot = self._next_shots[leg]
        self._next_shots[leg] = shot + 1
        return shot

    async def _cancel(self, names: tuple[str, ...]) -> None:
        for name in names:
            self._desk.keeper.check()
            with suppress(Refused, TryAgain, OutcomeUnknown):
                await self._kit.exchange.cancel(self._desk.record.symbol, name)
            self.hinted.add(name)

    async def _worry_about_price(self, trigger: Trigger) -> None:
        now = self._kit.clock.monotonic()
        if self._no_price_since is None:
            self._no_price_since = now
        if now - self._no_price_since > _NO_PRICE_WORRY_S:
            self._no_price_since = now
            self._desk.journal.note(
                AttentionNeeded(f"{trigger}: no usable bid for {self._desk.record.symbol}, so nothing can be sold")
            )

    async def _flat(self, dust: Base) -> GuardReport:
        result = self._desk.ledger.position().realised_quote
        await self._desk.journal.write_patiently(PositionFlat(dust, result))
        return GuardReport(flat=True, result_quote=result, dust=dust)

    async def _follow_quotes(self) -> None:
        async with self._kit.streams.quotes(self._desk.record.symbol) as items:
            async for item in items:
                if isinstance(item, StreamGap):
                    self.gap(item)
                else:
                    self._quote = item
                    self._kit.prices.note(self._desk.key, item)
                self.woken.set()
