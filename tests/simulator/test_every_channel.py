"""Every public channel delivers what its name says; a heartbeat keeps a still book talking."""

import asyncio
from itertools import pairwise
from typing import Any

import aiohttp
import pytest

from adapters.mexc.pb.push_pb2 import PushDataV3ApiWrapper
from simulator.push.topics import TIMEZONES
from simulator.server import SimulatorServer
from tests.simulator.conftest import Client

BUY = {"symbol": "NEWUSDT", "side": "BUY", "type": "LIMIT", "quantity": "100", "price": "0.055"}
CHANNELS = {
    "spot@public.aggre.deals.v3.api.pb@100ms@NEWUSDT": "publicAggreDeals",
    "spot@public.aggre.depth.v3.api.pb@100ms@NEWUSDT": "publicAggreDepths",
    "spot@public.aggre.bookTicker.v3.api.pb@100ms@NEWUSDT": "publicAggreBookTicker",
    "spot@public.limit.depth.v3.api.pb@NEWUSDT@5": "publicLimitDepths",
    "spot@public.bookTicker.batch.v3.api.pb@NEWUSDT": "publicBookTickerBatch",
    "spot@public.kline.v3.api.pb@NEWUSDT@Min1": "publicSpotKline",
    "spot@public.miniTicker.v3.api.pb@NEWUSDT@UTC+8": "publicMiniTicker",
    "spot@public.miniTickers.v3.api.pb@24H": "publicMiniTickers",
    "spot@public.deals.v3.api.pb@NEWUSDT": "publicDeals",
    "spot@public.bookTicker.v3.api.pb@NEWUSDT": "publicBookTicker",
    "spot@public.increase.depth.v3.api.pb@NEWUSDT": "publicIncreaseDepths",
    "spot@public.increase.depth.batch.v3.api.pb@NEWUSDT": "publicIncreaseDepthsBatch",
}


@pytest.fixture(autouse=True)
async def _market(quiet_market: str) -> None:
    """Every test here listens to the still market."""


async def subscribe(client: Client, server: SimulatorServer, *topics: str) -> Any:
    """A socket that has subscribed these topics."""
    socket = await client.http.ws_connect(server.ws_url)
    await socket.send_json({"method": "SUBSCRIPTION", "params": list(topics)})
    assert (await socket.receive_json(timeout=5))["msg"] == ",".join(topics)
    return socket


async def collect(client: Client, socket: Any, wanted: int) -> dict[str, PushDataV3ApiWrapper]:
    """The newest frame of each channel, trading now and then, until so many channels have pushed."""
    found: dict[str, PushDataV3ApiWrapper] = {}
    async with asyncio.timeout(10):
        while len(found) < wanted:
            await client.signed("POST", "order", **BUY)
            while True:
                try:
                    message = await socket.receive(timeout=0.15)
                except TimeoutError:
                    break
                assert message.type is aiohttp.WSMsgType.BINARY, message
                frame = PushDataV3ApiWrapper.FromString(message.data)
                found[frame.channel] = frame
    return found


async def test_each_channel_pushes_its_own_body(client: Client, server: SimulatorServer) -> None:
    """With the topic in full, the symbol where it belongs, and a send time except for candles."""
    socket = await subscribe(client, server, *CHANNELS)
    frames = await collect(client, socket, len(CHANNELS))

    assert {name: frame.WhichOneof("body") for name, frame in frames.items()} == CHANNELS
    for name, frame in frames.items():
        assert frame.symbol == ("" if "miniTicker" in name else "NEWUSDT")
        assert bool(frame.sendTime) is ("kline" not in name)
    candle = frames["spot@public.kline.v3.api.pb@NEWUSDT@Min1"]
    assert (len(candle.symbolId), candle.createTime > 10**12) == (32, True)


async def test_bodies_agree_with_the_rest_of_the_venue(client: Client, server: SimulatorServer) -> None:
    """Quotes, candle and day are those that REST shows."""
    socket = await subscribe(client, server, *CHANNELS)
    await collect(client, socket, len(CHANNELS))
    frames = await collect(client, socket, len(CHANNELS))
    quotes = (await client.get("ticker/bookTicker", symbol="NEWUSDT")).body
    day = (await client.get("ticker/24hr", symbol="NEWUSDT")).body
    candle = frames["spot@public.kline.v3.api.pb@NEWUSDT@Min1"].publicSpotKline
    (mini,) = frames["spot@public.miniTickers.v3.api.pb@24H"].publicMiniTickers.items
    (batched,) = frames["spot@public.bookTicker.batch.v3.api.pb@NEWUSDT"].publicBookTickerBatch.items

    assert (batched.bidPrice, batched.askPrice) == (quotes["bidPrice"], quotes["askPrice"])
    assert (mini.symbol, mini.high, mini.low) == ("NEWUSDT", day["highPrice"], day["lowPrice"])
    assert (candle.interval, candle.windowEnd - candle.windowStart) == ("Min1", 60)
    assert float(candle.lowestPrice) <= float(candle.closingPrice) <= float(candle.highestPrice)


async def test_mini_tickers_come_in_every_time_zone(client: Client, server: SimulatorServer) -> None:
    """Each of the documented ones is taken and served."""
    names = [f"spot@public.miniTicker.v3.api.pb@NEWUSDT@{zone}" for zone in sorted(TIMEZONES)]
    socket = await subscribe(client, server, *names)
    frames = await collect(client, socket, len(names))

    assert sorted(frames) == sorted(names)
    assert all(float(frame.publicMiniTicker.price) > 0 for frame in frames.values())


async def test_a_still_book_states_itself_anew(client: Client, server: SimulatorServer) -> None:
    """Versions go on without a gap, the level is the one that stands, and REST counts the same versions."""
    await client.control("POST", "settings", depth_heartbeat_ms=20)
    socket = await subscribe(client, server, "spot@public.aggre.depth.v3.api.pb@10ms@NEWUSDT")
    bodies = [PushDataV3ApiWrapper.FromString(await socket.receive_bytes()).publicAggreDepths for _ in range(5)]
    depth = (await client.get("depth", symbol="NEWUSDT")).body

    assert all(int(after.fromVersion) == int(before.toVersion) + 1 for before, after in pairwise(bodies))
    assert [(level.price, level.quantity) for level in bodies[-1].bids] == [tuple(depth["bids"][0])]
    assert depth["lastUpdateId"] >= int(bodies[-1].toVersion)
    assert depth["lastUpdateId"] < 10**12
