"""Having the Python SDK download the Temporal executable.

The SDK downloads only on the way to starting a server, so one is started in a process of its own and ended at once;
the file it leaves is kept. That process is temporal_fetch.py.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from adapters.local.progress import progress
from adapters.local.temporal_version import is_new_enough, version_of
from domain.errors import SniperError

FIRST_BYTE_WITHIN_S = 15.0  # offline, some networks swallow packets instead of refusing them
WHOLE_WITHIN_S = 300.0
LOOK_EVERY_S = 0.2


def download(version: str, destination: Path) -> None:
    """Fetch version `version` (like 1.8.2) of the Temporal CLI into `destination`, which appears only when complete.

    Raises SniperError, within seconds when there is no way out to the network.
    """
    with (
        tempfile.TemporaryDirectory(dir=destination.parent, prefix="download-") as folder,
        progress(f"downloading Temporal CLI {version}"),
    ):
        reason = _fetch(Path(folder), version)
        whole = [path for path in Path(folder).iterdir() if is_new_enough(version_of(path))]
        if not whole:
            raise SniperError(reason or "the downloaded file is no Temporal server of the needed version")
        whole[0].replace(destination)


def _fetch(folder: Path, version: str) -> str:
    """Run the download; an empty text, or why it failed."""
    began = time.monotonic()
    command = [sys.executable, "-m", "adapters.local.temporal_fetch", str(folder), version]
    with (
        tempfile.TemporaryFile("w+", errors="replace") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as run,
    ):
        while run.poll() is None:
            arrived = any(path.stat().st_size for path in folder.iterdir())
            if time.monotonic() - began > (WHOLE_WITHIN_S if arrived else FIRST_BYTE_WITHIN_S):
                run.kill()
                return f"{'it was not complete' if arrived else 'nothing arrived'} in time"
            time.sleep(LOOK_EVERY_S)
        log.seek(0)
        lines = log.read().strip().splitlines()
        return lines[-1] if run.returncode != 0 and lines else ""
