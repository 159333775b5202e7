"""What seeds draw: always the same, always usable, and in the long run everything there is."""

from typing import get_args

from domain.policy import EntryStrategy
from tests.chaos.draw import draw
from tests.chaos.draw_kill import draw_kill
from tests.chaos.plan import MishapKind
from tests.chaos.wire import WireFaultKind

MANY = range(400)


def test_a_seed_draws_the_same_plan_every_time() -> None:
    """So that it can be run again."""
    assert [draw(seed) for seed in range(20)] == [draw(seed) for seed in range(20)]
    assert [draw_kill(seed) for seed in range(20)] == [draw_kill(seed) for seed in range(20)]
    assert draw(1) != draw(2)


def test_the_venue_always_takes_repeated_ids() -> None:
    """Uniqueness is ours to keep."""
    assert all(draw(seed).settings["accept_repeated_ids"] for seed in MANY)


def test_everything_that_can_go_wrong_is_drawn() -> None:
    """No kind of mishap, of fault on the wire or of fault at the venue is left out."""
    plans = [draw(seed) for seed in MANY]

    assert {mishap.kind for plan in plans for mishap in plan.mishaps} == set(get_args(MishapKind))
    assert {fault.kind for plan in plans for fault in plan.wire_faults} == set(get_args(WireFaultKind))
    assert {fault["kind"] for plan in plans for fault in plan.faults} == {
        "cancel_order",
        "garbled_answer",
        "late_answer",
        "latency",
        "lose_answer",
        "lose_request",
        "status",
        "truncated_answer",
    }
    assert any(worker.dies_at_call for plan in plans for worker in plan.workers)


def test_many_instants_lie_about_the_opening() -> None:
    """Where a mishap hurts most."""
    mishaps = [mishap for seed in MANY for mishap in draw(seed).mishaps]
    kills = [draw_kill(seed).mishaps[0] for seed in MANY]

    assert sum(-0.05 <= mishap.at_s <= 0.5 for mishap in mishaps) > len(mishaps) / 3
    assert sum(-0.05 <= kill.at_s <= 0.5 for kill in kills) > len(kills) / 3


def test_every_strategy_is_drawn_with_and_without_a_price() -> None:
    """And each part of a run has dice of its own: what happens does not depend on the strategy."""
    policies = [draw(seed).policy.entry for seed in MANY]

    assert {policy.strategy for policy in policies} == set(EntryStrategy)
    assert {policy.strategy for policy in policies if policy.max_price is None} == set(EntryStrategy)
