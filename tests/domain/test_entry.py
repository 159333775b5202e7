"""No sequence of answers makes an entry spend more than its budget, shoot more than it committed, or go on for ever."""

from collections import deque
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.entry import (
    FIRE_WINDOW_S,
    EntryOver,
    Lane,
    ShootAgain,
    Timing,
    after_order,
    after_refusal,
    at_once,
    bound_of,
    cost,
    first_price,
    plan_lanes,
    request_for,
)
from domain.errors import (
    AccessDenied,
    BudgetUsedUp,
    ClockRefused,
    NotTradable,
    OrderRejected,
    OutcomeUnknown,
    PriceRefused,
    RateLimited,
    SniperError,
    TryAgain,
)
from domain.money import Base, Price, Quote
from domain.orders import Fill, Order, OrderKind, OrderRequest, OrderStatus, Side
from domain.policy import EntryPolicy, EntryStrategy
from tests.builders import RULES, T0

P06 = Price(Decimal("0.06"))
answers = st.one_of(
    st.decimals("0.0001", "0.2", places=4).map(lambda cap: PriceRefused("cap", cap=cap)),
    st.sampled_from(
        [NotTradable("not yet"), TryAgain("busy"), ClockRefused("late"), OrderRejected("no"), PriceRefused("")]
    ),
    st.floats(0, 40).map(lambda wait: RateLimited("slow", retry_after_s=wait)),
    st.sampled_from(["absent"]),
    st.floats(0, 1),
)
"""What one shot meets: a refusal, absence after doubt, or the share of it that is filled."""
policies = st.builds(
    EntryPolicy,
    st.decimals("0.0001", "0.1", places=5).map(Price),
    grace_s=st.integers(0, 120),
    strategy=st.sampled_from(list(EntryStrategy)),
    window_s=st.integers(120, 600),
    burst_shots=st.integers(2, 5),
    burst_spacing_ms=st.integers(0, 1000),
    burst_first_ms=st.integers(-200, 1000),
    tranche_parts=st.integers(2, 10),
    tranche_every_s=st.integers(1, 12),
)


def lanes_of(policy: EntryPolicy, budget: Decimal, first_shot: int = 0) -> tuple[Lane, ...]:
    bound = policy.max_price or P06
    rules = replace(RULES, market_orders=True)
    return plan_lanes("NEWUSDT", rules, policy, Quote(budget), bound, T0, first_shot, lambda leg, shot: f"{leg}{shot}")


def filled(request: OrderRequest, share: float) -> tuple[Order, Fill]:
    """The order's end when `share` of it was bought at its price."""
    whole = share > 0.95
    executed = request.quantity if whole else RULES.quantity_down(request.quantity * Decimal(str(round(share, 4))))
    quote = Quote(executed * request.price)
    status = OrderStatus.FILLED if whole else OrderStatus.CANCELLED
    order = Order(
        f"venue-{request.client_order_id}",
        request.client_order_id,
        request.symbol,
        request.side,
        request.kind,
        request.price,
        request.quantity,
        Base(executed),
        quote,
        status,
    )
    fill = Fill(
        f"trade-{request.client_order_id}",
        order.order_id,
        request.client_order_id,
        request.symbol,
        Side.BUY,
        request.price,
        Base(executed),
        quote,
        quote * RULES.taker_fee,
        "USDT",
        T0,
    )
    return order, fill


def shoot(
    lane: Lane, policy: EntryPolicy, told: deque[SniperError | str | float], takes: float
) -> tuple[list[OrderRequest], list[Fill], datetime]:
    """What one lane sends and buys until it is over, and when its last shot went."""
    timing = Timing(policy, T0, lane.begins)
    price, now = policy.max_price or P06, timing.start
    sent: list[OrderRequest] = []
    fills: list[Fill] = []
    last = now
    for intent in lane.intents:
        left = Quote(lane.budget - cost(fills, lane.intents, "USDT"))
        request = request_for(intent, RULES, price, left)
        if request is None or not told:
            break
        sent.append(request)
        last = now
        now += timedelta(seconds=takes)
        answer = told.popleft()
        if isinstance(answer, SniperError):
            step = after_refusal(answer, request.price, timing, now, bought=bool(fills))
        else:
            order, fill = filled(request, answer) if isinstance(answer, float) else (None, None)
            if fill is not None and fill.quantity:
                fills.append(fill)
            left = Quote(lane.budget - cost(fills, lane.intents, "USDT"))
            step = after_order(request.price, order, left, RULES, timing, now, bought=bool(fills))
        if isinstance(step, EntryOver):
            break
        assert step.price <= request.price
        now, price = now + timedelta(seconds=step.pause_s), step.price
        if step.pause_s:
            assert now <= timing.until(bought=bool(fills))
    return sent, fills, last


