"""Who works on the session, who dies when, and what else happens on our side."""

import random

from tests.chaos.plan import Mishap, MishapKind, Worker

_STRIKES_ONE: tuple[MishapKind, ...] = ("kill", "kill", "pause", "pause", "suspend", "cut_off", "detach")
_STRIKES_ALL: tuple[MishapKind, ...] = (
    "abort",
    "cheaper",
    "store_away",
    "store_frozen",
    "store_breaks",
    "store_clock",
    "venue_stalls",
    "connections_break",
)
_MOST_CALLS = 160
"""Port calls of a whole session that goes well, about."""


def draw_workers(dice: random.Random, opens_in_s: float) -> tuple[Worker, ...]:
    """The first one fires; others stand beside it from some instant on, or follow when it died; and a guard."""
    workers = [_mortal(dice, Worker("fire-0", begins_s=-opens_in_s))]
    for number in range(1, dice.choice((1, 2, 2, 3))):
        name = f"fire-{number}"
        if dice.random() < 0.5:
            workers.append(_mortal(dice, Worker(name, begins_s=instant(dice, opens_in_s))))
        else:
            workers.append(_mortal(dice, Worker(name, follows=workers[-1].name, begins_s=dice.choice((0.0, 0.5, 4.0)))))
    if dice.random() < 0.1:
        workers.append(Worker("guard-0", may_fire=False, resumes=True, begins_s=dice.uniform(0.0, 4.0)))
    else:
        workers.append(_mortal(dice, Worker("guard-0", may_fire=False, begins_s=dice.choice((0.0, 0.2, 3.0)))))
    return tuple(workers)


def draw_mishaps(dice: random.Random, workers: tuple[Worker, ...], opens_in_s: float) -> tuple[Mishap, ...]:
    found = []
    for _ in range(dice.choice((0, 0, 1, 1, 2, 3))):
        at_s = instant(dice, opens_in_s)
        if dice.random() < 0.6:
            kind = dice.choice(_STRIKES_ONE)
            name = dice.choice([worker.name for worker in workers])
            found.append(Mishap(at_s, kind, name, dice.choice((0.2, 0.9, 2.5, 6.5, 8.0))))
        else:
            kind, for_s = dice.choice(_STRIKES_ALL), dice.choice((0.3, 1.0, 2.5, 6.0))
            sets_s = dice.choice((-3600.0, -4.0, 4.0, 3600.0)) if kind == "store_clock" else 0.0
            found.append(Mishap(at_s, kind, for_s=for_s, sets_s=sets_s))
    return tuple(sorted(found, key=lambda mishap: mishap.at_s))


def instant(dice: random.Random, opens_in_s: float) -> float:
    """Seconds from the opening: mostly at it, often while something is being learnt."""
    where = dice.random()
    if where < 0.45:
        return dice.uniform(-0.05, 0.5)
    if where < 0.65:
        return dice.uniform(0.5, 8.0)
    if where < 0.9:
        return dice.uniform(-2.1, 0.0)
    return dice.uniform(-opens_in_s + 0.3, -2.0)


def _mortal(dice: random.Random, worker: Worker) -> Worker:
    if dice.random() < 0.6:
        return worker
    return Worker(
        worker.name,
        worker.may_fire,
        worker.begins_s,
        worker.follows,
        worker.resumes,
        dies_at_call=dice.randint(1, _MOST_CALLS),
        after=dice.random() < 0.5,
    )
