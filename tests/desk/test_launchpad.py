"""The launchpad serves each flight at its instants, hears its answers, and no mishap of one touches another."""

import asyncio
import errno
import gc
import socket
from collections.abc import Iterator

import pytest

from desk.launchpad import SPIN_S, Launchpad
from desk.warm_path import WarmPath
from domain.errors import LeaseLost, TryAgain
from tests.desk.flights import CLOCK, Conversation, OneShot, nothing

LOOK_EVERY_S = 0.005


@pytest.fixture
def launchpad() -> Iterator[Launchpad]:
    launchpad = Launchpad(CLOCK)
    launchpad.open()
    yield launchpad
    launchpad.close()


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    mine, theirs = socket.socketpair()
    mine.setblocking(False)
    theirs.setblocking(False)
    yield mine, theirs
    mine.close()
    theirs.close()


async def test_flights_act_in_the_order_of_their_instants(launchpad: Launchpad) -> None:
    """Whatever the order in which they came, and never before their time."""
    acted: list[OneShot] = []
    start = CLOCK.monotonic() + 0.05
    instants = [start + 0.04, start, start + 0.02]
    flights = [OneShot(at, acted) for at in instants]

    await asyncio.gather(*(launchpad.fly(flight, nothing) for flight in flights))

    assert acted == [flights[1], flights[2], flights[0]]
    assert all(flight.acted_at >= at for flight, at in zip(flights, instants, strict=True))


async def test_what_a_step_raises_is_its_own_callers_trouble(launchpad: Launchpad) -> None:
    """The caller gets the very exception, the thread goes on."""
    acted: list[OneShot] = []
    at = CLOCK.monotonic() + 0.02
    lost = LeaseLost("somebody else has it")

    found = await asyncio.gather(
        launchpad.fly(OneShot(at, acted, broken=lost), nothing),
        launchpad.fly(OneShot(at, acted, broken=ZeroDivisionError()), nothing),
        launchpad.fly(OneShot(at, acted), nothing),
        return_exceptions=True,
    )

    assert found[0] is lost
    assert isinstance(found[1], ZeroDivisionError)
    assert found[2] is None
    assert len(acted) == 1


async def test_a_flight_that_is_withdrawn_does_not_act(launchpad: Launchpad) -> None:
    """Leaving before the instant takes the shot back, and once left it is touched no more."""
    acted: list[OneShot] = []
    at = CLOCK.monotonic() + 0.05
    waiting = asyncio.create_task(launchpad.fly(OneShot(at, acted), nothing))
    await asyncio.sleep(0)
    waiting.cancel()
    later = OneShot(at + 0.02, acted)

    await launchpad.fly(later, nothing)

    assert acted == [later]
    assert waiting.cancelled()


async def test_thirty_two_flights_at_one_instant_all_act(launchpad: Launchpad) -> None:
    """In the order in which they came."""
    acted: list[OneShot] = []
    at = CLOCK.monotonic() + 0.05
    flights = [OneShot(at, acted) for _ in range(32)]

    await asyncio.gather(*(launchpad.fly(flight, nothing) for flight in flights))

    assert acted == flights
    assert min(flight.acted_at for flight in flights) >= at


async def test_what_may_follow_is_practised_shortly_before(launchpad: Launchpad) -> None:
    """And no more when the instant is at hand."""
    acted: list[OneShot] = []
    at = CLOCK.monotonic() + 0.05
    flight = OneShot(at, acted)

    await launchpad.fly(flight, nothing)

    assert flight.rehearsed_at
    assert at - SPIN_S <= flight.rehearsed_at[0]
    assert flight.rehearsed_at[-1] <= flight.acted_at


