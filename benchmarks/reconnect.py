"""How soon a cut stream is subscribed again. `python -m benchmarks.reconnect`.

A venue in this process, one stream of prices and one of the account. Every two seconds both connections are cut without
a closing handshake, thirty times; counted is the time until the stream tells of its gap, which it does when the venue
has confirmed its subscriptions anew. A listen key is asked for only when the venue refuses the one in hand.
"""

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import structlog

from adapters.clock import SystemClock
from adapters.mexc.signing import Credentials
from adapters.mexc.venue import open_venue
from benchmarks.figures import Bar, begin, figure, percentile
from benchmarks.load import API_KEY, SECRET
from domain.ports import StreamGap
from simulator.exchange.accounts import ApiKey
from simulator.server import SimulatorServer

CUTS = 30
EVERY_S = 2.0


async def _gaps(items: AsyncIterator[object], seen: list[float]) -> None:
    async for item in items:
        if isinstance(item, StreamGap):
            seen.append(time.monotonic())


async def measure() -> list[float]:
    """Seconds from a cut to the news that the stream is whole again."""
    server = SimulatorServer()
    await server.start()
    account = server.venue.account("bench")
    server.venue.set_key(ApiKey(API_KEY, SECRET.encode(), account))
    spent: list[float] = []
    try:
        async with AsyncExitStack() as stack:
            credentials = Credentials(API_KEY, SECRET)
            venue = await stack.enter_async_context(
                open_venue(server.rest_url, server.ws_url, credentials, clock=SystemClock())
            )
            seen: list[list[float]] = [[], []]
            streams = [
                await stack.enter_async_context(venue.streams.account()),
                await stack.enter_async_context(venue.streams.quotes("BTCUSDT")),
            ]
            tasks = [asyncio.create_task(_gaps(items, kept)) for items, kept in zip(streams, seen, strict=True)]
            for _ in range(CUTS):
                await asyncio.sleep(EVERY_S)
                began = time.monotonic()
                server.hub.cut("all")
                before = [len(kept) for kept in seen]
                async with asyncio.timeout(30):
                    while any(len(kept) == count for kept, count in zip(seen, before, strict=True)):
                        await asyncio.sleep(0.001)
                spent.extend(kept[-1] - began for kept in seen)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        await server.stop()
    return spent


def main() -> int:
    """0 when run to the end, whatever the figures."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    begin(__doc__)
    spent = asyncio.run(measure())
    figure("reconnect.p50", percentile(spent, 0.5) * 1000, "ms")
    figure("reconnect.p95", percentile(spent, 0.95) * 1000, "ms", Bar("<", 1000))
    return 0


if __name__ == "__main__":
    sys.exit(main())
