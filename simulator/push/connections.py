"""One WebSocket connection: what it has subscribed, what waits to be written, when it has outstayed its welcome."""

import asyncio
from collections import deque

from aiohttp import web

from simulator.exchange.accounts import Account
from simulator.exchange.settings import Settings
from simulator.push.faults import Streams
from simulator.push.topics import Topic

MAX_WAITING_FRAMES = 20_000  # a reader this far behind is cut off


class Connection:
    """A client's socket. key, account: None without a listen key. Times are monotonic microseconds."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        key: str | None,
        account: Account | None,
        now_us: int,
    ) -> None:
        self.key = key
        self.account = account
        self.topics: dict[str, Topic] = {}
        self.silent_until_us = 0
        self._held: bytes | None = None
        self._socket = socket
        self._transport = transport
        self._waiting: asyncio.Queue[bytes | str] = asyncio.Queue(MAX_WAITING_FRAMES)
        self._opened_us = now_us
        self._active_us = now_us
        self._received_us: deque[int] = deque()

    def push(self, frame: bytes, now_us: int) -> None:
        """Queue a data frame; lost while the connection is silenced."""
        if now_us < self.silent_until_us:
            return
        self._active_us = now_us
        self._queue(frame)
        held, self._held = self._held, None
        if held is not None:
            self._queue(held)

    def hold(self, frame: bytes) -> None:
        """Push this data frame after the next one."""
        self._held = frame

    def reply(self, text: str) -> None:
        """Queue a control message."""
        self._queue(text)

    def received(self, now_us: int, most_per_s: int) -> bool:
        """Note a message of the client; False when it sends too many. most_per_s: 0 means no limit."""
        self._active_us = now_us
        self._received_us.append(now_us)
        while now_us - self._received_us[0] >= 1_000_000:
            self._received_us.popleft()
        return not most_per_s or len(self._received_us) <= most_per_s

    def is_overdue(self, now_us: int, settings: Settings) -> bool:
        """Whether the venue closes it now."""
        age_s = (now_us - self._opened_us) / 1_000_000
        idle_s = (now_us - self._active_us) / 1_000_000
        limits = [(age_s, settings.lifetime_s), (idle_s, settings.silence_s)]
        if not self.topics:
            limits.append((age_s, settings.unsubscribed_s))
        return any(limit_s and spent_s > limit_s for spent_s, limit_s in limits)

    def is_chosen(self, streams: Streams, account: str | None) -> bool:
        """Whether it is one of these: with a listen key, without, or any; of this account, or of anybody."""
        if account is not None:
            return self.account is not None and self.account.name == account
        return streams == "all" or (self.account is not None) is (streams == "private")

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
