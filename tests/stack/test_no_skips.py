"""What SNIPER_NO_SKIPS=1 does to a run of tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _run(folder: Path, source: str, no_skips: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_sample.py").write_text(source)
    (folder / "pytest.ini").write_text("[pytest]\n")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.plugins_no_skips", str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "SNIPER_NO_SKIPS": no_skips},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


SKIPPED = "import pytest\ndef test_one(): pass\n@pytest.mark.skip(reason='not here')\ndef test_two(): pass\n"
COMPLETE = "def test_one(): pass\n"


def test_a_skipped_test_fails_the_run(tmp_path: Path) -> None:
    """Where nothing may be skipped, the run says how many were and fails."""
    ended = _run(tmp_path, SKIPPED, "1")

    assert ended.returncode == 1
    assert "1 skipped, none may be" in ended.stdout


@pytest.mark.parametrize(("source", "no_skips"), [(COMPLETE, "1"), (SKIPPED, "")])
def test_a_run_without_skips_or_without_the_rule_succeeds(tmp_path: Path, source: str, no_skips: str) -> None:
    """The rule changes nothing else."""
    assert _run(tmp_path, source, no_skips).returncode == 0
