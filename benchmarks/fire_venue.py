"""A venue for benchmarks.fire: it answers orders as their names ask for, and tells when its kernel received each.

One process, one thread, no TLS. An order whose client order id begins with `c` is refused with a cap just below its
price, any other one is taken. `way_s` is a way of so many seconds to it and back: what it receives counts as arrived so
much later, and its answers leave as much later again.
"""

import heapq
import itertools
import re
import selectors
import socket
import time
from collections.abc import Callable
from decimal import Decimal
from multiprocessing.connection import Connection as Pipe

from benchmarks.kernel_stamps import SO_TIMESTAMPNS, stamp, wall_minus_monotonic

Seen = tuple[str, float, float]
"""An order's name, when it arrived, and when its answer left: seconds of the wall clock."""

_NAME = re.compile(rb"newClientOrderId=([0-9A-Za-z]+)")
_PRICE = re.compile(rb"price=([0-9.]+)")
_TAKEN = b'{"symbol":"NEWUSDT","orderId":"C02__1","orderListId":-1}'
_CAP = b'{"code":30010,"msg":"Order price cannot exceed %sUSDT"}'
_STEP = Decimal("0.0001")


def serve(ready: Pipe, seen: Pipe, way_s: float) -> None:
    """Until `ready` is closed, on which its port was told."""
    server = socket.create_server(("127.0.0.1", 0), backlog=128)
    ready.send(server.getsockname()[1])
    _Venue(server, ready, seen, way_s).run()


class _Venue:
    def __init__(self, server: socket.socket, ready: Pipe, seen: Pipe, way_s: float) -> None:
        self._server = server
        self._ready = ready
        self._seen = seen
        self._way_s = way_s
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._chosen = selectors.DefaultSelector()

    def run(self) -> None:
        self._chosen.register(self._server, selectors.EVENT_READ)
        self._chosen.register(self._ready, selectors.EVENT_READ)
        while True:
            timeout = max(0.0, self._later[0][0] - time.monotonic()) if self._later else None
            for key, _ in self._chosen.select(timeout):
                if key.fileobj is self._ready:
                    return
                if key.fileobj is self._server:
                    plain, _ = self._server.accept()
                    plain.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
                    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._chosen.register(plain, selectors.EVENT_READ)
                elif isinstance(key.fileobj, socket.socket):
                    self._hear(key.fileobj)
            while self._later and self._later[0][0] <= time.monotonic():
                heapq.heappop(self._later)[2]()

    def _hear(self, plain: socket.socket) -> None:
        data, extra, _, _ = plain.recvmsg(65_536, 256)
        if not data:
            self._chosen.unregister(plain)
            plain.close()
            return
        arrived = (stamp(extra) if extra else time.time()) + self._way_s  # the first of a connection has no stamp
        if self._way_s:
            leaves = arrived + self._way_s - wall_minus_monotonic()
            heapq.heappush(self._later, (leaves, next(self._numbers), lambda: self._answer(plain, data, arrived)))
        else:
            self._answer(plain, data, arrived)

    def _answer(self, plain: socket.socket, data: bytes, arrived: float) -> None:
        status, body = 200, b"{}"
        if data.startswith(b"GET /api/v3/time"):
            body = b'{"serverTime":%d}' % int(arrived * 1000)
        found = _NAME.search(data) if data.startswith(b"POST") else None
        if found is not None:
            status, body = self._verdict(found.group(1), data)
        answered = time.time()
        plain.sendall(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))
        if found is not None:
            self._seen.send((found.group(1).decode(), arrived, answered))

    def _verdict(self, name: bytes, data: bytes) -> tuple[int, bytes]:
        price = _PRICE.search(data)
        if name.startswith(b"c") and price is not None:
            return 400, _CAP % str(Decimal(price.group(1).decode()) - _STEP).encode()
        return 200, _TAKEN
