"""Plans for real processes: a listing and a venue as any seed draws them, and kills at seeded instants."""

import random
from dataclasses import replace
from typing import Any

from tests.chaos.draw import draw
from tests.chaos.plan import Mishap, Plan, Worker, dice_of

SCALE = 4.0
"""Seconds per real second: a new interpreter needs a real one until its desk stands."""
_OPENS_IN_S = 14.0


def draw_kill(seed: int) -> Plan:
    """The firing process is killed about the opening or while it learns; others stand by, or begin at its death."""
    plan = draw(seed)
    dice = dice_of(seed, "kill")
    killed_s = _instant(dice)
    workers = [Worker("fire-0", begins_s=-_OPENS_IN_S)]
    mishaps = [Mishap(killed_s, "kill", "fire-0")]
    if dice.random() < 0.5:
        workers.append(Worker("fire-1", begins_s=-_OPENS_IN_S + 1))
    else:
        workers.append(Worker("fire-1", follows="fire-0"))
    if dice.random() < 0.4:
        mishaps.append(Mishap(killed_s + dice.choice((0.3, 2.0, 6.5, 9.0)), "kill", "fire-1"))
    if dice.random() < 0.3:
        mishaps.append(Mishap(_instant(dice), "pause", "fire-1", for_s=dice.choice((1.5, 7.0))))
    workers.append(Worker("guard-0", may_fire=False, begins_s=dice.choice((0.0, 3.0))))
    entry = replace(plan.policy.entry, late_entry_s=60, grace_s=20, window_s=25)
    return replace(
        plan,
        policy=replace(plan.policy, entry=entry),
        opens_in_s=_OPENS_IN_S,
        workers=tuple(workers),
        mishaps=tuple(sorted(mishaps, key=lambda mishap: mishap.at_s)),
        faults=plan.faults or _unanswered(dice),
    )


def _instant(dice: random.Random) -> float:
    where = dice.random()
    if where < 0.5:
        return dice.uniform(-0.05, 0.5)
    return dice.uniform(0.5, 7.0) if where < 0.8 else dice.uniform(-2.5, -0.05)


def _unanswered(dice: random.Random) -> tuple[dict[str, Any], ...]:
    """Something to be learnt, mostly."""
    if dice.random() < 0.3:
        return ()
    match = {"method": "POST", "path": "/api/v3/order", "side": "BUY"}
    return ({"match": match, "kind": dice.choice(("lose_answer", "lose_request", "garbled_answer")), "times": 1},)