@given(st.lists(answers, min_size=60, max_size=60), st.decimals("1", "500", places=2), policies, st.floats(0.001, 7))
def test_no_sequence_of_answers_breaks_the_budget(
    told: list[SniperError | str | float], budget: Decimal, policy: EntryPolicy, takes: float
) -> None:
    """Refusals, caps, orders that turned out absent, empty and partial fills in any order, under every strategy."""
    fates = deque(told)
    lanes = lanes_of(policy, budget)
    worst, spent = Decimal(0), Decimal(0)
    for lane in lanes:
        sent, fills, _ = shoot(lane, policy, fates, takes)
        spent += cost(fills, lane.intents, "USDT")
        worst += lane.budget
        assert all(request.price <= (policy.max_price or P06) for request in sent)
        assert all(request.price * request.quantity * (1 + RULES.taker_fee) <= lane.budget for request in sent)

    assert worst <= budget
    assert spent <= budget


@given(policies, st.decimals("50", "500", places=2), st.integers(0, 40))
def test_every_order_is_named_once_and_none_may_leave_long_before_its_time(
    policy: EntryPolicy, budget: Decimal, first_shot: int
) -> None:
    """From the first shot number on without a hole; as many lanes as the strategy says."""
    lanes = lanes_of(policy, budget, first_shot)
    intents = [intent for lane in lanes for intent in lane.intents]

    expected = {EntryStrategy.BURST: policy.burst_shots, EntryStrategy.TRANCHE: policy.tranche_parts}
    assert len(lanes) == expected.get(policy.strategy, 1)
    assert [intent.shot for intent in intents] == list(range(first_shot, first_shot + len(intents)))
    assert len({intent.client_order_id for intent in intents}) == len(intents)
    assert all(
        intent.not_before == lane.begins - timedelta(milliseconds=500) for lane in lanes for intent in lane.intents
    )


def test_a_burst_overlaps_around_the_opening_on_equal_slices() -> None:
    """The first before it when that is asked for, the others at their distance."""
    policy = EntryPolicy(P06, strategy=EntryStrategy.BURST, burst_shots=3, burst_spacing_ms=5, burst_first_ms=-10)

    lanes = lanes_of(policy, Decimal(100))

    assert [(lane.begins - T0) / timedelta(milliseconds=1) for lane in lanes] == [-10, -5, 0]
    assert {lane.budget for lane in lanes} == {Decimal("33.33333333")}


def test_a_budget_below_the_smallest_order_plans_nothing() -> None:
    """No intent is committed that could not be sent, also when it is a slice that is too small."""
    burst = EntryPolicy(P06, strategy=EntryStrategy.BURST, burst_shots=5)

    assert lanes_of(EntryPolicy(P06), Decimal("0.9")) == ()
    assert lanes_of(burst, Decimal(4)) == ()


def test_an_order_that_was_filled_whole_ends_its_lane_whatever_it_saved() -> None:
    """Bought cheaper than the bound: the rest of the budget stays where it is."""
    lane = lanes_of(EntryPolicy(P06), Decimal(50))[0]
    request = request_for(lane.intents[0], RULES, P06, lane.budget)
    assert request is not None
    order, _ = filled(request, 1.0)

    step = after_order(P06, order, Quote(Decimal(20)), RULES, Timing(EntryPolicy(P06), T0, T0), T0, bought=True)

    assert isinstance(step, EntryOver)


