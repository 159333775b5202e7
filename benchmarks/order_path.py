"""How long an order takes from our decision to the venue, beside usual clients. `python -m benchmarks.order_path`.

A TLS server in another process tells when its kernel received each order. Every client, on a connection that is warm,
places the same order again and again, by turns in one run: ours as the launchpad does (signed and encrypted before the
decision, then one send), aiohttp, httpx and ccxt as their users would, who sign when they decide. Loopback: the way to
a venue comes on top of all of them. Ratios are what to read; the machine is shared.
"""

import asyncio
import logging
import multiprocessing
import socket
import ssl
import sys
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from decimal import Decimal
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

import aiohttp
import ccxt.async_support
import httpx
import structlog

from adapters.clock import SystemClock
from adapters.mexc.battery import MexcHotLines
from adapters.mexc.build import order_query
from adapters.mexc.governor import RequestGovernor
from adapters.mexc.limits import Limits
from adapters.mexc.signing import Credentials
from benchmarks.figures import Bar, begin, figure, percentile
from benchmarks.kernel_stamps import SO_TIMESTAMPNS, stamp, wall_minus_monotonic
from domain.errors import SniperError
from domain.money import Base, Price
from domain.orders import OrderKind, OrderRequest, Side
from domain.ports import SignedOrder
from simulator.certificate import make_certificate

ROUNDS = 300
WARM_UP = 20
KEY, SECRET = "order-path-key", "order-path-secret"
BARS = {"aiohttp": 0.3, "ccxt": 0.12, "httpx": 0.08}
"""Our median as a share of theirs."""
_HEADERS = {"X-MEXC-APIKEY": KEY, "Content-Type": "application/json"}
_ANSWER = b'{"symbol":"BTCUSDT","orderId":"C02__1","orderListId":-1,"transactTime":1767225600000}'

Place = Callable[[str], Awaitable[float]]
"""Places the order of a name; returns local monotonic seconds at the decision."""


async def measure(port: int, certificate: Path, seen: Pipe) -> Mapping[str, list[float]]:
    """Seconds from decision to the server, by client."""
    trust = ssl.create_default_context(cafile=str(certificate))
    url = f"https://127.0.0.1:{port}"
    found: dict[str, list[float]] = {}
    async with AsyncExitStack() as resources:
        clients = {
            "ours": await _ours(url, trust, resources),
            "aiohttp": await _aiohttp(url, trust, resources),
            "httpx": await _httpx(url, trust, resources),
            "ccxt": await _ccxt(url, trust, resources),
        }
        for number in range(WARM_UP + ROUNDS):
            for name, place in clients.items():
                decided = await place(f"n{number}")
                took = seen.recv() - decided
                if number >= WARM_UP:
                    found.setdefault(name, []).append(took)
    return found


async def _ours(url: str, trust: ssl.SSLContext, resources: AsyncExitStack) -> Place:
    plenty = 10**9
    clock = SystemClock()
    governor = RequestGovernor(clock, Limits(plenty, plenty, plenty, plenty))
    lines = MexcHotLines(url, Credentials(KEY, SECRET), clock=clock, governor=governor, trust=trust)
    battery = await lines.open(1)
    resources.push_async_callback(battery.close)

    async def place(name: str) -> float:
        request = _request(name)
        query = _query(name)
        line = await battery.load(SignedOrder(name, request, datetime.now(UTC), query.encode()))
        decided = time.monotonic()
        line.fire()
        with suppress(SniperError):
            while line.hear() is None:
                await asyncio.sleep(0)
        battery.give_back(line)
        return decided

    return place


async def _aiohttp(url: str, trust: ssl.SSLContext, resources: AsyncExitStack) -> Place:
    session = await resources.enter_async_context(
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust), headers=_HEADERS)
    )

    async def place(name: str) -> float:
        decided = time.monotonic()
        async with session.post(f"{url}/api/v3/order?{_query(name)}") as answer:
            await answer.read()
        return decided

    return place


