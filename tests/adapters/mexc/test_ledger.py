"""The request budget's books: what fits, who goes first, and that the venue never sees more than its limit."""

from hypothesis import given
from hypothesis import strategies as st

from adapters.mexc.ledger import MARGIN_S, UNANSWERED_S, YIELD_S, Ledger
from adapters.mexc.limits import Limits, Priority, Resource, alone

ORDER = {Resource.ORDERS: 1, Resource.REQUESTS: 1}


def fill(ledger: Ledger, now: float, priority: Priority) -> int:
    """Take orders until none fits; how many did."""
    taken = 0
    while ledger.ask(now, grant := hash((priority, now, taken)), ORDER, priority) == 0:
        taken += 1
        ledger.take(now, grant, ORDER)
    return taken


def test_lower_priorities_leave_the_reserve_to_exits() -> None:
    """Of twelve orders a second entries may use nine; exits all that is left."""
    ledger = Ledger(Limits())

    assert fill(ledger, 0.0, Priority.ENTRY) == 9
    assert fill(ledger, 0.0, Priority.EXIT) == 3


def test_each_priority_leaves_room_for_those_above() -> None:
    """Of weight 300 polling may use 120."""
    limits = Limits()

    assert [limits.cap(Resource.WEIGHT, priority) for priority in Priority] == [300, 270, 240, 180, 120]
    assert [limits.cap(Resource.REQUESTS, priority) for priority in Priority] == [20, 18, 16, 12, 8]


def test_an_exit_that_waits_keeps_the_others_off() -> None:
    """What becomes free goes to it; when it does not ask again, the others go on."""
    ledger = Ledger(Limits(orders=2))
    ledger.take(0.0, 1, ORDER)
    ledger.take(0.0, 2, ORDER)
    assert ledger.ask(0.0, 99, ORDER, Priority.EXIT) > 0

    ledger.unused(1, ORDER)
    ledger.unused(2, ORDER)

    assert ledger.ask(0.0, 98, ORDER, Priority.ENTRY) > 0
    assert ledger.ask(0.0, 99, ORDER, Priority.EXIT) == 0
    assert ledger.ask(YIELD_S, 98, ORDER, Priority.ENTRY) == 0


def test_a_heavy_question_is_not_passed_over_for_ever() -> None:
    """Light ones of its priority wait behind it; those of higher priority do not."""
    ledger = Ledger(Limits(weight=20))
    cap = ledger.limits.cap(Resource.WEIGHT, Priority.PREPARE)
    ledger.take(0.0, 1, {Resource.WEIGHT: cap - 5})
    assert ledger.ask(0.0, 2, {Resource.WEIGHT: 8}, Priority.PREPARE) > 0

    assert ledger.ask(0.0, 3, {Resource.WEIGHT: 1}, Priority.PREPARE) > 0
    assert ledger.ask(0.0, 4, {Resource.WEIGHT: 1}, Priority.ENTRY) == 0
    ledger.unused(1, {Resource.WEIGHT: 1})
    assert ledger.ask(0.0, 2, {Resource.WEIGHT: 8}, Priority.PREPARE) == 0


def test_a_call_counts_until_its_answer_has_left_the_window() -> None:
    """Answered late it counts late; never answered, until it can no longer arrive; never sent, not at all."""
    ledger = Ledger(Limits(orders=1))
    ledger.take(0.0, 1, ORDER)
    assert ledger.ask(0.0, 99, ORDER, Priority.EXIT) == UNANSWERED_S + 1.0 + MARGIN_S

    ledger.answered(0.5, 1, ORDER)
    assert ledger.ask(1.4, 99, ORDER, Priority.EXIT) > 0
    assert ledger.ask(1.5 + MARGIN_S, 99, ORDER, Priority.EXIT) == 0

    ledger.take(2.0, 2, ORDER)
    ledger.unused(2, ORDER)
    assert ledger.ask(2.0, 99, ORDER, Priority.EXIT) == 0


def test_more_than_the_limit_fits_into_an_empty_window() -> None:
    """It would otherwise never leave."""
    ledger = Ledger(Limits(weight=10))

    assert ledger.ask(0.0, 1, {Resource.WEIGHT: 25}, Priority.POLL) == 0


def test_without_redis_each_worker_leaves_something_to_the_others() -> None:
    """Nobody takes more than four fifths of anything; whoever buys and whoever sells can do so a few times a second."""
    parts = {role: alone(role) for role in ("control", "fire", "guard")}

    for resource in Resource:
        assert all(part.of(resource) <= Limits().of(resource) * 0.8 for part in parts.values())
    assert parts["fire"].cap(Resource.ORDERS, Priority.ENTRY) >= 6
    assert parts["guard"].cap(Resource.ORDERS, Priority.EXIT) >= 5


Call = tuple[float, Priority, float, float]

CALLS = st.lists(
    st.tuples(
        st.floats(0.0, 0.3),  # how long after the call before
        st.sampled_from(Priority),
        st.floats(0.0, 0.9),  # to the venue
        st.floats(0.0, 0.9),  # and back
    ),
    max_size=120,
)


@given(CALLS)
def test_the_venue_never_sees_more_than_its_limit_in_any_second(
    calls: list[Call],
) -> None:
    """However long each call travels: it arrives between its admission and its answer, and counts for longer."""
    limit = 5
    ledger = Ledger(Limits(orders=limit, requests=1000))
    now = 0.0
    arrivals: list[float] = []
    answers: list[tuple[float, int]] = []
    for number, (pause, priority, there, back) in enumerate(calls):
        now += pause
        for answered_at, answered in [answer for answer in answers if answer[0] <= now]:
            ledger.answered(answered_at, answered, ORDER)
            answers.remove((answered_at, answered))
        if ledger.ask(now, number, ORDER, priority) > 0:
            continue
        ledger.take(now, number, ORDER)
        arrivals.append(now + there)
        answers.append((now + there + back, number))

    for arrival in arrivals:
        assert sum(arrival - 1.0 < other <= arrival for other in arrivals) <= limit
