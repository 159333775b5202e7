"""HTTP/1.1 as bytes: one request out, one answer in. No sockets."""

import re
from collections.abc import Sequence
from typing import Literal

from adapters.mexc.codes import Reply
from adapters.mexc.members import Unreadable

Method = Literal["GET", "POST", "PUT", "DELETE"]

_LARGEST_HEAD = 64 * 1024
_LARGEST_BODY = 1024 * 1024
"""Answers to orders and to the clock are a few hundred bytes; anything near this is not ours."""
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: .*)?")
_LENGTH = re.compile(rb"[0-9]{1,9}")
_CHUNK_LENGTH = re.compile(rb"[0-9A-Fa-f]{1,8}")


def request_bytes(method: Method, target: str, host: str, headers: Sequence[tuple[str, str]] = ()) -> bytes:
    """A complete request without a body. target: path with query, already encoded; host: as in the Host header."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Accept: application/json"]
    lines += [f"{name}: {value}" for name, value in headers]
    if method != "GET":
        lines.append("Content-Length: 0")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


class AnswerReader:
    """Puts one answer together from whatever pieces arrive. Raises Unreadable for anything that is not HTTP/1.1.

    reusable: after the answer, whether the connection can carry another request.
    """

    def __init__(self) -> None:
        self.reusable = False
        self._pending = bytearray()
        self._body = bytearray()
        self._status: int | None = None  # None: the head is not complete
        self._retry_after: str | None = None
        self._keep_alive = True
        self._chunked = False
        self._length: int | None = None  # None: told by chunks, or by the end of the connection
        self._in_trailer = False

    def feed(self, data: bytes) -> Reply | None:
        """The answer when `data` completes it."""
        self._pending += data
        while self._status is None:
            if not self._read_head():
                return None
        if self._chunked:
            return self._finish() if self._read_chunks() else None
        if self._length is None:
            self._body += self._pending
            self._pending.clear()
            self._bound(len(self._body))
            return None
        if len(self._pending) < self._length:
            return None
        self._body += self._pending[: self._length]
        del self._pending[: self._length]
        return self._finish()

    def end(self) -> Reply | None:
        """The connection was closed: the answer if that is what ends it, None when it is cut off."""
        if self._status is None or self._chunked or self._length is not None:
            return None
        self._keep_alive = False
        return self._finish()

    def _finish(self) -> Reply:
        self.reusable = self._keep_alive and not self._pending  # bytes nobody asked for: out of step
        return Reply(self._status or 0, bytes(self._body), self._retry_after)

    def _read_head(self) -> bool:
        end = self._pending.find(b"\r\n\r\n")
        if end < 0 or end > _LARGEST_HEAD:
            if len(self._pending) > _LARGEST_HEAD:
                raise Unreadable("the answer's head does not end")
            return False
        lines = bytes(self._pending[:end]).split(b"\r\n")
        del self._pending[: end + 4]
        found = _STATUS_LINE.fullmatch(lines[0])
        if found is None:
            raise Unreadable(f"the answer begins with {lines[0][:60]!r}, not with an HTTP/1.1 status")
        status = int(found.group(1))
        if 100 <= status < 200:  # interim: the real head follows
            return True
        self._status = status
        if lines[0].startswith(b"HTTP/1.0"):
            self._keep_alive = False
        for line in lines[1:]:
            self._read_header(line)
        if self._chunked:
            self._length = None
        if status in (204, 304):
            self._chunked, self._length = False, 0
        return True

    def _read_header(self, line: bytes) -> None:
        name, colon, value = line.partition(b":")
        if not colon:
            raise Unreadable(f"header {line[:60]!r} has no colon")
        name, value = name.strip().lower(), value.strip()
        if name == b"content-length":
            if not _LENGTH.fullmatch(value) or self._length not in (None, int(value)):
                raise Unreadable(f"Content-Length {value[:60]!r}")
            self._length = int(value)
            self._bound(self._length)
        elif name == b"transfer-encoding":
            if value.lower() != b"chunked":
                raise Unreadable(f"Transfer-Encoding {value[:60]!r}")
            self._chunked = True
        elif name == b"content-encoding" and value.lower() != b"identity":
            raise Unreadable(f"Content-Encoding {value[:60]!r}, which we did not ask for")
        elif name == b"connection" and b"close" in value.lower():
            self._keep_alive = False
        elif name == b"retry-after":
            self._retry_after = value.decode("latin-1")

    def _read_chunks(self) -> bool:
        """True when the last chunk and its trailer have been read."""
        while (end := self._pending.find(b"\r\n")) >= 0:
            line = bytes(self._pending[:end])
            if self._in_trailer:
                del self._pending[: end + 2]
                if not line:
                    return True
                continue
            size = line.partition(b";")[0].strip()
            if not _CHUNK_LENGTH.fullmatch(size):
                raise Unreadable(f"chunk length {line[:60]!r}")
            length = int(size, 16)
            self._bound(len(self._body) + length)
            if length == 0:
                del self._pending[: end + 2]
                self._in_trailer = True
                continue
            if len(self._pending) < end + 2 + length + 2:
                return False
            self._body += self._pending[end + 2 : end + 2 + length]
            if self._pending[end + 2 + length : end + 4 + length] != b"\r\n":
                raise Unreadable("a chunk is longer than it says")
            del self._pending[: end + 4 + length]
        self._bound(len(self._pending))
        return False

    def _bound(self, length: int) -> None:
        if length > _LARGEST_BODY:
            raise Unreadable(f"an answer of {length} bytes and more")