async def _httpx(url: str, trust: ssl.SSLContext, resources: AsyncExitStack) -> Place:
    client = await resources.enter_async_context(httpx.AsyncClient(verify=trust, headers=_HEADERS, trust_env=False))

    async def place(name: str) -> float:
        decided = time.monotonic()
        await client.post(f"{url}/api/v3/order?{_query(name)}")
        return decided

    return place


async def _ccxt(url: str, trust: ssl.SSLContext, resources: AsyncExitStack) -> Place:
    """By its own endpoint, without its market lookups: its fastest way."""
    exchange = ccxt.async_support.mexc({"apiKey": KEY, "secret": SECRET, "enableRateLimit": False})
    exchange.urls["api"]["spot"]["private"] = f"{url}/api/v3"
    exchange.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust))
    resources.push_async_callback(exchange.close)
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "IMMEDIATE_OR_CANCEL", "quantity": "1", "price": "1"}

    async def place(name: str) -> float:
        decided = time.monotonic()
        await exchange.spotPrivatePostOrder({**order, "newClientOrderId": name})
        return decided

    return place


def _request(name: str) -> OrderRequest:
    return OrderRequest(name, "BTCUSDT", Side.BUY, OrderKind.IMMEDIATE, Price(Decimal(1)), Base(Decimal(1)))


def _query(name: str) -> str:
    return order_query(_request(name), datetime.now(UTC), 1000, SECRET)


def _serve(folder: str, ready: Pipe, seen: Pipe) -> None:
    """A thread per connection; tells the monotonic second at which each order arrived. Until its pipe is closed."""
    context, certificate = make_certificate(Path(folder))
    server = socket.create_server(("127.0.0.1", 0))
    ready.send((server.getsockname()[1], certificate))
    threading.Thread(target=_accept, args=(server, context, seen), daemon=True).start()
    with suppress(EOFError):
        ready.recv()


def _accept(server: socket.socket, context: ssl.SSLContext, seen: Pipe) -> None:
    while True:
        plain, _ = server.accept()
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_answer, args=(plain, context, seen), daemon=True).start()


def _answer(plain: socket.socket, context: ssl.SSLContext, seen: Pipe) -> None:
    """TLS by hand, so that the kernel's stamp of what was received can be read."""
    plain.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    secured = context.wrap_bio(incoming, outgoing, server_side=True)
    shaken = False
    with plain, suppress(OSError):
        while True:
            raw, extra, _, _ = plain.recvmsg(65_536, 256)
            if not raw:
                return
            incoming.write(raw)
            with suppress(ssl.SSLWantReadError):
                if not shaken:
                    secured.do_handshake()
                    shaken = True
                while request := secured.read(65_536):
                    body = b"{}"
                    if request.startswith(b"POST"):
                        seen.send(stamp(extra) - wall_minus_monotonic())
                        body = _ANSWER
                    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                    secured.write(head % len(body) + body)
            plain.sendall(outgoing.read())


def main() -> int:
    """0 when run to the end, whatever the figures."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    begin(__doc__)
    context = multiprocessing.get_context("spawn")
    ready, told = context.Pipe()
    seen, sent = context.Pipe(duplex=False)
    with tempfile.TemporaryDirectory() as folder:
        server = context.Process(target=_serve, args=(folder, told, sent), daemon=True)
        server.start()
        port, certificate = ready.recv()
        found = asyncio.run(measure(port, certificate, seen))
        ready.close()
        server.join(5)
    ours = percentile(found["ours"], 0.5)
    figure("order_path.ours.p50", ours * 1e6, "us")
    for name, bar in BARS.items():
        theirs = percentile(found[name], 0.5)
        figure(f"order_path.{name}.p50", theirs * 1e6, "us")
        figure(f"order_path.share_of_{name}", ours / theirs, "ratio", Bar("<=", bar))
    return 0


if __name__ == "__main__":
    sys.exit(main())
