"""Signed orders at a steady rate from plain sockets: requests are built beforehand, so that the client is no measure.

Open loop: each request has its instant, and its time counts from then on, also when the connection was still busy.
"""

import hmac
import selectors
import socket
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import sha256

API_KEY, SECRET = "load-key", "load-secret"
_END = b"\r\n\r\n"
_GIVE_UP_S = 10.0


@dataclass
class Outcome:
    """seconds: from each request's instant to its whole answer. refusals: answers that were not 200, by their text."""

    seconds: list[float] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    took_s: float = 0.0


def signed_order(number: int, *, symbol: str, side: str, kind: str, price: str, quantity: str) -> bytes:
    """One POST order, ready to leave now."""
    query = (
        f"symbol={symbol}&side={side}&type={kind}&quantity={quantity}&price={price}&newClientOrderId=load{number}"
        f"&recvWindow=60000&timestamp={time.time_ns() // 1_000_000}"
    )
    signature = hmac.new(SECRET.encode(), query.encode(), sha256).hexdigest()
    return (
        f"POST /api/v3/order?{query}&signature={signature} HTTP/1.1\r\nHost: sim\r\nX-MEXC-APIKEY: {API_KEY}\r\n"
        "Content-Type: application/json\r\nContent-Length: 0\r\n\r\n"
    ).encode()


@dataclass(eq=False)
class _Line:
    """One connection with at most one request under way."""

    sock: socket.socket
    due: float = 0.0
    busy: bool = False
    answer: bytearray = field(default_factory=bytearray)


def drive(port: int, requests: Iterator[bytes], *, count: int, rate: float | None, lines: int) -> Outcome:
    """Send `count` requests. rate: per second, spread evenly; None: as fast as answers come. lines: connections."""
    outcome = Outcome()
    with ExitStack() as closing:
        selector = closing.enter_context(selectors.DefaultSelector())
        idle: deque[_Line] = deque()
        for _ in range(lines):
            sock = closing.enter_context(socket.create_connection(("127.0.0.1", port)))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line = _Line(sock)
            selector.register(sock, selectors.EVENT_READ, line)
            idle.append(line)
        began = time.monotonic()
        sent = done = 0
        while done < count:
            now = time.monotonic()
            while idle and sent < count and (rate is None or now >= began + sent / rate):
                line = idle.popleft()
                line.due = now if rate is None else began + sent / rate
                line.sock.sendall(next(requests))
                line.busy = True
                sent += 1
            wait = _until_next(began, sent, count, rate, bool(idle))
            for key, _ in selector.select(wait):
                if _received(key.data, outcome):
                    idle.append(key.data)
                    done += 1
            if time.monotonic() - now > _GIVE_UP_S:
                raise TimeoutError(f"no answer for {_GIVE_UP_S:g} s after {done} of {count} requests")
        outcome.took_s = time.monotonic() - began
    return outcome


def _until_next(began: float, sent: int, count: int, rate: float | None, has_idle: bool) -> float:
    if rate is None or not has_idle or sent >= count:
        return _GIVE_UP_S
    return max(0.0, began + sent / rate - time.monotonic())


def _received(line: _Line, outcome: Outcome) -> bool:
    """Take what has come; True once the answer is whole."""
    chunk = line.sock.recv(65_536)
    if not chunk:
        raise ConnectionError("the venue closed the connection")
    line.answer += chunk
    head, found, body = bytes(line.answer).partition(_END)
    if not found:
        return False
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
    if len(body) < length:
        return False
    outcome.seconds.append(time.monotonic() - line.due)
    if not head.startswith(b"HTTP/1.1 200"):
        outcome.refusals[body.decode(errors="replace")] += 1
    line.answer.clear()
    line.busy = False
    return True
