"""One WebSocket connection: what it has subscribed, what waits to be written, when it has outstayed its welcome."""

import asyncio
from collections import deque

from aiohttp import web

from simulator.accounts import Account
from simulator.topics import Topic

MAX_SUBSCRIPTIONS = 30
MAX_MESSAGES_PER_S = 100
MAX_WAITING_FRAMES = 20_000  # a reader this far behind is cut off
UNSUBSCRIBED_S = 30  # a connection without any subscription is closed after this
SILENCE_S = 60  # and one on which nothing flows after this
LIFETIME_S = 24 * 60 * 60


class Connection:
    """A client's socket. `account` is None without a listen key. Times are monotonic microseconds."""

    def __init__(
        self, socket: web.WebSocketResponse, transport: asyncio.Transport | None, account: Account | None, now_us: int
    ) -> None:
        self.account = account
        self.topics: dict[str, Topic] = {}
        self.silent_until_us = 0
        self._socket = socket
        self._transport = transport
        self._waiting: asyncio.Queue[bytes | str] = asyncio.Queue(MAX_WAITING_FRAMES)
        self._opened_us = now_us
        self._active_us = now_us
        self._received_us: deque[int] = deque(maxlen=MAX_MESSAGES_PER_S)

    def push(self, frame: bytes, now_us: int) -> None:
        """Queue a data frame; lost while the connection is silenced."""
        if now_us < self.silent_until_us:
            return
        self._active_us = now_us
        self._queue(frame)

    def reply(self, text: str) -> None:
        """Queue a control message."""
        self._queue(text)

    def received(self, now_us: int) -> bool:
        """Note a message of the client; False when it sends too many."""
        self._active_us = now_us
        full = len(self._received_us) == MAX_MESSAGES_PER_S
        too_many = full and now_us - self._received_us[0] < 1_000_000
        self._received_us.append(now_us)
        return not too_many

    def is_overdue(self, now_us: int) -> bool:
        """Whether the venue closes it now."""
        age_s = (now_us - self._opened_us) / 1_000_000
        idle_s = (now_us - self._active_us) / 1_000_000
        return age_s > LIFETIME_S or idle_s > SILENCE_S or (not self.topics and age_s > UNSUBSCRIBED_S)

    def cut(self) -> None:
        """Break the connection off without a closing handshake."""
        if self._transport is not None:
            self._transport.abort()

    async def close(self) -> None:
        """Close with a handshake."""
        await self._socket.close()

    async def write(self) -> None:
        """Send what is queued, for as long as the connection lives."""
        try:
            while True:
                item = await self._waiting.get()
                if isinstance(item, bytes):
                    await self._socket.send_bytes(item)
                else:
                    await self._socket.send_str(item)
        except ConnectionError:
            return

    def _queue(self, item: bytes | str) -> None:
        try:
            self._waiting.put_nowait(item)
        except asyncio.QueueFull:
            self.cut()
