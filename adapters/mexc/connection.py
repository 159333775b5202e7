"""A connection of our own to the venue, for what httpx is too slow or too vague about: the hot orders and the clock.

Everything that leaves is sealed first: encrypted for https, unchanged for http. So the encryption of an order is done
before its instant, and what remains is one send call.
"""

import asyncio
import contextlib
import socket
import ssl
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from adapters.mexc.codes import Reply
from adapters.mexc.http11 import AnswerReader
from adapters.mexc.members import Unreadable
from domain.errors import InvalidInput

CONNECT_TIMEOUT_S = 5.0
_RECEIVE_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Address:
    """Where the venue's REST interface is."""

    host: str
    port: int
    tls: bool

    @property
    def host_header(self) -> str:
        """The Host header's value."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == (443 if self.tls else 80) else f"{name}:{self.port}"

    @classmethod
    def parse(cls, url: str) -> Self:
        """Of a base URL. Raises InvalidInput."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidInput(
                "venue address", value=url, expected="http(s)://host[:port]", remedy="for example http://127.0.0.1:9000"
            )
        tls = parts.scheme == "https"
        return cls(parts.hostname, parts.port or (443 if tls else 80), tls)


class Connection:
    """One connected socket that is used by one side at a time. Raises OSError when it breaks, TimeoutError included."""

    def __init__(self, plain: socket.socket, address: Address) -> None:
        self._socket = plain
        self._address = address
        self._tls: ssl.SSLObject | None = None
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()

    @classmethod
    async def open(cls, address: Address, trust: ssl.SSLContext | None = None) -> Self:
        """Connect, without Nagle's delay, and shake hands. trust: None: the system's certificates."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
            family, kind, protocol, _, where = found[0]
            plain = socket.socket(family, kind, protocol)
            try:
                plain.setblocking(False)
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                await loop.sock_connect(plain, where)
                connection = cls(plain, address)
                if address.tls:
                    await connection._shake_hands(trust or ssl.create_default_context())
            except BaseException:
                plain.close()
                raise
        return connection

    def seal(self, data: bytes) -> bytes:
        """The bytes that carry `data`. With TLS they must be the next to leave: records are numbered."""
        if self._tls is None:
            return data
        self._tls.write(data)
        return self._outgoing.read()

    def send_now(self, sealed: bytes) -> int:
        """One send call on the caller's thread; returns how many bytes the system took."""
        return self._socket.send(sealed)

    async def ask(self, request: bytes) -> tuple[Reply, bool]:
        """Send `request`, return its answer, and whether the connection can carry another one."""
        await asyncio.get_running_loop().sock_sendall(self._socket, self.seal(request))
        return await self.answer()

    async def answer(self) -> tuple[Reply, bool]:
        """The answer to what was sent. Raises Unreadable, or ConnectionResetError when it is cut off."""
        reader = AnswerReader()
        while True:
            data = await self._receive()
            reply = reader.feed(data) if data else reader.end()
            if reply is not None:
                return reply, reader.reusable
            if not data:
                raise ConnectionResetError("the venue closed the connection without an answer")

    def take_now(self) -> bytes | None:
        """What has arrived, without waiting; None: nothing yet, empty: the other side closed. Raises OSError.

        On the caller's thread, as `send_now`."""
        if self._tls is None:
            try:
                return self._socket.recv(_RECEIVE_BYTES)
            except BlockingIOError:
                return None
        while True:
            try:
                return self._tls.read(_RECEIVE_BYTES)
            except ssl.SSLWantReadError:
                if pending := self._outgoing.read():  # e.g. the answer to a change of keys
                    self._socket.send(pending)
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""
            try:
                raw = self._socket.recv(_RECEIVE_BYTES)
            except BlockingIOError:
                return None
            if raw:
                self._incoming.write(raw)
            else:
                self._incoming.write_eof()

    def fileno(self) -> int:
        """Of the socket."""
        return self._socket.fileno()

    def is_quiet(self) -> bool:
        """False when the other side closed, or sent something nobody asked for; TLS tickets are neither."""
        try:
            if self._tls is not None and self._incoming.pending and self._holds_more(self._tls):
                return False  # it came together with the last answer
            while raw := self._socket.recv(_RECEIVE_BYTES):
                if self._tls is None:
                    return False
                self._incoming.write(raw)
                if self._holds_more(self._tls):
                    return False
        except BlockingIOError:
            return True
        except OSError:  # ssl.SSLError is one
            return False
        return False

    def close(self) -> None:
        """Let go at once; idempotent."""
        self._socket.close()

    @staticmethod
    def _holds_more(tls: ssl.SSLObject) -> bool:
        """Whether what TLS took in holds more than tickets. Raises ssl.SSLError when the other side ended it."""
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.read(1)
            return True
        return False

    async def _receive(self) -> bytes:
        """What has arrived, at least one byte; empty when the other side closed."""
        loop = asyncio.get_running_loop()
        if self._tls is None:
            return await loop.sock_recv(self._socket, _RECEIVE_BYTES)
        while True:
            try:
                return self._tls.read(_RECEIVE_BYTES)
            except ssl.SSLWantReadError:
                await self._flush()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""
            await self._take_in()

    async def _shake_hands(self, trust: ssl.SSLContext) -> None:
        self._tls = trust.wrap_bio(self._incoming, self._outgoing, server_hostname=self._address.host)
        while True:
            try:
                self._tls.do_handshake()
                await self._flush()
                return
            except ssl.SSLWantReadError:
                await self._flush()
            await self._take_in()

    async def _flush(self) -> None:
        if pending := self._outgoing.read():
            await asyncio.get_running_loop().sock_sendall(self._socket, pending)

    async def _take_in(self) -> None:
        raw = await asyncio.get_running_loop().sock_recv(self._socket, _RECEIVE_BYTES)
        if raw:
            self._incoming.write(raw)
        else:
            self._incoming.write_eof()


BROKEN = (OSError, Unreadable)
"""What a connection raises when its last answer is missing or makes no sense; TimeoutError is an OSError."""
