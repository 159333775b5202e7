"""How late orders are on the wire. `python -m benchmarks.fire`.

The real launchpad, volleys and hot lines of one process, against a server in another one that notes, for each order,
when the kernel received its first byte. Loopback, without TLS: the way to a venue is not in the first figures, and is
put in by the last ones, which aim by the real measured clock at a venue that is 10 or 60 ms away.

    last_of_N     N sessions with one instant: the last order's arrival after it
    burner        the same, for one session, while every core is busy, with and without real-time scheduling
    reshoot       a refusal that names a cap leaves the venue, the next order arrives: decided, priced, signed between
    delay_D       D ms of network delay there and back: arrival after the opening by the venue's clock; early is lost
"""

import asyncio
import logging
import multiprocessing
import statistics
import sys
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from multiprocessing.connection import Connection as Pipe

import structlog

from adapters.clock import SystemClock
from adapters.mexc.battery import MexcBattery, MexcHotLines
from adapters.mexc.build import order_query
from adapters.mexc.exchange_clock import MexcExchangeClock
from adapters.mexc.governor import RequestGovernor
from adapters.mexc.limits import Limits
from adapters.mexc.signing import Credentials
from benchmarks.figures import Bar, begin, figure, percentile
from benchmarks.fire_venue import Seen, serve
from benchmarks.kernel_stamps import wall_minus_monotonic
from desk.launchpad import Launchpad
from desk.volley import Firing, Shot, Volley
from domain.entry import Timing, plan_lanes
from domain.exchange_time import ClockEstimate
from domain.ids import Leg
from domain.money import Price, Quote
from domain.orders import OrderRequest
from domain.policy import EntryPolicy
from domain.ports import ExchangeClock, SignedOrder
from tests.builders import RULES

RUNS = 5
ROUNDS = {1: 60, 8: 30, 32: 20}
"""Sessions with one instant -> how often in each run."""
BURNED_ROUNDS = 100
RESHOOTING_ROUNDS = 30
DELAYED_ROUNDS = 40
LEAD_S = 0.06
"""From laying the orders ready to their instant."""
PLENTY = Limits(10**9, 10**9, 10**9, 10**9)
BARS = {
    1: {0.5: Bar("<", 50), 0.99: Bar("<", 500)},
    8: {0.99: Bar("<", 1000)},
    32: {0.5: Bar("<", 500), 0.95: Bar("<", 1000), 0.99: Bar("<", 2000)},
}
POLICY = EntryPolicy(max_price=Price(Decimal("0.06")))
BUDGET = Quote(Decimal(50))


class LocalTime:
    """An exchange whose clock is this machine's, known exactly: the clock is not what is measured.

    One for each round; as the real one does it measures beforehand and is asked from memory.
    """

    def __init__(self) -> None:
        ahead = wall_minus_monotonic()
        self._known = ClockEstimate(ahead, 0.0, 0.0, CLOCK.monotonic(), rate_bound=0.0, arrival=ahead)

    def estimate(self) -> ClockEstimate:
        return self._known


CLOCK = SystemClock()


@dataclass
class Range:
    """One venue, and what shoots at it."""

    batteries: Sequence[MexcBattery]
    launchpad: Launchpad
    clock: MexcExchangeClock
    seen: Pipe

    def firing(self, battery: MexcBattery, clock: object) -> Firing:
        return Firing(
            clock=CLOCK,
            exchange_clock=clock,  # type: ignore[arg-type]  # of an exchange clock a volley asks for the estimate
            battery=battery,
            sign=_signed,
            last_look=lambda aimed_by: None,
            leaves=lambda shot: None,
            doubted=lambda shot: None,
            bought=lambda: False,
            rules=RULES,
        )

    async def shoot(self, name: str, aim: datetime, clock: "ExchangeClock | LocalTime") -> list[Shot]:
        """One volley from each battery, all aimed at one instant; what became of each shot."""
        volleys = [
            _volley(self.firing(battery, clock), f"{name}s{index}", aim) for index, battery in enumerate(self.batteries)
        ]
        for volley, battery in zip(volleys, self.batteries, strict=True):
            signed = volley.first()
            assert isinstance(signed, SignedOrder)
            volley.load(await battery.load(signed))
            await battery.restock(shots=True)
        await asyncio.gather(*(self.launchpad.fly(volley, _nothing) for volley in volleys))
        for volley, battery in zip(volleys, self.batteries, strict=True):
            assert volley.line is not None
            battery.give_back(volley.line)
        return [shot for volley in volleys for shot in volley.news]

    def heard(self, shots: Sequence[Shot]) -> list[Seen]:
        """What the venue says of them."""
        return [self.seen.recv() for _ in shots]


def _volley(firing: Firing, name: str, aim: datetime) -> Volley:
    lanes = plan_lanes(
        "NEWUSDT", RULES, POLICY, BUDGET, Price(Decimal("0.06")), aim, 0, lambda leg, shot: f"{name}{Leg(leg)[0]}{shot}"
    )
    intents = deque(lanes[0].intents[:4])
    return Volley(firing, Timing(POLICY, aim, aim), intents, Price(Decimal("0.06")), BUDGET, aim)


def _signed(request: OrderRequest, timestamp: datetime, recv_window_ms: int) -> SignedOrder:
    query = order_query(request, timestamp, recv_window_ms, "secret")
    return SignedOrder(request.client_order_id, request, timestamp, query.encode())


def _nothing() -> None:
    """Nobody has to be told."""


