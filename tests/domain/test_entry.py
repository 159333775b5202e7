"""No sequence of answers makes an entry spend more than its budget, shoot more than it committed, or go on for ever."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.entry import MAX_SHOTS, EntryOver, ShootAgain, after_empty, after_refusal, plan_intents, request_for
from domain.errors import (
    AccessDenied,
    ClockRefused,
    NotTradable,
    OrderRejected,
    OutcomeUnknown,
    PriceRefused,
    RateLimited,
    SniperError,
    TryAgain,
)
from domain.money import Price, Quote
from domain.policy import EntryPolicy
from tests.builders import RULES, T0

answers = st.one_of(
    st.decimals("0.0001", "0.2", places=4).map(lambda cap: PriceRefused("cap", cap=cap)),
    st.sampled_from(
        [NotTradable("not yet"), TryAgain("busy"), ClockRefused("late"), OrderRejected("no"), PriceRefused("")]
    ),
    st.floats(0, 40).map(lambda wait: RateLimited("slow", retry_after_s=wait)),
    st.sampled_from(["absent", "empty"]),
    st.decimals("0.01", "1", places=2),
)


@given(
    st.lists(answers, min_size=30, max_size=30),
    st.decimals("1", "500", places=2),
    st.decimals("0.0001", "0.1", places=5),
    st.integers(0, 120),
    st.floats(0.001, 7),
)
def test_no_sequence_of_answers_breaks_the_budget(
    told: list[SniperError | str | Decimal], budget: Decimal, bound: Decimal, grace: int, takes: float
) -> None:
    """Refusals, caps, unknown orders that turned out absent, empty and partial fills, in any order."""
    policy = EntryPolicy(Price(bound), grace_s=grace)
    intents = plan_intents("NEWUSDT", RULES, policy, Quote(budget), T0, 0, lambda leg, shot: f"{leg}{shot}")
    spent, shots, now, price = Decimal(0), 0, T0, Price(bound)
    for intent, answer in zip(intents, told, strict=False):
        request = request_for(intent, RULES, price)
        if request is None:
            break
        shots += 1
        assert request.price <= bound
        assert request.price <= price
        cost = request.price * request.quantity * (1 + RULES.taker_fee)
        assert cost <= budget
        now += timedelta(seconds=takes)
        if isinstance(answer, Decimal):
            spent += cost * answer
            break
        step = (
            after_empty(request.price, policy, T0, now)
            if isinstance(answer, str)
            else after_refusal(answer, request.price, policy, T0, now)
        )
        if isinstance(step, EntryOver):
            break
        now, price = now + timedelta(seconds=step.pause_s), step.price
        if step.pause_s:
            assert (now - T0).total_seconds() <= grace

    assert spent <= budget
    assert shots <= MAX_SHOTS


def test_all_shots_are_named_before_the_opening_and_each_may_use_the_whole_budget() -> None:
    """Twenty ids from the first shot number on, none of which may leave long before the opening."""
    policy = EntryPolicy(Price(Decimal("0.06")))
    intents = plan_intents("NEWUSDT", RULES, policy, Quote(Decimal(50)), T0, 7, lambda leg, shot: f"{leg}{shot}")

    assert [intent.shot for intent in intents] == list(range(7, 7 + MAX_SHOTS))
    assert len({intent.client_order_id for intent in intents}) == MAX_SHOTS
    assert {intent.not_before for intent in intents} == {T0 - timedelta(milliseconds=500)}


def test_a_budget_below_the_smallest_order_plans_nothing() -> None:
    """No intent is committed that could not be sent."""
    policy = EntryPolicy(Price(Decimal("0.06")))

    assert plan_intents("NEWUSDT", RULES, policy, Quote(Decimal("0.9")), T0, 0, lambda leg, shot: "") == ()


def test_an_unknown_outcome_is_never_answered_by_another_shot() -> None:
    """It has to be learnt first."""
    policy = EntryPolicy(Price(Decimal("0.06")))

    with pytest.raises(ValueError, match="learnt first"):
        after_refusal(OutcomeUnknown("?"), Price(Decimal("0.06")), policy, T0, T0)


@pytest.mark.parametrize("refusal", [AccessDenied("key"), OrderRejected("funds"), PriceRefused("no cap")])
def test_a_definite_no_ends_the_entry(refusal: SniperError) -> None:
    """Nothing that a further shot could mend."""
    policy = EntryPolicy(Price(Decimal("0.06")))

    assert isinstance(after_refusal(refusal, Price(Decimal("0.06")), policy, T0, T0), EntryOver)


def test_a_rate_limit_is_waited_out() -> None:
    """At least as long as the venue asked for."""
    policy = EntryPolicy(Price(Decimal("0.06")))

    step = after_refusal(RateLimited("slow", retry_after_s=7.0), Price(Decimal("0.06")), policy, T0, T0)

    assert step == ShootAgain(7.0, Price(Decimal("0.06")))
