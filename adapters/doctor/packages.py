"""What is installed, against what was locked."""

import re
import sys
from importlib import metadata
from pathlib import Path

from adapters.doctor import judging
from adapters.doctor.findings import Verdict

PROJECT = "mexc-listing-sniper"
LOCK_FILE = Path(__file__).resolve().parents[2] / "requirements.lock"
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
_NAME = re.compile(r"^[A-Za-z0-9._-]+")


def look_at_versions(lock_file: Path) -> Verdict:
    """Of this Python and every package. A lock file that is not there (another way of installing) is told, no more."""
    locked = locked_versions(lock_file.read_text()) if lock_file.exists() else {}
    installed = {_plain(one.metadata["Name"]): one.version for one in metadata.distributions()}
    python = ".".join(str(part) for part in sys.version_info[:3])
    return judging.versions(python, installed, locked, _needed())


def locked_versions(text: str) -> dict[str, frozenset[str]]:
    """Package -> versions, of a lock file's text; for which Python each of several is meant is not looked at."""
    found: dict[str, frozenset[str]] = {}
    for name, version in _PINNED.findall(text):
        found[_plain(name)] = found.get(_plain(name), frozenset()) | {version}
    return found


def _needed() -> tuple[str, ...]:
    """Packages the product asks for, without the developers' ones."""
    asked = [one for one in metadata.requires(PROJECT) or () if "extra ==" not in one]
    return tuple(_plain(found[0]) for one in asked if (found := _NAME.match(one)))


def _plain(name: str) -> str:
    """Names are the same in any case, and with any of these signs."""
    return re.sub(r"[-_.]+", "-", name).lower()
