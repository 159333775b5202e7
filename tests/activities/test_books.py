"""The row is written before anything is carried out, and the books are closed once."""

from datetime import timedelta
from decimal import Decimal

import pytest
from temporalio.testing import ActivityEnvironment

from activities.books import BookActivities
from domain.commands import Abort, CloseBooks, RecordChange, RecordRefusal, Reschedule
from domain.errors import InvalidInput
from domain.events import AttentionNeeded, BooksClosed, FillSeen, IntentCommitted, RequestRefused, ShotAnswered
from domain.ids import Leg, SessionKey
from domain.money import Quote
from domain.orders import Side
from domain.policy import ExitPolicy
from domain.session import Outcome, Phase
from tests.builders import KEY, LISTING, T0, a_fill, a_policy, a_record, an_intent, an_order
from tests.fakes import FakeClock, FakeExchange, FakeSessions, FakeStore

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
