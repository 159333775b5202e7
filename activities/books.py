"""Changes of a running session's row, and the end of its books."""

from dataclasses import dataclass, replace

from temporalio import activity

from domain.commands import CloseBooks, RecordChange, RecordRefusal, SnipeClosed
from domain.errors import InvalidInput, TryAgain
from domain.events import (
    AbortRequested,
    AttentionNeeded,
    BooksClosed,
    Event,
    FillSeen,
    OpeningMoved,
    OrderSeen,
    PhaseEntered,
    PolicyChanged,
    RequestRefused,
)
from domain.ids import SessionKey, assets_of
from domain.money import NO_BASE, plain
from domain.orders import Order, Position, Side, position_of
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
        """Release the reservation, write the result, tell people. The same answer however often it runs.

        Not closed is what is held or may still be bought. Raises TryAgain while an order that came to life has not
        ended, or its fills are not known.
        """
        record = await self._load(close.key)
        if record.phase is not Phase.CLOSED:
            if await self._is_open(record, close):
                return await self._stays_open(record, close)
            token = (await self.sessions.loose_ends(close.key)).token
            await self.store.append(close.key, (PhaseEntered(Phase.CLOSING, occurrence=str(token)),))
            # A desk that began before it could read that is seen now, one that begins later buys nothing.
            record = await self._load(close.key)
            if await self._may_buy(record):
                return await self._stays_open(record, close)
        await self._ask_again_for_absent_orders(record)
        if record.phase is not Phase.CLOSED and await self._is_open(record, close):
            return await self._stays_open(record, close)
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
        """What the session's own desk wrote of its entry outweighs what the run was told: a run that took the place of
        a lost one may have been rejected while that desk traded."""
        position = await self._position(record)
        result, reason = close.result, close.reason
        if record.entry_ended:
            result, reason = record.entry_result, record.entry_reason
        outcome = outcome_of(
            bought=position.bought > 0,
            aborting=record.aborting,
            entry_result=result,
            shots_sent=bool(await self.store.intents(close.key)),
        )
        return BooksClosed(
            outcome=outcome,
            reason=reason,
            spent=position.spent,
            received=position.received,
            fees=position.fee_quote,
            fee_coin=position.fee_base,
            result=position.realised_quote,
            released=(await self.sessions.loose_ends(close.key)).reserved,
        )

    async def _load(self, key: SessionKey) -> SessionRecord:
        record = await self.store.load(key)
        if record is None:
            raise InvalidInput(
                "session", value=str(key), expected="a session that was admitted", remedy="start it through arm"
            )
        return record

    async def _position(self, record: SessionRecord) -> Position:
        return position_of(await self.store.fills(record.key), *assets_of(record.symbol))

    async def _is_open(self, record: SessionRecord, close: CloseBooks) -> bool:
        """Whether something has to be guarded: held beyond what its guard called dust, or perhaps bought still."""
        return await self._may_buy(record) or (await self._position(record)).held > close.dust

    async def _may_buy(self, record: SessionRecord) -> bool:
        """Whether a desk has the session, alive or lost with what it sent, and its entry was not seen to end."""
        return not record.entry_ended and (await self.sessions.loose_ends(record.key)).led

    async def _stays_open(self, record: SessionRecord, close: CloseBooks) -> SnipeClosed:
        books = await self._books(record, close)
        return SnipeClosed(books.outcome, books.reason, books.spent, books.received, books.result, closed=False)

    async def _ask_again_for_absent_orders(self, record: SessionRecord) -> None:
        """An order we gave up as absent or refused must not have come to life since. One that has is taken off the
        book and its fills are written, so that what it bought is seen and guarded."""
        known = {order.client_order_id for order in await self.store.orders(record.key)}
        for intent in await self.store.intents(record.key):
            if intent.client_order_id in known:
                continue
            order = await self.exchange.find_order(record.symbol, intent.client_order_id)
            if order is not None:
                text = f"order {intent.client_order_id} was thought absent and exists"
                await self.store.append(record.key, (AttentionNeeded(text),))
                await self.sessions.notify(record.key, "critical", text)
                await self._end_order(record, intent.client_order_id, order)

    async def _end_order(self, record: SessionRecord, client_order_id: str, order: Order) -> None:
        """Write it with its fills, at once: an order that is known without them would not be asked for again. Of a
        purchase one is enough for the guard to begin, which asks for the rest."""
        if not order.status.final:
            await self.exchange.cancel(record.symbol, client_order_id)
            found = await self.exchange.find_order(record.symbol, client_order_id)
            if found is None or not found.status.final:
                raise TryAgain(f"order {client_order_id} is cancelled and not seen to have ended")
            order = found
        fills = await self.exchange.fills(record.symbol, order.order_id) if order.executed > 0 else ()
        told = sum((fill.quantity for fill in fills), NO_BASE)
        if told != order.executed and (told == 0 or order.side is Side.SELL):
            raise TryAgain(f"order {client_order_id} executed {plain(order.executed)}, not all its fills are told yet")
        named = (replace(fill, client_order_id=client_order_id) for fill in fills)
        await self.store.append(record.key, (OrderSeen(order), *(FillSeen(fill) for fill in named)))


def _summary(record: SessionRecord, books: BooksClosed) -> str:
    return (
        f"{record.symbol} {books.outcome}: spent {plain(books.spent)}, received {plain(books.received)}, "
        f"result {plain(books.result)}; {books.reason}"
    )
