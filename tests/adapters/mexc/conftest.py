"""A venue in this process: the simulator, or a server whose answers a test writes out byte by byte."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Protocol

import httpx
import pytest

from adapters.clock import SystemClock
from adapters.mexc.signing import Credentials
from adapters.mexc.venue import MexcVenue, open_venue
from domain.money import Base, Price
from domain.orders import OrderKind, OrderRequest, Side
from simulator.certificate import make_certificate
from simulator.server import SimulatorServer

CREDENTIALS = Credentials("test-key", "test-secret")


@dataclass
class Control:
    """The simulator's control side."""

    server: SimulatorServer

    async def post(self, path: str, **body: object) -> None:
        async with httpx.AsyncClient(base_url=self.server.rest_url, trust_env=False) as client:
            answer = await client.post(f"/_sim/{path}", json=body)
            assert answer.status_code == 200, answer.text

    async def fault(self, kind: str, *, match: Mapping[str, str] | None = None, **params: object) -> None:
        await self.post("faults", kind=kind, match=match or {}, params=params)


@pytest.fixture
async def control() -> AsyncIterator[Control]:
    server = SimulatorServer()
    await server.start()
    try:
        control = Control(server)
        await control.post(
            "accounts",
            name="main",
            api_key=CREDENTIALS.api_key,
            secret=CREDENTIALS.api_secret,
            balances={"USDT": "1000000", "BTC": "2"},
        )
        yield control
    finally:
        await server.stop()


@pytest.fixture
async def venue(control: Control) -> AsyncIterator[MexcVenue]:
    async with open_venue(control.server.rest_url, control.server.ws_url, CREDENTIALS, clock=SystemClock()) as venue:
        yield venue


@dataclass
class ScriptedServer:
    """Answers pings with 200, every other request with the next of `answers`, and with `always` when there are no
    more; an empty one cuts the connection. A tuple is written piece by piece: with TLS, a record for each.

    requests: those other requests, as they came. connections: how many were made. story: what happened on which of
    them, counted from 1: "open", "ping", "order" and "end", e.g. "2 ping". turns_away: how many more connections
    are cut at once. pong_after_s: how long an answer to a ping takes; pong: that answer,
    empty: 200. peers: the other end of each connection.
    """

    answers: list[bytes | tuple[bytes, ...]] = field(default_factory=list)
    always: bytes = b""
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    story: list[str] = field(default_factory=list)
    turns_away: int = 0
    pong_after_s: float = 0.0
    pong: bytes = b""
    peers: list[object] = field(default_factory=list)
    url: str = ""
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        self._writers.append(writer)
        self.peers.append(writer.get_extra_info("peername"))
        self.story.append(f"{number} open")
        try:
            if self.turns_away > 0:
                self.turns_away -= 1
                return
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"GET /api/v3/ping "):
                    self.story.append(f"{number} ping")
                    await asyncio.sleep(self.pong_after_s)
                    writer.write(self.pong or answer_bytes(200, b"{}"))
                    continue
                self.requests.append(head)
                self.story.append(f"{number} order")
                try:
                    answer = self.answers.pop(0)
                except IndexError:
                    answer = self.always
                if not answer:
                    return
                for piece in (answer,) if isinstance(answer, bytes) else answer:
                    writer.write(piece)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.story.append(f"{number} end")
            writer.close()

    def say(self, number: int, words: bytes) -> None:
        """Something that nobody asked for, on that connection."""
        self._writers[number - 1].write(words)

    def cut(self, *numbers: int) -> None:
        """Close these connections; without a number every one."""
        for number, writer in enumerate(self._writers, 1):
            if not numbers or number in numbers:
                writer.close()


@asynccontextmanager
async def scripted_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[ScriptedServer]:
    scripted = ScriptedServer()
    server = await asyncio.start_server(scripted.serve, "127.0.0.1", 0, ssl=tls)
    scheme = "http" if tls is None else "https"
    scripted.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield scripted
    finally:
        server.close()
        scripted.cut()
        await server.wait_closed()
        await asyncio.sleep(0)


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedServer]:
    async with scripted_server() as scripted:
        yield scripted


@pytest.fixture(scope="session")
def certified(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server with a certificate of its own needs, and what its client does."""
    folder: Path = tmp_path_factory.mktemp("certificate")
    served, certificate = make_certificate(folder)
    return served, ssl.create_default_context(cafile=str(certificate))


@pytest.fixture
async def scripted_tls(certified: tuple[ssl.SSLContext, ssl.SSLContext]) -> AsyncIterator[ScriptedServer]:
    async with scripted_server(certified[0]) as scripted:
        yield scripted


def answer_bytes(status: int, body: bytes, *headers: bytes) -> bytes:
    """A whole answer with Content-Length."""
    lines = (b"HTTP/1.1 %d X" % status, b"Content-Length: %d" % len(body), *headers, b"", body)
    return b"\r\n".join(lines)


class AnswerBytes(Protocol):
    def __call__(self, status: int, body: bytes, *headers: bytes) -> bytes: ...


@pytest.fixture
def http_answer() -> AnswerBytes:
    return answer_bytes


class MakeRequest(Protocol):
    def __call__(
        self,
        client_order_id: str = ...,
        *,
        side: Side = ...,
        kind: OrderKind = ...,
        price: str = ...,
        quantity: str = ...,
        symbol: str = ...,
    ) -> OrderRequest: ...


@pytest.fixture
def an_order() -> MakeRequest:
    def make(
        client_order_id: str = "order1",
        *,
        side: Side = Side.BUY,
        kind: OrderKind = OrderKind.IMMEDIATE,
        price: str = "1",
        quantity: str = "10",
        symbol: str = "BTCUSDT",
    ) -> OrderRequest:
        return OrderRequest(client_order_id, symbol, side, kind, Price(Decimal(price)), Base(Decimal(quantity)))

    return make
