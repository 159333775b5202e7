"""Faults on command: each strikes exactly the calls it is meant for."""

import asyncio
import json
import time
from typing import Any

import aiohttp
import pytest

BUY = {"symbol": "NEWUSDT", "side": "BUY", "type": "LIMIT", "quantity": "100", "price": "0.045"}
ORDER = {"method": "POST", "path": "/api/v3/order"}


@pytest.fixture(autouse=True)
async def _market(quiet_market: str) -> None:
    """Every test here trades in the still market."""


async def orders(client: Any) -> list[Any]:
    """What the venue has really booked."""
    found: list[Any] = (await client.control("GET", "ledger"))["accounts"]["tester"]["orders"]
    return found


async def test_a_lost_request_is_never_booked(client: Any) -> None:
    """The connection ends without an answer and without an order; the log still shows the arrival."""
    await client.control("POST", "faults", match=ORDER, kind="lose_request", times=1)
    with pytest.raises(aiohttp.ClientError):
        await client.signed("POST", "order", **BUY, newClientOrderId="one")

    (entry,) = (await client.control("GET", "requests"))["requests"]
    assert await orders(client) == []
    assert (entry["fault"], entry["status"]) == ("lose_request", None)


async def test_a_lost_answer_leaves_the_order_behind(client: Any) -> None:
    """The client sees the same as with a lost request, but the order lives."""
    await client.control("POST", "faults", match=ORDER, kind="lose_answer", times=1)
    with pytest.raises(aiohttp.ClientError):
        await client.signed("POST", "order", **BUY, newClientOrderId="one")

    (order,) = await orders(client)
    assert (order["clientOrderId"], order["status"]) == ("one", "NEW")


async def test_a_late_answer_comes_after_the_order_was_booked(client: Any) -> None:
    """The order exists while its answer is still under way."""
    await client.control("POST", "faults", match=ORDER, kind="late_answer", params={"ms": 300})
    started = time.monotonic()
    pending = asyncio.ensure_future(client.signed("POST", "order", **BUY))
    await asyncio.sleep(0.1)
    booked = await orders(client)
    answer = await pending

    assert len(booked) == 1
    assert answer.status == 200
    assert time.monotonic() - started >= 0.3


async def test_latency_delays_the_booking(client: Any) -> None:
    """Nothing is booked until the delay is over."""
    await client.control("POST", "faults", match=ORDER, kind="latency", params={"ms": 300})
    pending = asyncio.ensure_future(client.signed("POST", "order", **BUY))
    await asyncio.sleep(0.1)
    booked = await orders(client)

    assert booked == []
    assert (await pending).status == 200


@pytest.mark.parametrize(("when", "booked"), [("before", 0), ("after", 1)])
async def test_an_error_status_says_nothing_about_the_order(client: Any, when: str, booked: int) -> None:
    """The same 503 may come with or without an order."""
    body = {"code": 503, "msg": "busy"}
    await client.control(
        "POST", "faults", match=ORDER, kind="status", params={"status": 503, "body": body, "when": when}
    )
    answer = await client.signed("POST", "order", **BUY)

    assert (answer.status, answer.body) == (503, body)
    assert len(await orders(client)) == booked


async def test_a_refusal_can_be_forced_a_number_of_times(client: Any) -> None:
    """Exactly as often as asked, then calls go through again."""
    await client.control(
        "POST", "faults", match=ORDER, kind="refuse", times=2, params={"code": 30016, "msg": "trading disabled"}
    )
    answers = [await client.signed("POST", "order", **BUY) for _ in range(3)]

    assert [answer.status for answer in answers] == [400, 400, 200]
    assert answers[0].body == {"code": 30016, "msg": "trading disabled"}


async def test_a_fault_may_be_meant_for_one_order_only(client: Any) -> None:
    """Matched by client id, with wildcards."""
    await client.control("POST", "faults", match={"client_order_id": "x*"}, kind="refuse", times=5)

    other = await client.signed("POST", "order", **BUY, newClientOrderId="y1")
    meant = await client.signed("POST", "order", **BUY, newClientOrderId="x1")

    assert (other.status, meant.status) == (200, 400)


async def test_faults_can_be_listed_and_cleared(client: Any) -> None:
    """What is armed shows how many hits are left."""
    await client.control("POST", "faults", match=ORDER, kind="refuse", times=3)
    await client.signed("POST", "order", **BUY)

    (armed,) = (await client.control("GET", "faults"))["faults"]
    await client.control("DELETE", "faults")

    assert (armed["kind"], armed["left"]) == ("refuse", 2)
    assert (await client.signed("POST", "order", **BUY)).status == 200


async def test_private_streams_can_be_cut(client: Any, server: Any) -> None:
    """Only those with a listen key end."""
    key = (await client.signed("POST", "userDataStream")).body["listenKey"]
    async with (
        client.http.ws_connect(f"{server.ws_url}?listenKey={key}") as private,
        client.http.ws_connect(server.ws_url) as public,
    ):
        cut = await client.control("POST", "faults", kind="ws_drop", params={"streams": "private"})
        ended = await private.receive(timeout=2)
        await public.send_str('{"method":"PING"}')
        alive = await public.receive(timeout=2)

    assert cut == {"connections": 1}
    assert ended.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
    assert json.loads(alive.data)["msg"] == "PONG"


async def test_a_silent_stream_still_answers_pings(client: Any, server: Any) -> None:
    """Frames of the silent time are lost; afterwards they flow again."""
    key = (await client.signed("POST", "userDataStream")).body["listenKey"]
    async with client.http.ws_connect(f"{server.ws_url}?listenKey={key}") as socket:
        await socket.send_str('{"method":"SUBSCRIPTION","params":["spot@private.orders.v3.api.pb"]}')
        await socket.receive(timeout=2)
        await client.control("POST", "faults", kind="ws_silent", params={"ms": 300})
        await client.signed("POST", "order", **BUY)
        await socket.send_str('{"method":"PING"}')
        in_silence = await socket.receive(timeout=2)
        await asyncio.sleep(0.35)
        await client.signed("POST", "order", **BUY)
        afterwards = await socket.receive(timeout=2)

    assert in_silence.type is aiohttp.WSMsgType.TEXT
    assert afterwards.type is aiohttp.WSMsgType.BINARY
