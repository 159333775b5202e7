"""Faults beyond the simple ones: how often, how long, in which direction, of answers, of frames, of the port."""

import asyncio
import time
from contextlib import suppress
from typing import Any

import aiohttp
import orjson
import pytest
from google.protobuf.message import DecodeError

from adapters.mexc.pb.push_pb2 import PushDataV3ApiWrapper
from simulator.server import SimulatorServer
from tests.simulator.conftest import Client

BUY = {"symbol": "NEWUSDT", "side": "BUY", "type": "LIMIT", "quantity": "100", "price": "0.045"}
DEPTH = "spot@public.aggre.depth.v3.api.pb@10ms@NEWUSDT"
ORDERS = "spot@private.orders.v3.api.pb"


@pytest.fixture(autouse=True)
async def _market(quiet_market: str) -> None:
    """Every test here trades in the still market."""


async def refusals(client: Client, calls: int) -> list[int]:
    """Which of so many calls, counted from 1, an armed refusal hits."""
    answers = [await client.get("ping") for _ in range(calls)]
    return [number for number, answer in enumerate(answers, 1) if answer.status != 200]


@pytest.mark.parametrize(
    ("occurrence", "hit"),
    [
        ({}, [1]),
        ({"times": 2}, [1, 2]),
        ({"after": 3}, [4]),
        ({"every": 3}, [3, 6, 9, 12]),
        ({"every": 2, "after": 4, "times": 2}, [6, 8]),
    ],
)
async def test_a_fault_hits_exactly_when_it_is_told_to(
    client: Client, occurrence: dict[str, int], hit: list[int]
) -> None:
    """By number, after some, every so-manieth."""
    await client.control("POST", "faults", kind="refuse", **occurrence)

    assert await refusals(client, 12) == hit


async def test_chance_is_fixed_by_the_seed(client: Client, server: SimulatorServer) -> None:
    """About half of the calls, the same ones with the same seed."""
    await client.control("POST", "faults", kind="refuse", probability=0.5)
    hit = await refusals(client, 60)
    twin = SimulatorServer(seed=7)
    await twin.start()
    try:
        other = Client(client.http, twin.rest_url)
        await other.control("POST", "faults", kind="refuse", probability=0.5)
        assert await refusals(other, 60) == hit
    finally:
        await twin.stop()
    assert 15 < len(hit) < 45


@pytest.mark.parametrize(
    ("params", "least_ms"),
    [
        ({"ms": 40}, 40),
        ({"ms": 40, "direction": "answer"}, 40),
        ({"ms": 40, "direction": "both"}, 80),
        ({"ms": 40, "to_ms": 60, "shape": "uniform"}, 40),
    ],
)
async def test_latency_has_a_direction_and_a_shape(
    client: Client, server: SimulatorServer, params: dict[str, Any], least_ms: int
) -> None:
    """On the way in it is carried out late; on the way out it was carried out long before the answer."""
    await client.control("POST", "faults", kind="latency", match={"path": "/api/v3/order"}, params=params)
    began_us = server.clock.monotonic_us()
    answer = await client.signed("POST", "order", **BUY)
    spent_ms = (server.clock.monotonic_us() - began_us) / 1000

    assert answer.status == 200
    assert spent_ms >= least_ms


async def test_lognormal_latency_scatters_around_its_median(client: Client, server: SimulatorServer) -> None:
    """Half of the draws lie below, and none beyond the cut."""
    await client.control(
        "POST", "faults", kind="latency", times=40, params={"ms": 4, "shape": "lognormal", "sigma": 1, "to_ms": 20}
    )
    fault, _ = server.faults._armed[0]
    drawn = [fault.params.wait_s(server.faults.rng) * 1000 for _ in range(400)]

    assert 140 < sum(wait_ms < 4 for wait_ms in drawn) < 260
    assert max(drawn) == 20


async def test_a_garbled_answer_is_no_json_and_the_order_stands(client: Client) -> None:
    """Carried out, with an answer that nobody can read."""
    await client.control("POST", "faults", kind="garbled_answer", match={"method": "POST"})
    async with client.http.post(
        f"{client.url}/api/v3/order?{client.signed_query(**BUY)}",
        headers={"X-MEXC-APIKEY": client.api_key, "Content-Type": "application/json"},
    ) as answer:
        body = await answer.read()

    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(body)
    assert len((await client.control("GET", "ledger"))["accounts"]["tester"]["orders"]) == 1


