"""Changes of a running session's row, and the end of its books."""

from dataclasses import dataclass

from temporalio import activity

from domain.commands import CloseBooks, RecordChange, RecordRefusal, SnipeClosed
from domain.errors import InvalidInput
from domain.events import (
    AbortRequested,
    AttentionNeeded,
    BooksClosed,
    Event,
    OpeningMoved,
    PhaseEntered,
    PolicyChanged,
    RequestRefused,
)
from domain.ids import assets_of
from domain.money import plain
from domain.orders import position_of
from domain.ports import Exchange, Sessions, SessionStore
from domain.requests import check_in_time
from domain.session import Phase, SessionRecord, outcome_of


@dataclass(frozen=True)
class BookActivities:
    exchange: Exchange
    sessions: Sessions
    store: SessionStore

    @activity.defn
    async def record_change(self, change: RecordChange) -> None:
        """Write what was asked before it is carried out; desks act on the row, also when Temporal is away.

        Raises InvalidInput, and writes nothing, when the desk has gone too far for it.
        """
        await self._check_in_time(change)
        events: list[Event] = []
        if change.abort is not None:
            events.append(AbortRequested(change.abort.reason, change.abort.request))
        if change.reschedule is not None:
            events.append(OpeningMoved(change.reschedule.opens_at, change.revision, change.reschedule.request))
        if change.policy is not None:
            events.append(PolicyChanged(change.policy, change.revision, change.policy_request))
        await self.store.append(change.key, events)

    @activity.defn
    async def record_refusal(self, refusal: RecordRefusal) -> None:
        """Journal a signal that could not be carried out: nobody waits for its answer."""
        await self.store.append(refusal.key, (RequestRefused(refusal.name, refusal.reason, refusal.request),))

    @activity.defn
    async def close_books(self, close: CloseBooks) -> SnipeClosed:
        """Release the reservation, write the result, tell people. The same answer however often it runs."""
        record = await self.store.load(close.key)
        if record is None:
            raise InvalidInput(
                "session", value=str(close.key), expected="a session that was admitted", remedy="start it through arm"
            )
        if record.phase is not Phase.CLOSED:
            await self.store.append(close.key, (PhaseEntered(Phase.CLOSING),))
        await self._ask_again_for_absent_orders(record)
        books = await self._books(record, close)
        await self.sessions.release(close.key)  # before the end is written: a crash between repeats it harmlessly
        await self.store.append(close.key, (books, PhaseEntered(Phase.CLOSED)))
        await self.sessions.notify(close.key, "info", _summary(record, books))
        outcome = record.outcome or books.outcome  # the first end that was written stands
        return SnipeClosed(outcome, books.reason, books.spent, books.received, books.result)

    async def _check_in_time(self, change: RecordChange) -> None:
        record = await self.store.load(change.key)
        if record is not None:
            check_in_time(change, record, shot=await self._has_shot(record))

    async def _has_shot(self, record: SessionRecord) -> bool:
        """Whether an order is known to have left: the venue showed it, or it is settled without being withdrawn."""
        if record.phase is not Phase.FIRING:
            return False  # asked of a session that fires only
        settled = await self.store.settled(record.key)
        intents = await self.store.intents(record.key)
        return bool(await self.store.orders(record.key)) or any(one.client_order_id in settled for one in intents)

    async def _books(self, record: SessionRecord, close: CloseBooks) -> BooksClosed:
        base, quote = assets_of(record.symbol)
        position = position_of(await self.store.fills(close.key), base, quote)
        outcome = outcome_of(
            bought=position.bought > 0,
            aborting=record.aborting,
            entry_result=close.result,
            shots_sent=bool(await self.store.intents(close.key)),
        )
        return BooksClosed(
            outcome=outcome,
            reason=close.reason or record.entry_reason,
            spent=position.spent,
            received=position.received,
            fees=position.fee_quote,
            fee_coin=position.fee_base,
            result=position.realised_quote,
            released=record.policy.budget_quote,
        )

    async def _ask_again_for_absent_orders(self, record: SessionRecord) -> None:
        """An order we gave up as absent or refused must not have come to life since."""
        known = {order.client_order_id for order in await self.store.orders(record.key)}
        for intent in await self.store.intents(record.key):
            if intent.client_order_id in known:
                continue
            order = await self.exchange.find_order(record.symbol, intent.client_order_id)
            if order is not None:
                text = f"order {intent.client_order_id} was thought absent and exists: {order.status}, {order.executed}"
                await self.store.append(record.key, (AttentionNeeded(text),))
                await self.sessions.notify(record.key, "critical", text)


def _summary(record: SessionRecord, books: BooksClosed) -> str:
    return (
        f"{record.symbol} {books.outcome}: spent {plain(books.spent)}, received {plain(books.received)}, "
        f"result {plain(books.result)}; {books.reason}"
    )
