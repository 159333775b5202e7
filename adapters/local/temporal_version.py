"""Which Temporal server is good enough, and which one we build. Not here: where it is found (temporal_binary.py)."""

import hashlib
import re
import subprocess
from pathlib import Path

from domain.errors import SniperError

OLDEST_SERVER = (1, 32)  # the first whose workers are told of a cancellation at once
ANSWER_WITHIN_S = 10.0

CLI_MODULE = "github.com/temporalio/cli"
SERVER_MODULE = "go.temporal.io/server"


def server_version(output: str) -> tuple[int, ...] | None:
    """The server's version out of what `temporal --version` prints; None when the text names none."""
    found = re.search(r"\bServer v?(\d+(?:\.\d+)+)", output)
    return tuple(int(part) for part in found[1].split(".")) if found else None


def version_of(executable: Path) -> tuple[int, ...] | None:
    """The version of the server inside `executable`; None when it cannot be run or does not say."""
    try:
        answer = subprocess.run(
            [str(executable), "--version"], capture_output=True, text=True, timeout=ANSWER_WITHIN_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return server_version(answer.stdout) if answer.returncode == 0 else None


def is_new_enough(version: tuple[int, ...] | None) -> bool:
    """May we use a server of this version? An unknown one: no."""
    return version is not None and version >= OLDEST_SERVER


def module_version(go_mod: str, module: str) -> str:
    """The version, without its v, that a go.mod's text requires of `module`. SniperError when it requires none."""
    found = re.search(rf"^(?:require)?\s+{re.escape(module)} v(\S+)", go_mod, re.MULTILINE)
    if found is None:
        raise SniperError(f"go.mod requires no {module}; restore tools/temporal/go.mod")
    return found[1]


def cached_name(module: Path) -> str:
    """File name of the executable made from the Go module in folder `module`; another module, another name."""
    go_mod = (module / "go.mod").read_text()
    content = hashlib.sha256(go_mod.encode() + (module / "go.sum").read_bytes()).hexdigest()[:12]
    return f"temporal-{module_version(go_mod, CLI_MODULE)}-server-{module_version(go_mod, SERVER_MODULE)}-{content}"
