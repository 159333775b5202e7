"""Between a decision and its send there is memory, one signature and one send call, and nothing else.

The real launchpad, volley, TLS connections and signatures shoot at a small server; everything that must not happen on
the launchpad's thread is watched for there.
"""

import asyncio
import json
import logging
import socket
import ssl
import sys
import threading
import time
import tracemalloc
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

import pytest
import structlog

from adapters.clock import SystemClock
from adapters.mexc.battery import MexcBattery, MexcHotLines
from adapters.mexc.build import order_query
from adapters.mexc.governor import RequestGovernor
from adapters.mexc.hot_line import MexcHotLine
from adapters.mexc.limits import Limits
from adapters.mexc.signing import Credentials
from desk.launchpad import NEVER, Launchpad
from desk.shot_record import shot_record
from desk.volley import Firing, Shot, Volley
from domain.entry import Timing, plan_lanes
from domain.exchange_time import ClockEstimate
from domain.money import Price, Quote
from domain.orders import OrderRequest
from domain.policy import EntryPolicy
from domain.ports import SignedOrder
from simulator.certificate import make_certificate
from tests.builders import RULES

CLOCK = SystemClock()
PLENTY = Limits(10**9, 10**9, 10**9, 10**9)
MAX_PRICE = Price(Decimal("0.06"))
POLICY = EntryPolicy(MAX_PRICE)
CAP = (400, b'{"code":30010,"msg":"Order price cannot exceed 0.05USDT"}')
NOT_YET = (400, b'{"code":30001,"msg":"not open"}')
LIMITED = (429, b'{"code":429,"msg":"Too Many Requests"}')
TAKEN = (200, b'{"symbol":"NEWUSDT","orderId":"C02__1","transactTime":1767225600000}')
SILENCE = (0, b"")
Answer = tuple[int, bytes]


class Server:
    """Answers pings, and orders by turns with what it was told, over TLS. orders: request lines as they came."""

    def __init__(self, folder: Path, answers: list[Answer | None]) -> None:
        self._context, self.certificate = make_certificate(folder)
        self._answers = deque(answers)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.orders: list[str] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                plain, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with suppress(OSError, ssl.SSLError), self._context.wrap_socket(plain, server_side=True) as secured:
            while request := secured.recv(65_536):
                status, body = 200, b"{}"
                if request.startswith(b"POST"):
                    self.orders.append(request.split(b"\r\n")[0].decode())
                    answer = self._answers.popleft()
                    if answer is None:
                        return
                    if answer is SILENCE:
                        continue
                    status, body = answer
                secured.sendall(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))


class Known:
    """An exchange whose clock is this machine's."""

    def estimate(self) -> ClockEstimate:
        offset = datetime.now(UTC).timestamp() - CLOCK.monotonic()
        return ClockEstimate(offset, 0.0, 0.0, CLOCK.monotonic(), rate_bound=0.0, arrival=offset)


def signed(request: OrderRequest, timestamp: datetime, recv_window_ms: int) -> SignedOrder:
    query = order_query(request, timestamp, recv_window_ms, "secret")
    return SignedOrder(request.client_order_id, request, timestamp, query.encode())


class Range:
    """A launchpad, two warm lines, and volleys that shoot from them."""

    def __init__(self, launchpad: Launchpad, battery: MexcBattery) -> None:
        self.launchpad = launchpad
        self.battery = battery
        self.looks = 0
        self.look: Callable[[], None] = lambda: None
        self.wanted: Callable[[], None] = lambda: None
        self.overdue = False

    def volley(self, aim: datetime) -> Volley:
        firing = Firing(
            clock=CLOCK,
            exchange_clock=Known(),  # type: ignore[arg-type]  # only the estimate is asked for
            battery=self.battery,
            sign=signed,
            last_look=self._look,
            leaves=lambda shot: None,
            doubted=lambda shot: None,
            bought=lambda: False,
            rules=RULES,
            still_wanted=lambda: self.wanted(),
            overdue=lambda: self.overdue,
        )
        budget = Quote(Decimal(50))
        lanes = plan_lanes("NEWUSDT", RULES, POLICY, budget, MAX_PRICE, aim, 0, lambda leg, shot: f"{leg}{shot}")
        return Volley(firing, Timing(POLICY, aim, aim), deque(lanes[0].intents), MAX_PRICE, budget, aim)

    async def shoot(self) -> tuple[Volley, list[Shot]]:
        volley = await self.ready(datetime.now(UTC) + timedelta(seconds=0.05))
        await self.battery.restock(shots=True)
        await self.fly(volley)
        return volley, list(volley.news)

    async def ready(self, aim: datetime) -> Volley:
        """Its first order lies on a line."""
        volley = self.volley(aim)
        order = volley.first()
        assert isinstance(order, SignedOrder)
        volley.load(await self.battery.load(order))
        return volley

    async def fly(self, volley: Volley) -> None:
        await self.launchpad.fly(volley, lambda: None)
        assert volley.line is not None
        self.battery.give_back(volley.line)

    def _look(self, aimed_by: ClockEstimate) -> None:
        self.looks += 1
        self.look()


