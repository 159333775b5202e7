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
    question = Question()
    kept: Kept[int] = Kept(clock)
    first = await kept.get(30, question)
    clock.seconds += 20

    answers = [await kept.get(at_most_s, question) for at_most_s in (30, 20, 10, 30)]

    assert [first, *answers] == [1, 1, 1, 2, 2]


async def test_those_who_ask_meanwhile_share_the_next_answer() -> None:
    """An answer that was under way before is too old for who wants a fresh one, but one more serves all of them."""
    clock = StillClock()
    question = Question()
    kept: Kept[int] = Kept(clock)

    async def later() -> int:
        clock.seconds += 1
        return await kept.get(0, question)

    answers = list(await asyncio.gather(kept.get(0, question), later(), kept.get(5, question), kept.get(5, question)))

    assert answers == [1, 2, 2, 2]
    assert question.asked == 2


async def test_a_failure_leaves_the_old_answer() -> None:
    """It is told to the asker and not kept."""
    clock = StillClock()
    question = Question()
    kept: Kept[int] = Kept(clock)
    await kept.get(0, question)
    clock.seconds += 5
    question.failing = True

    with pytest.raises(TryAgain):
        await kept.get(1, question)
    assert await kept.get(10, question) == 1


async def test_who_is_in_a_hurry_does_not_wait_for_who_is_not() -> None:
    """The first question hangs; the urgent one is asked beside it, and its answer serves the next ones."""
    clock = StillClock()
    kept: Kept[int] = Kept(clock)
    never = asyncio.Event()

    async def hang() -> int:
        await never.wait()
        return 0

    slow = asyncio.create_task(kept.get(0, hang))
    await asyncio.sleep(0)

    assert await kept.get(0, Question(), urgent=True) == 1
    assert await kept.get(5, Question()) == 1
    slow.cancel()
