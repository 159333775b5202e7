"""What the tests of the local stack share: waiting, stand-in children, a throw-away home."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from time import monotonic

import psutil

from adapters.local.child import Child, Run
from adapters.local.supervisor import Supervisor

WITHIN_S = 20.0
LOOK_EVERY_S = 0.02


async def eventually(claim: Callable[[], bool], *, within_s: float = WITHIN_S) -> None:
    """Wait until `claim` holds; AssertionError when it does not in time."""
    deadline = monotonic() + within_s
    while not claim():
        assert monotonic() < deadline, f"not true within {within_s} s"
        await asyncio.sleep(LOOK_EVERY_S)


def is_alive(pid: int) -> bool:
    """Does a process of this id run? One that only waits for its parent to notice counts as gone."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


class Heard:
    """Collects what a supervisor says and notes."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.pids: list[dict[str, int]] = []

    def supervisor(self) -> Supervisor:
        """A supervisor that is listened to."""
        return Supervisor(say=self.lines.append, changed=lambda pids: self.pids.append(dict(pids)))

    def text(self) -> str:
        """Everything said."""
        return "\n".join(self.lines)


async def printed_ready(run: Run) -> bool:
    """The readiness question of the stand-in children."""
    return run.has_printed("ready")


def python_child(
    name: str,
    source: str,
    folder: Path,
    *,
    stage: int = 0,
    grace_s: float = 8.0,
    ready: Callable[[Run], Awaitable[bool]] = printed_ready,
    ready_within_s: float = 20.0,
    prepare: Callable[[], Awaitable[None]] | None = None,
    env: Mapping[str, str] | None = None,
) -> Child:
    """A child that runs Python source."""
    return Child(
        name=name,
        argv=(sys.executable, "-I", "-S", "-u", "-c", source),
        env=dict(os.environ) if env is None else env,
        ready=ready,
        log_path=folder / f"{name}.log",
        prepare=prepare,
        stage=stage,
        grace_s=grace_s,
        ready_within_s=ready_within_s,
    )