def test_once_something_was_bought_the_rest_is_tried_for_in_the_fire_window_only() -> None:
    """The position waits for its guard; with nothing bought the grace counts."""
    timing = Timing(EntryPolicy(P06), T0, T0)
    lane = lanes_of(EntryPolicy(P06), Decimal(50))[0]
    request = request_for(lane.intents[0], RULES, P06, lane.budget)
    assert request is not None
    order, _ = filled(request, 0.2)
    later = T0 + timedelta(seconds=FIRE_WINDOW_S)

    soon = after_order(P06, order, lane.budget, RULES, timing, T0, bought=True)
    late = after_order(P06, order, lane.budget, RULES, timing, later, bought=True)
    nothing = after_order(P06, None, lane.budget, RULES, timing, later, bought=False)

    assert isinstance(soon, ShootAgain)
    assert late == EntryOver(
        "filled", "no more was offered inside the price bound; no shot goes later than 0.7 s after the opening"
    )
    assert isinstance(nothing, ShootAgain)


@given(policies)
def test_the_shots_of_every_lane_last_until_its_end(policy: EntryPolicy) -> None:
    """With a venue that says "not yet" all the time, two of each are left for prices that are refused; also those of a
    lane that begins before the opening."""
    for lane in lanes_of(policy, Decimal(500)):
        timing = Timing(policy, T0, lane.begins)
        now, shots = timing.began, 1
        while isinstance(step := after_refusal(NotTradable("not yet"), P06, timing, now, bought=False), ShootAgain):
            now += timedelta(seconds=step.pause_s)
            shots += 1

        assert shots == len(lane.intents) - 2


def test_shots_are_dense_at_first() -> None:
    """Four within 60 ms for one lane; several lanes share that pace."""
    for policy, each in ((EntryPolicy(P06), 4), (EntryPolicy(P06, strategy=EntryStrategy.BURST, burst_shots=2), 3)):
        timing = Timing(policy, T0, T0)
        now, shots = T0, 1
        while now <= T0 + timedelta(milliseconds=60):
            step = after_refusal(NotTradable("not yet"), P06, timing, now, bought=False)
            assert isinstance(step, ShootAgain)
            now += timedelta(seconds=step.pause_s)
            shots += now <= T0 + timedelta(milliseconds=60)

        assert shots == each - (policy.slices - 1)


EARLY_BURST = EntryPolicy(P06, strategy=EntryStrategy.BURST, burst_shots=5, burst_first_ms=-200, grace_s=120)


@pytest.mark.parametrize(
    "most", [EntryPolicy(P06, grace_s=120), EARLY_BURST, EntryPolicy(P06, strategy=EntryStrategy.TRANCHE)]
)
def test_no_plan_is_longer_than_what_is_recognised_as_ours(most: EntryPolicy) -> None:
    """Names of a session's orders are known beforehand, with room for plans that were given up."""
    plans = [most, *(replace(most, window_s=600, tranche_parts=parts, tranche_every_s=1) for parts in range(2, 11))]

    assert max(sum(len(lane.intents) for lane in lanes_of(plan, Decimal(500))) for plan in plans) <= 180


def test_no_second_resting_order_leaves_after_its_window() -> None:
    """The window ends a limit order, so it ends its repetitions too."""
    timing = Timing(EntryPolicy(P06, strategy=EntryStrategy.LIMIT, window_s=10), T0, T0)

    step = after_order(P06, None, Quote(Decimal(50)), RULES, timing, T0 + timedelta(seconds=9), bought=False)

    assert isinstance(step, EntryOver)


def test_an_unknown_outcome_is_never_answered_by_another_shot() -> None:
    """It has to be learnt first."""
    with pytest.raises(ValueError, match="learnt first"):
        after_refusal(OutcomeUnknown("?"), P06, Timing(EntryPolicy(P06), T0, T0), T0, bought=False)


@pytest.mark.parametrize("refusal", [AccessDenied("key"), OrderRejected("funds"), PriceRefused("no cap")])
def test_a_definite_no_ends_the_entry(refusal: SniperError) -> None:
    """Nothing that a further shot could mend."""
    assert isinstance(after_refusal(refusal, P06, Timing(EntryPolicy(P06), T0, T0), T0, bought=False), EntryOver)


