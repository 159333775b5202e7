"""Whatever goes wrong around an opening: nothing is bought beyond the plan, nothing twice, nothing is lost.

The judge is the venue's own ledger. `make chaos SEED=n` tells one run's whole story.
"""

import pytest

from tests.chaos.broken_desks import BROKEN, BrokenDesk
from tests.chaos.ground import Ground
from tests.chaos.judge import complaints
from tests.chaos.many import run_one
from tests.chaos.run import carry_out
from tests.chaos.story import Story

SEEDS = range(20_000, 20_006)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_purchase_under_mishaps_keeps_every_law(ground: Ground, seed: int) -> None:
    """A few seeds with every change; thousands, and real kills, with make chaos."""
    assert run_one(ground, seed).complaints == {}


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
