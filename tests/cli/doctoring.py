"""What the tests of the doctor share: running it, and reading what it said."""

import json
import logging
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import structlog

from cli.main import run

NAMES = (
    *("settings", "stack", "home", "disk", "ports", "versions", "temporal-executable", "realtime"),
    *("database", "migrations", "sessions-attention", "halts", "venue-access"),
    *("temporal", "temporal-namespace", "search-attributes"),
    *("worker-control", "worker-fire", "worker-guard", "watch-listings", "panel"),
    *("venue", "venue-stream", "credentials", "clock", "wall-clock"),
)
"""Every name, in the order of the document: part of the interface."""


@dataclass(frozen=True)
class Diagnosis:
    """One JSON document of the doctor, and its exit code."""

    code: int
    worst: str
    checks: Mapping[str, Mapping[str, Any]]

    def of(self, severity: str) -> set[str]:
        """Names of the findings of this severity."""
        return {name for name, check in self.checks.items() if check["severity"] == severity}

    def text(self, name: str) -> str:
        """A finding as one line."""
        check = self.checks[name]
        return f"{check['severity']}: {check['found']} | {check['expected']} | {check['remedy']}"


def diagnosed(capsys: pytest.CaptureFixture[str]) -> Diagnosis:
    """Run `sniper doctor --json` in this process and its environment."""
    capsys.readouterr()
    code = run(["doctor", "--json"])
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert said.err == "", said.err
    return Diagnosis(code, document["worst"], {check["name"]: check for check in document["checks"]})


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address of this machine at which nobody answers: its port is taken, and not listened on."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{holder.getsockname()[1]}"


@pytest.fixture
def logs_as_before() -> Iterator[None]:
    """The doctor silences the logs of its process; here that process goes on."""
    root = logging.getLogger()
    level = root.level
    yield
    logging.disable(logging.NOTSET)
    for handler in [handler for handler in root.handlers if handler.name == "sniper"]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)
    structlog.reset_defaults()
