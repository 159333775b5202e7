"""Connections are replaced before the venue ends them, and nobody notices."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from unittest.mock import patch

import aiohttp
import orjson
import pytest
from websockets.asyncio.server import ServerConnection, serve

from adapters.clock import SystemClock
from adapters.mailbox import Mailbox
from adapters.mexc import conversation, stream_channel
from adapters.mexc.frames import Item
from adapters.mexc.pb import push_pb2 as pb
from adapters.mexc.stream_channel import Channel
from adapters.mexc.stream_line import Dial, Line
from adapters.mexc.streams import MexcStreams
from adapters.mexc.venue import MexcVenue
from domain.order_book import OrderBook, PublicTrade
from domain.orders import Fill
from domain.ports import StreamGap
from domain.quotes import TopOfBook
from tests.adapters.mexc.conftest import CREDENTIALS, Control
from tests.adapters.mexc.stream_waits import eventually, first
from tests.simulator.conftest import Client

SYMBOL = "BTCUSDT"
BUY = {"symbol": SYMBOL, "side": "BUY", "type": "IMMEDIATE_OR_CANCEL", "quantity": "0.001", "price": "60200"}
AN_ORDER_EVERY_S = 0.03
PONG = '{"id":0,"code":0,"msg":"PONG"}'


@pytest.fixture
def short_lived(venue: MexcVenue, control: Control) -> MexcStreams:
    """Streams whose connections are old after a third of a second."""
    return MexcStreams(control.server.ws_url, venue.streams._signed, venue.exchange, rotate_after_s=0.3)


@dataclass
class Opened:
    """Connections the venue ever had, and the most at once."""

    total: int = 0
    most: int = 0


@pytest.fixture
def opened(control: Control, monkeypatch: pytest.MonkeyPatch) -> Opened:
    counted, enter = Opened(), control.server.hub._enter

    def count(connection: object) -> None:
        enter(connection)  # type: ignore[arg-type]  # whatever the venue passes
        counted.total += 1
        counted.most = max(counted.most, control.server.hub.connection_count)

    monkeypatch.setattr(control.server.hub, "_enter", count)
    return counted


@dataclass
class Heard:
    """What three consumers were told."""

    fills: set[str] = field(default_factory=set)
    trades: Counter[PublicTrade] = field(default_factory=Counter)
    books: list[OrderBook] = field(default_factory=list)
    gaps: list[StreamGap] = field(default_factory=list)

    def told(self) -> Counter[tuple[str, int]]:
        """How often each trade was told: by price and by time in milliseconds."""
        return Counter((str(trade.price), int(trade.at.timestamp() * 1000)) for trade in self.trades.elements())

    async def listen(self, items: AsyncIterator[object]) -> None:
        async for item in items:
            if isinstance(item, Fill):
                self.fills.add(item.trade_id)
            elif isinstance(item, PublicTrade):
                self.trades[item] += 1
            elif isinstance(item, OrderBook):
                self.books.append(item)
            elif isinstance(item, StreamGap):
                self.gaps.append(item)


async def trade(client: Client) -> None:
    """Buys that fill, until cancelled."""
    while True:
        await client.signed("POST", "order", **BUY)
        await asyncio.sleep(AN_ORDER_EVERY_S)


async def test_a_rotation_under_trading_loses_nothing_and_tells_no_gap(
    short_lived: MexcStreams, control: Control, opened: Opened
) -> None:
    """Several generations of the public and the account's connection: every fill, trade and version is told."""
    server = control.server
    limits = {"uid_weight": 0, "ip_weight": 0, "orders_per_s": 0}
    server.venue.change_settings(server.venue.settings.model_copy(update=limits))
    heard = Heard()
    async with aiohttp.ClientSession() as http:
        client = Client(http, server.rest_url, CREDENTIALS.api_key, CREDENTIALS.api_secret)
        async with AsyncExitStack() as stack:
            streams = (short_lived.account(), short_lived.trades(SYMBOL), short_lived.book(SYMBOL))
            entered = [await stack.enter_async_context(stream) for stream in streams]
            listening = [asyncio.create_task(heard.listen(items)) for items in entered]
            begun_at = (await client.get("time")).body["serverTime"]
            trading = asyncio.create_task(trade(client))
            await eventually(lambda: opened.total >= 16, within_s=20)
            trading.cancel()
            await asyncio.gather(trading, return_exceptions=True)
            ledger = await client.control("GET", "ledger")
            fills = {fill["tradeId"] for fill in ledger["accounts"]["main"]["fills"]}
            await eventually(lambda: fills <= heard.fills)
            answer = await client.get("trades", symbol=SYMBOL, limit=1000)
            traded = Counter((row["price"], row["time"]) for row in answer.body if row["time"] >= begun_at)
            # Not their number: one told by both connections, as a rotation may, would stand in for one not told yet.
            await eventually(lambda: traded <= heard.told())
        await asyncio.gather(*listening)

    assert len(fills) > 20
    assert not heard.gaps
    assert opened.most <= 4  # two old ones, two successors
    assert traded <= heard.told()
    assert len(heard.books) > 10
    assert [book.version for book in heard.books] == sorted({book.version for book in heard.books})


