"""Who leaves the launchpad, or fails to take its news, has nothing sent after that and is in no other's way."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from desk import launchpad as module
from desk.launchpad import Launchpad
from tests.desk.flights import CLOCK, OneShot, nothing


class Held(OneShot):
    """Acts, or rehearses, until it is let go on. busy: it does. acts: how often, each but the last 20 ms early."""

    def __init__(self, at: float, acted: list[OneShot], *, rehearsing: bool = False, acts: int = 1) -> None:
        super().__init__(at, acted)
        self.busy = threading.Event()
        self.go_on = threading.Event()
        self._rehearsing = rehearsing
        self._left = acts

    def act(self) -> None:
        self._left -= 1
        if self._left:
            self.due = CLOCK.monotonic() + 0.02
            return
        if not self._rehearsing:
            self._hold()
        super().act()

    def rehearse(self) -> None:
        if self._rehearsing:
            self._hold()

    def _hold(self) -> None:
        self.busy.set()
        self.go_on.wait(5)


@pytest.fixture
def launchpad() -> Iterator[Launchpad]:
    launchpad = Launchpad(CLOCK)
    launchpad.open()
    yield launchpad
    launchpad.close()


async def left(waiting: "asyncio.Task[None]", within_s: float = 5.0) -> bool:
    """Whether whoever flew has left by then."""
    await asyncio.wait({waiting}, timeout=within_s)
    return waiting.done()


async def test_leaving_ends_the_spin_towards_an_instant(launchpad: Launchpad, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for an instant at which nothing is to be done."""
    monkeypatch.setattr(module, "SPIN_S", 60.0)
    acted: list[OneShot] = []
    flight = OneShot(CLOCK.monotonic() + 30, acted)
    waiting = asyncio.create_task(launchpad.fly(flight, nothing))
    async with asyncio.timeout(5):
        while not flight.rehearsed_at:
            await asyncio.sleep(0.001)

    waiting.cancel()

    assert await left(waiting)
    assert acted == []


async def test_a_flight_left_at_the_last_moment_does_not_act(
    launchpad: Launchpad, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it is still wanted is looked at right before it would act, whatever was done until then."""
    monkeypatch.setattr(module, "SPIN_S", 60.0)
    acted: list[OneShot] = []
    flight = Held(CLOCK.monotonic() + 0.2, acted, rehearsing=True)
    waiting = asyncio.create_task(launchpad.fly(flight, nothing))
    await asyncio.to_thread(flight.busy.wait, 5)
    waiting.cancel()
    async with asyncio.timeout(5):
        while CLOCK.monotonic() < flight.due:
            await asyncio.sleep(0.001)
    flight.go_on.set()

    assert await left(waiting)
    assert acted == []


@pytest.mark.parametrize("closing", [False, True], ids=["open", "closing"])
async def test_however_often_it_is_cancelled_nobody_returns_while_the_thread_acts(
    launchpad: Launchpad, closing: bool
) -> None:
    """The line that it fires would be another's by then."""
    acted: list[OneShot] = []
    flight = Held(CLOCK.monotonic(), acted)
    waiting = asyncio.create_task(launchpad.fly(flight, nothing))
    await asyncio.to_thread(flight.busy.wait, 5)
    launchpad._closing = closing
    early = []
    for _ in range(3):
        waiting.cancel()
        early.append(await left(waiting, within_s=0.02))
    flight.go_on.set()

    assert await left(waiting)
    assert early == [False] * 3
    assert waiting.cancelled()
    assert acted == [flight]


async def test_news_from_before_somebody_left_does_not_let_it_go(launchpad: Launchpad) -> None:
    """Only the thread knows when it does nothing more for it: it may be acting again."""
    acted: list[OneShot] = []
    flight = Held(CLOCK.monotonic() + 0.05, acted, acts=2)
    waiting = asyncio.create_task(launchpad.fly(flight, nothing))
    await asyncio.sleep(0)
    waiting.cancel()
    flight.busy.wait(5)  # the loop stands still: it hears of the first act after it has left
    early = await left(waiting, within_s=0.05)
    flight.go_on.set()

    assert await left(waiting)
    assert not early
    assert waiting.cancelled()


async def test_who_cannot_take_its_news_keeps_none_from_the_others(launchpad: Launchpad) -> None:
    """Those with the same instant are told together; its own caller gets what it raised."""
    acted: list[OneShot] = []
    at = CLOCK.monotonic() + 0.05
    clumsy = OneShot(at, acted)
    others = [OneShot(at, acted) for _ in range(3)]

    def told() -> None:
        if clumsy.over:
            raise ZeroDivisionError

    async with asyncio.timeout(5):
        found = await asyncio.gather(
            launchpad.fly(clumsy, told), *(launchpad.fly(other, nothing) for other in others), return_exceptions=True
        )

    assert isinstance(found[0], ZeroDivisionError)
    assert found[1:] == [None] * 3
    assert acted == [clumsy, *others]


async def test_a_flight_whose_news_cannot_be_taken_acts_no_more(launchpad: Launchpad) -> None:
    """What is not written down is not followed by another shot."""
    acted: list[OneShot] = []

    def told() -> None:
        raise ZeroDivisionError

    async with asyncio.timeout(5):
        with pytest.raises(ZeroDivisionError):
            await launchpad.fly(OneShot(CLOCK.monotonic() + 30, acted), told)
        later = OneShot(CLOCK.monotonic(), acted)
        await launchpad.fly(later, nothing)

    assert acted == [later]


async def test_a_flight_that_was_over_when_the_launchpad_closed_ends_as_it_did(launchpad: Launchpad) -> None:
    """Its caller has an outcome to learn, which "try again" would hide."""
    acted: list[OneShot] = []

    def close() -> None:
        launchpad._closing = True

    flight = OneShot(CLOCK.monotonic(), acted, before=close)
    async with asyncio.timeout(5):
        await launchpad.fly(flight, nothing)

    assert acted == [flight]
