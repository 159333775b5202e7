"""Every value that cannot be used is told with itself, what was expected, and what to do."""

from dataclasses import replace
from decimal import Decimal

import pytest

from domain.checks import reasons_of
from domain.entry import plan_lanes
from domain.money import Price, Quote
from domain.policy import EntryPolicy, EntryStrategy, ExitPolicy, LadderStep, PolicyChange, TradePolicy, complaints
from domain.risk import assess
from tests.builders import RULES, T0, a_policy, a_start
from tests.domain.test_risk import seen

GOOD = a_policy()


def step(gain: str, share: str) -> LadderStep:
    return LadderStep(Decimal(gain), Decimal(share))


def exits(**values: object) -> TradePolicy:
    return replace(GOOD, exits=replace(GOOD.exits, **values))  # type: ignore[arg-type]  # fields by name


def entry(**values: object) -> TradePolicy:
    return replace(GOOD, entry=replace(GOOD.entry, **values))  # type: ignore[arg-type]  # fields by name


BAD = {
    "budget of zero": replace(GOOD, budget_quote=Quote(Decimal(0))),
    "budget above the cap": replace(GOOD, budget_quote=Quote(Decimal("500.01"))),
    "budget that is no number": replace(GOOD, budget_quote=Quote(Decimal("NaN"))),
    "arm lead too short": replace(GOOD, arm_lead_s=4),
    "arm lead too long": replace(GOOD, arm_lead_s=601),
    "price bound of zero": entry(max_price=Price(Decimal(0))),
    "price bound without end": entry(max_price=Price(Decimal("Infinity"))),
    "price bound that is no number": entry(max_price=Price(Decimal("NaN"))),
    "late price bound of zero": entry(late_max_price=Price(Decimal(0))),
    "late price bound that is no number": entry(late_max_price=Price(Decimal("NaN"))),
    "negative markup": entry(markup_percent=Decimal(-1)),
    "markup that doubles the price and more": entry(markup_percent=Decimal(101)),
    "markup that is no number": entry(markup_percent=Decimal("NaN")),
    "no entry window": entry(window_s=0),
    "endless entry window": entry(window_s=601),
    "burst of none": entry(strategy=EntryStrategy.BURST, burst_shots=0),
    "burst of one": entry(strategy=EntryStrategy.BURST, burst_shots=1),
    "burst of too many": entry(strategy=EntryStrategy.BURST, burst_shots=6),
    "burst backwards": entry(strategy=EntryStrategy.BURST, burst_spacing_ms=-1),
    "burst too far apart": entry(strategy=EntryStrategy.BURST, burst_spacing_ms=1001),
    "burst too early": entry(strategy=EntryStrategy.BURST, burst_first_ms=-201),
    "burst too late": entry(strategy=EntryStrategy.BURST, burst_first_ms=1001),
    "no tranches": entry(strategy=EntryStrategy.TRANCHE, tranche_parts=0),
    "one tranche": entry(strategy=EntryStrategy.TRANCHE, tranche_parts=1),
    "too many tranches": entry(strategy=EntryStrategy.TRANCHE, tranche_parts=11, tranche_every_s=1),
    "tranches all at once": entry(strategy=EntryStrategy.TRANCHE, tranche_every_s=0),
    "tranches beyond the window": entry(strategy=EntryStrategy.TRANCHE, tranche_every_s=20),
    "negative grace": entry(grace_s=-1),
    "endless grace": entry(grace_s=121),
    "negative late entry": entry(late_entry_s=-1),
    "no receive window": entry(recv_window_ms=0),
    "receive window above a second": entry(recv_window_ms=1001),
    "clock bound of zero": entry(clock_bound_ms=0),
    "clock bound above a second": entry(clock_bound_ms=1001),
    "stop too near": exits(stop_percent=Decimal("0.9")),
    "stop too far": exits(stop_percent=Decimal(51)),
    "stop that is no number": exits(stop_percent=Decimal("NaN")),
    "stop never confirmed": exits(stop_confirm_ms=10**9),
    "negative confirmation": exits(stop_confirm_ms=-1),
    "no time stop": exits(time_stop_s=0),
    "ladder too long": exits(ladder=tuple(step(str(n), "10") for n in range(1, 8))),
    "ladder descending": exits(ladder=(step("10", "25"), step("5", "25"))),
    "ladder step twice": exits(ladder=(step("10", "25"), step("10", "25"))),
    "ladder gain of zero": exits(ladder=(step("0", "25"),)),
    "ladder gain that is no number": exits(ladder=(step("NaN", "25"),)),
    "ladder shares above the whole": exits(ladder=(step("5", "60"), step("10", "60"))),
    "ladder share of zero": exits(ladder=(step("5", "0"),)),
    "ladder share that is no number": exits(ladder=(step("5", "NaN"),)),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_value_is_told_with_expectation_and_remedy(name: str) -> None:
    """One complaint for one bad value: got, expected, remedy."""
    found = complaints(BAD[name])

    assert len(found) == 1
    assert "got" in found[0]
    assert "expected" in found[0]
    assert "; " in found[0]


@pytest.mark.parametrize("name", BAD)
def test_a_bad_policy_is_a_reason_against_a_session(name: str) -> None:
    """Nothing that is complained of is ever approved."""
    start = replace(a_start(), policy=BAD[name])

    assert set(complaints(start.policy)) <= set(reasons_of(assess(start, seen())))


def test_every_complaint_is_told_at_once() -> None:
    """The operator reads one complete answer."""
    policy = TradePolicy(
        Quote(Decimal(0)), EntryPolicy(Price(Decimal(0))), ExitPolicy(stop_percent=Decimal(0)), arm_lead_s=0
    )

    assert len(complaints(policy)) == 4


def test_the_defaults_can_be_used() -> None:
    """Also a policy without a ladder."""
    assert complaints(GOOD) == ()
    assert complaints(exits(ladder=())) == ()


@pytest.mark.parametrize("strategy", EntryStrategy)
def test_every_strategy_can_be_used_as_it_is(strategy: EntryStrategy) -> None:
    """Also without a price bound of the operator's; what belongs to other strategies is not looked at."""
    others = {} if strategy is EntryStrategy.BURST else {"burst_shots": 99}

    assert complaints(entry(strategy=strategy, max_price=None, **others)) == ()


@pytest.mark.parametrize(
    ("strategy", "slices"),
    [
        (EntryStrategy.IOC_CAP, 1),
        (EntryStrategy.LIMIT, 1),
        (EntryStrategy.MARKET, 1),
        (EntryStrategy.BURST, 3),
        (EntryStrategy.TRANCHE, 4),
    ],
)
def test_slices_are_as_many_as_lanes_are_planned(strategy: EntryStrategy, slices: int) -> None:
    """What the operator reads of a strategy is what the entry carries out."""
    policy = entry(strategy=strategy)
    lanes = plan_lanes(
        "NEWUSDT", RULES, policy.entry, policy.budget_quote, Price(Decimal("0.06")), T0, 0, lambda leg, shot: f"{shot}"
    )

    assert policy.entry.slices == len(lanes) == slices


def test_a_change_leaves_what_it_does_not_name() -> None:
    """None means: as it is."""
    change = PolicyChange(stop_percent=Decimal(9))

    changed = change.applied_to(GOOD)

    assert changed == exits(stop_percent=Decimal(9))
    assert PolicyChange().applied_to(GOOD) == GOOD
