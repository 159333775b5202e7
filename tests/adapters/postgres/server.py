"""A Postgres of a test's own, which can be stopped, killed and started again."""

import asyncio
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg

from adapters.local.postgres import EmbeddedPostgres, embedded_postgres

WITHIN_S = 20.0
LOOK_EVERY_S = 0.02


class Server:
    """The embedded Postgres in `home`, as a child of the test run."""

    def __init__(self, home: Path) -> None:
        self._embedded: EmbeddedPostgres = embedded_postgres(home)
        self._log = home / "postgres.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self._embedded.database_url

    def url_of(self, database: str) -> str:
        return self.url.replace("/sniper?", f"/{database}?")

    def start(self) -> None:
        asyncio.run(self._embedded.prepare())
        user, group = self._embedded.run_as or (None, None)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._embedded.argv,
                user=user,
                group=group,
                extra_groups=None if user is None else [],
                cwd="/",
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + WITHIN_S
        while not self._ready():
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(LOOK_EVERY_S)

    def stop(self) -> None:
        """End every session at once, as an impatient operator would; idempotent."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(WITHIN_S)
            self._process = None

    def suspend(self) -> None:
        """Every process of the server stands still: connections stay, nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        main = psutil.Process(self._process.pid)
        for process in (main, *main.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):  # connections come and go
                process.send_signal(number)

    def _ready(self) -> bool:
        try:
            return asyncio.run(self._embedded.is_ready())
        except psycopg.Error:
            return False


def lock_folder_of(path: Path) -> Path:
    """Where the tests' leases lock their files."""
    return path / "leases"


def environment() -> dict[str, str]:
    """For child processes that import the product."""
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
