"""What the runs stand on: scaled time, a database on it, the wire, processes that die. A broken instrument proves
nothing."""

import asyncio
import time
from collections.abc import Coroutine
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from adapters.mexc.venue import open_venue
from adapters.postgres.database import Database
from adapters.postgres.leases import PostgresLeases
from adapters.postgres.session_store import PostgresSessionStore
from desk.launchpad import NEVER, Launchpad
from domain.errors import OutcomeUnknown, Refused, StoreUnavailable
from domain.events import EntryEnded
from domain.ids import SessionKey
from domain.money import Base, Price
from domain.orders import OrderKind, OrderRequest, Side
from simulator.control.scenario import Scenario
from tests.builders import T0, a_policy
from tests.chaos.evidence import journal_side, sent_twice
from tests.chaos.ground import Ground
from tests.chaos.open_desk import CREDENTIALS
from tests.chaos.open_venue import ACCOUNT, OpenVenue
from tests.chaos.ports import Fate, Mortal
from tests.chaos.scaled_time import ScaledClock, ScaledLoop, TimeScale
from tests.chaos.wire import Wire, WireFault, WireFaultKind

Answer = TypeVar("Answer")
SYMBOL = "WIREUSDT"


def run_scaled(ground: Ground, act: Coroutine[Any, Any, Answer]) -> Answer:
    loop = ScaledLoop(ScaledClock(ground.scale), ground.scale)
    try:
        return loop.run_until_complete(act)
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def a_session(ground: Ground) -> SessionKey:
    listing = ground.new_listing("INSTRUMENT")
    key = SessionKey(ACCOUNT, listing, 1)
    ground.admit(key, f"{listing.coin}{listing.quote}", T0, a_policy())
    return key


def test_waits_and_timeouts_of_a_loop_are_scaled(ground: Ground) -> None:
    """Ten seconds pass in less than two real ones, by every clock alike."""

    async def wait() -> float:
        began = ground.scale.monotonic()
        await asyncio.sleep(10)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.Event().wait()
        return ground.scale.monotonic() - began

    began = time.monotonic()
    passed_s = run_scaled(ground, wait())

    assert passed_s >= 15
    assert time.monotonic() - began < 2


def test_the_launchpads_thread_waits_on_scaled_time(ground: Ground) -> None:
    """It acts at its instant, neither early nor after as many real seconds."""
    clock = ScaledClock(ground.scale)

    class OneAct:
        over = False
        waits_at: int | None = None
        spins_until = 0.0
        acted_at = 0.0

        def __init__(self) -> None:
            self.due = clock.monotonic() + 20.0
            self.meant = self.due

        def act(self) -> None:
            self.acted_at, self.over, self.due = clock.monotonic(), True, NEVER

        def listen(self) -> None:
            """Nothing is awaited."""

        def rehearse(self) -> None:
            """Nothing to practise."""

    async def fly() -> OneAct:
        flight = OneAct()
        await launchpad.fly(flight, lambda: None)
        return flight

    launchpad = Launchpad(clock)
    launchpad.open()
    began = time.monotonic()
    try:
        flight = run_scaled(ground, fly())
    finally:
        launchpad.close()

    assert flight.acted_at >= flight.meant
    assert time.monotonic() - began < 5


def test_a_lease_ends_on_scaled_time(ground: Ground) -> None:
    """Whoever waits for it counts as everything else does: five seconds are a fraction of a real one."""
    key = a_session(ground)
    clock = ScaledClock(ground.scale)

    async def take_over() -> tuple[bool, float]:
        async with Database(ground.store.url, name="instrument") as database:
            first = PostgresLeases(database, clock, ground.home / "first")
            second = PostgresLeases(database, clock, ground.home / "second")
            assert await first.acquire(key, "first", 5.0) is not None
            began = clock.monotonic()
            refused = await second.acquire(key, "second", 5.0) is None
            while await second.acquire(key, "second", 5.0) is None:
                await asyncio.sleep(0.5)
            return refused, clock.monotonic() - began

    began = time.monotonic()
    refused, taken_after_s = run_scaled(ground, take_over())

    assert refused
    assert taken_after_s > 4.5
    assert time.monotonic() - began < 4


