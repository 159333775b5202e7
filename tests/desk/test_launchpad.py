"""The launchpad fires each line at its instant, after its last look, and no mishap of one touches another."""

import asyncio
import gc
from collections.abc import Iterator

import pytest

from adapters.clock import SystemClock
from desk.launchpad import Launchpad
from desk.warm_path import WarmPath
from domain.errors import LeaseLost, OutcomeUnknown
from domain.ports import Ack, SignedOrder

CLOCK = SystemClock()


class Line:
    """Notes when it was fired. broken: what fire raises."""

    def __init__(self, fired: list["Line"], broken: Exception | None = None) -> None:
        self._fired = fired
        self._broken = broken
        self.at = 0.0

    async def load(self, order: SignedOrder) -> None:
        raise NotImplementedError

    def fire(self) -> float:
        if self._broken is not None:
            raise self._broken
        self.at = CLOCK.monotonic()
        self._fired.append(self)
        return self.at

    async def answer(self, timeout_s: float) -> Ack:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError


@pytest.fixture
def launchpad() -> Iterator[Launchpad]:
    launchpad = Launchpad(CLOCK)
    launchpad.open()
    yield launchpad
    launchpad.close()


def nothing_against_it() -> None:
    """A last look that finds no reason."""


async def test_lines_fire_in_the_order_of_their_instants(launchpad: Launchpad) -> None:
    """Whatever the order in which they were asked for, and never before their time."""
    fired: list[Line] = []
    lines = [Line(fired) for _ in range(3)]
    start = CLOCK.monotonic() + 0.05
    instants = [start + 0.04, start, start + 0.02]

    sent = await asyncio.gather(
        *(launchpad.launch(at, nothing_against_it, line) for at, line in zip(instants, lines, strict=True))
    )

    assert fired == [lines[1], lines[2], lines[0]]
    assert all(after >= at for after, at in zip(sent, instants, strict=True))


async def test_a_last_look_that_objects_sends_nothing_and_tells_its_caller(launchpad: Launchpad) -> None:
    """The caller gets the very exception; others go."""
    fired: list[Line] = []
    at = CLOCK.monotonic() + 0.02

    def objects() -> None:
        raise LeaseLost("somebody else has it")

    refused, sent = await asyncio.gather(
        launchpad.launch(at, objects, Line(fired)),
        launchpad.launch(at, nothing_against_it, Line(fired)),
        return_exceptions=True,
    )

    assert isinstance(refused, LeaseLost)
    assert isinstance(sent, float)
    assert len(fired) == 1


async def test_a_broken_line_is_its_own_callers_trouble(launchpad: Launchpad) -> None:
    """Whatever it raises, the thread goes on."""
    fired: list[Line] = []
    at = CLOCK.monotonic() + 0.02

    found = await asyncio.gather(
        launchpad.launch(at, nothing_against_it, Line(fired, OutcomeUnknown("broke"))),
        launchpad.launch(at, nothing_against_it, Line(fired, ZeroDivisionError())),
        launchpad.launch(at, nothing_against_it, Line(fired)),
        return_exceptions=True,
    )

    assert [type(one) for one in found] == [OutcomeUnknown, ZeroDivisionError, float]


async def test_a_cancelled_launch_is_not_sent(launchpad: Launchpad) -> None:
    """Leaving before the instant takes the shot back."""
    fired: list[Line] = []
    at = CLOCK.monotonic() + 0.05
    waiting = asyncio.create_task(launchpad.launch(at, nothing_against_it, Line(fired)))
    await asyncio.sleep(0)
    waiting.cancel()
    later = Line(fired)

    await launchpad.launch(at + 0.02, nothing_against_it, later)

    assert fired == [later]


async def test_thirty_two_launches_at_one_instant_all_go(launchpad: Launchpad) -> None:
    """In the order in which they were asked for."""
    fired: list[Line] = []
    lines = [Line(fired) for _ in range(32)]
    at = CLOCK.monotonic() + 0.05

    sent = await asyncio.gather(*(launchpad.launch(at, nothing_against_it, line) for line in lines))

    assert fired == lines
    assert min(sent) >= at


async def test_an_instant_that_has_passed_is_sent_at_once(launchpad: Launchpad) -> None:
    """Late is better than never: whether it may still go is the last look's business."""
    fired: list[Line] = []

    await launchpad.launch(CLOCK.monotonic() - 1, nothing_against_it, Line(fired))

    assert len(fired) == 1


async def test_closing_twice_sends_nothing() -> None:
    """What is pending is abandoned."""
    fired: list[Line] = []
    launchpad = Launchpad(CLOCK)
    launchpad.open()
    waiting = asyncio.create_task(launchpad.launch(CLOCK.monotonic() + 30, nothing_against_it, Line(fired)))
    await asyncio.sleep(0)

    launchpad.close()
    launchpad.close()
    waiting.cancel()

    assert fired == []


async def test_garbage_is_collected_again_after_the_instant(launchpad: Launchpad) -> None:
    """Also when the last look objected."""

    def objects() -> None:
        assert not gc.isenabled()
        raise LeaseLost("somebody else has it")

    with pytest.raises(LeaseLost):
        await launchpad.launch(CLOCK.monotonic() + 0.01, objects, Line([]))

    assert gc.isenabled()


async def test_who_fired_is_told_before_an_instant_that_is_still_far(launchpad: Launchpad) -> None:
    """Only instants within a millisecond are waited for together."""
    fired: list[Line] = []
    at = CLOCK.monotonic() + 0.02
    later = asyncio.create_task(launchpad.launch(at + 30, nothing_against_it, Line(fired)))

    await launchpad.launch(at, nothing_against_it, Line(fired))

    assert len(fired) == 1
    later.cancel()


def test_warming_the_send_path_leaves_nothing_behind() -> None:
    """However often, nothing piles up in the sockets, and it never blocks."""
    path = WarmPath()
    for _ in range(5_000):
        path.send()
    path.close()
    path.close()
