"""Sending a session's sales, each under an intent of its own, and asking what became of them, and of purchases that the
entry had to leave in doubt.

What to sell, and when, is the guard's to say.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from desk.learning import absent_from
from desk.session_desk import SessionDesk
from domain.errors import OutcomeUnknown, Refused, StoreUnavailable, TryAgain
from domain.events import IntentCommitted, IntentWithdrawn, ShotAnswered, ShotSent
from domain.ids import Leg
from domain.money import NO_QUOTE, Base, Price
from domain.orders import OrderIntent, OrderKind, OrderRequest, Side

_ASK_RESTING_EVERY_S = 3.0
"""How often a resting order is asked about when no stream speaks of it."""
ASK_PENDING_EVERY_S = 0.3
_ASK_AT_LAST_S = 5.0
_STORE_AGAIN_S = 0.2


@dataclass
class _Sent:
    """What is remembered of an order under way: monotonic second of the next question, when absence counts, and how
    long the question after that one waits."""

    ask_at: float
    absent_at: datetime
    pause_s: float = ASK_PENDING_EVERY_S


class Selling:
    """The sells of one session under one lease. `hinted`: names of orders of which a stream spoke."""

    def __init__(self, desk: SessionDesk) -> None:
        self._desk = desk
        self._kit = desk.kit
        self._sent: dict[str, _Sent] = {}
        self._next_shots: dict[Leg, int] = {}
        self.hinted: set[str] = set()

    def take_over(self, now: datetime, absent_at: datetime) -> None:
        """Called first. now: exchange time. absent_at: from when on what an earlier holder sent and nobody finds counts
        as absent. A purchase in doubt may have left under this very lease, just now."""
        bought_at_last = max(absent_at, absent_from(now, self._desk.record.policy.entry.recv_window_ms))
        for intent in self._desk.ledger.unsettled():
            until = bought_at_last if intent.leg is Leg.ENTRY else absent_at
            self._sent[intent.client_order_id] = _Sent(0.0, until)

    async def ask_due(self) -> None:
        """Ask about every sale whose time has come, or of which a stream spoke, and about one purchase in doubt."""
        now = self._kit.clock.monotonic()
        await self._ask_about_a_purchase(now)
        for intent in self._desk.ledger.unsettled():
            name = intent.client_order_id
            sent = self._sent.get(name)
            if intent.leg is Leg.ENTRY or sent is None or (now < sent.ask_at and name not in self.hinted):
                continue
            self.hinted.discard(name)
            await self._desk.learner.ask(intent, sent.absent_at)
            resting = name in self._desk.ledger.orders and intent.kind is OrderKind.LIMIT
            sent.ask_at = now + (_ASK_RESTING_EVERY_S if resting else ASK_PENDING_EVERY_S)

    async def _ask_about_a_purchase(self, now: float) -> None:
        """The one that is due first. Nothing more is bought. There may be a hundred such questions, for ever when the
        balance disagrees: an exit waits for one at most, and together they take a small part of the request budget."""
        doubtful = [one for one in self._desk.ledger.unsettled(Leg.ENTRY) if one.client_order_id in self._sent]
        due = [
            (one.client_order_id not in self.hinted, self._sent[one.client_order_id].ask_at, one.client_order_id, one)
            for one in doubtful
            if one.client_order_id in self.hinted or self._sent[one.client_order_id].ask_at <= now
        ]
        if not due:
            return
        _, _, name, intent = min(due)
        sent = self._sent[name]
        self.hinted.discard(name)
        await self._desk.learner.cancel(intent)
        await self._desk.learner.ask(intent, sent.absent_at)
        sent.ask_at = now + sent.pause_s * len(doubtful)
        sent.pause_s = min(2 * sent.pause_s, _ASK_AT_LAST_S)

    def purchase_in_doubt(self) -> bool:
        """Whether something may still be bought."""
        return bool(self._desk.ledger.unsettled(Leg.ENTRY))

    def unseen(self) -> tuple[OrderIntent, ...]:
        """What was sent, or may have been, and was not found at the venue yet, nor found absent."""
        return tuple(
            intent
            for intent in self._desk.ledger.unsettled()
            if intent.client_order_id in self._sent and intent.client_order_id not in self._desk.ledger.orders
        )

    async def send(self, leg: Leg, kind: OrderKind, price: Price, quantity: Base) -> bool:
        """Commit an intent, then send it once; False: whether the venue has it is not known.

        Raises Refused or TryAgain when it certainly left no order, LeaseLost.
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

    async def cancel(self, names: tuple[str, ...]) -> None:
        """Ask the venue to take these off the book; how they ended is asked about next. Raises LeaseLost."""
        for name in names:
            self._desk.keeper.check()
            with suppress(Refused, TryAgain, OutcomeUnknown):
                await self._kit.exchange.cancel(self._desk.record.symbol, name)
            self.hinted.add(name)

    def _answered(self, name: str, answer: str, code: int | None, text: str, sent_at: float) -> None:
        after_us = round((self._kit.clock.monotonic() - sent_at) * 1e6)
        self._desk.journal.note(ShotAnswered(name, answer, code, text, after_us))

    async def _take_shot(self, leg: Leg) -> int:
        if leg not in self._next_shots:
            while True:
                with suppress(StoreUnavailable):
                    self._next_shots[leg] = await self._kit.store.next_shot(self._desk.key, leg)
                    break
                await self._kit.clock.sleep(_STORE_AGAIN_S)
        shot = self._next_shots[leg]
        self._next_shots[leg] = shot + 1
        return shot