@pytest.fixture
def answers() -> list[Answer | None]:
    return [CAP, NOT_YET, TAKEN]


@pytest.fixture
def server(tmp_path: Path, answers: list[Answer | None]) -> Iterator[Server]:
    server = Server(tmp_path, answers)
    yield server
    server.close()


@pytest.fixture
async def place(server: Server) -> AsyncIterator[Range]:
    governor = RequestGovernor(CLOCK, PLENTY)
    trust = ssl.create_default_context(cafile=str(server.certificate))
    url = f"https://127.0.0.1:{server.port}"
    lines = MexcHotLines(url, Credentials("key", "secret"), clock=CLOCK, governor=governor, trust=trust)
    battery = await lines.open(2)
    launchpad = Launchpad(CLOCK)
    launchpad.open()
    yield Range(launchpad, battery)
    launchpad.close()
    await battery.close()
    await governor.close()


_ALLOWED = ("object.__getattr__", "sys._getframe")
"""Of what the interpreter tells about: looks at objects, nothing that leaves the process."""
_heard: list[str] | None = None


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if _heard is not None and threading.current_thread().name == "launchpad" and event not in _ALLOWED:
        _heard.append(event)


sys.addaudithook(_audit)


@pytest.fixture
def audited() -> Iterator[list[str]]:
    """What the interpreter tells of the launchpad's thread: files, sockets made or connected, processes, imports."""
    global _heard
    _heard = []
    yield _heard
    _heard = None


