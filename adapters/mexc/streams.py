"""Live data of the venue, behind domain.ports.Streams: the socket loop around `conversation` and `frames`."""

import asyncio
import contextlib
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from adapters.mexc import frames
from adapters.mexc.conversation import Conversation, Over, Subscribed
from adapters.mexc.listen_key import ListenKey
from adapters.mexc.mailbox import Mailbox
from adapters.mexc.parse import Unreadable
from adapters.mexc.rest import SignedRest
from domain.errors import SniperError
from domain.orders import Fill, Order
from domain.ports import Clock, Exchange, StreamGap
from domain.quotes import TopOfBook

T = TypeVar("T")

FIRST_WITHIN_S = 3.0
"""How long entering a stream waits for its first subscription; later it goes on without, and says so by a gap."""
OPEN_WITHIN_S = 5.0
STALE_AFTER_S = 2.0
"""Without a quote for this long, prices are asked for over REST."""
ASK_EVERY_S = 1.0
UNREAD_QUOTES = 256
"""A consumer that falls behind loses old prices, never orders or fills."""
SHORTEST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
DOUBT_KEY_AFTER = 3
"""After so many failures in a row the listen key may be what is wrong, though nobody says so. Doubted once per
interruption: an account may hold 60 keys, and each lives for an hour."""
_LARGEST_FRAME = 1024 * 1024
_CLOSE_WITHIN_S = 1.0

Deliver = Callable[[TopOfBook | Order | Fill | StreamGap], None]

log = structlog.get_logger(__name__)


def pause_s(failures: int, share: float) -> float:
    """How long to wait after the n-th failure in a row: doubling, and cut by up to half so that many do not come back
    together. share: a random number from 0 to 1."""
    return min(LONGEST_PAUSE_S, SHORTEST_PAUSE_S * 2.0 ** min(failures - 1, 10)) * (1 - share / 2)


