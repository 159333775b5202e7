"""Which TCP port of this machine a child listens on."""

import socket
from collections.abc import Awaitable, Callable
from typing import TypeVar

from adapters.local.supervisor import ChildFailed
from domain.errors import InvalidInput

LOOPBACK = "127.0.0.1"
ATTEMPTS = 3  # a free port may be taken by another stack before its server binds it

Result = TypeVar("Result")


def choose_port(name: str, *, asked: int | None, default: int) -> int:
    """The port `name` may listen on, free at this moment.

    asked: the operator's own choice, None when there was none. A choice that is taken is an error; a taken default
    gives way to any free port.
    """
    if asked is None:
        return default if is_free(default) else free_port()
    if not 1 <= asked <= 65535:
        raise InvalidInput(f"port of {name}", value=asked, expected="1 to 65535", remedy="choose another port")
    if not is_free(asked):
        raise InvalidInput(
            f"port of {name}",
            value=asked,
            expected="a port nobody listens on",
            remedy="stop what uses it, or leave the port out to get a free one",
        )
    return asked


async def on_a_port(name: str, asked: int | None, default: int, start: Callable[[int], Awaitable[Result]]) -> Result:
    """Call `start` with a port for `name`; with another one when somebody was faster to take it."""
    for attempt in range(1, ATTEMPTS + 1):
        port = choose_port(name, asked=asked, default=default)
        try:
            return await start(port)
        except ChildFailed:
            if asked is not None or attempt == ATTEMPTS or is_free(port):
                raise
    raise AssertionError("the last attempt returns or raises")


def free_port() -> int:
    """A port nobody listens on now; somebody may still take it before its user does."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Does nobody listen on this port of the loopback interface now?"""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a closed server's last packets do not count
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
