"""Finding out what became of an order, over REST, by its client order id; taking it off the book. Never sends one."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from desk.journal import SessionJournal
from desk.ledger import SessionLedger
from domain.errors import OutcomeUnknown, Refused, SniperError, TryAgain
from domain.events import AttentionNeeded, FillSeen, OrderAbsent, OrderSeen
from domain.lease import SETTLE_MARGIN_S
from domain.money import NO_BASE
from domain.orders import Fill, Order, OrderIntent
from domain.ports import Clock, Exchange, ExchangeClock

_ASK_EVERY_S = (0.02, 0.05, 0.1, 0.2, 0.5)
_ASK_LATER_S = 1.0
_ASK_AT_LAST_S = 30.0
_WORRY_AFTER_S = 30.0
"""A question open longer than this past the believable instant is shown to a human; it is still asked on."""


def absent_from(sent_at: datetime, recv_window_ms: int) -> datetime:
    """Exchange time from which on an order stamped `sent_at` that cannot be found does not exist."""
    return sent_at + timedelta(milliseconds=recv_window_ms, seconds=SETTLE_MARGIN_S)


class Learner:
    """Asks the venue about one session's orders and tells ledger and journal."""

    def __init__(
        self,
        exchange: Exchange,
        exchange_clock: ExchangeClock,
        clock: Clock,
        ledger: SessionLedger,
        journal: SessionJournal,
    ) -> None:
        self._exchange = exchange
        self._exchange_clock = exchange_clock
        self._clock = clock
        self._ledger = ledger
        self._journal = journal
        self._heard: dict[str, Fill] = {}
        self.hinted = asyncio.Event()

    def hear(self, fill: Fill) -> None:
        """What the account's stream said of one of our orders; it counts where the venue's list does not tell it."""
        self._heard[fill.trade_id] = fill

    async def settle(
        self, intent: OrderIntent, believe_absent_at: datetime, given_up: Callable[[], bool], *, ending: bool = False
    ) -> bool:
        """Ask until the order is final with all its fills, or certainly absent. False: given up before.

        ending: what rests is taken off the book, as often as it takes, and once more before it is given up; without it
        a resting order never settles.
        """
        asked = 0
        while not await self.ask(intent, believe_absent_at):
            if ending:
                await self.cancel(intent)
            if given_up():
                return False
            await self.pause(_ASK_EVERY_S[asked] if asked < len(_ASK_EVERY_S) else _ASK_LATER_S)
            asked += 1
        return True

    async def cancel(self, intent: OrderIntent) -> None:
        """Take it off the book if it was seen there; how that went is learnt by asking."""
        order = self._ledger.orders.get(intent.client_order_id)
        if order is not None and not order.status.final:
            with suppress(TryAgain, OutcomeUnknown, Refused):  # asked about next, and cancelled again while it rests
                await self._exchange.cancel(intent.symbol, intent.client_order_id)

    async def cancel_all(self, intents: Sequence[OrderIntent]) -> None:
        """Take off the book whichever were seen there."""
        for intent in intents:
            await self.cancel(intent)

    async def settle_all(
        self, intents: Sequence[OrderIntent], believe_absent_at: datetime, given_up: Callable[[], bool]
    ) -> None:
        """Ask about all in turn until each is settled, or given up after a question; take off the book what rests.

        One after the other would wait for ever: the first is absent only when the balance agrees, and the balance
        agrees only once the fills of a later one are known. A balance that never does is asked about ever more
        slowly: it takes the request budget of others."""
        slowly_s = _ASK_LATER_S
        while True:
            await self.cancel_all(intents)
            unsettled = []
            for intent in intents:
                if not await self.ask(intent, believe_absent_at):
                    unsettled.append(intent)
                if given_up():
                    await self.cancel_all(intents)
                    return
            intents = unsettled
            if not intents:
                return
            try:
                left = (believe_absent_at - self._exchange_clock.now()).total_seconds()
            except TryAgain:  # lost with a suspension; `ask` measures it anew
                left = 0.0
            rests = any(not self._final(intent) for intent in intents)
            await self.pause(_ASK_EVERY_S[-1] if rests else max(left, slowly_s))
            if left <= 0:
                slowly_s = min(2 * slowly_s, _ASK_AT_LAST_S)

    def _final(self, intent: OrderIntent) -> bool:
        """False for an order that was seen and may still be filled."""
        order = self._ledger.orders.get(intent.client_order_id)
        return order is None or order.status.final

    async def ask(self, intent: OrderIntent, believe_absent_at: datetime) -> bool:
        """One question; True once the intent is settled. An answer that fails to come leaves it open."""
        name = intent.client_order_id
        if name in self._ledger.settled:
            return True
        try:
            if self._exchange_clock.estimate() is None:  # the machine was suspended
                await self._exchange_clock.synchronise()
            asked_at = self._exchange_clock.now()
            order = await self._exchange.find_order(intent.symbol, name)
            if order is not None:
                return await self._saw(order)
            return await self._is_absent(intent, asked_at, believe_absent_at)
        except (TryAgain, OutcomeUnknown, Refused):  # a refused question says nothing about the order
            return False

    async def pause(self, seconds: float) -> None:
        """Wait, or less when a stream speaks of one of our orders."""
        self.hinted.clear()
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        hinting = asyncio.ensure_future(self.hinted.wait())
        try:
            await asyncio.wait({sleeping, hinting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            hinting.cancel()

    async def _saw(self, order: Order) -> bool:
        name = order.client_order_id
        if name is None:
            raise SniperError(f"order {order.order_id} was asked for by its client order id and came back without one")
        known = self._ledger.orders.get(name)
        if known is not None and known.executed > order.executed:
            order = known  # an older answer overtook a newer one
        if known != order:
            self._ledger.orders[name] = order
            self._journal.note(OrderSeen(order))
        if self._ledger.executed(name) < order.executed:
            with suppress(TryAgain, OutcomeUnknown, Refused):  # then what the stream told may do
                for fill in await self._exchange.fills(order.symbol, order.order_id):
                    self._book(replace(fill, client_order_id=name))
            self._book_heard(order, name)
        complete = self._ledger.executed(name) == order.executed
        if order.status.final and complete:
            self._ledger.settled.add(name)
        return order.status.final and complete

    def _book_heard(self, order: Order, name: str) -> None:
        """What the stream told of it that the venue's list did not, if that makes up the whole: of one second the list
        tells a hundred at most."""
        booked = self._ledger.fills
        rest = [one for one in self._heard.values() if one.order_id == order.order_id and one.trade_id not in booked]
        if sum((fill.quantity for fill in rest), NO_BASE) == order.executed - self._ledger.executed(name):
            for fill in rest:
                self._book(replace(fill, client_order_id=name))

    def _book(self, fill: Fill) -> None:
        if fill.trade_id not in self._ledger.fills:
            self._ledger.fills[fill.trade_id] = fill
            self._journal.note(FillSeen(fill))

    async def _is_absent(self, intent: OrderIntent, asked_at: datetime, believe_absent_at: datetime) -> bool:
        if asked_at < believe_absent_at:
            return False
        resting = await self._exchange.open_orders(intent.symbol)
        if any(order.client_order_id == intent.client_order_id for order in resting):
            return False
        if not await self._balance_agrees():
            if asked_at > believe_absent_at + timedelta(seconds=_WORRY_AFTER_S):
                self._journal.note(
                    AttentionNeeded(
                        f"order {intent.client_order_id} cannot be found, but the balance of "
                        f"{self._ledger.base_asset} does not match the fills"
                    )
                )
            return False
        self._ledger.settled.add(intent.client_order_id)
        self._journal.note(OrderAbsent(intent.client_order_id))
        return True

    async def _balance_agrees(self) -> bool:
        """Whether the coin's balance is what it was before the entry plus what our fills made."""
        before = self._ledger.coin_before
        if before is None:
            return True  # never counted, so no order of ours can have left
        balance = await self._exchange.balance(self._ledger.base_asset, urgent=True)
        difference = balance.free + balance.locked - before - self._ledger.position().held
        return difference == NO_BASE