def test_a_rate_limit_is_waited_out() -> None:
    """At least as long as the venue asked for."""
    step = after_refusal(
        RateLimited("slow", retry_after_s=7.0), P06, Timing(EntryPolicy(P06), T0, T0), T0, bought=False
    )

    assert step == ShootAgain(7.0, P06)


def test_a_shot_that_was_kept_from_leaving_goes_without_a_pause_until_the_end_of_its_lane() -> None:
    """There was no refusal to keep a distance from; the last instant counts for it too."""
    timing = Timing(EntryPolicy(P06, grace_s=30), T0, T0)
    last = T0 + timedelta(seconds=30)

    assert at_once(P06, timing, last, "in doubt", bought=False) == ShootAgain(0.0, P06)
    assert at_once(P06, timing, last + timedelta(seconds=1), "in doubt", bought=False) == EntryOver(
        "nothing", "in doubt; no shot goes later than 30 s after the opening"
    )
    assert isinstance(at_once(P06, timing, T0 + timedelta(seconds=1), "in doubt", bought=True), EntryOver)


def test_room_in_our_own_budget_is_looked_for_at_the_usual_pace() -> None:
    """It may appear at any time; how long it may take at most is no wish of the venue."""
    full = BudgetUsedUp("used up", retry_after_s=11.6)
    step = after_refusal(full, P06, Timing(EntryPolicy(P06), T0, T0), T0 - timedelta(seconds=2), bought=False)

    assert step == ShootAgain(0.02, P06)


def test_a_refusal_that_names_a_cap_is_answered_at_once_at_the_cap() -> None:
    """Below the price asked; a cap that is not below it makes no sense and ends the entry."""
    timing = Timing(EntryPolicy(P06), T0, T0)

    assert after_refusal(PriceRefused("", cap=Decimal("0.05")), P06, timing, T0, bought=False) == ShootAgain(
        0.0, Price(Decimal("0.05"))
    )
    assert isinstance(after_refusal(PriceRefused("", cap=P06), P06, timing, T0, bought=False), EntryOver)


def test_the_price_bound_comes_from_the_operator_or_else_from_the_best_ask() -> None:
    """Without either there is none; a late entry has a bound of its own."""
    ask = Price(Decimal("0.05"))
    policy = EntryPolicy(P06, late_max_price=Price(Decimal("0.04")))
    none = EntryPolicy(None, markup_percent=Decimal(20))

    assert bound_of(policy, ask, late=False) == P06
    assert bound_of(policy, ask, late=True) == Decimal("0.04")
    assert bound_of(none, None, late=False) is None
    assert bound_of(none, ask, late=False) == Decimal("0.06")
    assert first_price(policy, P06, ask) == Decimal("0.055")
    assert first_price(policy, P06, Price(Decimal("0.059"))) == P06
    assert first_price(policy, P06, None) == P06


def test_a_market_purchase_is_sized_by_quote_with_room_for_its_fee() -> None:
    """And no other kind carries an amount."""
    market = EntryPolicy(P06, strategy=EntryStrategy.MARKET)
    lane, other = lanes_of(market, Decimal(50))[0], lanes_of(EntryPolicy(P06), Decimal(50))[0]

    request = request_for(lane.intents[0], RULES, P06, lane.budget)
    plain = request_for(other.intents[0], RULES, P06, other.budget)

    assert request is not None
    assert request.kind is OrderKind.MARKET
    assert request.quote is not None
    assert Decimal(49) < request.quote * (1 + RULES.taker_fee) <= Decimal(50)
    assert plain is not None
    assert plain.quote is None


@pytest.mark.parametrize(("most", "market_most", "spent"), [(200, None, 200), (200, 100, 100), (None, 300, 300)])
def test_a_market_purchase_is_no_larger_than_the_venue_takes(
    most: int | None, market_most: int | None, spent: int
) -> None:
    """Its own maximum counts where the venue names one."""
    market = EntryPolicy(P06, strategy=EntryStrategy.MARKET)
    lane = lanes_of(market, Decimal(500))[0]
    rules = replace(
        RULES,
        max_notional=None if most is None else Quote(Decimal(most)),
        max_market_notional=None if market_most is None else Quote(Decimal(market_most)),
    )

    request = request_for(lane.intents[0], rules, P06, lane.budget)

    assert request is not None
    assert request.quote == spent
