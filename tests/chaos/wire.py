"""The network between each worker and the venue: it notes every order that a worker sends, and mishandles some.

What is noted here is what the clients sent, whatever the network then made of it.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal
from urllib.parse import parse_qs, urlsplit

WireFaultKind = Literal["duplicate", "late", "late_unanswered", "cut"]


@dataclass(frozen=True, slots=True)
class WireFault:
    """What happens to one order on its way.

    number: of the order, counted from 0 over all workers.
    kind:
        duplicate        delivered, and after `delay_s` once more
        late             delivered after `delay_s`, answered then
        late_unanswered  the connection breaks at once, and the order is delivered after `delay_s` all the same
        cut              the connection breaks and nothing is delivered
    """

    number: int
    kind: WireFaultKind
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class SentOrder:
    """One order as it left a worker. price, quantity: None where it names none.

    at: real wall clock. at_ms: the venue's. stamped_ms, window_ms: its own timestamp, and for how long it may be taken.
    """

    worker: str
    at: float
    at_ms: int
    client_order_id: str
    symbol: str
    side: str
    kind: str
    price: Decimal | None
    quantity: Decimal | None
    quote: Decimal | None
    stamped_ms: int
    window_ms: int
    fault: str = ""


@dataclass
class Wire:
    """All doors of one run. sent: every order of every worker, in the order of their leaving."""

    faults: Sequence[WireFault] = ()
    sent: list[SentOrder] = field(default_factory=list)

    def pick(self, number: int) -> WireFault | None:
        return next((fault for fault in self.faults if fault.number == number), None)


class Door:
    """One worker's way to the venue, a port of its own. Lives on the venue's event loop."""

    def __init__(self, wire: Wire, worker: str, venue_port: int, venue_ms: Callable[[], int]) -> None:
        self._wire = wire
        self._worker = worker
        self._venue_port = venue_port
        self._venue_ms = venue_ms
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._shut = False
        self.url = ""

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        """Every connection breaks; new ones are taken."""
        for writer in self._writers:
            writer.transport.abort()

    def shut(self) -> None:
        """Nothing of this worker passes any more, from this instant. What was delivered late is still under way."""
        self._shut = True
        if self._server is not None:
            self._server.close()
        self.cut()

    async def close(self) -> None:
        self.shut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._pass_on(reader, writer)
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._venue_port)
        self._writers.add(to_writer)
        answering = asyncio.create_task(_copy(to_reader, writer))
        try:
            while True:
                request = await _request(reader)
                if self._shut:
                    return
                fault = self._note(request)
                if fault is not None and fault.kind in ("cut", "late_unanswered"):
                    if fault.kind == "late_unanswered":
                        self._later(request, fault.delay_s)
                    writer.transport.abort()
                    return
                if fault is not None and fault.kind == "late":
                    await asyncio.sleep(fault.delay_s)
                to_writer.write(request)
                if fault is not None and fault.kind == "duplicate":
                    self._later(request, fault.delay_s)
        finally:
            answering.cancel()
            self._writers.discard(to_writer)
            to_writer.close()

    def _note(self, request: bytes) -> WireFault | None:
        """Write an order down; what shall happen to it."""
        if not request.startswith(b"POST /api/v3/order?"):
            return None
        fault = self._wire.pick(len(self._wire.sent))
        self._wire.sent.append(_sent(request, self._worker, self._venue_ms(), "" if fault is None else fault.kind))
        return fault

    def _later(self, request: bytes, delay_s: float) -> None:
        task = asyncio.create_task(self._deliver(request, delay_s))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, request: bytes, delay_s: float) -> None:
        """On a connection of its own; nobody hears the answer."""
        await asyncio.sleep(delay_s)
        with suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", self._venue_port)
            try:
                writer.write(request)
                await reader.readuntil(b"\r\n\r\n")
            finally:
                writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
        writer.transport.abort()


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length" and (length := int(value)):
            return head + await reader.readexactly(length)
    return head


def _sent(request: bytes, worker: str, at_ms: int, fault: str) -> SentOrder:
    target = request.split(b" ", 2)[1].decode("ascii")
    given = {name: values[-1] for name, values in parse_qs(urlsplit(target).query).items()}
    return SentOrder(
        worker=worker,
        at=time.time(),
        at_ms=at_ms,
        client_order_id=given["newClientOrderId"],
        symbol=given["symbol"],
        side=given["side"].lower(),
        kind=given["type"],
        price=_amount(given.get("price")),
        quantity=_amount(given.get("quantity")),
        quote=_amount(given.get("quoteOrderQty")),
        stamped_ms=int(given["timestamp"]),
        window_ms=int(given["recvWindow"]),
        fault=fault,
    )


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
