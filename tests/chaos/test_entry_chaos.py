"""Whatever goes wrong around an opening: nothing is bought beyond the plan, nothing twice, nothing is lost.

The judge is the venue's own ledger. `make chaos SEED=n` tells one run's whole story.
"""

import pytest

from tests.chaos.__main__ import tell_bad
from tests.chaos.broken_desks import BROKEN, BrokenDesk
from tests.chaos.ground import Ground
from tests.chaos.judge import complaints
from tests.chaos.many import Kind, Tally, run_many, run_one
from tests.chaos.run import carry_out
from tests.chaos.story import Story

SEEDS = range(20_000, 20_006)
LONG_SEEDS = range(500)
KILL_SEEDS = range(30)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_purchase_under_mishaps_keeps_every_law(ground: Ground, seed: int) -> None:
    """A few seeds with every change; five hundred in check-long, ten thousand with make chaos."""
    assert run_one(ground, seed).complaints == {}


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_five_hundred_purchases_under_mishaps_keep_every_law() -> None:
    """And things did go wrong in them: outcomes were unknown, holders died, and some bought all the same."""
    tally = _tally(LONG_SEEDS, "threads")

    assert tally.bad_seeds == []
    assert tally.runs == len(LONG_SEEDS)
    assert tally.counts["unknown_outcomes"] > 30
    assert tally.counts["deaths_of_holders"] > 50
    assert tally.counts["bought"] > 50


@pytest.mark.long
@pytest.mark.timeout(900)
def test_thirty_purchases_whose_process_is_killed_keep_every_law() -> None:
    """By SIGKILL, about the opening and while something is being learnt; another process takes over."""
    tally = _tally(KILL_SEEDS, "processes")

    assert tally.bad_seeds == []
    assert tally.runs == len(KILL_SEEDS)
    assert tally.counts["leases"] > 1.5 * tally.runs  # a death on the same machine is proved by its lock: a clean one
    assert tally.counts["bought"] > 5


@pytest.mark.long
@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_a_desk_that_is_broken_on_purpose_is_found(ground: Ground, broken: BrokenDesk) -> None:
    """Every law can be broken, and the judge says so within a few seeds."""
    for seed in range(broken.seeds_from, broken.seeds_from + broken.within_seeds):
        with broken.around():
            evidence = carry_out(ground, broken.plan(seed), Story(ground.scale), breakage=broken.breakage)
        if broken.found_by in complaints(evidence):
            return
    pytest.fail(f"{broken.within_seeds} seeds did not find that it {broken.name}")


def _tally(seeds: range, kind: Kind) -> Tally:
    tally = Tally()
    for outcome in run_many(seeds, kind):
        tally.add(outcome)
        if outcome.complaints:
            tell_bad(outcome, kind)
    return tally
