"""What stack.json and its lock promise."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.local.state import StackState, only_stack, read_state, running_pid, write_state
from domain.errors import InvalidInput

STATE = StackState(
    pid=os.getpid(),
    started_at=datetime(2030, 1, 2, tzinfo=UTC),
    database_url="postgresql://postgres@/sniper?host=/somewhere",
    temporal_address="127.0.0.1:7233",
    temporal_namespace="default",
    rest_url="http://127.0.0.1:8300",
    ws_url="ws://127.0.0.1:8300/ws",
    api_key="key",
    api_secret="only the simulator knows it",
    children={"temporal": 1234},
)


def _somebody_elses_stack(home: Path) -> subprocess.Popen[str]:
    source = (
        "import sys\nfrom pathlib import Path\nfrom adapters.local.state import only_stack\n"
        "with only_stack(Path(sys.argv[1])):\n    print('holding', flush=True)\n    sys.stdin.read()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", source, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "holding\n"
    return other


def test_what_was_written_is_read_while_the_stack_runs(tmp_path: Path) -> None:
    """Every field comes back, and only this user may read the file."""
    with only_stack(tmp_path):
        write_state(tmp_path, STATE)

        assert read_state(tmp_path) == STATE
        assert (tmp_path / "stack.json").stat().st_mode & 0o777 == 0o600
        assert running_pid(tmp_path) == os.getpid()


def test_nothing_runs_where_nothing_was_started(tmp_path: Path) -> None:
    """An empty folder, and one that does not exist, have no running stack."""
    assert read_state(tmp_path) is None
    assert running_pid(tmp_path / "missing") is None


def test_a_stopped_stack_leaves_no_state(tmp_path: Path) -> None:
    """The file goes when the stack does."""
    with only_stack(tmp_path):
        write_state(tmp_path, STATE)

    assert not (tmp_path / "stack.json").exists()
    assert running_pid(tmp_path) is None


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"started_at": "soon"}, "started_at: "),
        ({"venue": "another"}, "venue: "),
        ({"database_url": None}, "database_url: "),
        ({"children": [1]}, "children: "),
    ],
)
def test_a_state_of_another_version_is_refused_without_its_secret(
    tmp_path: Path, change: dict[str, object], complaint: str
) -> None:
    """One line names the file, the field and the way out."""
    with only_stack(tmp_path):
        write_state(tmp_path, STATE)
        file = tmp_path / "stack.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
        with pytest.raises(InvalidInput, match=complaint) as refused:
            read_state(tmp_path)

    assert str(file) in str(refused.value)
    assert "sniper stop --leave-open" in refused.value.remedy
    assert "only the simulator knows it" not in str(refused.value)


def test_a_newer_field_of_a_state_is_passed_over(tmp_path: Path) -> None:
    """What is known of it is enough to reach the stack."""
    with only_stack(tmp_path):
        write_state(tmp_path, STATE)
        file = tmp_path / "stack.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "colour": "red"}))

        assert read_state(tmp_path) == STATE


def test_the_file_of_a_killed_stack_does_not_count(tmp_path: Path) -> None:
    """Its process id may even be alive again in the hands of a stranger: the lock says that nothing runs."""
    (tmp_path / "stack.json").write_text(json.dumps({"pid": os.getpid()}))

    assert read_state(tmp_path) is None
    with only_stack(tmp_path):
        assert not (tmp_path / "stack.json").exists()


def test_a_killed_stack_frees_its_home(tmp_path: Path) -> None:
    """After kill -9 the next stack can start in the same folder."""
    other = _somebody_elses_stack(tmp_path)
    with other:
        other.kill()

    with only_stack(tmp_path):
        assert running_pid(tmp_path) == os.getpid()


def test_a_second_stack_is_refused_and_told_who_runs(tmp_path: Path) -> None:
    """One line names the folder and the process id of the first."""
    with _somebody_elses_stack(tmp_path) as other:
        with pytest.raises(InvalidInput, match=f"process {other.pid} runs one there") as refused, only_stack(tmp_path):
            pass
        assert running_pid(tmp_path) == other.pid
        other.kill()

    assert "\n" not in str(refused.value)


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """The line names SNIPER_HOME and the reason."""
    (tmp_path / "file").write_text("")

    with pytest.raises(InvalidInput, match="SNIPER_HOME"), only_stack(tmp_path / "file"):
        pass


def test_a_state_is_printed_without_its_secret() -> None:
    """What lands in a log by accident does not open the account."""
    assert "only the simulator knows it" not in repr(STATE)
