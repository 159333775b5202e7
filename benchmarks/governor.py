"""Whether three processes that share a budget stay inside it, and how long exits wait. `python -m benchmarks.governor`.

A venue in this process, a real Redis, and three processes of one account. Together they want ten times what the venue
allows: 120 orders and 80 questions a second, most of them entries and polling, evenly spaced and never fewer because
earlier ones wait. Beside them each sells every 1.5 s, which together stays inside the exits' reserve of three orders a
second. Counted is what the venue answers, and how long each sale waits to be let out.
"""

import argparse
import asyncio
import json
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from decimal import Decimal

import structlog

from adapters.clock import SystemClock
from adapters.mexc.limits import Priority, alone
from adapters.mexc.signing import Credentials
from adapters.mexc.venue import MexcVenue, open_venue
from benchmarks.figures import Bar, begin, figure, percentile, say
from benchmarks.load import API_KEY, SECRET
from domain.errors import RateLimited, SniperError
from domain.money import Base, Price
from domain.orders import OrderKind, OrderRequest, Side
from simulator.exchange.accounts import ApiKey
from simulator.server import SimulatorServer
from tests.redis_server import RedisServer

SECONDS = 60.0
ROLES = ("control", "fire", "guard")
ENTRIES_PER_S = 39.0
"""Of each process; with its exits 120 orders a second together."""
READS_PER_S = 27.0
EXIT_EVERY_S = 1.2
_START_WITHIN_S = 5.0
"""All have started and know the venue's time by then; the storm begins together."""


@dataclass
class Told:
    """What one process, or all of them, did. waits_s: of exits, until they were let out."""

    offered: int = 0
    left: int = 0
    exits: int = 0
    exits_refused: int = 0
    limited_by_venue: int = 0
    failed: list[str] = field(default_factory=list)
    waits_s: list[float] = field(default_factory=list)

    def add(self, other: "Told") -> None:
        self.offered += other.offered
        self.left += other.left
        self.exits += other.exits
        self.exits_refused += other.exits_refused
        self.limited_by_venue += other.limited_by_venue
        self.failed += other.failed
        self.waits_s += other.waits_s


async def storm(seconds: float) -> Told:
    """What came of it, and of each process the same key, venue and Redis."""
    server = SimulatorServer()
    await server.start()
    account = server.venue.account("bench")
    server.venue.set_key(ApiKey(API_KEY, SECRET.encode(), account))
    account.credit("USDT", Decimal(1_000_000))
    account.credit("BTC", Decimal(1_000))
    together = Told()
    try:
        with RedisServer() as redis:
            begin_at = time.time() + _START_WITHIN_S
            children = [
                await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "benchmarks.governor", "--child", role, "--seconds", str(seconds)),
                    *("--rest", server.rest_url, "--ws", server.ws_url, "--redis", redis.url),
                    *("--begin-at", str(begin_at + index * EXIT_EVERY_S / len(ROLES))),
                    stdout=asyncio.subprocess.PIPE,
                )
                for index, role in enumerate(ROLES)
            ]
            for child in children:
                said, _ = await child.communicate()
                if child.returncode != 0:
                    raise SniperError(f"a process of the storm ended with {child.returncode}")
                together.add(Told(**json.loads(said)))
    finally:
        await server.stop()
    return together


async def _be_a_process(arguments: argparse.Namespace) -> Told:
    told = Told()
    async with open_venue(
        arguments.rest,
        arguments.ws,
        Credentials(API_KEY, SECRET),
        clock=SystemClock(),
        limits=alone(arguments.child),
        redis_url=arguments.redis,
    ) as venue:
        await venue.exchange_clock.synchronise()
        await venue.exchange.rules("BTCUSDT")  # the first call of a process imports and connects; an exit's is not it
        await asyncio.sleep(arguments.begin_at - time.time())
        venue.governor.waits_s[Priority.EXIT].clear()  # the first measurement of the venue's time
        ends_at = time.monotonic() + arguments.seconds
        calls = _Calls(arguments.child, venue, told)
        await asyncio.gather(
            _evenly(calls.entry, 1 / ENTRIES_PER_S, ends_at),
            _evenly(calls.read, 1 / READS_PER_S, ends_at),
            _evenly(calls.exit, EXIT_EVERY_S, ends_at),
        )
        told.waits_s += venue.governor.waits_s[Priority.EXIT]
        if venue.governor.status().mode != "shared":
            told.failed.append(f"the budget was not shared at the end: {venue.governor.status()}")
    return told


