"""ccxt, unmodified and told nothing but the address: over REST, blocking and asynchronous, and over its streams."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import ccxt
import ccxt.pro
import pytest

from simulator.server import SimulatorServer
from tests.simulator.conftest import API_KEY, SECRET

PAIR = "NEW/USDT"
PATIENCE_S = 15


def point(exchange: Any, server: SimulatorServer) -> Any:
    """The client with this address in place of the venue's."""
    exchange.urls["api"]["spot"] = {"public": server.rest_url, "private": server.rest_url}
    exchange.urls["api"]["contract"] = {
        "public": f"{server.rest_url}/api/v1/contract",
        "private": f"{server.rest_url}/api/v1/private",
    }
    exchange.urls["api"].setdefault("ws", {})["spot"] = server.ws_url
    return exchange


CREDENTIALS: Any = {"apiKey": API_KEY, "secret": SECRET, "enableRateLimit": False}


@pytest.fixture
async def streams(server: SimulatorServer, quiet_market: str) -> AsyncIterator[Any]:
    """ccxt pro at the venue, on a quiet market whose depth channel has a heartbeat."""
    server.venue.change_settings(server.venue.settings.model_copy(update={"depth_heartbeat_ms": 100}))
    exchange = point(ccxt.pro.mexc(CREDENTIALS), server)
    await exchange.load_markets()
    yield exchange
    await exchange.close()


async def soon(result: Awaitable[Any]) -> Any:
    """The result, or a failure after a while."""
    return await asyncio.wait_for(result, PATIENCE_S)


def trade_in_every_way(exchange: Any) -> None:
    """Everything a user of the blocking client does, one after the other."""
    markets = exchange.load_markets()
    assert markets[PAIR]["active"]
    assert exchange.fetch_balance()["USDT"]["free"] == 1000
    book = exchange.fetch_order_book(PAIR)
    ask, bid = book["asks"][0][0], book["bids"][0][0]
    assert bid < ask
    assert [name for name in exchange.fetch_tickers() if name == PAIR] == [PAIR]

    resting = exchange.create_order(PAIR, "limit", "buy", 100, bid / 2, {"clientOrderId": "rest-1"})
    assert exchange.fetch_order(resting["id"], PAIR)["status"] == "open"
    assert [order["id"] for order in exchange.fetch_open_orders(PAIR)] == [resting["id"]]
    exchange.cancel_order(resting["id"], PAIR)
    assert exchange.fetch_order(resting["id"], PAIR)["status"] == "canceled"

    filled = exchange.create_order(PAIR, "limit", "buy", 100, ask)
    after = exchange.fetch_order(filled["id"], PAIR)
    assert (after["status"], after["filled"], after["average"]) == ("closed", 100, ask)
    assert [trade["order"] for trade in exchange.fetch_my_trades(PAIR)] == [filled["id"]]
    assert exchange.fetch_trades(PAIR)[-1]["price"] == ask
    assert exchange.fetch_ticker(PAIR)["last"] == ask
    assert exchange.fetch_ohlcv(PAIR, "1m")[-1][4] == ask

    at_once = exchange.create_order(PAIR, "limit", "buy", 100, ask, {"timeInForce": "IOC"})
    assert exchange.fetch_order(at_once["id"], PAIR)["status"] == "closed"
    wholly = exchange.create_order(PAIR, "limit", "buy", 100, ask, {"timeInForce": "FOK"})
    assert exchange.fetch_order(wholly["id"], PAIR)["status"] == "closed"
    maker = exchange.create_order(PAIR, "limit", "sell", 100, ask * 1.05, {"postOnly": True})
    assert exchange.fetch_order(maker["id"], PAIR)["status"] == "open"
    by_amount = exchange.create_order(PAIR, "market", "sell", 50)
    assert exchange.fetch_order(by_amount["id"], PAIR)["filled"] == 50
    by_cost = exchange.create_market_buy_order_with_cost(PAIR, 5)
    assert 4.9 < exchange.fetch_order(by_cost["id"], PAIR)["cost"] <= 5
    assert exchange.cancel_all_orders(PAIR)[0]["id"] == maker["id"]
    exchange.cancel_all_orders()
    assert len(exchange.fetch_orders(PAIR)) == 7


async def test_the_blocking_client_trades_in_every_way(server: SimulatorServer, quiet_market: str) -> None:
    """Markets, balance, each type of order, cancels, queries, trades, tickers, candles."""
    await asyncio.to_thread(trade_in_every_way, point(ccxt.mexc(CREDENTIALS), server))


async def test_refusals_become_the_exceptions_its_users_catch(server: SimulatorServer, quiet_market: str) -> None:
    """Money, symbols, orders and signatures each have a class of their own."""
    exchange = point(ccxt.mexc(CREDENTIALS), server)
    stranger = point(ccxt.mexc({**CREDENTIALS, "secret": "wrong"}), server)

    def provoke() -> None:
        exchange.load_markets()
        with pytest.raises(ccxt.InsufficientFunds):
            exchange.create_order(PAIR, "limit", "buy", 10**6, 0.05)
        with pytest.raises(ccxt.BadRequest):
            exchange.cancel_order("C02__1", PAIR)
        with pytest.raises(ccxt.AuthenticationError):
            stranger.fetch_balance()
        with pytest.raises(ccxt.BadSymbol):
            exchange.spotPublicGetDepth({"symbol": "NOSUCHUSDT"})

    await asyncio.to_thread(provoke)


async def test_four_public_watchers_deliver(server: SimulatorServer, client: Any, streams: Any) -> None:
    """Ticker, trades, book and candles of one pair; the book without anybody trading.

    This version's watch_bids_asks reads the retired JSON messages only, which the venue no longer sends.
    """
    book = await soon(streams.watch_order_book(PAIR))
    watching = [
        asyncio.create_task(soon(coroutine))
        for coroutine in (
            streams.watch_ticker(PAIR),
            streams.watch_trades(PAIR),
            streams.watch_ohlcv(PAIR, "1m"),
        )
    ]
    while not all(task.done() for task in watching):
        ask = str(book["asks"][0][0])
        await client.signed("POST", "order", symbol="NEWUSDT", side="BUY", type="LIMIT", quantity="30", price=ask)
        await asyncio.sleep(0.2)
    ticker, trades, candles = [await task for task in watching]

    assert book["bids"][0][0] < book["asks"][0][0]
    assert ticker["symbol"] == PAIR
    assert ticker["bid"] == book["bids"][0][0]
    assert trades[-1]["price"] == book["asks"][0][0]
    assert candles[-1][4] == book["asks"][0][0]


async def test_three_private_watchers_deliver(server: SimulatorServer, streams: Any) -> None:
    """Own orders, own trades, balance, each after an order of one's own."""
    watching = [
        asyncio.create_task(soon(coroutine))
        for coroutine in (streams.watch_orders(PAIR), streams.watch_my_trades(PAIR), streams.watch_balance())
    ]
    book = await streams.fetch_order_book(PAIR)
    while not all(task.done() for task in watching):
        await streams.create_order(PAIR, "limit", "buy", 30, book["asks"][0][0])
        await asyncio.sleep(0.2)
    orders, trades, balance = [await task for task in watching]

    assert orders[-1]["symbol"] == trades[-1]["symbol"] == PAIR
    assert trades[-1]["price"] == book["asks"][0][0]
    assert balance["USDT"]["free"] < 1000
