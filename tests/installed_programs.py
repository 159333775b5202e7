"""Programs that tests need and that the system's packages bring."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from adapters.local.progress import progress
from domain.errors import SniperError

_LAST_WORDS = 40


def can_install() -> bool:
    """Whether this user may install Debian's packages."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(name: str, packages: Sequence[str], environ: Mapping[str, str]) -> None:
    """From the system's packages. Raises SniperError with the reason."""
    quiet = {**environ, "DEBIAN_FRONTEND": "noninteractive"}
    with progress(f"installing {name} from the system's packages"):
        run(name, ["apt-get", "update", "-qq"], quiet)
        run(name, ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages], quiet)


def run(name: str, command: Sequence[str], environ: Mapping[str, str]) -> None:
    """A command that brings `name`. Raises SniperError with its last words."""
    done = subprocess.run(command, env=dict(environ), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = " ".join((done.stdout + done.stderr).split()[-_LAST_WORDS:])
        raise SniperError(f"{name}: `{' '.join(command)}` ended with exit code {done.returncode} ({said})")


def tell_where(name: str, find_or_make: Callable[[], Path]) -> int:
    """Exit code 0 when there is one, 1 with one line when none could be got."""
    try:
        found = find_or_make()
    except SniperError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{name}: {found}\n")
    return 0
