"""One stream connection, from its handshake to its end: the socket loop around `conversation`."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import NoReturn

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from adapters.mexc import frames
from adapters.mexc.capture import PayloadCapture
from adapters.mexc.conversation import Confirmed, Conversation, Declined, Over
from domain.errors import SniperError
from domain.ports import Clock

OPEN_WITHIN_S = 5.0
_LARGEST_FRAME = 1024 * 1024
_CLOSE_WITHIN_S = 1.0

Heard = bytes | Confirmed | Declined
ENDED = (Over, SniperError, WebSocketException, OSError)
"""How a connection ends, or does not come about, when nothing is wrong with our code."""


class Link:
    """A connection that wants `topics`, which may change at any time. hear: called with all that comes, in order.

    capture: where raw messages are kept; None: nowhere.
    """

    def __init__(
        self,
        url: str,
        topics: Iterable[str],
        clock: Clock,
        trust: ssl.SSLContext | None,
        hear: Callable[["Link", Heard], None],
        capture: PayloadCapture | None = None,
    ) -> None:
        self.settled = asyncio.Event()
        """Set once every topic has been answered."""
        self.read_out = asyncio.Event()
        """Set when everything sent before `take_leave` has been heard."""
        self._url = url
        self._topics = dict.fromkeys(topics)
        self._clock = clock
        self._trust = trust
        self._hear = hear
        self._capture = capture
        self._conversation: Conversation | None = None
        self._waiting: asyncio.Timeout | None = None

    @property
    def confirmed(self) -> set[str]:
        """Topics of which nothing is missed as long as this lasts."""
        return self._conversation.confirmed if self._conversation is not None else set()

    def want(self, topics: Iterable[str]) -> None:
        """Subscribe more."""
        self._topics.update(dict.fromkeys(topics))
        if self._conversation is not None:
            self._conversation.want(topics)
            self._wake()

    def unwant(self, topics: Iterable[str]) -> None:
        """Leave some."""
        for topic in topics:
            self._topics.pop(topic, None)
        if self._conversation is not None:
            self._conversation.unwant(topics)
            self._wake()

    def take_leave(self) -> None:
        """Called before an orderly end: `read_out` follows, or the end of `run`."""
        self.read_out.clear()
        if self._conversation is not None:
            self._conversation.take_leave(self._clock.monotonic())
            self._wake()

    async def run(self) -> None:
        """Connect, subscribe, hear; ends by raising why it ended, one of ENDED."""
        async with self._connected() as socket:
            try:
                await self._talk(socket)
            except asyncio.CancelledError:
                await socket.close()  # leaving the context by an exception would tell the venue of an error of ours
                raise

    async def _talk(self, socket: ClientConnection) -> NoReturn:
        talk = self._conversation = Conversation(self._topics, self._clock.monotonic())
        while True:
            while (saying := talk.due(self._clock.monotonic())) is not None:
                await _say(socket, saying)
            message = await self._next(socket, talk)
            if message is not None and (heard := talk.hear(message, self._clock.monotonic())) is not None:
                self._hear(self, heard)
            if (declined := talk.overdue(self._clock.monotonic())) is not None:
                self._hear(self, declined)
            if talk.settled:
                self.settled.set()
            if talk.read_out:
                self.read_out.set()

    def _connected(self) -> AbstractAsyncContextManager[ClientConnection]:
        return connect(
            self._url,
            open_timeout=OPEN_WITHIN_S,
            close_timeout=_CLOSE_WITHIN_S,
            ping_interval=None,  # the venue may not answer protocol-level pings; `conversation` has its own
            compression=None,
            max_size=_LARGEST_FRAME,
            proxy=None,  # as for REST: all or nothing
            ssl=self._trust if self._url.startswith("wss:") else None,
        )

    async def _next(self, socket: ClientConnection, talk: Conversation) -> str | bytes | None:
        """The next message; None when something has to be said first."""
        try:
            async with asyncio.timeout(max(0.0, talk.next_due() - self._clock.monotonic())) as self._waiting:
                message = await socket.recv()
        except TimeoutError:
            return None
        finally:
            self._waiting = None
        if self._capture is not None:
            self._capture.frame(frames.topic(message) if isinstance(message, bytes) else "control", message)
        return message

    def _wake(self) -> None:
        """Have `due` asked at once."""
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(asyncio.get_running_loop().time())


async def _say(socket: ClientConnection, message: str) -> None:
    """When the connection is closed already, what the venue said before closing it is still to be read."""
    with contextlib.suppress(ConnectionClosed):
        await socket.send(message)
