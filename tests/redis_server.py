"""A Redis of a test's own: found on the PATH, or installed once by the system's packages.

`python -m tests.redis_server` makes sure there is one and says where.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from domain.errors import SniperError
from tests.installed_programs import can_install, install, tell_where

_READY_WITHIN_S = 10.0


def find_or_make() -> Path:
    """Raises SniperError when there is none and none can be installed."""
    if found := shutil.which("redis-server"):
        return Path(found)
    if not can_install():
        raise SniperError("redis-server: not on the PATH; install your system's package of that name")
    install("redis-server", ["redis-server"], os.environ)
    found = shutil.which("redis-server")
    if found is None:
        raise SniperError("redis-server: installed without an error, but it is not on the PATH")
    return Path(found)


@dataclass
class RedisServer:
    """Keeps everything in memory; the same port after each start. Use as a context manager, or start and stop it."""

    port: int = 0
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        if not self.port:
            with socket.create_server(("127.0.0.1", 0)) as probe:
                self.port = probe.getsockname()[1]
        command = [str(find_or_make()), "--port", str(self.port), "--bind", "127.0.0.1"]
        self._process = subprocess.Popen(
            [*command, "--save", "", "--appendonly", "no", "--daemonize", "no"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        give_up_at = time.monotonic() + _READY_WITHIN_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > give_up_at:
                raise SniperError(f"redis-server did not start on port {self.port}")
            time.sleep(0.01)

    def stop(self) -> None:
        """At once, as a crash would; everything it held is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=0.2) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


if __name__ == "__main__":
    sys.exit(tell_where("Redis", find_or_make))
