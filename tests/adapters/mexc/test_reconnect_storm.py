"""Streams that are cut again and again under trading: nothing is missed unnoticed."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import aiohttp
import pytest

from adapters.mexc.venue import MexcVenue
from domain.orders import Fill
from domain.ports import StreamGap
from tests.adapters.mexc.conftest import CREDENTIALS, Control
from tests.simulator.conftest import Client

SYMBOL = "BTCUSDT"
BUY = {"symbol": SYMBOL, "side": "BUY", "type": "IMMEDIATE_OR_CANCEL", "quantity": "0.001", "price": "60200"}
CUTS = 30
EVERY_S = 2.0
AN_ORDER_EVERY_S = 0.1


class Listener:
    """What a consumer of both streams knows: fills it was told, fills it asked for after a gap, gaps by stream."""

    def __init__(self, venue: MexcVenue, client: Client) -> None:
        self.told: set[str] = set()
        self.asked: set[str] = set()
        self.gaps: Counter[str] = Counter()
        self.changed = asyncio.Condition()
        self._venue = venue
        self._client = client

    async def account(self) -> None:
        """Fills as they come; after a gap everything there is."""
        async with self._venue.streams.account() as items:
            await self._take(items)

    async def quotes(self) -> None:
        """Prices need no asking: the next one is as good as all that were missed."""
        async with self._venue.streams.quotes(SYMBOL) as items:
            await self._take(items)

    async def _take(self, items: AsyncIterator[object]) -> None:
        async for item in items:
            if isinstance(item, Fill):
                self.told.add(item.trade_id)
            elif isinstance(item, StreamGap):
                if item.stream == "account":
                    trades = await self._client.signed("GET", "myTrades", symbol=SYMBOL)
                    self.asked |= {trade["id"] for trade in trades.body}
                async with self.changed:
                    self.gaps[item.stream] += 1
                    self.changed.notify_all()


@pytest.mark.long
async def test_a_minute_of_cuts_under_trading_loses_no_fill_and_hides_no_gap(
    venue: MexcVenue, control: Control
) -> None:
    """Both streams are cut every two seconds; each cut of a live stream is one gap, told when it is back."""
    server = control.server
    limits = {"uid_weight": 0, "ip_weight": 0, "orders_per_s": 0}
    server.venue.change_settings(server.venue.settings.model_copy(update=limits))
    cuts = 0
    async with aiohttp.ClientSession() as http:
        client = Client(http, server.rest_url, CREDENTIALS.api_key, CREDENTIALS.api_secret)
        listener = Listener(venue, client)
        listening = [asyncio.create_task(listener.account()), asyncio.create_task(listener.quotes())]
        trading = asyncio.create_task(trade(client))
        async with asyncio.timeout(10):
            while server.hub.connection_count < len(listening):
                await asyncio.sleep(0.05)
        for _ in range(CUTS):
            await asyncio.sleep(EVERY_S)
            cuts += server.hub.cut("all")
        async with listener.changed, asyncio.timeout(10):
            await listener.changed.wait_for(lambda: listener.gaps.total() >= cuts)
        trading.cancel()
        await asyncio.sleep(0.5)  # the last fills are under way
        for task in (trading, *listening):
            task.cancel()
        ended = await asyncio.gather(trading, *listening, return_exceptions=True)
        ledger = await client.control("GET", "ledger")

    fills = {fill["tradeId"] for fill in ledger["accounts"]["main"]["fills"]}
    assert [type(one) for one in ended] == [asyncio.CancelledError] * 3
    assert fills - listener.told - listener.asked == set()
    assert listener.gaps.total() == cuts
    assert cuts >= CUTS * 2 - 4  # a cut may meet a stream that is still coming back
    assert len(fills) > 200
    assert fills - listener.told  # the storm did take fills away, which asking brought back


async def trade(client: Client) -> None:
    """A buy that fills, ten times a second, until cancelled."""
    while True:
        await client.signed("POST", "order", **BUY)
        await asyncio.sleep(AN_ORDER_EVERY_S)
