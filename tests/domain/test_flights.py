"""What a journal tells of each shot, and of all of them together."""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.events import (
    Event,
    IntentCommitted,
    IntentWithdrawn,
    OrderAbsent,
    OrderSeen,
    PhaseEntered,
    ShotAnswered,
    ShotSent,
    ShotSettled,
)
from domain.flights import BUCKETS_US, FlightRecord, flights, spread, summary
from domain.ids import Leg
from domain.money import Base, Price
from domain.orders import OrderStatus
from domain.session import Phase
from tests.builders import T0, an_intent, an_order

_WHOLE = Base(Decimal(100))
lengths = st.integers(0, 3_000_000)


def left(name: str, *, after_us: int = 0, late_us: int = 41, bound_us: int | None = 1200, line: int = 1) -> ShotSent:
    sent_at = T0 + timedelta(microseconds=after_us)
    way_us = None if bound_us is None else 900
    return ShotSent(name, Price(Decimal("0.05")), _WHOLE, T0, sent_at, late_us, bound_us, way_us, line)


def a_shot(name: str = "order-1", *, shot: int = 0, after_us: int = 150, answer: str = "accepted") -> list[Event]:
    """From its intent to the certain end."""
    return [
        IntentCommitted(an_intent(name, shot=shot)),
        left(name, after_us=after_us),
        ShotAnswered(name, answer, None, "order C02__1", 2400, 2300),
        ShotSettled(name, _WHOLE, 5000),
    ]


def only(events: Iterable[Event]) -> FlightRecord:
    (record,) = flights(events)
    return record


def test_a_shot_is_told_from_its_plan_to_certain_knowledge() -> None:
    """Known for certain counts from its leaving: the answer's length and what was needed after it."""
    found = only(a_shot())

    assert found == FlightRecord(
        client_order_id="order-1",
        leg=Leg.ENTRY,
        shot=0,
        price=Price(Decimal("0.05")),
        quantity=_WHOLE,
        planned_at=T0,
        sent_at=T0 + timedelta(microseconds=150),
        leave_at=T0 + timedelta(microseconds=109),
        lateness_us=41,
        clock_bound_us=1200,
        one_way_us=900,
        connection=1,
        first_byte_us=2300,
        parsed_us=2400,
        gave_up_us=None,
        known_us=7400,
        executed=_WHOLE,
        answer="accepted",
        code=None,
        text="order C02__1",
    )


def test_an_older_record_is_not_filled_up_with_zeros() -> None:
    """What was not kept then is None; the connection too, though its field has a default."""
    found = only((left("order-1", bound_us=None, line=0), ShotAnswered("order-1", "accepted", None, "", 2400)))

    kept = (found.clock_bound_us, found.one_way_us, found.connection, found.first_byte_us)
    assert kept == (None,) * 4
    assert (found.leg, found.shot, found.known_us, found.executed) == (None,) * 4
    assert found.parsed_us == 2400


def test_an_answer_that_is_not_clear_has_no_length() -> None:
    """The time until one was given up on is told apart, and certain knowledge counts on from there."""
    events = (left("order-1"), ShotAnswered("order-1", "unknown", None, "no answer", 2_000_000))
    waiting = only(events)
    settled = only((*events, ShotSettled("order-1", Base(Decimal(0)), 300)))

    assert (waiting.parsed_us, waiting.gave_up_us, waiting.known_us, waiting.executed) == (None, 2_000_000, None, None)
    assert (settled.parsed_us, settled.known_us, settled.executed) == (None, 2_000_300, Base(Decimal(0)))


@pytest.mark.parametrize("answer", ["refused", "try again"])
def test_a_refused_shot_is_known_with_its_answer(answer: str) -> None:
    """Nothing more is written of it, and nothing was executed."""
    found = only((left("order-1"), ShotAnswered("order-1", answer, 30005, "no", 700)))

    assert (found.known_us, found.executed, found.code) == (700, Base(Decimal(0)), 30005)


def test_an_order_that_was_seen_outweighs_a_refusal() -> None:
    """It lives, whatever was said before."""
    refused = (left("order-1"), ShotAnswered("order-1", "refused", 30005, "no", 700))
    resting = only((*refused, OrderSeen(an_order("order-1", executed="40"))))
    ended = only((*refused, OrderSeen(an_order("order-1", executed="40", status=OrderStatus.PARTIALLY_CANCELLED))))

    assert (resting.known_us, resting.executed) == (None, None)
    assert (ended.known_us, ended.executed) == (None, Base(Decimal(40)))


