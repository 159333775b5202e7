"""A desk may die at any call it makes: whatever is left at the venue is found, and nothing is bought twice."""

import random
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from domain.errors import NotTradable, PriceRefused, RateLimited
from domain.policy import EntryPolicy, ExitPolicy, LadderStep
from tests.builders import a_policy, a_record
from tests.desk.floor import Floor, Life
from tests.fakes import Fate, Lost

EXITS = ExitPolicy(ladder=(LadderStep(Decimal(10), Decimal(50)),), time_stop_s=3)
MISHAPS: dict[str, tuple[Fate, ...]] = {
    "all goes well": (),
    "the answer is lost": (Lost(booked=True),),
    "the request is lost": (Lost(booked=False),),
    "the order comes late": (Lost(booked=True, after_s=0.9),),
    "not open yet": (NotTradable("not yet"), NotTradable("not yet")),
    "a cap, then a lost answer": (PriceRefused("cap", cap=Decimal("0.052")), Lost(booked=True)),
    "the ladder's answer is lost": (None, Lost(booked=True), Lost(booked=True)),
}


def a_floor(fates: Sequence[Fate], *, late_entry_s: int = 120) -> Floor:
    policy = a_policy(exits=EXITS)
    entry: EntryPolicy = replace(policy.entry, late_entry_s=late_entry_s)
    floor = Floor(a_record(policy=replace(policy, entry=entry)), opens_in_s=4.0)
    floor.exchange.fates.extend(fates)
    return floor


async def died_and_taken_over(floor: Floor, lives: Sequence[Life]) -> None:
    for number, life in enumerate(lives):
        await floor.trade_dying(life, f"fire-{number}")
    await floor.trade_dying(Life(), "fire-last")


@pytest.mark.parametrize("after", [False, True], ids=["before the call", "after the call"])
@pytest.mark.parametrize("mishap", MISHAPS)
async def test_wherever_a_desk_dies_the_next_one_finds_all_and_buys_once(mishap: str, after: bool) -> None:
    """Over every call of a whole session: one purchase inside the budget, every fill booked, flat at the end."""
    wrong: list[str] = []
    calls = 1
    while True:
        floor = a_floor(MISHAPS[mishap])
        life = Life(ends_at=calls, after=after)
        await died_and_taken_over(floor, [life])
        found = floor.complaints()
        if len(floor.exchange.bought_orders) != 1:
            found.append("nothing was bought")
        wrong += [f"death {life.died_at} (call {calls}): {line}" for line in found]
        if life.calls < calls:
            break
        calls += 1 if calls < 60 else 3

    assert wrong == []
    assert calls > 60


@pytest.mark.parametrize("seed", range(40))
async def test_desks_that_die_again_and_again_leave_one_purchase_and_no_position(seed: int) -> None:
    """Three deaths at random calls under random answers of the venue, and still one entry at most."""
    dice = random.Random(seed)
    choices: list[Fate] = [
        None,
        Lost(booked=True),
        Lost(booked=False),
        Lost(booked=True, after_s=0.8),
        NotTradable("not yet"),
        RateLimited("slow down", retry_after_s=2.0),
        PriceRefused("cap", cap=Decimal("0.052")),
    ]
    floor = a_floor([dice.choice(choices) for _ in range(8)])
    floor.exchange.fills_after_s = dice.choice([0.0, 0.7])
    if dice.random() < 0.5:
        floor.exchange.free["NEW"] = floor.coins_before = Decimal(500)

    await died_and_taken_over(floor, [Life(dice.randrange(1, 150), dice.random() < 0.5) for _ in range(3)])

    assert floor.complaints() == []
