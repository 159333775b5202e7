"""What the journal and its projections promise."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, get_args

import psycopg
import pytest
from structlog.testing import capture_logs

from adapters.postgres.event_codec import (
    LONGEST_KEY,
    event_of,
    key_of,
    kind_of,
    payload_of,
    policy_json,
    policy_of,
)
from domain.errors import InvalidInput
from domain.events import (
    AbortRequested,
    AttentionNeeded,
    BooksClosed,
    ClockMeasured,
    CoinCounted,
    EntryEnded,
    Event,
    ExitDecided,
    FillSeen,
    IntentCommitted,
    IntentWithdrawn,
    LeaseTaken,
    OpeningMoved,
    OrderAbsent,
    OrderSeen,
    PhaseEntered,
    PolicyChanged,
    PositionFlat,
    RequestRefused,
    RiskApproved,
    RiskRejected,
    ShotAnswered,
    ShotSent,
    ShotSettled,
    StoodDown,
    StreamInterrupted,
)
from domain.ids import Leg, SessionKey
from domain.money import NO_BASE, Base, Price, Quote
from domain.orders import Order, OrderKind, OrderStatus
from domain.policy import EntryPolicy, EntryStrategy
from domain.session import Outcome, Phase
from tests.adapters.postgres.conftest import Stores
from tests.adapters.postgres.makers import a_fill, a_new_session, an_intent, an_order, of_another_pair
from tests.builders import KEY, T0, a_policy

pytestmark = pytest.mark.postgres

ID = "sabcdeentry0"
BOOKS = BooksClosed(
    outcome=Outcome.COMPLETED,
    reason="time stop",
    spent=Quote(Decimal("5.000")),
    received=Quote(Decimal("5.25")),
    fees=Quote(Decimal("0.005")),
    fee_coin=Decimal("0"),
    result=Quote(Decimal("0.245")),
    released=Quote(Decimal("50")),
)
STORY: tuple[Event, ...] = (
    RiskApproved(Quote(Decimal("50")), Quote(Decimal("50"))),
    PhaseEntered(Phase.WAITING),
    OpeningMoved(T0 + timedelta(hours=3), 1, "listing-revision-2"),
    PolicyChanged(a_policy(budget="40", max_price="0.07"), 2, "p-1"),
    PhaseEntered(Phase.ARMING),
    LeaseTaken(1, "fire@here:1", clean=True),
    ClockMeasured(1, 0.001, 0.0005, 0.002),
    CoinCounted("NEW", Base(Decimal("0")), "1"),
    IntentCommitted(an_intent()),
    IntentCommitted(an_intent("sabcdeentry1", shot=1)),
    IntentCommitted(an_intent("sabcdeentry2", shot=2)),
    IntentCommitted(an_intent("sabcdeentry3", shot=3)),
    PhaseEntered(Phase.ARMED),
    PhaseEntered(Phase.FIRING),
    ShotSent(ID, Price(Decimal("0.06")), Base(Decimal("166.66")), T0, T0, 12, quote=Quote(Decimal("9.99"))),
    ShotAnswered(ID, "accepted", None, "order C01", 1500),
    ShotAnswered("sabcdeentry1", "refused", 30005, "not enough\x00 funds \ud800", 1500),
    ShotSettled(ID, Base(Decimal("100.00")), 2500),
    OrderAbsent("sabcdeentry2"),
    IntentWithdrawn("sabcdeentry3", "filled already"),
    OrderSeen(an_order(status=OrderStatus.PARTIALLY_CANCELLED, executed="100", quote="5")),
    FillSeen(a_fill()),
    EntryEnded("filled", "bought 100"),
    PhaseEntered(Phase.GUARDING, occurrence="1"),
    StreamInterrupted(1, "quotes", "closed", 1),
    ExitDecided("time stop", None, Base(Decimal("100")), 1),
    AbortRequested("enough", "a-1"),
    RequestRefused("reschedule", "too late", "r-1"),
    AttentionNeeded("look here"),
    PositionFlat(Base(Decimal("0.01")), Quote(Decimal("0.245"))),
    StoodDown(1, "done"),
    PhaseEntered(Phase.CLOSING, occurrence="1"),
    PhaseEntered(Phase.GUARDING, occurrence="2"),
    PositionFlat(Base(Decimal("0.02")), Quote(Decimal("0.25")), "2"),
    PhaseEntered(Phase.CLOSING, occurrence="2"),
    BOOKS,
    PhaseEntered(Phase.CLOSED),
)
"""A whole session; together with RiskRejected every kind of event."""


@pytest.fixture
async def admitted(stores: Stores) -> Stores:
    await stores.sessions.admit(a_new_session())
    return stores


async def count(stores: Stores, query: str, *values: object) -> int:
    row = await rows(stores, query, *values)
    return int(row[0][0])


async def rows(stores: Stores, query: str, *values: object) -> list[tuple[Any, ...]]:
    async with stores.database.transaction() as connection:
        return await (await connection.execute(query, values)).fetchall()


def test_every_event_comes_back_from_its_json_as_it_was() -> None:
    """Decimals keep their digits, times their instant; only signs that Postgres refuses are replaced."""
    told = [event for event in (*STORY, RiskRejected(("no funds", "too late"))) if not isinstance(event, ShotAnswered)]
    back = [event_of(kind_of(event), payload_of(event).obj) for event in told]

    assert back == told
    assert {type(event) for event in (*STORY, RiskRejected(()))} == set(get_args(Event))


def test_a_flat_position_stored_when_the_first_one_held_comes_back() -> None:
    """Under the key it has there: rebuilt, it is not told twice."""
    old = event_of("position_flat", {"dust": "0.01", "result": "0.245"})

    assert old == PositionFlat(Base(Decimal("0.01")), Quote(Decimal("0.245")))
    assert old.key == "flat"


async def test_the_row_tells_what_the_last_guard_left(admitted: Stores) -> None:
    """A session may go back from closing to guarding, and is flat once more afterwards."""
    await admitted.store.append(KEY, STORY[:-2])
    row = await rows(admitted, "SELECT phase, dust, result FROM sessions")

    assert row == [("closing", Decimal("0.02"), Decimal("0.25"))]


def test_a_policy_stored_before_strategies_is_the_usual_one() -> None:
    """Fields that were not kept then have their defaults: bought as it always was."""
    stored = policy_json(a_policy()).obj
    entry = {name: stored["entry"][name] for name in ("max_price", "grace_s", "late_entry_s")}
    old = {**stored, "entry": {**entry, "clock_bound_ms": 100, "recv_window_ms": 1000}}

    assert policy_of(old) == a_policy()
    assert policy_of(old).entry.strategy is EntryStrategy.IOC_CAP


def test_a_policy_with_every_choice_comes_back_from_its_json() -> None:
    """Also one without a price bound, which is None and not a text."""
    entry = EntryPolicy(
        max_price=None,
        strategy=EntryStrategy.BURST,
        markup_percent=Decimal("2.50"),
        late_max_price=Price(Decimal("0.070")),
        burst_shots=5,
        burst_first_ms=-20,
    )
    policy = replace(a_policy(), entry=entry)
    stored = policy_json(policy).obj

    assert policy_of(stored) == policy
    assert (stored["entry"]["max_price"], stored["entry"]["strategy"]) == (None, "burst")


def test_a_long_key_is_shortened_and_stays_its_own() -> None:
    """Two long texts that differ at their end have two keys, both short enough for an index."""
    one, other = key_of(AttentionNeeded("x" * 5000 + "1")), key_of(AttentionNeeded("x" * 5000 + "2"))

    assert len(one) == len(other) == LONGEST_KEY
    assert one != other


async def test_an_unknown_session_is_none_and_cannot_be_written_to(stores: Stores) -> None:
    """A journal belongs to a session that was admitted."""
    assert await stores.store.load(KEY) is None
    with pytest.raises(InvalidInput, match="main/mexc:NEW:USDT/1"):
        await stores.store.append(KEY, (PhaseEntered(Phase.WAITING),))


async def test_a_whole_session_is_projected(admitted: Stores) -> None:
    """The row says what the events said, and so do intents, orders and fills."""
    await admitted.store.append(KEY, STORY)
    record = await admitted.store.load(KEY)
    intents = await admitted.store.intents(KEY)

    assert record is not None
    assert record.phase is Phase.CLOSED
    assert record.outcome is Outcome.COMPLETED
    assert record.opens_at == T0 + timedelta(hours=3)
    assert record.policy == a_policy(budget="40", max_price="0.07")
    assert (record.policy_revision, record.aborting, record.halted) == (2, True, False)
    assert record.coin_before == Base(Decimal(0))
    assert (record.entry_ended, record.entry_result, record.entry_reason) == (True, "filled", "bought 100")
    assert [intent.shot for intent in intents] == [0, 1, 2]
    assert intents[0] == an_intent()
    assert str(intents[0].bound) == "0.060"
    assert await admitted.store.orders(KEY) == (
        an_order(status=OrderStatus.PARTIALLY_CANCELLED, executed="100", quote="5"),
    )
    assert await admitted.store.fills(KEY) == (a_fill(),)
    assert await admitted.store.settled(KEY) == {ID, "sabcdeentry1", "sabcdeentry2", "sabcdeentry3"}


@pytest.mark.parametrize("kind", OrderKind)
async def test_intents_and_orders_of_every_kind_come_back(admitted: Stores, kind: OrderKind) -> None:
    """A market order may tell neither its price nor what was asked for."""
    intent = replace(an_intent(), kind=kind)
    order = replace(an_order(status=OrderStatus.CANCELLED), kind=kind, price=Price(Decimal(0)), quantity=NO_BASE)
    await admitted.store.append(KEY, (IntentCommitted(intent), OrderSeen(order)))

    assert await admitted.store.intents(KEY) == (intent,)
    assert await admitted.store.orders(KEY) == (order,)


async def test_appending_twice_changes_nothing(admitted: Stores) -> None:
    """A step that runs again, whole or in part, leaves one record, and its projections stay."""
    await admitted.store.append(KEY, STORY)
    before = await _everything(admitted)
    await admitted.store.append(KEY, STORY)
    await admitted.store.append(KEY, STORY[5:9])

    assert await _everything(admitted) == before
    assert await count(admitted, "SELECT count(*) FROM events") == len(STORY)
    assert await count(admitted, "SELECT max(seq) FROM events") == len(STORY)


async def test_an_event_that_was_there_is_not_carried_out_again(admitted: Stores) -> None:
    """An old word that is repeated late does not undo what came after it."""
    await admitted.store.append(KEY, (PolicyChanged(a_policy(budget="40"), 1, "p-1"),))
    await admitted.store.append(KEY, (PolicyChanged(a_policy(budget="30"), 2, "p-2"),))
    await admitted.store.append(KEY, (PolicyChanged(a_policy(budget="40"), 1, "p-1"),))
    record = await admitted.store.load(KEY)

    assert record is not None
    assert record.policy.budget_quote == 30
    assert record.policy_revision == 2


async def test_projections_rebuilt_from_the_journal_equal_the_stored_ones(admitted: Stores) -> None:
    """Whatever was spoilt in the rows comes back from the events alone."""
    await admitted.store.append(KEY, STORY[:20])
    await admitted.store.append(KEY, STORY[20:])
    before = await _everything(admitted)
    async with admitted.database.transaction() as connection:
        await connection.execute("UPDATE sessions SET phase = 'preparing', spent = 7, policy_revision = 9, dust = 1")
        await connection.execute("DELETE FROM fills")
        await connection.execute("UPDATE orders SET executed = 1")
    spoilt = await _everything(admitted)
    await admitted.store.rebuild(KEY)

    assert spoilt != before
    assert await _everything(admitted) == before


@pytest.mark.parametrize("statement", ["UPDATE events SET payload = '{}'", "DELETE FROM events", "TRUNCATE events"])
async def test_the_journal_only_grows(admitted: Stores, statement: str) -> None:
    """No statement changes or removes an event."""
    await admitted.store.append(KEY, (PhaseEntered(Phase.WAITING),))

    with pytest.raises(psycopg.errors.RaiseException, match="only grows"):
        await rows(admitted, statement)
    assert await count(admitted, "SELECT count(*) FROM events") == 1


async def test_an_impossible_move_is_journaled_and_not_made(admitted: Stores) -> None:
    """The journal says what happened; the phase follows the table of moves."""
    with capture_logs() as logs:
        await admitted.store.append(KEY, (PhaseEntered(Phase.GUARDING),))
    record = await admitted.store.load(KEY)

    assert record is not None
    assert record.phase is Phase.PREPARING
    assert await count(admitted, "SELECT count(*) FROM events") == 1
    assert [line["event"] for line in logs] == ["phase.impossible"]


async def test_a_final_order_stands_and_what_was_executed_never_falls(admitted: Stores) -> None:
    """Words of the venue may arrive in any order."""
    said = (
        an_order(status=OrderStatus.PARTIALLY_FILLED, executed="60", quote="3"),
        an_order(status=OrderStatus.NEW),
        an_order(status=OrderStatus.PARTIALLY_CANCELLED, executed="40", quote="2"),
        an_order(status=OrderStatus.PARTIALLY_FILLED, executed="90", quote="4.5"),
    )
    seen: list[Order] = []
    for order in said:
        await admitted.store.append(KEY, (OrderSeen(order),))
        seen.extend(await admitted.store.orders(KEY))

    assert [(order.status, str(order.executed)) for order in seen] == [
        (OrderStatus.PARTIALLY_FILLED, "60"),
        (OrderStatus.PARTIALLY_FILLED, "60"),
        (OrderStatus.PARTIALLY_CANCELLED, "60"),
        (OrderStatus.PARTIALLY_CANCELLED, "60"),
    ]


async def test_an_id_is_settled_only_with_all_its_fills(admitted: Stores) -> None:
    """A final order asks on until its trades sum to what it executed."""
    await admitted.store.append(KEY, (IntentCommitted(an_intent()),))
    stages = [await admitted.store.settled(KEY)]
    for event in (
        OrderSeen(an_order(status=OrderStatus.PARTIALLY_FILLED, executed="100")),
        FillSeen(a_fill("1", quantity="60")),
        OrderSeen(an_order(status=OrderStatus.PARTIALLY_CANCELLED, executed="100")),
        FillSeen(a_fill("2", quantity="40.000")),
    ):
        await admitted.store.append(KEY, (event,))
        stages.append(await admitted.store.settled(KEY))

    assert stages == [frozenset()] * 4 + [frozenset({ID})]


@pytest.mark.parametrize(
    ("event", "is_settled"),
    [
        (ShotAnswered(ID, "refused", 30005, "no", 1), True),
        (ShotAnswered(ID, "accepted", None, "yes", 1), False),
        (ShotAnswered(ID, "unknown", None, "timeout", 1), False),
        (ShotAnswered(ID, "try again", None, "busy", 1), True),
        (OrderAbsent(ID), True),
        (IntentWithdrawn(ID, "moved"), True),
    ],
)
async def test_only_a_certain_end_settles_an_id(admitted: Stores, event: Event, is_settled: bool) -> None:
    """Refused, put off, absent and withdrawn are ends; everything else is asked about."""
    await admitted.store.append(KEY, (IntentCommitted(an_intent()), event))

    assert (ID in await admitted.store.settled(KEY)) is is_settled


async def test_an_absent_order_that_comes_to_life_is_unsettled_again(admitted: Stores) -> None:
    """What the venue shows outweighs what we concluded."""
    await admitted.store.append(KEY, (IntentCommitted(an_intent()), OrderAbsent(ID)))
    concluded = await admitted.store.settled(KEY)
    await admitted.store.append(KEY, (OrderSeen(an_order()),))

    assert concluded == {ID}
    assert await admitted.store.settled(KEY) == frozenset()


def test_a_count_of_coins_from_before_there_were_several_is_read() -> None:
    """It was the only one of its session, and keeps its key."""
    event = event_of("coin_counted", {"asset": "NEW", "before": "0"})

    assert event == CoinCounted("NEW", Base(Decimal(0)))
    assert event.key == "coin-before"


async def test_shot_numbers_are_never_given_twice(admitted: Stores) -> None:
    """Withdrawn intents count; legs count for themselves."""
    await admitted.store.append(
        KEY, (IntentCommitted(an_intent()), IntentCommitted(an_intent("sx", shot=1)), IntentWithdrawn("sx", "moved"))
    )

    assert await admitted.store.next_shot(KEY, Leg.ENTRY) == 2
    assert await admitted.store.next_shot(KEY, Leg.LADDER) == 0
    assert [intent.shot for intent in await admitted.store.intents(KEY)] == [0]


async def test_one_shot_is_never_committed_under_two_ids(admitted: Stores) -> None:
    """A fresh id for the same intent is refused, and nothing of its transaction stays."""
    await admitted.store.append(KEY, (IntentCommitted(an_intent()),))

    with pytest.raises(psycopg.errors.UniqueViolation):
        await admitted.store.append(KEY, (AbortRequested("x", "1"), IntentCommitted(an_intent("another"))))
    assert await count(admitted, "SELECT count(*) FROM events") == 1


async def test_concurrent_writers_leave_one_unbroken_order(admitted: Stores) -> None:
    """Twenty writers at once: every event once, numbered without gaps, times never going back."""
    await asyncio.gather(
        *(admitted.store.append(KEY, (AbortRequested("x", str(n % 20)), AttentionNeeded(f"{n}"))) for n in range(40))
    )
    written = await rows(admitted, "SELECT seq, at FROM events ORDER BY id")

    assert [seq for seq, _ in written] == list(range(1, 61))
    assert sorted(written, key=lambda row: row[1]) == written


async def test_sessions_do_not_touch_each_other(stores: Stores) -> None:
    """Two of one account have a journal each."""
    keys: tuple[SessionKey, ...] = (KEY, of_another_pair())
    for key in keys:
        await stores.sessions.admit(a_new_session(key))
    await stores.store.append(keys[0], (PhaseEntered(Phase.WAITING), IntentCommitted(an_intent())))
    second = await stores.store.load(keys[1])

    assert second is not None
    assert second.phase is Phase.PREPARING
    assert await stores.store.intents(keys[1]) == ()


async def _everything(stores: Stores) -> list[list[tuple[Any, ...]]]:
    return [
        await rows(stores, "SELECT * FROM sessions ORDER BY id"),
        await rows(stores, "SELECT * FROM intents ORDER BY client_order_id"),
        await rows(stores, "SELECT * FROM orders ORDER BY client_order_id"),
        await rows(stores, "SELECT * FROM fills ORDER BY trade_id"),
    ]