async def _evenly(call: Callable[[int], Awaitable[None]], every_s: float, ends_at: float) -> None:
    """Begin a call at each beat, however long the earlier ones take."""
    running: set[asyncio.Task[None]] = set()
    number, beat = 0, time.monotonic()
    while beat < ends_at:
        await asyncio.sleep(max(0.0, beat - time.monotonic()))
        task = asyncio.ensure_future(call(number))
        running.add(task)
        task.add_done_callback(running.discard)
        number, beat = number + 1, beat + every_s
    await asyncio.gather(*running)


class _Calls:
    """Exits are the sales and nothing else; questions about rules are an entry's, those about listings polling."""

    def __init__(self, role: str, venue: MexcVenue, told: Told) -> None:
        self._role = role
        self._venue = venue
        self._told = told

    async def entry(self, number: int) -> None:
        await self._count(self._order(f"E{self._role}{number}", Side.BUY, "1"))

    async def read(self, number: int) -> None:
        exchange = self._venue.exchange
        asking: Awaitable[object] = (
            exchange.rules(f"{self._role.upper()}{number}USDT") if number % 3 else self._venue.listings.listings()
        )
        await self._count(asking)

    async def exit(self, number: int) -> None:
        self._told.exits += 1
        if not await self._count(self._order(f"X{self._role}{number}", Side.SELL, "1000000")):
            self._told.exits_refused += 1

    async def _order(self, name: str, side: Side, price: str) -> None:
        exchange = self._venue.exchange
        request = OrderRequest(
            name, "BTCUSDT", side, OrderKind.IMMEDIATE, Price(Decimal(price)), Base(Decimal(10) / Decimal(price))
        )
        await exchange.send(exchange.sign(request, self._venue.exchange_clock.now(), 1000))

    async def _count(self, calling: Awaitable[object]) -> bool:
        """Whether it left."""
        self._told.offered += 1
        try:
            await calling
        except RateLimited as exc:
            if "the venue answered" in str(exc):
                self._told.limited_by_venue += 1
            return False
        except SniperError:
            pass  # prices out of the band are refused: the venue has counted them all the same
        self._told.left += 1
        return True


def main() -> int:
    """0 when run to the end, whatever the figures; 1 when a process of it failed."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    parser = argparse.ArgumentParser()
    parser.add_argument("--child", choices=ROLES)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    for name in ("--rest", "--ws", "--redis"):
        parser.add_argument(name)
    parser.add_argument("--begin-at", type=float)
    arguments = parser.parse_args()
    if arguments.child:
        sys.stdout.write(json.dumps(asdict(asyncio.run(_be_a_process(arguments)))))
        return 0
    begin(__doc__)
    told = asyncio.run(storm(arguments.seconds))
    say(f"{told.offered} calls wanted, {told.left} left, {told.exits} exits")
    figure("governor.calls_per_s", told.left / arguments.seconds, "1/s")
    figure("governor.answered_429", told.limited_by_venue, "calls", Bar("<=", 0))
    figure("governor.exit_wait_p50", percentile(told.waits_s, 0.5) * 1000, "ms")
    figure("governor.exits_refused", told.exits_refused, "calls", Bar("<=", 0))
    figure("governor.exit_wait_p99", percentile(told.waits_s, 0.99) * 1000, "ms", Bar("<", 20))
    for failure in told.failed:
        say(failure)
    return 1 if told.failed else 0


if __name__ == "__main__":
    sys.exit(main())
