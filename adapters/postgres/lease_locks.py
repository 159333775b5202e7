"""Files whose lock dies with its holder: how another process of this machine learns of a death at once.

The kernel frees a lock when the process ends, however that happens, and keeps it while the process is only stopped.
Two processes speak of one file only when kernel, file system and file are the same: a path alone would also match in
two containers.
"""

import fcntl
import hashlib
import os
import platform
from pathlib import Path
from typing import Self

import structlog

from domain.ids import SessionKey

log = structlog.get_logger()

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class LeaseLock:
    """A lock that is held until `drop`, or until this process ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor
        found = os.fstat(descriptor)
        self.identity = f"{_kernel()}:{found.st_dev}:{found.st_ino}"

    @classmethod
    def try_take(cls, folder: Path, key: SessionKey) -> Self | None:
        """The session's lock, now; None when somebody has it or no file can be locked here."""
        path = folder / f"{hashlib.sha256(str(key).encode()).hexdigest()[:32]}.lock"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            log.warning("lease.no_lock_file", path=str(path), error=str(error))  # then only the lease's end counts
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        return cls(descriptor)

    def drop(self) -> None:
        """Let go; idempotent. The file stays: removing it would let two processes lock two files of one name."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _kernel() -> str:
    """The running kernel, anew at each boot; the host's name where the system does not say."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return platform.node()
