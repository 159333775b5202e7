"""Live data of the venue, behind domain.ports.Streams and MarketStreams.

Public topics share connections (stream_pool); an account has its own (stream_line). A connection that has grown old is
replaced without a gap: what both told for a moment is delivered one after the other, so that once a day a few items are
told twice, the newest last. Consumers take a fill by its id, an order by its state, and a price or book as the present
one; who adds up trades may count one twice.
"""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.mailbox import Mailbox
from adapters.mexc import build, parse
from adapters.mexc.capture import PayloadCapture
from adapters.mexc.depth import Depth, DepthSnapshot
from adapters.mexc.limits import Priority
from adapters.mexc.listen_key import ListenKey
from adapters.mexc.rest import SignedRest
from adapters.mexc.stream_book import SNAPSHOT_LEVELS, BookChannel, Books
from adapters.mexc.stream_channel import AccountChannel, TradeChannel
from adapters.mexc.stream_line import ROTATE_AFTER_S, Dial, Line
from adapters.mexc.stream_pool import Pool
from adapters.mexc.stream_quotes import QuoteChannel
from domain.order_book import OrderBook, PublicTrade
from domain.orders import Fill, Order
from domain.ports import Clock, Exchange, StreamGap
from domain.quotes import TopOfBook

UNREAD_QUOTES = 256
"""A consumer that falls behind loses old prices, never gaps, orders or fills."""
UNREAD_TRADES = 10_000
"""A consumer that falls behind further loses them all, and is told of a gap."""

_QUOTES = "spot@public.aggre.bookTicker.v3.api.pb@10ms@"
_DEPTH = "spot@public.aggre.depth.v3.api.pb@10ms@"
_TRADES = "spot@public.aggre.deals.v3.api.pb@10ms@"
_ACCOUNT = ("spot@private.orders.v3.api.pb", "spot@private.deals.v3.api.pb")


class MexcStreams:
    """Connects when the first stream is entered; nothing is left open after the last one was left.

    ws_url: with its path, e.g. ws://127.0.0.1:9000/ws. exchange: asked for prices when the stream does not tell them.
    rotate_after_s: age of a connection when it is replaced. capture: where raw messages are kept; None: nowhere.
    """

    def __init__(
        self,
        ws_url: str,
        signed: SignedRest,
        exchange: Exchange,
        *,
        trust: ssl.SSLContext | None = None,
        rotate_after_s: float = ROTATE_AFTER_S,
        capture: PayloadCapture | None = None,
    ) -> None:
        self._url = ws_url
        self._signed = signed
        self._exchange = exchange
        self._clock: Clock = signed.rest.clock
        self._dial = Dial(self._clock, trust, rotate_after_s, capture)
        self._pool = Pool(ws_url, self._dial)

    @asynccontextmanager
    async def quotes(self, symbol: str) -> AsyncIterator[AsyncIterator[TopOfBook | StreamGap]]:
        """Best prices as they change; when the stream is silent for two seconds, as REST tells them every second."""
        mailbox: Mailbox[TopOfBook | StreamGap] = Mailbox(UNREAD_QUOTES)

        def make(topic: str) -> QuoteChannel:
            return QuoteChannel(symbol, topic, self._exchange, self._clock)

        async with self._pool.listen(_QUOTES + symbol, mailbox, make):
            yield mailbox

    @asynccontextmanager
    async def book(self, symbol: str) -> AsyncIterator[AsyncIterator[OrderBook | StreamGap]]:
        """Whole books as they change, the newest only. Of a side with more than a thousand levels the best are told,
        down to where the last snapshot ended."""
        mailbox: Mailbox[Depth | StreamGap] = Mailbox(1)

        async def snapshot() -> DepthSnapshot:
            params = (("symbol", symbol), ("limit", str(SNAPSHOT_LEVELS)))
            return await self._signed.rest.read(
                build.DEPTH,
                params,
                lambda document: parse.depth(document, symbol, SNAPSHOT_LEVELS, self._clock.now()),
                Priority.GUARD,
            )

        def make(topic: str) -> BookChannel:
            return BookChannel(symbol, topic, snapshot, self._clock)

        async with self._pool.listen(_DEPTH + symbol, mailbox, make):
            yield Books(mailbox)

    @asynccontextmanager
    async def trades(self, symbol: str) -> AsyncIterator[AsyncIterator[PublicTrade | StreamGap]]:
        """Every execution, in the order in which the venue tells them."""
        mailbox: Mailbox[PublicTrade | StreamGap] = Mailbox(UNREAD_TRADES)

        def make(topic: str) -> TradeChannel:
            return TradeChannel(f"trades {symbol}", (topic,))

        async with self._pool.listen(_TRADES + symbol, mailbox, make):
            yield mailbox

    @asynccontextmanager
    async def account(self) -> AsyncIterator[AsyncIterator[Order | Fill | StreamGap]]:
        """Every order and fill of the account. Its listen key is made, extended and in the end deleted."""
        mailbox: Mailbox[Order | Fill | StreamGap] = Mailbox()
        key = ListenKey(self._signed)

        async def url() -> str:
            return f"{self._url}?listenKey={await key.current()}"

        channel = AccountChannel("account", _ACCOUNT, key.keep_alive)
        line = Line(url, self._dial, key.forget)
        listener = channel.join(mailbox)
        line.add(channel)
        try:
            await listener.begin()
            yield mailbox
        finally:
            mailbox.close()
            await line.close()
            await key.delete()
