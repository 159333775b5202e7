"""Answers used again: as old as the asker allows, asked once for all who ask at the same time."""

import asyncio

import pytest

from adapters.mexc.kept import Kept
from domain.errors import TryAgain
from tests.adapters.mexc.still_clock import StillClock


class Question:
    """Answers with the number of the call; the next ones may fail."""

    def __init__(self) -> None:
        self.asked = 0
        self.failing = False

    async def __call__(self) -> int:
        self.asked += 1
        await asyncio.sleep(0)
        if self.failing:
            raise TryAgain("not now")
        return self.asked


async def test_an_answer_serves_until_it_is_too_old_for_the_asker() -> None:
    """Age counts from when it was asked for."""
    clock = StillClock()
    kept = Kept(Question(), clock)
    first = await kept.get(30)
    clock.seconds += 20

    assert (first, await kept.get(30), await kept.get(20), await kept.get(10), await kept.get(30)) == (1, 1, 1, 2, 2)


async def test_those_who_ask_meanwhile_share_the_next_answer() -> None:
    """An answer that was under way before is too old for who wants a fresh one, but one more serves all of them."""
    clock = StillClock()
    question = Question()
    kept = Kept(question, clock)

    async def later() -> int:
        clock.seconds += 1
        return await kept.get(0)

    answers = list(await asyncio.gather(kept.get(0), later(), kept.get(5), kept.get(5)))

    assert answers == [1, 2, 2, 2]
    assert question.asked == 2


async def test_a_failure_leaves_the_old_answer() -> None:
    """It is told to the asker and not kept."""
    clock = StillClock()
    question = Question()
    kept = Kept(question, clock)
    await kept.get(0)
    clock.seconds += 5
    question.failing = True

    with pytest.raises(TryAgain):
        await kept.get(1)
    assert await kept.get(10) == 1
