"""The warm connections of a session: one that can carry the next order is there, and so is its place in the budget."""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from adapters.mexc import battery as batteries
from adapters.mexc.battery import REPLACED_AFTER_S, WARM_FOR_S, MexcBattery, MexcHotLines
from adapters.mexc.breakers import FAILURES, FIRST_REST_S, Breakers, Part
from adapters.mexc.capture import PayloadCapture
from adapters.mexc.governor import Grant, RequestGovernor
from adapters.mexc.limits import Cost, Limits, Priority, Resource, alone
from adapters.mexc.places import AHEAD, LEAVES_WITHIN_S
from adapters.mexc.signing import Credentials
from domain.errors import BudgetUsedUp, NotTradable, OutcomeUnknown, RateLimited, TryAgain
from domain.ports import Ack, HotLine
from tests.adapters.mexc.conftest import ScriptedServer, answer_bytes
from tests.adapters.mexc.hot_orders import ACK, REFUSAL, LeapingClock, signed
from tests.adapters.mexc.stream_waits import eventually
from tests.gun import heard

TAKEN, REFUSED = answer_bytes(200, ACK), answer_bytes(400, REFUSAL)
LIMITED = answer_bytes(429, b"", b"Retry-After: 2")
BROKEN = answer_bytes(500, b"")
PLENTY = Limits(orders=10_000, requests=10_000, weight=100_000, account_weight=100_000)


@dataclass
class Bench:
    """A battery of two lines, and what it shares with the rest of its process."""

    venue: ScriptedServer
    clock: LeapingClock
    governor: RequestGovernor
    breakers: Breakers
    battery: MexcBattery

    @property
    def counted(self) -> int:
        """Orders in the budget: sent, laid ready, and places taken ahead."""
        return self.governor.status().used[Resource.ORDERS]

    @property
    def failures(self) -> int:
        return self.breakers.status()[Part.ORDERS].failures

    def happened(self, what: str) -> int:
        return sum(one.endswith(what) for one in self.venue.story)

    def connection_of(self, line: HotLine) -> int:
        """Its number at the venue."""
        connection = self.battery._lines[line.number]._connection
        assert connection is not None
        return 1 + self.venue.peers.index(connection._socket.getsockname())

    async def fired(self, line: HotLine, *, within_s: float = 5.0) -> Ack:
        """Fire and hear."""
        line.fire()
        return await heard(line, within_s)

    async def refused(self, line: HotLine) -> None:
        with pytest.raises(NotTradable):
            await self.fired(line)

    async def answered_pings(self, which: str, times: int) -> None:
        """Until the venue saw so many, and the other end their answers."""
        await eventually(lambda: self.happened(which) >= times)
        await asyncio.sleep(0.05)

    @asynccontextmanager
    async def keeping(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.battery.keep())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@asynccontextmanager
async def a_bench(
    venue: ScriptedServer,
    *,
    lines: int = 2,
    limits: Limits = PLENTY,
    trust: ssl.SSLContext | None = None,
    capture: PayloadCapture | None = None,
) -> AsyncIterator[Bench]:
    clock = LeapingClock()
    governor, breakers = RequestGovernor(clock, limits), Breakers(clock)
    made = MexcHotLines(
        venue.url,
        Credentials("key", "secret"),
        clock=clock,
        governor=governor,
        breakers=breakers,
        trust=trust,
        capture=capture,
    )
    battery = await made.open(lines)
    try:
        yield Bench(venue, clock, governor, breakers, battery)
    finally:
        await battery.close()


@pytest.fixture
async def bench(scripted: ScriptedServer) -> AsyncIterator[Bench]:
    async with a_bench(scripted) as bench:
        yield bench


async def on_a_thread(load: Callable[[], HotLine]) -> HotLine:
    """As the launchpad reloads."""
    return await asyncio.to_thread(load)


async def test_every_line_has_answered_before_an_order_is_laid_on_it(bench: Bench) -> None:
    """And nothing is asked again when one is, as long as that is recent."""
    bench.venue.always = TAKEN
    first, second = await bench.battery.load(signed("a")), await bench.battery.load(signed("b"))
    acks = [await bench.fired(first), await bench.fired(second)]

    assert {first.number, second.number} == {0, 1}
    assert sorted(bench.venue.story[:4]) == ["1 open", "1 ping", "2 open", "2 ping"]
    assert sorted(bench.venue.story[4:]) == ["1 order", "2 order"]
    assert [ack.client_order_id for ack in acks] == ["a", "b"]