async def test_a_successor_that_fails_is_tried_again_while_the_old_one_lives(
    short_lived: MexcStreams, control: Control, opened: Opened
) -> None:
    """Handshakes are refused for a while: items go on, no gap, and the rotation comes later."""
    async with short_lived.book(SYMBOL) as books:
        await control.fault("ws_refuse", ms=900)
        before = await first(books)
        during = asyncio.create_task(first(books, lambda item: isinstance(item, StreamGap), within_s=60))
        await asyncio.sleep(0.7)  # beyond its age
        alone = opened.total
        await eventually(lambda: opened.total >= 2)
        during.cancel()
        await asyncio.gather(during, return_exceptions=True)
        after = await first(books)

    assert isinstance(before, OrderBook)
    assert isinstance(after, OrderBook)
    assert alone == 1
    assert during.cancelled()


async def test_a_successor_that_lacks_a_topic_does_not_take_over(
    short_lived: MexcStreams, control: Control, opened: Opened
) -> None:
    """The venue takes nothing new: whoever has a topic keeps it, for as long as it goes."""
    async with short_lived.quotes(SYMBOL), short_lived.trades(SYMBOL) as trades:
        settings = control.server.venue.settings
        control.server.venue.change_settings(settings.model_copy(update={"subscriptions": 1}))
        await eventually(lambda: opened.total >= 3)
        trade = await first(trades)

    assert isinstance(trade, PublicTrade)


async def test_the_end_of_the_old_one_before_its_successor_is_ready_is_an_interruption(
    short_lived: MexcStreams, control: Control
) -> None:
    """One gap, though two connections were concerned."""
    gaps: list[StreamGap] = []

    async def listen(items: AsyncIterator[object]) -> None:
        async for item in items:
            if isinstance(item, StreamGap):
                gaps.append(item)

    async with short_lived.trades(SYMBOL) as trades:
        listening = asyncio.create_task(listen(trades))
        await control.fault("ws_refuse", ms=800)
        await asyncio.sleep(0.5)  # a successor is being tried for
        assert control.server.hub.cut("all") == 1
        await eventually(lambda: bool(gaps))
        await eventually(lambda: control.server.hub.connection_count == 1)
    await listening

    assert [gap.stream for gap in gaps] == [f"trades {SYMBOL}"]


class Recorder(Channel[TopOfBook]):
    """Tells prices."""

    def take(self, item: Item) -> None:
        assert isinstance(item, TopOfBook)
        self.tell(item)


def price_frame(bid: int) -> bytes:
    ticker = pb.PublicAggreBookTickerV3Api(bidPrice=str(bid), askPrice="100")
    return pb.PushDataV3ApiWrapper(channel="topic", symbol="X", publicAggreBookTicker=ticker).SerializeToString()