async def test_a_practice_that_fails_costs_no_shot(launchpad: Launchpad) -> None:
    """It acts all the same, and the thread lives on."""

    class Clumsy(OneShot):
        def rehearse(self) -> None:
            super().rehearse()
            raise ZeroDivisionError

    acted: list[OneShot] = []
    flight = Clumsy(CLOCK.monotonic() + 0.05, acted)

    await launchpad.fly(flight, nothing)

    assert flight.rehearsed_at
    assert acted == [flight]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_nobody_waits_in_vain_when_the_thread_itself_breaks(
    launchpad: Launchpad, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who flies is told that nothing leaves any more, also who comes later."""

    def broken(_: float) -> None:
        raise OSError("too many open files")

    acted: list[OneShot] = []
    monkeypatch.setattr(launchpad, "_wait", broken)
    waiting = asyncio.create_task(launchpad.fly(OneShot(CLOCK.monotonic() + 30, acted), nothing))
    async with asyncio.timeout(5):
        with pytest.raises(TryAgain, match="closing"):
            await waiting
        with pytest.raises(TryAgain, match="closing"):
            await launchpad.fly(OneShot(CLOCK.monotonic(), acted), nothing)

    assert acted == []


async def test_an_instant_that_has_passed_is_acted_on_at_once(launchpad: Launchpad) -> None:
    """Late is better than never: whether it may still go is the last look's business."""
    acted: list[OneShot] = []

    await launchpad.fly(OneShot(CLOCK.monotonic() - 1, acted), nothing)

    assert len(acted) == 1


@pytest.mark.parametrize("spins", [True, False], ids=["spinning", "waiting"])
async def test_an_answer_is_heard_and_answered_on_the_spot(
    launchpad: Launchpad, ends: tuple[socket.socket, socket.socket], spins: bool
) -> None:
    """However it is awaited; whoever flies is told of it."""
    mine, theirs = ends
    told: list[int] = []
    flight = Conversation(CLOCK.monotonic() + 0.01, mine, 5, spins=spins)
    flying = asyncio.create_task(launchpad.fly(flight, lambda: told.append(flight.left)))
    loop = asyncio.get_running_loop()
    for _ in range(5):
        assert await loop.sock_recv(theirs, 1) == b"?"
        await loop.sock_sendall(theirs, b"!")

    await flying

    assert flight.left == 0
    assert told[-1] == 0


async def test_others_act_on_time_while_an_answer_is_awaited(
    launchpad: Launchpad, ends: tuple[socket.socket, socket.socket]
) -> None:
    """Neither spinning nor waiting for one holds up another."""
    mine, theirs = ends
    acted: list[OneShot] = []
    now = CLOCK.monotonic()
    flight = Conversation(now, mine, 1, spins=True)
    flying = asyncio.create_task(launchpad.fly(flight, nothing))
    shots = [OneShot(now + 0.02 * number, acted) for number in range(1, 4)]

    await asyncio.gather(*(launchpad.fly(shot, nothing) for shot in shots))
    theirs.send(b"!")
    await flying

    assert acted == shots


async def test_an_answer_that_does_not_come_is_given_up_at_its_time(
    launchpad: Launchpad, ends: tuple[socket.socket, socket.socket]
) -> None:
    """The act that is due then is its end."""
    flight = Conversation(CLOCK.monotonic(), ends[0], 1, spins=False)
    flight.act()
    flight.due = CLOCK.monotonic() + 0.05

    await launchpad.fly(flight, nothing)

    assert flight.gave_up


async def test_a_flight_is_left_while_its_answer_is_awaited(
    launchpad: Launchpad, ends: tuple[socket.socket, socket.socket]
) -> None:
    """Its caller need not wait for an answer nobody wants."""
    mine, theirs = ends
    flying = asyncio.create_task(launchpad.fly(Conversation(CLOCK.monotonic(), mine, 1, spins=True), nothing))
    await asyncio.get_running_loop().sock_recv(theirs, 1)

    flying.cancel()
    await asyncio.wait({flying}, timeout=5)

    assert flying.cancelled()


async def test_closing_twice_sends_nothing() -> None:
    """What is pending is told so."""
    acted: list[OneShot] = []
    launchpad = Launchpad(CLOCK)
    launchpad.open()
    waiting = asyncio.create_task(launchpad.fly(OneShot(CLOCK.monotonic() + 30, acted), nothing))
    await asyncio.sleep(0)

    launchpad.close()
    launchpad.close()

    with pytest.raises(TryAgain, match="closing"):
        await waiting
    assert acted == []


async def test_garbage_is_collected_again_after_the_instant(launchpad: Launchpad) -> None:
    """Also when the step failed."""
    enabled: list[bool] = []

    def objects() -> None:
        enabled.append(gc.isenabled())
        raise LeaseLost("somebody else has it")

    with pytest.raises(LeaseLost):
        await launchpad.fly(OneShot(CLOCK.monotonic() + 0.01, [], before=objects), nothing)
    await launchpad.fly(OneShot(CLOCK.monotonic() + 0.1, []), nothing)
    async with asyncio.timeout(5):
        while not gc.isenabled():
            await asyncio.sleep(0.01)

    assert enabled == [False]


async def test_who_acted_is_told_before_an_instant_that_is_still_far(launchpad: Launchpad) -> None:
    """Only instants within a millisecond are waited for together."""
    acted: list[OneShot] = []
    at = CLOCK.monotonic() + 0.02
    later = asyncio.create_task(launchpad.fly(OneShot(at + 30, acted), nothing))

    await launchpad.fly(OneShot(at, acted), nothing)

    assert len(acted) == 1
    later.cancel()
    await asyncio.wait({later})


async def test_a_send_path_that_cannot_be_warmed_costs_no_shot(
    launchpad: Launchpad, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the next one nor a later one: the thread goes on without."""
    tried: list[WarmPath] = []

    def broken(path: WarmPath) -> None:
        tried.append(path)
        raise OSError(errno.ENOBUFS, "No buffer space available")

    acted: list[OneShot] = []
    monkeypatch.setattr(WarmPath, "send", broken)
    flights = [OneShot(CLOCK.monotonic() + 0.05 * number, acted) for number in (1, 2)]
    for flight in flights:
        await launchpad.fly(flight, nothing)

    assert tried
    assert acted == flights


def test_warming_the_send_path_leaves_nothing_behind() -> None:
    """However often, nothing piles up in the sockets, and it never blocks."""
    path = WarmPath()
    for _ in range(5_000):
        path.send()
    path.close()
    path.close()


class Looking(OneShot):
    """Looks for something every few milliseconds and does not find it."""

    def act(self) -> None:
        self.acted_at = CLOCK.monotonic()
        self.due = self.acted_at + LOOK_EVERY_S


@pytest.mark.parametrize("others", [1, 2, 5, 8])
async def test_who_is_over_is_told_although_something_is_always_due(launchpad: Launchpad, others: int) -> None:
    """Flights that look for a place leave no pause; what they look for depends on what is told."""
    start = CLOCK.monotonic() + 0.02
    looking = [Looking(start + number * LOOK_EVERY_S / others, []) for number in range(others)]
    told: list[float] = []
    flying = [asyncio.create_task(launchpad.fly(one, lambda: told.append(CLOCK.monotonic()))) for one in looking]
    last = OneShot(start + 0.2, [])

    async with asyncio.timeout(5):
        await launchpad.fly(last, nothing)
    over_s = CLOCK.monotonic() - last.acted_at
    for one in flying:
        one.cancel()
    await asyncio.gather(*flying, return_exceptions=True)

    assert over_s < 0.1
    assert any(start < at < start + 0.2 for at in told)
