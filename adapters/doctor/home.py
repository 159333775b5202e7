"""The home folder: can it be written, what stands in it about a stack, and is there room."""

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

from adapters.doctor import judging
from adapters.doctor.findings import Verdict
from adapters.doctor.installation import Installation
from adapters.local.state import STATE_FILE, require_writable
from domain.errors import InvalidInput

FreeBytes = Callable[[Path], int]


def free_bytes(path: Path) -> int:
    """What an ordinary user may still write there."""
    return shutil.disk_usage(path).free


def look_at_home(installation: Installation) -> Verdict:
    """A folder that is not there yet is not made; what would hold it must be writable."""
    home = installation.home
    if home.exists():
        return judging.home(home, exists=True, complaint=_complaint(home))
    above = _nearest(home)
    refusal = "" if os.access(above, os.W_OK | os.X_OK) else f"{above} lets nobody make it"
    return judging.home(home, exists=False, complaint=refusal)


def look_at_stack(installation: Installation) -> Verdict:
    """Whether one runs, and whether its file keeps its secrets."""
    path = installation.home / STATE_FILE
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        mode = None
    running = installation.stack_pid
    return judging.stack(path, running=running, ready=installation.stack is not None, file_mode=mode)


def look_at_disk(installation: Installation, free: FreeBytes) -> Verdict:
    """Where the home is, or will be."""
    place = _nearest(installation.home)
    return judging.disk(place, free(place))


def _complaint(home: Path) -> str:
    try:
        require_writable(home)
    except InvalidInput as exc:
        cause = exc.__cause__
        return (cause.strerror or str(cause)) if isinstance(cause, OSError) else str(exc)
    return ""


def _nearest(path: Path) -> Path:
    """The folder itself, or the first one above it that is there."""
    return next(folder for folder in (path, *path.parents) if folder.exists())
