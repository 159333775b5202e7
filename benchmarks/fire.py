"""How late orders are on the wire. `python -m benchmarks.fire`.

The real launchpad and the real hot lines of one process, against a server in another one that notes, for each order,
when the kernel received its first byte. Loopback: the way to a venue is not in these figures. An instant is chosen on
the machine's clock; lateness is the receiver's stamp minus that instant, for the last of all sessions that had it.
"""

import asyncio
import logging
import multiprocessing
import selectors
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from multiprocessing.connection import Connection as Pipe

import structlog

from adapters.clock import SystemClock
from adapters.mexc.governor import RequestGovernor
from adapters.mexc.hot_line import MexcHotLines
from adapters.mexc.limits import Limits
from adapters.mexc.signing import Credentials
from benchmarks.figures import Bar, figure, machine, percentile, say
from benchmarks.kernel_stamps import SO_TIMESTAMPNS, stamp, wall_minus_monotonic
from desk.launchpad import Launchpad
from domain.errors import SniperError
from domain.money import Base, Price
from domain.orders import OrderKind, OrderRequest, Side
from domain.ports import HotLine, SignedOrder

ROUNDS = {1: 200, 8: 60, 32: 40}
"""Sessions with one instant -> how often."""
LEAD_S = 0.06
"""From laying the orders ready to their instant."""
_ANSWER = b'{"symbol":"NEWUSDT","orderId":"C02__1","orderListId":-1}'


@dataclass(frozen=True, slots=True)
class Lateness:
    """Of one round, in seconds after its instant: the first and the last order on the wire."""

    first: float
    last: float


async def measure(sessions: int, rounds: int, port: int, stamps: Pipe) -> list[Lateness]:
    """`rounds` instants, each of `sessions` orders on as many lines."""
    clock = SystemClock()
    plenty = 10**9
    governor = RequestGovernor(clock, Limits(plenty, plenty, plenty, plenty))
    lines = MexcHotLines(f"http://127.0.0.1:{port}", Credentials("key", "secret"), clock=clock, governor=governor)
    launchpad = Launchpad(clock)
    launchpad.open()
    found: list[Lateness] = []
    try:
        opened = [await lines.open() for _ in range(sessions)]
        for number in range(rounds):
            found.append(await _round(launchpad, opened, number, clock, stamps))
        for line in opened:
            await line.close()
    finally:
        launchpad.close()
        await governor.close()
    return found


async def _round(
    launchpad: Launchpad, lines: Sequence[HotLine], number: int, clock: SystemClock, stamps: Pipe
) -> Lateness:
    for index, line in enumerate(lines):
        await line.load(_order(f"n{number}s{index}"))
    at = clock.monotonic() + LEAD_S
    wall_at = at + wall_minus_monotonic()
    await asyncio.gather(*(launchpad.launch(at, _nothing, line) for line in lines))
    for line in lines:
        with suppress(SniperError):
            await line.answer(5.0)
    seen = [stamps.recv() - wall_at for _ in lines]
    return Lateness(min(seen), max(seen))


def _order(name: str) -> SignedOrder:
    request = OrderRequest(name, "NEWUSDT", Side.BUY, OrderKind.IMMEDIATE, Price(Decimal("0.05")), Base(Decimal(1000)))
    query = f"symbol=NEWUSDT&side=BUY&type=IMMEDIATE_OR_CANCEL&quantity=1000&price=0.05&newClientOrderId={name}"
    return SignedOrder(name, request, datetime.now(UTC), f"{query}&signature={'0' * 64}".encode())


def _nothing() -> None:
    """A last look that finds no reason."""


def _serve(ready: Pipe, stamps: Pipe) -> None:
    """Answers pings and orders until its pipe is closed; tells each order's kernel stamp."""
    server = socket.create_server(("127.0.0.1", 0), backlog=64)
    ready.send(server.getsockname()[1])
    chosen = selectors.DefaultSelector()
    chosen.register(server, selectors.EVENT_READ)
    chosen.register(ready, selectors.EVENT_READ)
    while True:
        for key, _ in chosen.select():
            if key.fileobj is ready:
                return
            if key.fileobj is server:
                plain, _ = server.accept()
                plain.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                chosen.register(plain, selectors.EVENT_READ)
            elif isinstance(key.fileobj, socket.socket):
                _hear(key.fileobj, chosen.unregister, stamps)


def _hear(plain: socket.socket, forget: Callable[[socket.socket], object], stamps: Pipe) -> None:
    data, extra, _, _ = plain.recvmsg(65_536, 256)
    if not data:
        forget(plain)
        plain.close()
        return
    body = b"{}"
    if data.startswith(b"POST"):
        stamps.send(stamp(extra))
        body = _ANSWER
    plain.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


def main() -> int:
    """0 when run to the end, whatever the figures."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    say(f"machine: {machine()}")
    context = multiprocessing.get_context("spawn")
    ready, told = context.Pipe()
    stamps, sent = context.Pipe(duplex=False)
    server = context.Process(target=_serve, args=(told, sent), daemon=True)
    server.start()
    port = ready.recv()
    for sessions, rounds in ROUNDS.items():
        found = asyncio.run(measure(sessions, rounds, port, stamps))
        last_us = [one.last * 1e6 for one in found]
        bars = {1: (50, 500), 8: (None, 1000), 32: (500, 2000)}[sessions]
        for share, bar in ((0.5, bars[0]), (0.99, bars[1])):
            name = f"fire.last_of_{sessions}.p{int(share * 100)}"
            figure(name, percentile(last_us, share), "us", None if bar is None else Bar("<", bar))
    ready.close()
    server.join(5)
    return 0


if __name__ == "__main__":
    sys.exit(main())
