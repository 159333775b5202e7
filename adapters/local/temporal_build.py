"""Building the Temporal executable with Go, where it cannot be downloaded: minutes once, then cached."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from adapters.local.progress import progress
from domain.errors import SniperError

LAST_LINES = 15
PACKAGE = "github.com/temporalio/cli/cmd/temporal"


def go_program(search_path: str | None) -> str | None:
    """Path of the Go tool; None when there is none. search_path: a PATH, None for this process's own."""
    return shutil.which("go", path=search_path)


def build_command(go: str, destination: Path) -> list[str]:
    """The command that builds the executable into `destination`, to be run inside the module's folder."""
    return [go, "build", "-mod=readonly", "-trimpath", "-ldflags", "-s -w", "-o", str(destination), PACKAGE]


def build(go: str, module: Path, destination: Path) -> None:
    """Build the Go module in folder `module` into `destination`, which appears only when it is complete.

    Raises SniperError with the compiler's last lines. The caller holds the lock of the cache.
    """
    unfinished = destination.with_name(f"{destination.name}.unfinished")
    environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}  # a workspace above would change the versions
    with (
        tempfile.TemporaryFile("w+", errors="replace") as log,
        progress("building the Temporal server with Go (several minutes, only once)"),
    ):
        ended = subprocess.run(
            build_command(go, unfinished), cwd=module, env=environment, stdout=log, stderr=log, check=False
        )
        if ended.returncode != 0:
            log.seek(0)
            raise SniperError(
                f"go build ended with exit code {ended.returncode}; its last lines:\n"
                + "".join(f"    {line}" for line in log.readlines()[-LAST_LINES:])
            )
    unfinished.replace(destination)