def test_an_absent_order_executed_nothing() -> None:
    """When that became known is not on record without a settlement."""
    found = only((left("order-1"), ShotAnswered("order-1", "unknown", None, "", 9), OrderAbsent("order-1")))

    assert (found.known_us, found.executed) == (None, Base(Decimal(0)))


@pytest.mark.parametrize("leg", [Leg.LADDER, Leg.EXIT])
def test_a_sale_is_not_aimed_and_so_never_late(leg: Leg) -> None:
    """Its zero on record is no measurement."""
    found = only((IntentCommitted(an_intent(leg=leg)), left("order-1", late_us=0, bound_us=None)))

    assert (found.aimed, found.planned_at, found.lateness_us) == (False, None, None)
    assert (summary([found]).lateness.recorded, summary([found]).lateness.missing) == (0, 0)


def test_a_shot_that_never_left_has_no_record() -> None:
    """Committed, withdrawn, or only spoken of."""
    events = (
        PhaseEntered(Phase.FIRING),
        IntentCommitted(an_intent("order-1")),
        IntentCommitted(an_intent("order-2", shot=1)),
        IntentWithdrawn("order-2", "filled"),
    )

    assert flights(events) == ()
    assert summary(()).sent == 0


@given(st.permutations(a_shot("a", after_us=30) + a_shot("b", shot=1, after_us=10) + a_shot("c", shot=2, after_us=20)))
def test_shots_stand_in_the_order_in_which_they_left(events: list[Event]) -> None:
    """Whatever the order of the journal: lanes write theirs when they hear of an answer."""
    found = flights(events)

    assert [(one.client_order_id, one.shot) for one in found] == [("b", 1), ("c", 2), ("a", 0)]
    assert all(one.known_us == 7400 for one in found)


def test_the_summary_counts_answers_and_names_the_worst_clock() -> None:
    """The most frequent answer first, of equals the earliest; shots without an answer on record are counted apart."""
    events = [
        *a_shot("a"),
        *a_shot("b", answer="refused"),
        *a_shot("c", answer="refused"),
        left("d", bound_us=3400),
        left("e", bound_us=None),
    ]
    found = summary(flights(events))

    assert list(found.answers.items()) == [("", 2), ("refused", 2), ("accepted", 1)]
    assert (found.sent, found.clock_bound_us) == (5, 3400)
    assert (found.answer.recorded, found.answer.missing) == (3, 2)
    assert summary(flights([left("e", bound_us=None)])).clock_bound_us is None


@given(st.lists(lengths | st.none()))
def test_percentiles_are_values_that_occurred_and_nothing_is_lost(values: list[int | None]) -> None:
    """Every length is in one bucket, every missing one is counted, and the four figures ascend."""
    found = spread(values)
    known = sorted(value for value in values if value is not None)

    figures = [found.min_us, found.p50_us, found.p90_us, found.max_us]
    assert found.recorded == len(known) == sum(bucket.count for bucket in found.histogram)
    assert found.missing == len(values) - len(known)
    assert [bucket.up_to_us for bucket in found.histogram] == [*BUCKETS_US, None]
    if known:
        told = [figure for figure in figures if figure is not None]
        assert told == sorted(told)
        assert set(told) <= set(known)
        assert (found.min_us, found.max_us) == (known[0], known[-1])
    else:
        assert figures == [None] * 4


@given(lengths)
def test_a_length_is_in_the_first_bucket_that_reaches_it(value: int) -> None:
    """Upper ends are inclusive; what none reaches is in the last."""
    (bucket,) = (bucket for bucket in spread([value]).histogram if bucket.count)

    assert bucket.up_to_us == min((end for end in BUCKETS_US if value <= end), default=None)


def test_the_median_of_ten_is_the_fifth() -> None:
    """And nine of ten do not exceed the ninth; a shot that left early is in the first bucket."""
    found = spread([*range(1, 10), -5])

    assert (found.min_us, found.p50_us, found.p90_us, found.max_us) == (-5, 4, 8, 9)
    assert found.histogram[0].count == 10
