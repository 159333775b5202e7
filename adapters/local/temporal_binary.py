"""Finds an executable that can run a Temporal dev server, or makes one.

Looked for in this order: SNIPER_TEMPORAL_CLI, `temporal` on the PATH, our cache, the Python SDK's download, a build
with Go. `python -m adapters.local.temporal_binary` prints the path. Not here: running it (temporal_server.py).
"""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from adapters.local import locks, temporal_build, temporal_download
from adapters.local.temporal_version import (
    CLI_MODULE,
    OLDEST_SERVER,
    cached_name,
    is_new_enough,
    module_version,
    version_of,
)
from domain.errors import InvalidInput, SniperError

CACHE_FOLDER = "mexc-sniper"
ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "tools" / "temporal"


def find_binary(environ: Mapping[str, str], *, module: Path = MODULE) -> Path | None:
    """Path of a Temporal executable that is there already and new enough; None when one has to be made first.

    environ: the environment variables. module: folder of the Go module it would be built from.
    Raises InvalidInput when SNIPER_TEMPORAL_CLI names something else.
    """
    named = environ.get("SNIPER_TEMPORAL_CLI")
    if named:
        return _checked(named)
    on_path = shutil.which("temporal", path=environ.get("PATH"))
    if on_path is not None and is_new_enough(version_of(Path(on_path))):
        return Path(on_path)
    cached = _cached(environ, module)
    return cached if cached.exists() else None


def make_binary(environ: Mapping[str, str], *, module: Path = MODULE) -> Path:
    """Download or build the executable into the cache, with progress on standard error; may take minutes.

    Raises SniperError, naming everything that was tried, when every way failed.
    """
    cached = _cached(environ, module)
    cached.parent.mkdir(parents=True, exist_ok=True)
    with locks.hold(cached.parent / "temporal.lock", wait=True):
        if not cached.exists():  # somebody else may have made it while we waited
            _make(module, cached, environ)
    return cached


async def make_binary_apart(environ: Mapping[str, str]) -> Path:
    """Have the Temporal executable made by a process of its own, which a stop of the stack ends."""
    maker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "adapters.local.temporal_binary"),
        env=environ,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,  # the path or the reason; progress goes to the terminal
        start_new_session=True,
    )
    try:
        output, _ = await maker.communicate()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(maker.pid, signal.SIGKILL)
        await maker.wait()
    text = output.decode().strip()
    if maker.returncode != 0:
        raise SniperError(text)
    return Path(text)


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where this user's made or downloaded executables are kept."""
    base = environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / CACHE_FOLDER


def _cached(environ: Mapping[str, str], module: Path) -> Path:
    return cache_folder(environ) / cached_name(module)


def _checked(named: str) -> Path:
    version = version_of(Path(named))
    if not is_new_enough(version):
        raise InvalidInput(
            "SNIPER_TEMPORAL_CLI",
            value=f"{named} (server {_text(version)})",
            expected=f"a Temporal CLI whose server is at least {_text(OLDEST_SERVER)}",
            remedy="name another executable, or unset it to have one made",
        )
    return Path(named).resolve()


def _make(module: Path, cached: Path, environ: Mapping[str, str]) -> None:
    tried: list[str] = []
    try:
        temporal_download.download(module_version((module / "go.mod").read_text(), CLI_MODULE), cached)
    except SniperError as exc:
        tried.append(f"download by the Python SDK: {exc}")
    else:
        return
    go = temporal_build.go_program(environ.get("PATH"))
    if go is not None:
        temporal_build.build(go, module, cached)
        return
    tried.append("build: there is no Go on the PATH")
    raise SniperError(
        f"no Temporal server {_text(OLDEST_SERVER)} or newer on the PATH or to be had ({'; '.join(tried)}): install "
        "Go 1.21 or newer, set SNIPER_TEMPORAL_CLI to a Temporal CLI, or TEMPORAL_ADDRESS to a running server"
    )


def _text(version: tuple[int, ...] | None) -> str:
    return "unknown" if version is None else ".".join(str(part) for part in version)


def main() -> int:
    """Print the path, or what is wrong, as the only text on standard output. Exit code 0 or 1.

    With TEMPORAL_ADDRESS there is nothing to find.
    """
    address = os.environ.get("TEMPORAL_ADDRESS")
    if address:
        sys.stdout.write(f"TEMPORAL_ADDRESS is {address}: no executable needed\n")
        return 0
    try:
        path = find_binary(os.environ) or make_binary(os.environ)
    except SniperError as exc:
        sys.stdout.write(f"{exc}\n")
        return 1
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
