"""The lines of README.md and docs/automation.md that drive a session from the plain Temporal CLI do what they say."""

import json
import os
import re
import shlex
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.local.temporal_binary import find_binary, make_binary
from tests.e2e.rehearsal import Rehearsal

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(150)]

ROOT = Path(__file__).parents[2]
_COMMAND = re.compile(r"^    (temporal (?:[^\n\\]|\\\n)+)$", re.MULTILINE)
_JSON_BLOCK = re.compile(r"`session.json`:\s*```json\n(.*?)```", re.DOTALL)


def lines_of(page: str) -> list[list[str]]:
    """Every `temporal` command of a page, as a shell would split it."""
    found = _COMMAND.findall((ROOT / page).read_text())
    return [shlex.split(line.replace("\\\n", " ")) for line in found]


class Operator:
    """Somebody with the CLI, a folder with session.json, and the stack's address."""

    def __init__(self, rehearsal: Rehearsal, folder: Path) -> None:
        self._folder = folder
        self._executable = str(find_binary(os.environ) or make_binary(os.environ))
        self._environ = {**os.environ, "TEMPORAL_ADDRESS": rehearsal.stack.state.temporal_address}

    def run(self, line: list[str]) -> str:
        """What the line prints; a line that fails fails the test. Times that have passed become times to come."""
        assert line[0] == "temporal"
        later = f"{datetime.now(UTC) + timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}"
        arguments = [re.sub(r'("opens_at": ")[^"]+', rf"\g<1>{later}", part) for part in line[1:]]
        done = subprocess.run(
            [self._executable, *arguments],
            cwd=self._folder,
            env=self._environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, f"{shlex.join(line)}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture
def operator(rehearsal: Rehearsal, tmp_path: Path) -> Operator:
    block = _JSON_BLOCK.search((ROOT / "docs/automation.md").read_text())
    assert block is not None
    document: dict[str, Any] = json.loads(block.group(1))
    document["opens_at"] = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    (tmp_path / "session.json").write_text(json.dumps(document))
    return Operator(rehearsal, tmp_path)


async def test_the_lines_of_the_readme_start_ask_change_and_abort_a_session(
    operator: Operator, rehearsal: Rehearsal
) -> None:
    """In their order, copied as they stand."""
    said = {tuple(line[1:4]): operator.run(line) for line in lines_of("README.md")}

    row = rehearsal.books.execute("SELECT phase, outcome, policy FROM sessions").fetchall()
    assert {parts[1] for parts in said} == {"start", "query", "update", "signal", "result"}
    assert '"opens_at"' in said["workflow", "query", "--workflow-id"]
    assert "policy revision 1 holds" in said["workflow", "update", "execute"]
    assert "cancelled" in said["workflow", "result", "--workflow-id"]
    assert [(one["phase"], one["outcome"], one["policy"]["exits"]["stop_percent"]) for one in row] == [
        ("closed", "cancelled", "8")
    ]


async def test_the_lines_of_the_automation_page_are_taken(operator: Operator, rehearsal: Rehearsal) -> None:
    """Those that start, look and change first, then one abort and the result, which waits for the end."""
    lines = lines_of("docs/automation.md")
    ends = [line for line in lines if {"abort", "result"} & set(line)]
    abort = next(line for line in ends if "update" in line)
    result = next(line for line in ends if "result" in line)
    for line in (*(line for line in lines if line not in ends), abort, result):
        operator.run(line)

    kinds = [event["kind"] for event in rehearsal.books.execute("SELECT kind FROM events ORDER BY id").fetchall()]
    assert len(lines) >= 12
    assert {"policy_changed", "opening_moved", "abort_requested", "books_closed"} <= set(kinds)
