"""The row is written before anything is carried out, and the books are closed once."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from temporalio.testing import ActivityEnvironment

from activities.books import BookActivities
from domain.commands import Abort, CloseBooks, RecordChange, RecordRefusal, Reschedule
from domain.errors import InvalidInput, TryAgain
from domain.events import (
    AttentionNeeded,
    BooksClosed,
    EntryEnded,
    FillSeen,
    IntentCommitted,
    OrderSeen,
    RequestRefused,
    ShotAnswered,
)
from domain.ids import Leg, SessionKey
from domain.money import Base, Quote
from domain.orders import OrderStatus, Side
from domain.policy import ExitPolicy
from domain.session import Outcome, Phase, may_move
from tests.builders import KEY, LISTING, T0, a_fill, a_policy, a_record, an_intent, an_order
from tests.fakes import FakeClock, FakeExchange, FakeLeases, FakeSessions, FakeStore

CLOSE = CloseBooks(KEY, "filled", "bought and sold")


class House:
    """What the books stand in: a session that guards, bought for 5 and sold for 6."""

    def __init__(self, phase: Phase = Phase.GUARDING) -> None:
        clock = FakeClock()
        self.exchange = FakeExchange(clock)
        self.store = FakeStore(clock, a_record(phase=phase))
        self.sessions = FakeSessions(self.store, reserved=a_policy().budget_quote)
        self.books = BookActivities(self.exchange, self.sessions, self.store)

    async def traded(self) -> None:
        await self.store.append(
            KEY,
            (
                IntentCommitted(an_intent("order-1")),
                FillSeen(a_fill("1", price="0.05", fee="0.01")),
                FillSeen(a_fill("2", side=Side.SELL, price="0.06", fee="0.02")),
            ),
        )


async def test_closing_tells_result_and_gives_the_reservation_back() -> None:
    """Money comes from the fills, fees included."""
    house = House()
    await house.traded()

    closed = await ActivityEnvironment().run(house.books.close_books, CLOSE)

    assert closed.outcome is Outcome.COMPLETED
    assert (closed.spent, closed.received, closed.result) == (Decimal(5), Decimal(6), Decimal("0.97"))
    assert house.sessions.released
    assert house.store.record.phase is Phase.CLOSED


async def test_closing_twice_writes_once_and_answers_the_same() -> None:
    """One record, one notice."""
    house = House()
    await house.traded()

    first = await ActivityEnvironment().run(house.books.close_books, CLOSE)
    second = await ActivityEnvironment().run(house.books.close_books, CLOSE)

    assert first == second
    assert len(house.store.of(BooksClosed)) == 1
    assert len(house.sessions.notices) == 1
    assert house.store.impossible == []


async def test_an_order_thought_absent_that_lives_is_taken_off_the_book_and_what_it_bought_stays_open() -> None:
    """It is asked for once more at the end; a human is told, and the position is guarded before the books close."""
    house = House()
    await house.store.append(KEY, (IntentCommitted(an_intent("ghost", leg=Leg.ENTRY)), EntryEnded("nothing", "")))
    house.exchange.orders.append(an_order("ghost", executed="3"))
    house.exchange.trades.append((0.0, a_fill("1", quantity="3", name="ghost")))

    closed = await ActivityEnvironment().run(house.books.close_books, CloseBooks(KEY, "nothing", ""))

    assert not closed.closed
    assert house.exchange.cancelled == ["ghost"]
    assert [event.order.status for event in house.store.of(OrderSeen)] == [OrderStatus.PARTIALLY_CANCELLED]
    assert [event.fill.client_order_id for event in house.store.of(FillSeen)] == ["ghost"]
    assert len(house.store.of(AttentionNeeded)) == 1
    assert house.sessions.notices[0][0] == "critical"
    assert house.store.of(BooksClosed) == []
    assert not house.sessions.released
    assert may_move(house.store.record.phase, Phase.GUARDING)


async def test_an_order_that_lives_and_whose_fills_are_not_told_yet_is_asked_for_again() -> None:
    """What is not known is not closed; the order is not written before its fills are, so the next attempt asks too."""
    house = House()
    await house.store.append(KEY, (IntentCommitted(an_intent("ghost", leg=Leg.ENTRY)), EntryEnded("nothing", "")))
    house.exchange.orders.append(an_order("ghost", executed="3"))

    for _ in range(2):
        with pytest.raises(TryAgain, match="not all its fills"):
            await ActivityEnvironment().run(house.books.close_books, CloseBooks(KEY, "nothing", ""))

    assert house.store.of(BooksClosed) == []
    assert len(house.sessions.notices) == 1


async def test_one_fill_of_a_purchase_that_lives_is_enough_to_guard_it() -> None:
    """The guard asks for the rest; until then it has something to sell."""
    house = House()
    await house.store.append(KEY, (IntentCommitted(an_intent("ghost", leg=Leg.ENTRY)), EntryEnded("nothing", "")))
    house.exchange.orders.append(an_order("ghost", executed="3"))
    house.exchange.trades.append((0.0, a_fill("1", quantity="2", name="ghost")))

    closed = await ActivityEnvironment().run(house.books.close_books, CloseBooks(KEY, "nothing", ""))

    assert not closed.closed
    assert "ghost" not in await house.store.settled(KEY)


async def test_a_resting_order_that_lives_and_bought_nothing_is_taken_off_the_book_and_the_books_close() -> None:
    """Nothing is left to guard."""
    house = House()
    await house.store.append(KEY, (IntentCommitted(an_intent("ghost", leg=Leg.ENTRY)), EntryEnded("nothing", "")))
    house.exchange.orders.append(an_order("ghost"))

    closed = await ActivityEnvironment().run(house.books.close_books, CloseBooks(KEY, "nothing", ""))

    assert closed.closed
    assert house.exchange.cancelled == ["ghost"]
    assert house.store.record.phase is Phase.CLOSED


@pytest.mark.parametrize(("dust", "closed"), [("0", False), ("0.4", False), ("0.5", True)])
async def test_what_is_held_beyond_its_dust_keeps_the_session_open(dust: str, closed: bool) -> None:
    """Whatever the run thinks that happened: it may have been started while a desk bought."""
    house = House()
    await house.traded()
    await house.store.append(KEY, (FillSeen(a_fill("3", quantity="0.5")),))

    answer = await ActivityEnvironment().run(house.books.close_books, replace(CLOSE, dust=Base(Decimal(dust))))

    assert answer.closed is closed
    assert house.sessions.released is closed
    assert house.store.record.phase is (Phase.CLOSED if closed else Phase.GUARDING)


@pytest.mark.parametrize("ended", [False, True])
async def test_a_session_whose_desk_may_still_buy_stays_open(ended: bool) -> None:
    """A desk that has the session, or was lost with it, and whose entry was not seen to end."""
    house = House(Phase.ARMING)
    house.sessions.leases = FakeLeases(house.store.clock)
    await house.sessions.leases.acquire(KEY, "fire-1", 5)
    if ended:
        await house.store.append(KEY, (EntryEnded("nothing", ""),))

    closed = await ActivityEnvironment().run(house.books.close_books, CloseBooks(KEY, "rejected", "funds"))

    assert closed.closed is ended
    assert house.sessions.released is ended
    assert house.store.record.phase is (Phase.CLOSED if ended else Phase.ARMING)


async def test_books_release_what_was_reserved_also_when_they_are_written_by_a_later_attempt() -> None:
    """Nothing for a session that was rejected; not nothing because a crash came after the release."""
    rejected, crashed = House(Phase.PREPARING), House()
    rejected.sessions.reserved = None
    await crashed.sessions.release(KEY)

    for house in (rejected, crashed):
        await ActivityEnvironment().run(house.books.close_books, CloseBooks(KEY, "rejected", "funds"))

    assert [house.store.of(BooksClosed)[0].released for house in (rejected, crashed)] == [0, a_policy().budget_quote]


async def test_a_session_that_was_never_admitted_has_no_books() -> None:
    """A key that nobody knows is a value nobody can use."""
    stranger = SessionKey("other", LISTING, 1)

    with pytest.raises(InvalidInput):
        await ActivityEnvironment().run(House().books.close_books, CloseBooks(stranger, "", ""))


async def test_requests_are_written_to_the_row() -> None:
    """Abort, opening and policy, each with its revision; a repeated one changes nothing."""
    house = House(Phase.WAITING)
    changes = (
        RecordChange(KEY, reschedule=Reschedule(T0, "move"), revision=1),
        RecordChange(KEY, policy=a_policy(budget="10"), policy_request="smaller", revision=2),
        RecordChange(KEY, abort=Abort("enough", "stop")),
    )
    for change in (*changes, *changes):
        await ActivityEnvironment().run(house.books.record_change, change)

    record = house.store.record
    assert (record.opens_at, record.policy_revision, record.aborting) == (T0, 2, True)
    assert record.policy.budget_quote == Quote(Decimal(10))
    assert len(house.store.journal) == 3


MOVE = RecordChange(KEY, reschedule=Reschedule(T0 + timedelta(hours=3), "move"), revision=1)
BOUND = RecordChange(KEY, policy=a_policy(max_price="0.01"), policy_request="bound", revision=1)
EXITS = RecordChange(
    KEY, policy=a_policy(exits=ExitPolicy(stop_percent=Decimal(9))), policy_request="exits", revision=1
)


@pytest.mark.parametrize(("phase", "change"), [(Phase.GUARDING, MOVE), (Phase.GUARDING, BOUND), (Phase.FIRING, BOUND)])
async def test_a_change_that_comes_too_late_writes_nothing(phase: Phase, change: RecordChange) -> None:
    """The row knows what the desk does; a receipt must not promise what it will not look at."""
    house = House(phase)

    with pytest.raises(InvalidInput, match="expected one that has not fired"):
        await ActivityEnvironment().run(house.books.record_change, change)

    assert house.store.journal == {}


async def test_an_opening_can_be_moved_until_an_order_has_left() -> None:
    """A desk that fires and has sent nothing yet goes back to waiting; after the first refusal it does not look."""
    house, unsent, sent = House(Phase.FIRING), an_intent("unsent", leg=Leg.ENTRY), an_intent("sent", leg=Leg.ENTRY)
    await house.store.append(KEY, (IntentCommitted(unsent), IntentCommitted(sent)))
    await ActivityEnvironment().run(house.books.record_change, MOVE)
    await house.store.append(KEY, (ShotAnswered("sent", "refused", 30001, "not open yet", 700),))
    again = RecordChange(KEY, reschedule=Reschedule(T0 + timedelta(hours=4), "move-2"), revision=2)

    with pytest.raises(InvalidInput, match="expected one that has not fired"):
        await ActivityEnvironment().run(house.books.record_change, again)

    await ActivityEnvironment().run(house.books.record_change, MOVE)  # written before: an answer was lost
    assert house.store.record.opens_at == T0 + timedelta(hours=3)


@pytest.mark.parametrize("phase", [Phase.FIRING, Phase.GUARDING])
async def test_exits_can_be_changed_while_it_fires_and_guards(phase: Phase) -> None:
    """What protects a position is never too late."""
    house = House(phase)

    await ActivityEnvironment().run(house.books.record_change, EXITS)

    assert house.store.record.policy == EXITS.policy


async def test_a_refused_signal_is_journaled() -> None:
    """Nobody waits for its answer."""
    house = House()

    await ActivityEnvironment().run(house.books.record_refusal, RecordRefusal(KEY, "abort", "over", "r-1"))

    assert house.store.of(RequestRefused) == [RequestRefused("abort", "over", "r-1")]