def test_the_store_goes_away_and_comes_back(ground: Ground) -> None:
    """Connections break and none is made, until it is back."""
    key = a_session(ground)

    async def look() -> None:
        async with Database(ground.store.url, name="instrument") as database:
            store = PostgresSessionStore(database)
            ground.store.go_away()
            try:
                with pytest.raises(StoreUnavailable):
                    await store.load(key)
            finally:
                ground.store.come_back()
            assert await store.load(key) is not None

    run_scaled(ground, look())


def test_it_is_known_when_an_event_was_committed(ground: Ground) -> None:
    """On the real wall clock, as for orders on the wire."""
    key = a_session(ground)

    async def write() -> None:
        async with Database(ground.store.url, name="instrument") as database:
            await PostgresSessionStore(database).append(key, (EntryEnded("nothing", "a test"),))

    began = time.time()
    run_scaled(ground, write())
    ended = time.time()
    journal, _ = journal_side(ground.store.url, key)

    assert began <= journal[-1].committed_at <= ended


@pytest.mark.parametrize(
    ("kind", "answered", "arrivals"),
    [("duplicate", True, 2), ("late", True, 1), ("late_unanswered", False, 1), ("cut", False, 0)],
)
def test_the_wire_does_what_its_fault_says_and_counts_what_was_sent(
    ground: Ground, kind: WireFaultKind, answered: bool, arrivals: int
) -> None:
    """However often an order arrives: it left once. On a busy machine it may arrive too late and be refused."""
    scenario = Scenario.model_validate(
        {
            "clock": {"scale": ground.scale.scale},
            "settings": {"accept_repeated_ids": True},
            "accounts": [
                {
                    "name": ACCOUNT,
                    "api_key": CREDENTIALS.api_key,
                    "secret": CREDENTIALS.api_secret,
                    "balances": {"USDT": "1000"},
                }
            ],
            "listings": [{"symbol": SYMBOL, "opens_at": "-1h"}],
        }
    )
    request = OrderRequest("order1", SYMBOL, Side.BUY, OrderKind.IMMEDIATE, Price(Decimal("0.06")), Base(Decimal(100)))

    async def send(url: str, ws_url: str) -> bool:
        async with open_venue(url, ws_url, CREDENTIALS, clock=ScaledClock(ground.scale)) as venue:
            await venue.exchange_clock.synchronise()
            signed = venue.exchange.sign(request, venue.exchange_clock.now(), 1000)
            try:
                await venue.exchange.send(signed)
            except OutcomeUnknown:
                return False
            except Refused:
                return True
            return True

    wire = Wire((WireFault(0, kind, 0.3),))
    with OpenVenue.of(ground.venue_thread, ground.scale, scenario, 1, wire) as venue:
        door = venue.door("somebody")
        heard = run_scaled(ground, send(door.url, venue.ws_url))
        deadline = time.monotonic() + 5
        while len(venue.requests()) < arrivals and time.monotonic() < deadline:
            time.sleep(0.01)
        arrived = [request["client_order_id"] for request in venue.requests()]

    assert heard is answered
    assert arrived == ["order1"] * arrivals
    assert [(order.worker, order.fault) for order in wire.sent] == [("somebody", kind)]
    assert sent_twice(tuple(wire.sent)) == {}


class Counting:
    """A port that counts its calls."""

    calls = 0

    async def act(self) -> int:
        self.calls += 1
        return self.calls


@pytest.mark.parametrize(("after", "carried_out"), [(False, 1), (True, 2)])
async def test_a_process_dies_at_the_call_that_was_drawn(after: bool, carried_out: int) -> None:
    """Before it or when it was carried out; whatever it calls afterwards goes nowhere."""
    inner = Counting()
    port = Mortal(inner, Fate(2, after=after))
    await port.act()

    for _ in range(3):
        with pytest.raises(asyncio.CancelledError):
            await port.act()
    assert inner.calls == carried_out


async def test_who_is_cut_off_hears_nothing_though_half_of_it_arrives() -> None:
    """As with a connection that breaks: before the request, or before its answer."""
    inner = Counting()
    fate = Fate(None, after=False)
    fate.cut_off = True
    port = Mortal(inner, fate, stored=True)

    for _ in range(4):
        with pytest.raises(StoreUnavailable):
            await port.act()
    assert inner.calls == 2


def test_another_process_hears_the_same_time() -> None:
    """A scale survives a command line to the last digit."""
    scale = TimeScale.beginning_now(25.0)

    assert TimeScale.heard(scale.told()) == scale
