"""One child process as the supervisor sees it: how it is started, when it is ready, and what is known while it runs.

Not here: when to start it again and in which order to stop (supervisor.py).
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from adapters.local import leash

ROTATE_ABOVE_BYTES = 10_000_000  # two such files per child: enough to look back over days
LAST_LINES = 15  # as many log lines as still fit a terminal beside the other children's messages
LAST_BYTES = 8_000
KILLED_WITHIN_S = 5.0  # SIGKILL needs no cooperation


@dataclass(slots=True)
class Run:
    """One life of a child.

    process: its first process, leader of a session and group of its own.
    log_start: bytes the log held before this life.
    over: nothing of it lives any more, and its process id may belong to a stranger.
    """

    process: asyncio.subprocess.Process
    log_path: Path
    log_start: int
    over: bool = False

    @property
    def pid(self) -> int:
        """Process id, which is the id of the child's process group too."""
        return self.process.pid

    def log_text(self) -> str:
        """Everything this life has written so far."""
        with self.log_path.open("rb") as log:
            log.seek(self.log_start)
            return log.read().decode(errors="replace")

    def has_printed(self, line: str) -> bool:
        """Has this life written exactly this line?"""
        return line in self.log_text().splitlines()

    def last_lines(self) -> list[str]:
        """The end of what this life has written, at most LAST_LINES lines."""
        with self.log_path.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(self.log_start, end - LAST_BYTES))
            return log.read().decode(errors="replace").splitlines()[-LAST_LINES:]

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to every process of the child; nothing happens when none is left."""
        if not self.over:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    async def kill(self) -> None:
        """Make sure that neither the child nor anything of its group lives. TimeoutError: the kernel is stuck."""
        self.signal_group(signal.SIGKILL)
        async with asyncio.timeout(KILLED_WITHIN_S):
            await self.process.wait()
        self.over = True


@dataclass(frozen=True, slots=True)
class Child:
    """How one child is run.

    ready: asked several times a second while the process lives; False or an error: not yet.
    log_path: its output, appended. cwd: None means the starter's.
    prepare: awaited before each start, None when there is nothing to do.
    stage: stopping goes from the highest stage down; children of one stage are stopped together.
    ready_within_s: seconds after which a child that is not ready counts as failed.
    grace_s: seconds between the stop signal and SIGKILL.
    death_signal: what the kernel sends when the starter dies (Linux only).
    run_as: user and group id to become, None to stay.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)  # holds keys
    ready: Callable[[Run], Awaitable[bool]]
    log_path: Path
    cwd: Path | None = None
    prepare: Callable[[], Awaitable[None]] | None = None
    stage: int = 0
    ready_within_s: float = 60.0
    grace_s: float = 8.0
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    run_as: tuple[int, int] | None = None


async def spawn(child: Child) -> Run:
    """Start one life of `child`, which dies with the calling thread's process; it is not ready yet."""
    if child.prepare is not None:
        await child.prepare()
    child.log_path.parent.mkdir(parents=True, exist_ok=True)
    _rotate(child.log_path)
    uid, gid = child.run_as if child.run_as is not None else (-1, -1)
    leashed = (
        *(sys.executable, "-I", "-S", str(Path(leash.__file__).resolve())),
        *(str(os.getpid()), str(int(child.death_signal)), str(uid), str(gid)),
        *child.argv,
    )
    with child.log_path.open("ab") as log:
        start = log.seek(0, os.SEEK_END)
        process = await asyncio.create_subprocess_exec(
            *leashed,
            env=dict(child.env),
            cwd=child.cwd,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C reaches the starter alone, which then stops its children in order
        )
    return Run(process, child.log_path, start)


def ending(returncode: int) -> str:
    """How a process ended, in words: "exit code 3" or "signal SIGKILL"."""
    if returncode >= 0:
        return f"exit code {returncode}"
    try:
        return f"signal {signal.Signals(-returncode).name}"
    except ValueError:  # a real-time signal has no name
        return f"signal {-returncode}"


def _rotate(path: Path) -> None:
    if path.exists() and path.stat().st_size > ROTATE_ABOVE_BYTES:
        path.replace(path.with_name(path.name + ".1"))