class MexcStreams:
    """Each stream has a connection of its own, which lives as long as its context.

    ws_url: with its path, e.g. ws://127.0.0.1:9000/ws. exchange: asked for prices when the stream does not tell them.
    """

    def __init__(
        self,
        ws_url: str,
        signed: SignedRest,
        exchange: Exchange,
        *,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._url = ws_url
        self._signed = signed
        self._exchange = exchange
        self._clock: Clock = signed.rest.clock
        self._trust = trust

    @asynccontextmanager
    async def quotes(self, symbol: str) -> AsyncIterator[AsyncIterator[TopOfBook | StreamGap]]:
        """Best prices as they change; when the stream is silent for two seconds, as REST tells them every second."""
        mailbox: Mailbox[TopOfBook | StreamGap] = Mailbox(UNREAD_QUOTES)
        fresh = _Freshness(self._clock)

        def deliver(item: TopOfBook | Order | Fill | StreamGap) -> None:
            if isinstance(item, TopOfBook):
                if item.symbol != symbol:
                    return
                fresh.renew()
            if isinstance(item, TopOfBook | StreamGap):
                mailbox.put(item)

        async def url() -> str:
            return self._url

        link = _Link(f"quotes {symbol}", _topics_of(symbol), url, self._clock, self._trust, deliver)
        async with _running(mailbox, link, self._ask_when_stale(symbol, fresh, mailbox)):
            yield mailbox

    @asynccontextmanager
    async def account(self) -> AsyncIterator[AsyncIterator[Order | Fill | StreamGap]]:
        """Every order and fill of the account. Its listen key is made, extended and in the end deleted."""
        mailbox: Mailbox[Order | Fill | StreamGap] = Mailbox()
        key = ListenKey(self._signed)

        def deliver(item: TopOfBook | Order | Fill | StreamGap) -> None:
            if not isinstance(item, TopOfBook):
                mailbox.put(item)

        async def url() -> str:
            return f"{self._url}?listenKey={await key.current()}"

        link = _Link("account", _PRIVATE_TOPICS, url, self._clock, self._trust, deliver, key.forget)
        try:
            async with _running(mailbox, link, key.keep_alive()):
                yield mailbox
        finally:
            await key.delete()

    async def _ask_when_stale(self, symbol: str, fresh: "_Freshness", mailbox: Mailbox[TopOfBook | StreamGap]) -> None:
        """Fills the stream's silence, whatever its cause. Runs until cancelled."""
        while True:
            if (left_s := fresh.left_s()) > 0:
                await self._clock.sleep(left_s)
                continue
            try:
                mailbox.put(await self._exchange.top_of_book(symbol))
            except SniperError as exc:
                log.warning("stream.no_price", symbol=symbol, reason=str(exc))
            await self._clock.sleep(ASK_EVERY_S)


_PRIVATE_TOPICS = ("spot@private.orders.v3.api.pb", "spot@private.deals.v3.api.pb")


def _topics_of(symbol: str) -> tuple[str, ...]:
    return (f"spot@public.aggre.bookTicker.v3.api.pb@10ms@{symbol}",)


class _Freshness:
    """When the stream last told a price."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at = clock.monotonic()

    def renew(self) -> None:
        self._at = self._clock.monotonic()

    def left_s(self) -> float:
        """Seconds until the last price is stale."""
        return self._at + STALE_AFTER_S - self._clock.monotonic()


class _Link:
    """Keeps one subscription alive over as many connections as it takes."""

    def __init__(
        self,
        name: str,
        topics: Sequence[str],
        url: Callable[[], Awaitable[str]],
        clock: Clock,
        trust: ssl.SSLContext | None,
        deliver: Deliver,
        forget_key: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self.first = asyncio.Event()
        """Set at the first subscription."""
        self.unreadable = 0
        self._topics = topics
        self._url = url
        self._clock = clock
        self._trust = trust
        self._deliver = deliver
        self._forget_key = forget_key
        self._failures = 0
        self._gap: str | None = None  # why something may have been missed; None: nothing was

    def late(self) -> None:
        """The consumer goes on without us: whatever happened until the first subscription may be missed."""
        self._gap = "not connected yet"
        self._deliver(StreamGap(self.name, self._gap))

    async def run(self) -> None:
        """Connect, subscribe, deliver, and begin again; until cancelled."""
        while True:
            try:
                await self._talk()
            except (Over, SniperError, WebSocketException, OSError) as exc:
                self._interrupted(exc)
            await self._clock.sleep(pause_s(self._failures, random.random()))  # noqa: S311  only spreads reconnects

    def _interrupted(self, exc: Exception) -> None:
        self._failures += 1
        reason = str(exc) or type(exc).__name__
        if (isinstance(exc, Over) and exc.bad_key) or self._failures == DOUBT_KEY_AFTER:
            self._forget_key()
        if self.first.is_set():
            self._gap = reason
        log.warning("stream.interrupted", stream=self.name, reason=reason, failures=self._failures)

    async def _talk(self) -> None:
        """One connection's life; ends by raising why it ended."""
        async with self._connected(await self._url()) as socket:
            conversation = Conversation(self._topics, self._clock.monotonic())
            await _say(socket, conversation.opening)
            while True:
                message = await self._next(socket, conversation)
                if message is not None:
                    self._take(conversation.hear(message, self._clock.monotonic()))
                if (saying := conversation.due(self._clock.monotonic())) is not None:
                    await _say(socket, saying)

    def _connected(self, url: str) -> AbstractAsyncContextManager[ClientConnection]:
        return connect(
            url,
            open_timeout=OPEN_WITHIN_S,
            close_timeout=_CLOSE_WITHIN_S,
            ping_interval=None,  # the venue may not answer protocol-level pings; `conversation` has its own
            compression=None,
            max_size=_LARGEST_FRAME,
            proxy=None,  # as for REST: all or nothing
            ssl=self._trust if url.startswith("wss:") else None,
        )

    async def _next(self, socket: ClientConnection, conversation: Conversation) -> str | bytes | None:
        """The next message; None when something has to be said first."""
        try:
            async with asyncio.timeout(max(0.0, conversation.next_due() - self._clock.monotonic())):
                return await socket.recv()
        except TimeoutError:
            return None

    def _take(self, heard: bytes | Subscribed | None) -> None:
        if isinstance(heard, bytes):
            self._read(heard)
        elif heard is not None:
            self._failures = 0
            self.first.set()
            if self._gap is not None:
                self._deliver(StreamGap(self.name, self._gap))
                self._gap = None
            log.info("stream.subscribed", stream=self.name)

    def _read(self, frame: bytes) -> None:
        try:
            item = frames.read(frame, self._clock.now())
        except Unreadable as exc:
            self.unreadable += 1
            log.warning("stream.unreadable_frame", stream=self.name, reason=str(exc), count=self.unreadable)
            self._deliver(StreamGap(self.name, f"unreadable frame: {exc}"))
            return
        if item is not None:
            self._deliver(item)


async def _say(socket: ClientConnection, message: str) -> None:
    """When the connection is closed already, what the venue said before closing it is still to be read."""
    with contextlib.suppress(ConnectionClosed):
        await socket.send(message)


@asynccontextmanager
async def _running(mailbox: Mailbox[T], link: _Link, beside: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Both run for the body, which begins with the first subscription or after FIRST_WITHIN_S."""

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (bug := task.exception()) is not None:
            mailbox.close(bug)

    tasks = [asyncio.create_task(link.run()), asyncio.create_task(beside)]
    for task in tasks:
        task.add_done_callback(ended)
    try:
        try:
            async with asyncio.timeout(FIRST_WITHIN_S):
                await link.first.wait()
        except TimeoutError:
            link.late()
        yield
    finally:
        mailbox.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