async def test_a_line_in_use_carries_nothing_else(bench: Bench) -> None:
    """Who wants a third one is told so; one that was given back, however often, is one again."""
    lines = [await bench.battery.load(signed(name)) for name in ("a", "b")]
    with pytest.raises(TryAgain, match="in use"):
        await bench.battery.load(signed("c"))
    for _ in range(2):
        bench.battery.give_back(lines[0])
    again = await bench.battery.load(signed("c"))
    with pytest.raises(TryAgain, match="in use"):
        await bench.battery.load(signed("d"))

    assert again.number == lines[0].number
    assert bench.counted == 2


async def test_one_connection_is_enough_to_begin(scripted: ScriptedServer) -> None:
    """The other one is made when it is needed."""
    scripted.always, scripted.turns_away = TAKEN, 1
    async with a_bench(scripted) as bench:
        lines = [await bench.battery.load(signed(name)) for name in ("a", "b")]
        acks = [await bench.fired(line) for line in lines]

    assert [ack.client_order_id for ack in acks] == ["a", "b"]
    assert scripted.connections == 3


async def test_a_venue_that_cannot_be_reached_is_worth_another_try(scripted: ScriptedServer) -> None:
    """Whether nobody is there, or somebody who takes connections and does not answer: nothing is left open."""
    scripted.turns_away = 2
    with pytest.raises(TryAgain):
        async with a_bench(scripted):
            raise AssertionError("opened")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        scripted.url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(TryAgain):
            async with a_bench(scripted):
                raise AssertionError("opened")

    await eventually(lambda: scripted.story.count("1 end") + scripted.story.count("2 end") == 2)


async def test_a_line_that_was_idle_is_tried_before_an_order_is_laid_on_it(bench: Bench) -> None:
    """One that answers stays."""
    bench.venue.always = TAKEN
    bench.clock.ahead_s += WARM_FOR_S
    line = await bench.battery.load(signed())
    await bench.fired(line)

    assert bench.happened("open") == 2
    assert bench.happened("ping") == 3


async def test_a_line_that_has_died_is_replaced_before_an_order_is_laid_on_it(bench: Bench) -> None:
    """The venue may close an idle connection at any time before the instant."""
    bench.venue.always = TAKEN
    bench.venue.cut()
    await asyncio.sleep(0.02)
    ack = await bench.fired(await bench.battery.load(signed()))

    assert ack.order_id == "C02__7"
    assert bench.venue.story[-3:] == ["3 open", "3 ping", "3 order"]


async def test_no_order_is_laid_on_a_dead_line_that_cannot_be_replaced(bench: Bench) -> None:
    """However lately it answered: whoever wants to shoot is told, and nothing is taken of the budget."""
    bench.venue.always, bench.venue.turns_away = TAKEN, 1
    bench.venue.cut()
    await asyncio.sleep(0.02)
    with pytest.raises(TryAgain):
        await bench.battery.load(signed("a"))
    counted = bench.counted
    ack = await bench.fired(await bench.battery.load(signed("b")))

    assert counted == 0
    assert ack.client_order_id == "b"


@pytest.mark.parametrize("idle_s", [0.0, WARM_FOR_S])
async def test_a_line_on_which_something_came_unasked_is_replaced(bench: Bench, idle_s: float) -> None:
    """Everything on it would be taken for the answer to what comes next."""
    bench.venue.always = REFUSED
    for number in (1, 2):
        bench.venue.say(number, TAKEN)
    await asyncio.sleep(0.02)
    bench.clock.ahead_s += idle_s
    line = await bench.battery.load(signed())

    await bench.refused(line)
    assert bench.venue.story[-1] == "3 order"


