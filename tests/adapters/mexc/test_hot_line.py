"""An order on a warm connection: one send call at the instant, and an honest word about its outcome afterwards."""

import asyncio
import socket
import threading
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from adapters.clock import SystemClock
from adapters.mexc.battery import MexcHotLines
from adapters.mexc.governor import RequestGovernor
from adapters.mexc.signing import Credentials
from domain.errors import NotTradable, OutcomeUnknown, RateLimited, SniperError, TryAgain
from domain.money import Base, Price
from domain.orders import OrderKind, OrderRequest, Side
from domain.ports import SignedOrder
from tests.gun import Gun

ACK = b'{"symbol":"NEWUSDT","orderId":"C02__7","orderListId":-1,"transactTime":1767225600001}'


def signed(client_order_id: str = "order1") -> SignedOrder:
    request = OrderRequest(
        client_order_id, "NEWUSDT", Side.BUY, OrderKind.IMMEDIATE, Price(Decimal(1)), Base(Decimal(1))
    )
    body = f"newClientOrderId={client_order_id}&signature=0"
    return SignedOrder(client_order_id, request, datetime.now(UTC), body.encode())


def lines(url: str) -> MexcHotLines:
    clock = SystemClock()
    return MexcHotLines(url, Credentials("key", "secret"), clock=clock, governor=RequestGovernor(clock))


async def fired(line: Gun, order: SignedOrder) -> float:
    """Load and fire on another thread, as the launchpad does."""
    await line.load(order)
    return await asyncio.to_thread(line.fire)


async def fire_and_ask(line: Gun) -> None:
    line.fire()
    await line.answer(2)


async def test_firing_is_exactly_one_send_call(
    scripted: Any, http_answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what it sends is the whole request with the signed text as query."""
    scripted.answers = [http_answer(200, ACK)]
    line = await Gun.of(lines(scripted.url))
    await line.load(signed())
    sent: list[tuple[int, bytes]] = []
    send = socket.socket.send

    def counting(self: socket.socket, data: bytes) -> int:
        sent.append((threading.get_ident(), data))
        return send(self, data)

    monkeypatch.setattr(socket.socket, "send", counting)
    at = line.fire()
    monkeypatch.undo()
    ack = await line.answer(2)
    await line.close()

    assert [thread for thread, _ in sent] == [threading.get_ident()]
    assert sent[0][1] == scripted.requests[0]
    assert scripted.requests[0].startswith(b"POST /api/v3/order?newClientOrderId=order1&signature=0 HTTP/1.1\r\n")
    assert b"\r\nX-MEXC-APIKEY: key\r\n" in scripted.requests[0]
    assert b"\r\nContent-Type: application/json\r\n" in scripted.requests[0]
    assert (ack.order_id, ack.client_order_id) == ("C02__7", "order1")
    assert ack.received >= at


async def test_a_line_carries_one_order_after_another(scripted: Any, http_answer: Any) -> None:
    """Chunked or sized, refused or taken: the connection stays the same."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(ACK), ACK)
    refusal = http_answer(400, b'{"code":30001,"msg":"direction not allowed"}')
    scripted.answers = [chunked, refusal, http_answer(200, ACK)]
    line = await Gun.of(lines(scripted.url))

    await fired(line, signed("a"))
    first = await line.answer(2)
    await fired(line, signed("b"))
    with pytest.raises(NotTradable):
        await line.answer(2)
    await fired(line, signed("c"))
    third = await line.answer(2)
    await line.close()

    assert (first.client_order_id, third.client_order_id) == ("a", "c")
    assert scripted.connections == 1


@pytest.mark.parametrize(
    ("answer", "family"),
    [
        (b"", OutcomeUnknown),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", OutcomeUnknown),
        (b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n", OutcomeUnknown),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", OutcomeUnknown),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<ht>", OutcomeUnknown),
        (b"nonsense\r\n\r\n", OutcomeUnknown),
        (b"HTTP/1.1 429 X\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n", RateLimited),
    ],
)
async def test_only_a_clear_answer_decides(scripted: Any, answer: bytes, family: type[SniperError]) -> None:
    """Everything else leaves the outcome unknown; and the next order goes over a new connection if need be."""
    scripted.answers = [answer, b""]
    line = await Gun.of(lines(scripted.url))
    await fired(line, signed())

    with pytest.raises(family):
        await line.answer(0.3)
    await line.close()


async def test_no_answer_in_time_is_unknown_and_spends_the_connection(scripted: Any, http_answer: Any) -> None:
    """A late answer must not be taken for the next order's."""
    scripted.answers = [b"HTTP/1.1 200 OK\r\n", http_answer(200, ACK)]
    line = await Gun.of(lines(scripted.url))
    await fired(line, signed("a"))

    with pytest.raises(OutcomeUnknown):
        await line.answer(0.05)
    await fired(line, signed("b"))
    ack = await line.answer(2)
    await line.close()

    assert ack.client_order_id == "b"
    assert scripted.connections == 2


async def test_loading_replaces_a_connection_that_has_died(scripted: Any, http_answer: Any) -> None:
    """The venue may close an idle connection at any time before the instant."""
    scripted.answers = [http_answer(200, ACK)]
    line = await Gun.of(lines(scripted.url))
    scripted.cut()
    await asyncio.sleep(0.05)

    await fired(line, signed())
    ack = await line.answer(2)
    await line.close()

    assert ack.order_id == "C02__7"
    assert scripted.connections == 2


async def test_a_connection_that_dies_between_load_and_fire_is_unknown(scripted: Any) -> None:
    """The send may succeed into a dead connection; what the venue saw is not known."""
    line = await Gun.of(lines(scripted.url))
    await line.load(signed())
    scripted.cut()
    await asyncio.sleep(0.05)

    with pytest.raises(OutcomeUnknown):
        await fire_and_ask(line)
    await line.close()


async def test_an_order_laid_again_drops_the_earlier_one(scripted: Any, http_answer: Any) -> None:
    """Only the last one leaves."""
    scripted.answers = [http_answer(200, ACK)]
    line = await Gun.of(lines(scripted.url))
    await line.load(signed("a"))
    await fired(line, signed("b"))
    ack = await line.answer(2)
    await line.close()

    assert ack.client_order_id == "b"
    assert len(scripted.requests) == 1


async def test_a_venue_that_cannot_be_reached_is_worth_another_try() -> None:
    """Nothing was sent."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(TryAgain):
            await lines(f"http://127.0.0.1:{taken.getsockname()[1]}").open(2)


async def test_cancelling_the_wait_for_an_answer_leaves_nothing_open(scripted: Any, http_answer: Any) -> None:
    """The line can be used again, over a new connection."""
    scripted.answers = [b"HTTP/1.1 200 OK\r\n", http_answer(200, ACK)]
    line = await Gun.of(lines(scripted.url))
    await fired(line, signed("a"))
    waiting = asyncio.create_task(line.answer(5))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    await fired(line, signed("b"))
    ack = await line.answer(2)
    await line.close()
    await line.close()

    assert ack.client_order_id == "b"