class ScriptedVenue:
    """Confirms every subscription. connections: all that were made. on_ping: what a connection answers, by its number;
    others say PONG. on_subscribed: what is sent after the confirmation."""

    def __init__(self) -> None:
        self.connections: list[ServerConnection] = []
        self.on_ping: dict[int, list[str | bytes]] = {}
        self.on_subscribed: dict[int, list[bytes]] = {}
        self.refuses = False

    async def serve(self, socket: ServerConnection) -> None:
        self.connections.append(socket)
        number = len(self.connections)
        async for text in socket:
            message = orjson.loads(text)
            if message["method"] == "SUBSCRIPTION":
                topics = ",".join(message["params"])
                text = f"Not Subscribed successfully! [{topics}].  Reason： Blocked! " if self.refuses else topics
                confirmation = {"id": message["id"], "code": 0, "msg": text}
                await socket.send(orjson.dumps(confirmation).decode())
                for frame in self.on_subscribed.get(number, []):
                    await socket.send(frame)
            else:
                for answer in self.on_ping.get(number, [PONG]):
                    await socket.send(answer)


@asynccontextmanager
async def followed(
    script: ScriptedVenue, forget_key: Callable[[], None] | None = None
) -> AsyncIterator[Mailbox[TopOfBook | StreamGap]]:
    """One topic of this venue over connections that are old after a tenth of a second."""
    async with serve(script.serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]

        async def url() -> str:
            return f"ws://127.0.0.1:{port}"

        mailbox: Mailbox[TopOfBook | StreamGap] = Mailbox()
        channel = Recorder("quotes X", ("topic",))
        listener = channel.join(mailbox)
        line = Line(url, Dial(SystemClock(), rotate_after_s=0.1), forget_key)
        line.add(channel)
        try:
            with patch.object(stream_channel, "FIRST_WITHIN_S", 0.5):
                await listener.begin()
            yield mailbox
        finally:
            await line.close()
            mailbox.close()


async def test_an_old_connection_that_had_died_unnoticed_is_an_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    """The successor is fine, but nobody knows what the old one no longer told: its last ping stays unanswered."""
    monkeypatch.setattr(conversation, "ANSWER_WITHIN_S", 0.2)
    script = ScriptedVenue()
    script.on_ping[1] = []
    async with followed(script) as items:
        gap = await first(items)
        await eventually(lambda: len(script.connections) >= 5)  # these rotate in peace
    rest = [item async for item in items]

    assert isinstance(gap, StreamGap)
    assert "last ping" in gap.reason
    assert rest == []


async def test_what_the_successor_tells_comes_after_what_the_old_one_told() -> None:
    """However late the old one is: the last price told is the newest."""
    script = ScriptedVenue()
    script.on_subscribed = {1: [price_frame(1)], 2: [price_frame(3), price_frame(4)]}
    script.on_ping[1] = [price_frame(2), price_frame(3), PONG, price_frame(2)]
    async with followed(script) as items:
        await eventually(lambda: len(script.connections) >= 4)
    told = [item async for item in items]

    bids: list[object] = [item.bid for item in told if isinstance(item, TopOfBook)]
    assert (bids[:3], bids[-2:]) == ([1, 2, 3], [3, 4])
    assert not [item for item in told if isinstance(item, StreamGap)]


async def test_a_venue_that_refuses_the_account_is_asked_with_another_key_after_three_times() -> None:
    """A key may be what is wrong, though nobody says so; once per interruption, since an account has few."""
    script, forgotten = ScriptedVenue(), 0
    script.refuses = True

    def forget() -> None:
        nonlocal forgotten
        forgotten += 1

    async with followed(script, forget) as items:
        await eventually(lambda: len(script.connections) >= 4)
        script.refuses = False
        gaps = [await first(items), await first(items)]

    assert forgotten == 1
    assert all(isinstance(gap, StreamGap) for gap in gaps)  # it went on without, and it is there