async def test_a_truncated_answer_ends_in_the_middle_and_the_order_stands(client: Client) -> None:
    """The connection is cut after half of what was announced."""
    await client.control("POST", "faults", kind="truncated_answer", match={"method": "POST"})
    with pytest.raises(aiohttp.ClientPayloadError):
        await client.signed("POST", "order", **BUY)

    assert len((await client.control("GET", "ledger"))["accounts"]["tester"]["orders"]) == 1


@pytest.mark.parametrize(("lives_ms", "status"), [(0, "CANCELED"), (50, "CANCELED")])
async def test_an_accepted_order_may_be_cancelled_by_the_venue(client: Client, lives_ms: int, status: str) -> None:
    """At once or a little later, though it was acknowledged."""
    await client.control("POST", "faults", kind="cancel_order", params={"ms": lives_ms})
    placed = await client.signed("POST", "order", **BUY)
    if lives_ms:
        shown = await client.signed("GET", "order", symbol="NEWUSDT", orderId=placed.body["orderId"])
        assert shown.body["status"] == "NEW"
        await asyncio.sleep(0.1)
    shown = await client.signed("GET", "order", symbol="NEWUSDT", orderId=placed.body["orderId"])

    assert (placed.status, shown.body["status"]) == (200, status)
    balances = (await client.control("GET", "ledger"))["accounts"]["tester"]["balances"]
    assert balances["USDT"] == {"free": "1000", "locked": "0"}


async def test_a_fault_may_be_meant_for_one_side_and_one_account(client: Client) -> None:
    """Sells of the tester only."""
    match = {"side": "SELL", "account": "tester"}
    await client.control("POST", "faults", kind="refuse", match=match, params={"code": 30028})
    bought = await client.signed("POST", "order", **BUY)
    sold = await client.signed("POST", "order", **{**BUY, "side": "SELL", "price": "0.06"})

    assert (bought.status, sold.body["code"]) == (200, 30028)


async def test_a_shut_door_refuses_everybody_and_opens_again(client: Client) -> None:
    """Connections are refused for a while; then the venue is where it was, with what it knew."""
    await client.signed("POST", "order", **BUY)
    await client.control("POST", "faults", kind="refuse_connections", params={"ms": 300})
    await asyncio.sleep(0.1)
    with pytest.raises(aiohttp.ClientConnectorError):
        await client.get("ping")
    await asyncio.sleep(0.4)

    assert (await client.get("ping")).status == 200
    assert len((await client.control("GET", "ledger"))["accounts"]["tester"]["orders"]) == 1


async def test_queries_may_show_an_order_as_it_was(client: Client) -> None:
    """With a lag a filled order still shows NEW, and its trade is missing, until the lag has passed."""
    await client.control("POST", "settings", orders_lag_ms=300, trades_lag_ms=300)
    placed = await client.signed("POST", "order", **{**BUY, "price": "0.055"})
    order_id = placed.body["orderId"]
    early = await client.signed("GET", "order", symbol="NEWUSDT", orderId=order_id)
    missing = await client.signed("GET", "myTrades", symbol="NEWUSDT", orderId=order_id)
    await asyncio.sleep(0.35)
    late = await client.signed("GET", "order", symbol="NEWUSDT", orderId=order_id)
    found = await client.signed("GET", "myTrades", symbol="NEWUSDT", orderId=order_id)

    assert (early.body["status"], early.body["executedQty"]) == ("NEW", "0.00")
    assert (late.body["status"], late.body["executedQty"]) == ("FILLED", "100.00")
    assert (missing.body, len(found.body) > 0) == ([], True)


async def listen(client: Client, server: SimulatorServer, topic: str, *, private: bool = False) -> Any:
    """A socket that has subscribed one topic."""
    key = (await client.signed("POST", "userDataStream")).body["listenKey"] if private else None
    socket = await client.http.ws_connect(server.ws_url + (f"?listenKey={key}" if key else ""))
    await socket.send_json({"method": "SUBSCRIPTION", "params": [topic]})
    assert (await socket.receive_json(timeout=5))["msg"] == topic
    return socket