async def test_a_line_that_did_not_answer_is_let_go(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when no new one can be had."""
    monkeypatch.setattr(batteries, "CONNECT_TIMEOUT_S", 0.1)
    bench.venue.turns_away, bench.venue.pong_after_s = 1, 0.3
    bench.clock.ahead_s += WARM_FOR_S
    with pytest.raises(TryAgain):
        await bench.battery.load(signed())
    open_ends = [line.stands for line in bench.battery._lines]

    assert sorted(open_ends) == [False, True]
    assert bench.venue.story[-2:] == ["3 open", "3 end"]


async def test_a_late_pong_is_no_answer_to_an_order(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that did not answer in time is not used again; the order leaves on another one."""
    monkeypatch.setattr(batteries, "CONNECT_TIMEOUT_S", 0.2)
    bench.venue.always = TAKEN
    bench.clock.ahead_s += WARM_FOR_S
    bench.venue.pong_after_s = 0.3
    loading = asyncio.create_task(bench.battery.load(signed()))
    await eventually(lambda: bench.happened("ping") == 3)
    bench.venue.pong_after_s = 0.0
    line = await loading
    await asyncio.sleep(0.2)
    ack = await bench.fired(line)

    assert ack.order_id == "C02__7"
    assert bench.venue.story[-1] == "3 order"
    assert sum(one in ("1 end", "2 end") for one in bench.venue.story) == 1


async def test_giving_up_to_load_leaves_the_line_to_others(bench: Bench) -> None:
    """What was asked on its connection is not waited for: it is made anew."""
    bench.venue.always, bench.venue.pong_after_s = TAKEN, 0.2
    bench.clock.ahead_s += WARM_FOR_S
    loading = asyncio.create_task(bench.battery.load(signed("a")))
    await eventually(lambda: bench.happened("ping") == 3)
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    counted = bench.counted
    bench.venue.pong_after_s = 0.0
    lines = [await bench.battery.load(signed(name)) for name in ("b", "c")]
    acks = [await bench.fired(line) for line in lines]

    assert counted == 0
    assert [ack.client_order_id for ack in acks] == ["b", "c"]
    assert len(bench.venue.requests) == 2


async def test_the_next_order_leaves_on_the_same_line(bench: Bench) -> None:
    """Laid by another thread, between an answer and the next shot; no word is exchanged in between."""
    bench.venue.answers = [REFUSED, REFUSED, TAKEN]
    line = await bench.battery.load(signed("a"))
    await bench.battery.restock(shots=True)
    await bench.refused(line)
    again = await on_a_thread(lambda: bench.battery.reload(signed("b"), line))
    await bench.refused(again)
    last = await on_a_thread(lambda: bench.battery.reload(signed("c"), again))
    ack = await bench.fired(last)

    assert again is line
    assert last is line
    assert ack.client_order_id == "c"
    assert len(set(bench.venue.story[4:])) == 1
    assert len(bench.venue.requests) == 3


@pytest.mark.parametrize("goodbye", [(), (b"Connection: close",)])
async def test_a_line_that_the_venue_closed_is_replaced_by_the_spare(bench: Bench, goodbye: tuple[bytes, ...]) -> None:
    """Without a pause, whether the venue said so or not; the other one is mended when there is time."""
    bench.venue.answers = [answer_bytes(400, REFUSAL, *goodbye), TAKEN, TAKEN]
    line = await bench.battery.load(signed("a"))
    await bench.battery.restock(shots=True)
    await bench.refused(line)
    if not goodbye:
        bench.venue.cut(bench.connection_of(line))
        await asyncio.sleep(0.02)
    spare = await on_a_thread(lambda: bench.battery.reload(signed("b"), line))
    mended = await bench.battery.load(signed("c"))
    acks = [await bench.fired(spare), await bench.fired(mended)]

    assert spare.number != line.number
    assert mended.number == line.number
    assert [ack.client_order_id for ack in acks] == ["b", "c"]
    assert bench.venue.connections == 3


async def test_a_spare_that_died_too_carries_no_order(scripted: ScriptedServer) -> None:
    """A balancer closes idle connections together: each is looked at, the one that stands carries the order, and
    without one the shot waits for a new one."""
    scripted.always = TAKEN
    async with a_bench(scripted, lines=4) as bench:
        line = await bench.battery.load(signed("a"))
        alive = bench.battery._idle[0]  # the last one that would be taken
        bench.venue.cut(*{1, 2, 3, 4} - {bench.connection_of(alive)})
        await asyncio.sleep(0.05)
        stood = line.ready()
        spare = await on_a_thread(lambda: bench.battery.reload(signed("a"), line))
        bench.venue.cut()
        await asyncio.sleep(0.05)
        with pytest.raises(TryAgain) as refusal:
            await on_a_thread(lambda: bench.battery.reload(signed("a"), spare))
        bench.battery.give_back(spare)
        ack = await bench.fired(await bench.battery.load(signed("b")))

        assert not stood
        assert spare.number == alive.number
        assert not isinstance(refusal.value, RateLimited)
        assert ack.client_order_id == "b"
        assert len(bench.venue.requests) == 1
        assert sum(one.stands for one in bench.battery._lines) == 1  # the others are made anew when there is time


async def test_an_order_whose_connection_died_is_laid_anew_in_its_own_place(bench: Bench) -> None:
    """Shortly before the instant: nothing more is taken of the budget, and the first one never leaves."""
    bench.venue.always = TAKEN
    line = await bench.battery.load(signed("a"))
    bench.venue.cut(bench.connection_of(line))
    await asyncio.sleep(0.02)
    stood = line.ready()
    spare = await on_a_thread(lambda: bench.battery.reload(signed("a"), line))
    counted = bench.counted
    ack = await bench.fired(spare)
    bench.battery.give_back(spare)
    bench.clock.ahead_s += 2.0

    assert not stood
    assert spare.number != line.number
    assert ack.client_order_id == "a"
    assert len(bench.venue.requests) == 1
    assert counted == 1
    assert bench.counted == 0


async def test_without_a_connection_the_next_order_has_to_wait(bench: Bench) -> None:
    """Its place stays for the next one."""
    bench.venue.answers = [REFUSED]
    line = await bench.battery.load(signed("a"))
    await bench.battery.restock(shots=True)
    await bench.refused(line)
    bench.venue.cut()
    await asyncio.sleep(0.02)
    bench.battery.give_back(other := await bench.battery.load(signed("b")))
    with pytest.raises(TryAgain) as refusal:
        bench.battery.reload(signed("c"), line)

    assert other.number != line.number
    assert not isinstance(refusal.value, RateLimited)
    assert bench.counted == 1 + AHEAD
    assert len(bench.venue.requests) == 1


async def test_an_order_that_was_never_fired_never_leaves(bench: Bench) -> None:
    """It gives its place back, and its connection is dropped."""
    line = await bench.battery.load(signed("a"))
    laid = bench.counted
    bench.battery.give_back(line)
    await eventually(lambda: bench.happened("end") == 1)
    with pytest.raises(RuntimeError):
        line.fire()

    assert laid == 1
    assert bench.counted == 0
    assert bench.venue.requests == []


async def test_a_shot_without_a_place_in_the_budget_waits_for_one(bench: Bench) -> None:
    """So many as were taken ahead go at once; then nothing is sent until the event loop has got more."""
    bench.venue.always = REFUSED
    line = await bench.battery.load(signed("first"))
    await bench.refused(line)
    with pytest.raises(RateLimited):
        bench.battery.reload(signed("early"), line)
    await bench.battery.restock(shots=True)
    for number in range(AHEAD):
        await bench.refused(bench.battery.reload(signed(f"ahead{number}"), line))
    with pytest.raises(RateLimited):
        bench.battery.reload(signed("late"), line)
    await bench.battery.restock(shots=True)
    await bench.refused(bench.battery.reload(signed("last"), line))

    asked = [request.split(b"newClientOrderId=")[1].split(b"&")[0] for request in bench.venue.requests]
    assert asked == [b"first", *(b"ahead%d" % number for number in range(AHEAD)), b"last"]
    assert len({one for one in bench.venue.story if "order" in one}) == 1


async def test_a_spare_that_got_no_place_is_still_there(bench: Bench) -> None:
    """For the next try."""
    bench.venue.answers = [answer_bytes(400, REFUSAL, b"Connection: close"), TAKEN]
    line = await bench.battery.load(signed("a"))
    await bench.refused(line)
    with pytest.raises(RateLimited):
        bench.battery.reload(signed("b"), line)
    await bench.battery.restock(shots=True)
    ack = await bench.fired(bench.battery.reload(signed("c"), line))

    assert ack.client_order_id == "c"
    assert bench.venue.connections == 2


async def test_places_are_taken_once_and_given_back(bench: Bench) -> None:
    """When no more shots follow, and when it is closed; nothing is taken afterwards."""
    for _ in range(2):
        await bench.battery.restock(shots=True)
    taken = bench.counted
    await bench.battery.restock(shots=False)
    given_back = bench.counted
    await asyncio.gather(*(bench.battery.restock(shots=True) for _ in range(5)))
    taken_together = bench.counted
    await bench.battery.close()
    await bench.battery.restock(shots=True)
    await bench.battery.close()

    assert (taken, given_back, taken_together) == (AHEAD, 0, AHEAD)
    assert bench.counted == 0
    await eventually(lambda: bench.happened("end") == 2)


async def test_places_that_are_just_being_taken_are_given_back_too(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By whoever says last that no more shots follow."""
    admit = bench.governor.admit

    async def slow(cost: Cost, priority: Priority, within_s: float, leaves_in_s: float = 0.0) -> Grant:
        await asyncio.sleep(0.01)
        return await admit(cost, priority, within_s, leaves_in_s)

    monkeypatch.setattr(bench.governor, "admit", slow)
    taking = asyncio.create_task(bench.battery.restock(shots=True))
    await asyncio.sleep(0)
    await bench.battery.restock(shots=False)
    await taking

    assert bench.counted == 0


async def test_old_places_are_replaced(bench: Bench) -> None:
    """An order may leave in one only as long as it is counted rightly then."""
    bench.venue.always = REFUSED
    line = await bench.battery.load(signed("a"))
    await bench.battery.restock(shots=True)
    await bench.refused(line)
    bench.clock.ahead_s += LEAVES_WITHIN_S
    with pytest.raises(RateLimited):
        bench.battery.reload(signed("b"), line)
    await bench.battery.restock(shots=True)
    bench.clock.ahead_s += LEAVES_WITHIN_S
    await bench.battery.restock(shots=True)
    counted = bench.counted
    await bench.refused(bench.battery.reload(signed("c"), line))

    assert counted == AHEAD
    assert len(bench.venue.requests) == 2


async def test_no_more_is_taken_ahead_than_there_is(scripted: ScriptedServer) -> None:
    """Less room than wanted is no failure."""
    limits = Limits(orders=3, requests=1000, ceilings=dict.fromkeys(Priority, 1.0))
    async with a_bench(scripted, limits=limits) as bench:
        await bench.battery.load(signed())
        await bench.battery.restock(shots=True)

        assert bench.counted == 3


async def test_every_lane_of_a_burst_has_its_place_before_the_opening(scripted: ScriptedServer) -> None:
    """What was taken ahead since the first one was loaded makes room for the others, in a fire worker's own part."""
    async with a_bench(scripted, lines=6, limits=alone("fire")) as bench:
        bench.clock.ahead_s += 2.0  # what warmed the lines does not count any more
        for number in range(5):
            await bench.battery.load(signed(f"lane{number}"))
            await bench.battery.restock(shots=True)
            bench.clock.ahead_s += 0.05

        assert bench.counted == alone("fire").cap(Resource.ORDERS, Priority.ENTRY)


async def test_what_one_session_took_ahead_makes_room_for_the_first_order_of_another(scripted: ScriptedServer) -> None:
    """Seven sessions of one opening are as many as a fire worker's own part has places; one more is told that the
    budget has no room, and of no rest."""
    clock = LeapingClock()
    governor = RequestGovernor(clock, replace(alone("fire"), requests=1000))
    made = MexcHotLines(scripted.url, Credentials("key", "secret"), clock=clock, governor=governor)
    batteries = [await made.open(1) for _ in range(8)]
    clock.ahead_s += 1.9
    for battery in batteries[:7]:
        await battery.load(signed())
        await battery.restock(shots=True)
    with pytest.raises(BudgetUsedUp):
        await batteries[7].load(signed())
    for battery in batteries:
        await battery.close()

    assert governor.status().used[Resource.ORDERS] == 0


async def test_nothing_is_taken_ahead_while_orders_rest(bench: Bench) -> None:
    """Their breaker is open."""
    for _ in range(FAILURES):
        bench.breakers.begin(Part.ORDERS, Priority.ENTRY).failed("no answer")
    await bench.battery.restock(shots=True)
    with pytest.raises(TryAgain):
        await bench.battery.load(signed())

    assert bench.counted == 0


async def test_an_order_without_room_in_the_budget_does_not_use_up_the_try(scripted: ScriptedServer) -> None:
    """Of an open breaker: the next one that has room is the one that tries."""
    scripted.always = TAKEN
    limits = Limits(orders=1, requests=1000, ceilings=dict.fromkeys(Priority, 1.0))
    async with a_bench(scripted, limits=limits) as bench:
        for _ in range(FAILURES):
            bench.breakers.begin(Part.ORDERS, Priority.ENTRY).failed("no answer")
        bench.clock.ahead_s += FIRST_REST_S
        used = await bench.governor.admit({Resource.ORDERS: 1}, Priority.EXIT, 0.0)
        with pytest.raises(RateLimited):
            await bench.battery.load(signed("a"))
        used.settle()
        line = await bench.battery.load(signed("b"))
        await bench.fired(line)
        bench.battery.give_back(line)

        assert bench.breakers.status()[Part.ORDERS].open_s is None


async def test_what_another_thread_heard_is_settled_on_the_event_loop(bench: Bench) -> None:
    """Budget and breaker change in restock, not while hearing."""
    bench.venue.answers = [BROKEN, REFUSED]
    for answer, family in ((BROKEN, OutcomeUnknown), (REFUSED, NotTradable)):
        line = await bench.battery.load(signed())
        with pytest.raises(family):
            await asyncio.to_thread(fire_and_hear, line)
        bench.clock.ahead_s += 2.0
        unsettled = (bench.failures, bench.counted)
        await bench.battery.restock(shots=False)
        settled = (bench.failures, bench.counted)
        bench.clock.ahead_s += 2.0

        assert unsettled == (0 if answer is BROKEN else 1, 1)
        assert settled == (1 if answer is BROKEN else 0, 1)
        assert bench.counted == 0
        bench.battery.give_back(line)


def fire_and_hear(line: HotLine, within_looks: int = 2_000_000) -> Ack:
    """On the caller's thread, which does nothing else."""
    line.fire()
    for _ in range(within_looks):
        if (ack := line.hear()) is not None:
            return ack
    raise AssertionError("no answer")


@pytest.mark.parametrize("settled_by", ["restock", "give_back"])
async def test_a_venue_that_limits_us_is_left_alone(bench: Bench, settled_by: str) -> None:
    """From the moment it was heard, before the event loop knows, for as long as it asked; neither a place taken ahead
    nor an order that lies ready is a way around it."""
    bench.venue.answers = [LIMITED, TAKEN]
    line = await bench.battery.load(signed("a"))
    other = await bench.battery.load(signed("b"))
    await bench.battery.restock(shots=True)
    with pytest.raises(RateLimited, match="429"):
        await bench.fired(line)
    heard = bench.governor.status().paused_s
    ready = other.ready()
    with pytest.raises(RateLimited):
        await on_a_thread(lambda: bench.battery.reload(signed("c"), line))
    if settled_by == "give_back":
        bench.battery.give_back(line)
    await bench.battery.restock(shots=True)
    settled = bench.governor.status().paused_s
    with pytest.raises(RateLimited, match="nothing was sent"):
        await bench.fired(other)
    bench.battery.give_back(other)
    bench.clock.ahead_s += 2.0
    idle = bench.counted
    ack = await bench.fired(await bench.battery.load(signed("d")))

    assert 1.5 < settled <= heard <= 2.0
    assert not ready
    assert idle == 0
    assert bench.failures == 0
    assert ack.client_order_id == "d"
    assert len(bench.venue.requests) == 2


async def test_a_ping_that_is_limited_makes_everybody_rest(bench: Bench) -> None:
    """It is not asked again, on no line and no new connection, before the rest is over."""
    bench.venue.pong = answer_bytes(418, b"", b"Retry-After: 600")
    bench.clock.ahead_s += WARM_FOR_S
    before = len(bench.venue.story)
    async with bench.keeping():
        await eventually(lambda: bench.governor.status().paused_s > 0)
        await asyncio.sleep(0.3)
    seen = bench.venue.story[before:]
    with pytest.raises(RateLimited):
        await bench.battery.load(signed("a"))
    paused_s = bench.governor.status().paused_s
    bench.venue.pong, bench.venue.always = b"", TAKEN
    bench.clock.ahead_s += 600
    ack = await bench.fired(await bench.battery.load(signed("b")))

    assert sum(one.endswith("ping") for one in seen) == 1
    assert not any(one.endswith("open") for one in seen)
    assert 590 < paused_s <= 600
    assert ack.client_order_id == "b"


async def test_a_rest_asked_of_one_session_is_kept_by_the_others(bench: Bench) -> None:
    """Neither a place taken ahead nor an order that lies ready is a way around it; afterwards both are of use."""
    made = MexcHotLines(bench.venue.url, Credentials("key", "secret"), clock=bench.clock, governor=bench.governor)
    other = await made.open(2)
    bench.venue.answers = [REFUSED, LIMITED, TAKEN, TAKEN]
    fired, ready = await other.load(signed("a")), await other.load(signed("b"))
    await other.restock(shots=True)
    await bench.refused(fired)
    mine = await bench.battery.load(signed("mine"))
    stood = ready.ready()
    with pytest.raises(RateLimited):
        await bench.fired(mine)
    bench.battery.give_back(mine)

    stands = ready.ready()
    for line in (fired, ready):
        with pytest.raises(RateLimited):
            await on_a_thread(lambda line=line: other.reload(signed("again"), line))  # type: ignore[misc]
    requests = len(bench.venue.requests)
    bench.clock.ahead_s += 2.0
    again = ready.ready()
    acks = [await bench.fired(ready), await bench.fired(other.reload(signed("c"), fired))]
    await other.close()

    assert (stood, stands, again) == (True, False, True)
    assert requests == 2
    assert [ack.client_order_id for ack in acks] == ["b", "c"]


async def test_all_idle_lines_are_kept_warm(bench: Bench) -> None:
    """Each of them, as often as it was idle for long; a load then has nothing to ask."""
    bench.venue.always = TAKEN
    async with bench.keeping():
        for pings in (2, 3):
            bench.clock.ahead_s += WARM_FOR_S
            await bench.answered_pings("1 ping", pings)
            await bench.answered_pings("2 ping", pings)
    pings = bench.happened("ping")
    await bench.fired(await bench.battery.load(signed()))

    assert bench.happened("ping") == pings == 6
    assert bench.venue.connections == 2


async def test_lines_that_are_in_use_are_left_alone(bench: Bench) -> None:
    """What is laid on one leaves on the connection on which it was laid."""
    bench.venue.always = TAKEN
    line = await bench.battery.load(signed())
    connection = bench.connection_of(line)
    async with bench.keeping():
        bench.clock.ahead_s += REPLACED_AFTER_S
        await bench.answered_pings("3 ping", 1)
        await asyncio.sleep(0.15)
        ack = await bench.fired(line)

    assert ack.client_order_id == "order1"
    assert bench.happened("open") == 3
    assert f"{connection} order" in bench.venue.story


async def test_an_old_line_is_replaced_before_the_venue_closes_it(bench: Bench) -> None:
    """The new connection has answered when the old one is let go."""
    async with bench.keeping():
        bench.clock.ahead_s += REPLACED_AFTER_S
        await eventually(lambda: bench.happened("end") == 2)
    story = bench.venue.story[4:]

    assert bench.venue.connections == 4
    assert bench.happened("ping") == 4
    for number in (3, 4):
        since = story.index(f"{number} ping")
        assert sum(one in ("1 end", "2 end") for one in story[:since]) == number - 3


async def test_an_old_line_stays_while_no_new_one_can_be_had(bench: Bench) -> None:
    """It answered lately, so it carries the next order; and one day it is replaced."""
    bench.venue.answers, bench.venue.always = [REFUSED], TAKEN
    bench.battery.give_back(await bench.battery.load(signed("dropped")))
    line = await bench.battery.load(signed("a"))
    bench.clock.ahead_s += REPLACED_AFTER_S
    await bench.refused(line)
    bench.battery.give_back(line)
    bench.venue.turns_away = 1
    again = await bench.battery.load(signed("b"))
    ack = await bench.fired(again)

    assert again.number == line.number
    assert ack.client_order_id == "b"
    assert bench.venue.turns_away == 0
    assert len({one for one in bench.venue.story if "order" in one}) == 1


async def test_an_old_line_that_died_is_no_line(bench: Bench) -> None:
    """However lately it answered."""
    bench.venue.answers = [REFUSED]
    line = await bench.battery.load(signed("a"))
    bench.clock.ahead_s += REPLACED_AFTER_S
    await bench.refused(line)
    bench.battery.give_back(line)
    bench.venue.cut()
    await asyncio.sleep(0.02)
    bench.venue.turns_away = 1

    with pytest.raises(TryAgain):
        await bench.battery.load(signed("b"))


async def test_lines_that_died_are_mended(bench: Bench) -> None:
    """Also when the venue takes no connections for a while."""
    bench.venue.turns_away = 3
    async with bench.keeping():
        bench.venue.cut()
        await bench.answered_pings("ping", 4)
    bench.venue.always = TAKEN
    lines = [await bench.battery.load(signed(name)) for name in ("a", "b")]
    for line in lines:
        await bench.fired(line)

    assert bench.happened("ping") == 4


async def test_over_tls_everything_is_the_same(
    scripted_tls: ScriptedServer, certified: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    """Refused, laid anew on the same line, then on the spare, then warmed; answers come in any number of records."""
    pieces = tuple(REFUSED[start : start + 20] for start in range(0, len(REFUSED), 20))
    scripted_tls.answers = [pieces, REFUSED, (TAKEN[:30], TAKEN[30:]), TAKEN]
    async with a_bench(scripted_tls, trust=certified[1]) as bench:
        line = await bench.battery.load(signed("a"))
        await bench.battery.restock(shots=True)
        with pytest.raises(NotTradable):
            await asyncio.to_thread(fire_and_hear, line)
        same = await on_a_thread(lambda: bench.battery.reload(signed("b"), line))
        same_number = same.number
        await bench.refused(same)
        scripted_tls.cut(bench.connection_of(line))
        await asyncio.sleep(0.05)
        spare = await on_a_thread(lambda: bench.battery.reload(signed("c"), same))
        third = await asyncio.to_thread(fire_and_hear, spare)
        async with bench.keeping():
            bench.clock.ahead_s += WARM_FOR_S
            await bench.answered_pings("3 ping", 1)
        fourth = await bench.fired(await bench.battery.load(signed("d")))

    assert same_number == line.number
    assert spare.number != line.number
    assert [ack.client_order_id for ack in (third, fourth)] == ["c", "d"]
    assert len(scripted_tls.requests) == 4


async def test_over_tls_one_look_takes_the_whole_answer(
    scripted_tls: ScriptedServer, certified: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    """Records that came together make the socket readable once."""
    scripted_tls.answers = [(TAKEN[:40], TAKEN[40:60], TAKEN[60:])]
    async with a_bench(scripted_tls, trust=certified[1]) as bench:
        line = await bench.battery.load(signed())
        line.fire()
        await asyncio.sleep(0.1)
        ack = line.hear()

    assert ack is not None


async def test_a_certificate_that_nobody_trusts_is_no_venue(scripted_tls: ScriptedServer) -> None:
    """Nothing was said to it."""
    with pytest.raises(TryAgain, match="certificate"):
        async with a_bench(scripted_tls):
            raise AssertionError("opened")

    assert scripted_tls.story == []


async def test_what_was_heard_is_captured(scripted: ScriptedServer, tmp_path: Path) -> None:
    """When it is settled; an answer that never came leaves nothing to keep."""
    clock = LeapingClock()
    capture = PayloadCapture(tmp_path, clock.now, ["secret"])
    scripted.answers = [REFUSED, b""]
    async with a_bench(scripted, capture=capture) as bench:
        line = await bench.battery.load(signed("a"))
        await bench.refused(line)
        bench.battery.give_back(line)
        line = await bench.battery.load(signed("b"))
        with pytest.raises(OutcomeUnknown):
            await bench.fired(line)
        bench.battery.give_back(line)
    capture.close()

    (kept,) = [json.loads(path.read_text()) for path in tmp_path.iterdir()]
    assert kept["request"]["path"] == "/api/v3/order"
    assert kept["request"]["query"] == "newClientOrderId=a&signature=hidden"
    assert kept["answer"] == {"status": 400, "headers": {}, "body": REFUSAL.decode()}


async def test_a_busy_thread_and_the_event_loop_do_not_disturb_each_other(bench: Bench) -> None:
    """Many shots on two threads while places are taken and lines warmed: every order has its own answer, once, and in
    the end nothing is left in the budget."""
    shots = 150
    bench.venue.always = REFUSED

    def fly(line: HotLine, name: str) -> HotLine:
        for number in range(1, shots):
            with suppress(NotTradable):
                raise AssertionError(f"taken: {fire_and_hear(line)}")
            while True:
                with suppress(RateLimited):
                    line = bench.battery.reload(signed(f"{name}{number}"), line)
                    break
        with suppress(NotTradable):
            raise AssertionError(f"taken: {fire_and_hear(line)}")
        return line

    lines = [await bench.battery.load(signed(f"{name}0")) for name in "ab"]
    async with bench.keeping():
        flying = asyncio.gather(*(asyncio.to_thread(fly, line, name) for line, name in zip(lines, "ab", strict=True)))
        while not flying.done():
            await bench.battery.restock(shots=True)
            await asyncio.sleep(0)
        for line in await flying:
            bench.battery.give_back(line)
        await bench.battery.restock(shots=False)
    bench.clock.ahead_s += 2.0

    asked = {request.split(b"newClientOrderId=")[1].split(b"&")[0] for request in bench.venue.requests}
    assert asked == {b"%s%d" % (name, number) for name in (b"a", b"b") for number in range(shots)}
    assert len(bench.venue.requests) == 2 * shots
    assert bench.counted == 0
    assert bench.failures == 0