@contextmanager
def venue(way_s: float = 0.0) -> Iterator[tuple[int, Pipe]]:
    """Its port, and what it has seen."""
    context = multiprocessing.get_context("spawn")
    ready, told = context.Pipe()
    seen, sent = context.Pipe(duplex=False)
    server = context.Process(target=serve, args=(told, sent, way_s), daemon=True)
    server.start()
    try:
        yield ready.recv(), seen
    finally:
        ready.close()
        server.join(5)


@asynccontextmanager
async def shooting_range(
    port: int, seen: Pipe, *, sessions: int = 1, lines: int = 1, first: bool = True
) -> AsyncIterator[Range]:
    """sessions: batteries, of so many lines each. first: whether the launchpad asks for real-time scheduling."""
    governor = RequestGovernor(CLOCK, PLENTY)
    url = f"http://127.0.0.1:{port}"
    clock = MexcExchangeClock(url, clock=CLOCK, governor=governor)
    hot_lines = MexcHotLines(url, Credentials("key", "secret"), clock=CLOCK, governor=governor)
    launchpad = Launchpad(CLOCK, first=first)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(governor.close)
        stack.push_async_callback(clock.close)
        launchpad.open()
        stack.callback(launchpad.close)
        batteries = [await hot_lines.open(lines) for _ in range(sessions)]
        for battery in batteries:
            stack.push_async_callback(battery.close)
        yield Range(batteries, launchpad, clock, seen)


async def lateness(port: int, seen: Pipe, sessions: int, rounds: int, *, first: bool = True) -> list[float]:
    """Of the last of `sessions` orders with one instant, in microseconds after it."""
    found: list[float] = []
    async with shooting_range(port, seen, sessions=sessions, first=first) as place:
        for number in range(rounds):
            aim = datetime.now(UTC) + timedelta(seconds=LEAD_S)
            shots = await place.shoot(f"n{number}", aim, LocalTime())
            last = max(arrived for _, arrived, _ in place.heard(shots))
            found.append((last - aim.timestamp()) * 1e6)
    return found


async def reshooting(port: int, seen: Pipe, rounds: int) -> list[float]:
    """From a refusal's leaving the venue to the next order's arrival there, in microseconds."""
    found: list[float] = []
    async with shooting_range(port, seen, lines=2) as place:
        for number in range(rounds):
            aim = datetime.now(UTC) + timedelta(seconds=LEAD_S)
            heard = place.heard(await place.shoot(f"c{number}", aim, LocalTime()))
            found += [(after[1] - before[2]) * 1e6 for before, after in pairwise(heard)]
    return found


async def arrivals(port: int, seen: Pipe, rounds: int) -> list[float]:
    """After the opening by the venue's clock, in microseconds, aimed by what was measured of that clock."""
    found: list[float] = []
    async with shooting_range(port, seen) as place:
        for number in range(rounds):
            if number % 5 == 0:
                await place.clock.synchronise()
            now_ms = int(place.clock.now().timestamp() * 1000)
            opens_at = datetime.fromtimestamp((now_ms + 300) / 1000, UTC)
            shots = await place.shoot(f"n{number}", opens_at, place.clock)
            found += [(arrived - opens_at.timestamp()) * 1e6 for _, arrived, _ in place.heard(shots)]
    return found


@contextmanager
def burners() -> Iterator[None]:
    """Every core busy."""
    context = multiprocessing.get_context("spawn")
    busy = [context.Process(target=_burn, daemon=True) for _ in range(multiprocessing.cpu_count())]
    for one in busy:
        one.start()
    try:
        yield
    finally:
        for one in busy:
            one.kill()
            one.join()


def _burn() -> None:
    while True:
        pass


def main() -> int:
    """0 when run to the end, whatever the figures."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    begin(__doc__)
    with venue() as (port, seen):
        for sessions, rounds in ROUNDS.items():
            runs = [asyncio.run(lateness(port, seen, sessions, rounds)) for _ in range(RUNS)]
            for share, bar in {**dict.fromkeys((0.5, 0.95, 0.99)), **BARS[sessions]}.items():
                value = statistics.median(percentile(run, share) for run in runs)
                figure(f"fire.last_of_{sessions}.p{round(share * 100)}", value, "us", bar)
        found = asyncio.run(reshooting(port, seen, RESHOOTING_ROUNDS))
        figure("fire.reshoot.p50", percentile(found, 0.5), "us", Bar("<", 200))
        figure("fire.reshoot.p99", percentile(found, 0.99), "us", Bar("<", 1000))
        with burners():
            for first, name, limit in ((True, "real_time", Bar("<", 1000)), (False, "ordinary", None)):
                found = asyncio.run(lateness(port, seen, 1, BURNED_ROUNDS, first=first))
                figure(f"fire.burner.{name}.p50", percentile(found, 0.5), "us")
                figure(f"fire.burner.{name}.p99", percentile(found, 0.99), "us", limit)
    for delay_ms in (20, 120):
        with venue(way_s=delay_ms / 2000) as (port, seen):
            found = asyncio.run(arrivals(port, seen, DELAYED_ROUNDS))
        figure(f"fire.delay_{delay_ms}.arrival.p50", percentile(found, 0.5), "us")
        figure(f"fire.delay_{delay_ms}.arrival.p99", percentile(found, 0.99), "us")
        figure(f"fire.delay_{delay_ms}.early", sum(one < 0 for one in found), "of 40 shots")
    return 0


if __name__ == "__main__":
    sys.exit(main())