async def frames(socket: Any, wait_s: float = 0.3) -> list[bytes]:
    """The data frames that arrive until nothing has come for a while."""
    found = []
    with suppress(TimeoutError):
        while True:
            message = await socket.receive(timeout=wait_s)
            if message.type is not aiohttp.WSMsgType.BINARY:
                break
            found.append(message.data)
    return found


async def versions(client: Client, socket: Any, orders: int = 4) -> list[tuple[int, int]]:
    """The (from, to) versions of the depth frames of so many orders, each in a frame of its own."""
    for _ in range(orders):
        await client.signed("POST", "order", **BUY)
        await asyncio.sleep(0.05)
    bodies = [PushDataV3ApiWrapper.FromString(frame).publicAggreDepths for frame in await frames(socket)]
    return [(int(body.fromVersion), int(body.toVersion)) for body in bodies]


async def test_a_lost_frame_leaves_a_gap_in_the_versions(client: Client, server: SimulatorServer) -> None:
    """The second of four never comes."""
    socket = await listen(client, server, DEPTH)
    await client.control("POST", "faults", kind="frame_lose", match={"channel": DEPTH}, after=1)
    seen = await versions(client, socket)

    assert len(seen) == 3
    assert seen[1][0] > seen[0][1] + 1
    assert seen[2][0] == seen[1][1] + 1


async def test_a_doubled_frame_comes_twice(client: Client, server: SimulatorServer) -> None:
    """With the same versions."""
    socket = await listen(client, server, DEPTH)
    await client.control("POST", "faults", kind="frame_duplicate", match={"channel": "*depth*"})
    seen = await versions(client, socket)

    assert len(seen) == 5
    assert seen[0] == seen[1]


@pytest.mark.parametrize("fault", [{"kind": "frame_reorder"}, {"kind": "frame_delay", "params": {"ms": 250}}])
async def test_a_late_frame_is_overtaken(client: Client, server: SimulatorServer, fault: dict[str, Any]) -> None:
    """The first comes after the second."""
    socket = await listen(client, server, DEPTH)
    await client.control("POST", "faults", **fault)
    seen = await versions(client, socket)

    assert len(seen) == 4
    assert seen != sorted(seen)


async def test_a_garbled_frame_cannot_be_read(client: Client, server: SimulatorServer) -> None:
    """The others can."""
    socket = await listen(client, server, DEPTH)
    await client.control("POST", "faults", kind="frame_garble")
    await client.signed("POST", "order", **BUY)
    (frame,) = await frames(socket)

    with pytest.raises(DecodeError):
        PushDataV3ApiWrapper.FromString(frame)


async def test_private_frames_may_come_late_and_in_order(client: Client, server: SimulatorServer) -> None:
    """All of them by the same time."""
    socket = await listen(client, server, ORDERS, private=True)
    await client.control("POST", "settings", private_lag_ms=200)
    began = time.monotonic()
    placed = [(await client.signed("POST", "order", **BUY)).body["orderId"] for _ in range(3)]
    bodies = [PushDataV3ApiWrapper.FromString(await socket.receive_bytes(timeout=5)) for _ in range(3)]

    assert time.monotonic() - began >= 0.2
    assert [body.privateOrders.id for body in bodies] == placed


async def test_an_expired_listen_key_ends_its_stream(client: Client, server: SimulatorServer) -> None:
    """The connection is cut, and the key opens no other."""
    socket = await listen(client, server, ORDERS, private=True)
    cut = await client.control("POST", "faults", kind="ws_expire", match={"account": "tester"})

    assert cut == {"connections": 1}
    assert (await socket.receive(timeout=5)).type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
    assert (await client.signed("GET", "userDataStream")).body["listenKey"] == []


@pytest.mark.parametrize("how", ["ws_refuse", "maintenance"])
async def test_handshakes_may_be_refused(client: Client, server: SimulatorServer, how: str) -> None:
    """With 503, for a while or as long as maintenance lasts; that also cuts who is there."""
    socket = await listen(client, server, DEPTH)
    if how == "maintenance":
        await client.control("POST", "settings", maintenance=True)
    else:
        await client.control("POST", "faults", kind="ws_refuse", params={"ms": 60_000})
    async with client.http.get(f"{server.rest_url}/ws") as refused:
        assert refused.status == 503
    if how == "maintenance":
        assert (await socket.receive(timeout=5)).type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
    else:
        await client.signed("POST", "order", **BUY)
        assert len(await frames(socket)) == 1