@pytest.fixture
def sinks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Log lines and JSON made on the launchpad's thread."""
    found: list[str] = []

    def watch(owner: Any, name: str) -> None:
        inner = getattr(owner, name)

        def watched(*arguments: Any, **named: Any) -> Any:
            if threading.current_thread().name == "launchpad":
                found.append(name)
            return inner(*arguments, **named)

        monkeypatch.setattr(owner, name, watched)

    def hear(_logger: object, name: str, _event: MutableMapping[str, Any]) -> NoReturn:
        if threading.current_thread().name == "launchpad":
            found.append(f"log.{name}")
        raise structlog.DropEvent

    structlog.configure(processors=[hear], wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
    watch(json, "dumps")
    watch(logging.Logger, "_log")
    watch(asyncio.BaseEventLoop, "create_task")
    watch(socket, "create_connection")
    watch(socket, "getaddrinfo")
    return found


async def test_a_refusal_is_answered_by_the_next_shot_without_anything_forbidden(
    place: Range, server: Server, audited: list[str], sinks: list[str]
) -> None:
    """From before the opening to the acknowledgement: no file, no new connection, no log line, no JSON made."""
    volley, shots = await place.shoot()

    assert [shot.answer for shot in shots] == ["refused", "refused", "accepted"]
    assert [shot.request.price for shot in shots] == [MAX_PRICE, Decimal("0.05"), Decimal("0.05")]
    assert volley.ended is shots[-1]
    assert place.looks == len(server.orders) == 3
    assert audited == []
    assert sinks == []


async def test_the_answer_to_a_refusal_is_practised_before_a_shot_is_due(
    place: Range, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an order of the same id, signed at the same time, that never leaves."""
    practised: list[SignedOrder] = []
    monkeypatch.setattr(MexcHotLine, "rehearse", lambda _, order: practised.append(order))

    _, shots = await place.shoot()

    assert practised[0].client_order_id == shots[0].request.client_order_id
    assert practised[0].timestamp == shots[0].aim
    assert {order.client_order_id for order in practised} <= {shot.request.client_order_id for shot in shots}
    assert len(server.orders) == 3


async def test_the_watch_hears_what_is_forbidden(place: Range, audited: list[str], sinks: list[str]) -> None:
    """A last look that opens a file, makes JSON and logs is caught: the test above can fail."""

    def look() -> None:
        Path("/dev/null").read_bytes()
        json.dumps({})
        structlog.get_logger().debug("looked")
        logging.getLogger("any").warning("looked")

    place.look = look
    await place.shoot()

    assert "open" in audited
    assert {"dumps", "log.debug", "_log"} <= set(sinks)


async def test_a_shot_allocates_little(place: Range) -> None:
    """What is decided, priced, signed and sealed between two shots stays below what would wake a collector."""
    peaks: list[int] = []

    def look() -> None:
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.reset_peak()

    place.look = look
    tracemalloc.start()
    try:
        await place.shoot()
        base = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert len(peaks) == 3
    assert max(peaks[1:]) - min(base, *peaks) < 256 * 1024


@pytest.mark.parametrize("answers", [[CAP, TAKEN]])
async def test_what_the_last_look_objects_to_does_not_leave(place: Range, server: Server) -> None:
    """Neither the first shot nor a later one, and what it raised reaches whoever flies."""

    def look() -> None:
        if place.looks == 2:
            raise PermissionError("the lease has ended")

    place.look = look
    with pytest.raises(PermissionError, match="lease"):
        await place.shoot()

    assert len(server.orders) == 1


@pytest.mark.parametrize("answers", [[None]])
async def test_an_answer_that_is_cut_off_ends_the_volley_in_doubt(place: Range, server: Server) -> None:
    """Nothing is sent again for it."""
    volley, shots = await place.shoot()

    assert [shot.answer for shot in shots] == ["unknown"]
    assert volley.ended is shots[0]
    assert len(server.orders) == 1


async def test_each_shot_is_stamped_for_when_it_leaves_and_named_by_its_own_intent(
    place: Range, server: Server
) -> None:
    """Three ids, three rising timestamps."""
    await place.shoot()

    parts = [dict(pair.split("=") for pair in line.split("?")[1].split(" ")[0].split("&")) for line in server.orders]
    assert len({part["newClientOrderId"] for part in parts}) == 3
    stamps = [int(part["timestamp"]) for part in parts]
    assert stamps == sorted(stamps)
    assert stamps[2] - stamps[1] >= 15  # the pause after "not open yet"


async def test_places_that_run_out_are_waited_for_without_a_shot(place: Range, server: Server) -> None:
    """The next one goes as soon as the event loop has taken another place."""
    volley = place.volley(datetime.now(UTC) + timedelta(seconds=0.05))
    order = volley.first()
    assert isinstance(order, SignedOrder)
    volley.load(await place.battery.load(order))
    flying = asyncio.create_task(place.launchpad.fly(volley, lambda: None))
    async with asyncio.timeout(5):
        while not server.orders:
            await asyncio.sleep(0.001)
    await asyncio.sleep(0.05)
    before = len(server.orders)

    async with asyncio.timeout(5):
        while not flying.done():
            await place.battery.restock(shots=True)
            await asyncio.sleep(0.001)

    assert before == 1
    assert [shot.answer for shot in volley.news] == ["refused", "refused", "accepted"]


async def test_what_ends_the_entry_is_heard_while_places_are_waited_for(place: Range, server: Server) -> None:
    """Nothing more leaves."""
    volley = place.volley(datetime.now(UTC) + timedelta(seconds=0.05))
    order = volley.first()
    assert isinstance(order, SignedOrder)
    volley.load(await place.battery.load(order))

    def aborted() -> None:
        raise PermissionError("aborted")

    place.wanted = aborted
    async with asyncio.timeout(5):
        with pytest.raises(PermissionError, match="aborted"):
            await place.launchpad.fly(volley, lambda: None)

    assert len(server.orders) == 1
    assert [shot.answer for shot in volley.news] == ["refused"]


@pytest.mark.parametrize("answers", [[SILENCE]])
async def test_an_answer_that_may_not_be_waited_for_leaves_its_shot_in_doubt(place: Range, server: Server) -> None:
    """Its connection carries nothing else: what comes on it would be taken for another order's answer."""
    place.overdue = True
    volley, shots = await place.shoot()

    assert [shot.answer for shot in shots] == ["unknown"]
    assert volley.ended is shots[0]
    assert shots[0].answered - shots[0].sent < 2.5
    assert volley.line is not None
    assert not place.battery._lines[volley.line.number].stands
    assert len(server.orders) == 1


class Stall:
    """What a busy machine or another session's step does: at `due` the launchpad's thread is away for a while."""

    waits_at: int | None = None
    spins_until = 0.0

    def __init__(self, due: float, for_s: float) -> None:
        self.due = due
        self.over = False
        self._for_s = for_s

    def act(self) -> None:
        time.sleep(self._for_s)
        self.over, self.due = True, NEVER

    def listen(self) -> None: ...

    def rehearse(self) -> None: ...


@pytest.mark.parametrize("answers", [[TAKEN]])
async def test_an_order_that_is_kept_back_for_milliseconds_leaves_on_its_own_connection(place: Range) -> None:
    """As it lies: another one might not be there."""
    volley = await place.ready(datetime.now(UTC) + timedelta(seconds=0.15))
    line = volley.line

    stall = Stall(volley.due - 0.0001, 0.006)
    await asyncio.gather(place.launchpad.fly(stall, lambda: None), place.fly(volley))

    [shot] = volley.news
    assert shot.answer == "accepted"
    assert volley.line is line
    assert shot.stamp == shot.aim


@pytest.mark.parametrize("answers", [[TAKEN]])
async def test_what_is_kept_back_for_long_is_stamped_anew_and_told_as_late(place: Range) -> None:
    volley = await place.ready(datetime.now(UTC) + timedelta(seconds=0.15))
    await place.battery.restock(shots=True)

    stall = Stall(volley.due - 0.0001, 0.1)
    await asyncio.gather(place.launchpad.fly(stall, lambda: None), place.fly(volley))

    [shot] = volley.news
    sent, _ = shot_record(shot)
    assert shot.answer == "accepted"
    assert sent.late_us > 90_000
    assert shot.stamp - shot.aim > timedelta(seconds=0.09)
    assert sent.planned_at == shot.aim


@pytest.mark.parametrize("answers", [[LIMITED] * 40])
async def test_nothing_leaves_once_the_venue_was_heard_to_ask_for_rest(place: Range, server: Server) -> None:
    """An order every 2.5 ms, as of sessions that open together: the event loop hears of it when it is too late."""
    wanted, spacing = 40, timedelta(milliseconds=2.5)
    lines = MexcHotLines(
        f"https://127.0.0.1:{server.port}",
        Credentials("key", "secret"),
        clock=CLOCK,
        governor=place.battery._governor,
        trust=place.battery._lines[0]._trust,
    )
    battery = await lines.open(wanted)
    aim = datetime.now(UTC) + timedelta(seconds=0.3)
    volleys = [place.volley(aim + number * spacing) for number in range(wanted)]
    for volley in volleys:
        order = volley.first()
        assert isinstance(order, SignedOrder)
        volley.load(await battery.load(order))
    flying = [asyncio.create_task(place.launchpad.fly(volley, lambda: None)) for volley in volleys]

    def answered() -> list[Shot]:
        return [shot for volley in volleys for shot in volley.news if "429" in shot.text]

    async with asyncio.timeout(5):
        while datetime.now(UTC) < aim + wanted * spacing or len(server.orders) != len(answered()):
            await asyncio.sleep(0.001)
    for one in flying:
        one.cancel()
    await asyncio.gather(*flying, return_exceptions=True)
    await battery.close()

    heard = min(shot.answered for shot in answered())
    shots = [shot for volley in volleys for shot in volley.news]
    assert {shot.answer for shot in shots} == {"try again"}
    assert all(shot.sent <= heard or "nothing was sent" in shot.text for shot in shots)
    assert len(server.orders) == len(answered()) < wanted
