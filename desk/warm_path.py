"""Keeps the machine's send path warm up to an instant: code and data of a send are then near."""

import socket
from contextlib import suppress

_PAYLOAD = bytes(512)
"""About an order's size."""


class WarmPath:
    """Sends to itself, over TCP on the loopback address; nothing of it leaves the machine. Use on one thread."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=1) as server:
            self._sender = socket.create_connection(server.getsockname())
            self._receiver, _ = server.accept()
        self._sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sender.setblocking(False)
        self._receiver.setblocking(False)

    def send(self) -> None:
        """One round: some twenty microseconds."""
        with suppress(BlockingIOError):
            self._sender.send(_PAYLOAD)
            self._receiver.recv(4096)

    def close(self) -> None:
        """Idempotent."""
        self._sender.close()
        self._receiver.close()
