"""A lock between processes, held on a file. The kernel frees it when its holder dies, however that happens."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GLANCE_S = 0.2  # whoever only asks for the holder takes the lock for an instant, and must not pass for one


class Held(Exception):
    """Somebody else holds the lock. `pid`: the holder's process id, None when the file does not say."""

    def __init__(self, path: Path, pid: int | None) -> None:
        self.path = path
        self.pid = pid
        super().__init__(f"{path} is held by process {pid}")


@contextmanager
def hold(path: Path, *, wait: bool) -> Iterator[None]:
    """Hold the lock at `path` for the body; the file then names this process.

    wait: True waits for an earlier holder without limit, False raises Held after a moment.
    The file stays behind, empty: removing it would let two processes lock two files of one name.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if wait:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        else:
            _take_soon(descriptor, path)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def holder(path: Path) -> int | None:
    """The process id that holds the lock at `path` now; None when nobody does or there is no such file."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _named(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


def _take_soon(descriptor: int, path: Path) -> None:
    deadline = time.monotonic() + GLANCE_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            if time.monotonic() > deadline:
                raise Held(path, _named(descriptor)) from exc
            time.sleep(GLANCE_S / 10)
        else:
            return


def _named(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
    return int(text) if text.isdigit() else None
