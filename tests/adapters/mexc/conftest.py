"""A venue in this process: the simulator, or a server whose answers a test writes out byte by byte."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

import httpx
import pytest

from adapters.clock import SystemClock
from adapters.mexc.signing import Credentials
from adapters.mexc.venue import MexcVenue, open_venue
from domain.money import Base, Price
from domain.orders import OrderKind, OrderRequest, Side
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
    """Answers pings with 200, every other request with the next of `answers`; an empty one cuts the connection.

    requests: those other requests, as they came. connections: how many were made.
    """

    answers: list[bytes] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    url: str = ""
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"GET /api/v3/ping "):
                    writer.write(answer_bytes(200, b"{}"))
                    continue
                self.requests.append(head)
                answer = self.answers.pop(0)
                if not answer:
                    return
                writer.write(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def cut(self) -> None:
        """Close every connection."""
        for writer in self._writers:
            writer.close()


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedServer]:
    scripted = ScriptedServer()
    server = await asyncio.start_server(scripted.serve, "127.0.0.1", 0)
    scripted.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield scripted
    finally:
        server.close()
        scripted.cut()
        await server.wait_closed()
        await asyncio.sleep(0)


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
