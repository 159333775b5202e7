"""The row is written before anything is carried out, and the books are closed once."""

from decimal import Decimal

import pytest
from temporalio.testing import ActivityEnvironment

from activities.books import BookActivities
from domain.commands import Abort, CloseBooks, RecordChange, RecordRefusal, Reschedule
from domain.errors import InvalidInput
from domain.events import AttentionNeeded, BooksClosed, FillSeen, IntentCommitted, RequestRefused
from domain.ids import Leg, SessionKey
from domain.money import Quote
from domain.orders import Side
from domain.session import Outcome, Phase
from tests.builders import KEY, LISTING, T0, a_fill, a_policy, a_record, an_intent, an_order
from tests.fakes import FakeClock, FakeExchange, FakeSessions, FakeStore

CLOSE = CloseBooks(KEY, "filled", "bought and sold")


class House:
    """What the books stand in: a session that guards, bought for 5 and sold for 6."""

    def __init__(self) -> None:
        clock = FakeClock()
        self.exchange = FakeExchange(clock)
        self.store = FakeStore(clock, a_record(phase=Phase.GUARDING))
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


async def test_an_order_thought_absent_that_lives_is_shown_to_a_human() -> None:
    """It is asked for once more at the end."""
    house = House()
    await house.store.append(KEY, (IntentCommitted(an_intent("ghost", leg=Leg.ENTRY)),))
    house.exchange.orders.append(an_order("ghost", executed="3"))

    await ActivityEnvironment().run(house.books.close_books, CLOSE)

    assert len(house.store.of(AttentionNeeded)) == 1
    assert house.sessions.notices[0][0] == "critical"


async def test_a_session_that_was_never_admitted_has_no_books() -> None:
    """A key that nobody knows is a value nobody can use."""
    stranger = SessionKey("other", LISTING, 1)

    with pytest.raises(InvalidInput):
        await ActivityEnvironment().run(House().books.close_books, CloseBooks(stranger, "", ""))


async def test_requests_are_written_to_the_row() -> None:
    """Abort, opening and policy, each with its revision; a repeated one changes nothing."""
    house = House()
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


async def test_a_refused_signal_is_journaled() -> None:
    """Nobody waits for its answer."""
    house = House()

    await ActivityEnvironment().run(house.books.record_refusal, RecordRefusal(KEY, "abort", "over", "r-1"))

    assert house.store.of(RequestRefused) == [RequestRefused("abort", "over", "r-1")]
