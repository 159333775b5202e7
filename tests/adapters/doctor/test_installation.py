"""One value that cannot be used hides nothing else, and the environment stays as it was."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.doctor.findings import Severity
from adapters.doctor.installation import read_installation
from adapters.local.state import STATE_FILE, StackState, only_stack, write_state
from tests.environment import forget_installation


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty environment, and a home of its own."""
    forget_installation(monkeypatch)
    monkeypatch.setenv("SNIPER_HOME", str(tmp_path))
    return tmp_path


def a_stack() -> StackState:
    return StackState(
        pid=os.getpid(),
        started_at=datetime.now(UTC),
        database_url="postgresql://stack@/sniper",
        temporal_address="127.0.0.1:7999",
        temporal_namespace="stack",
        rest_url="http://127.0.0.1:9001",
        ws_url="ws://127.0.0.1:9001/ws",
        api_key="stack-key",
        api_secret="stack-secret",
        children={"postgres": 11, "temporal": 12, "simulator": 13, "worker-fire": 14},
    )


def test_every_value_that_cannot_be_used_is_named_and_the_others_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its variable, however it was written; the environment is the same afterwards."""
    monkeypatch.setenv("mexc_rest_url", "https://venue.example")
    monkeypatch.setenv("TEMPORAL_ADDRESS", "nowhere")
    monkeypatch.setenv("SNIPER_ACCOUNT", "a/b")
    monkeypatch.setenv("DATABASE_URL", "postgresql://me@/mine")
    before = dict(os.environ)

    found = read_installation()

    assert {one.what for one in found.refused} == {"MEXC_REST_URL", "TEMPORAL_ADDRESS", "SNIPER_ACCOUNT"}
    assert found.settings.database_url == "postgresql://me@/mine"
    assert found.unusable("MEXC_REST_URL") == "MEXC_REST_URL cannot be used"
    assert found.unusable("DATABASE_URL") == ""
    assert found.unnamed("MEXC_REST_URL").found == "not asked: MEXC_REST_URL cannot be used"
    assert dict(os.environ) == before


def test_a_value_that_was_refused_is_not_replaced_in_silence(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stack's own takes its place among the settings, but the variable still counts as unusable."""
    monkeypatch.setenv("DATABASE_URL", "mysql://x")
    with only_stack(home):
        write_state(home, a_stack())
        found = read_installation()

    assert found.settings.database_url == "postgresql://stack@/sniper"
    assert found.unusable("DATABASE_URL")


def test_without_a_stack_and_a_name_there_is_nobody_to_ask() -> None:
    """And how to get one."""
    found = read_installation()

    assert (found.stack_pid, found.stack) == (None, None)
    verdict = found.unnamed("DATABASE_URL")
    assert verdict.severity is Severity.INFO
    assert verdict.found == "not asked: no stack runs, and DATABASE_URL is not set"
    assert verdict.remedy == "`sniper up`, or set DATABASE_URL"


def test_a_stack_that_is_not_ready_is_told_from_none(home: Path) -> None:
    """Its lock is held, its file is not there."""
    with only_stack(home):
        found = read_installation()

    assert found.stack_pid == os.getpid()
    assert found.no_stack == f"the stack of process {os.getpid()} is starting or stopping"
    assert found.unnamed("DATABASE_URL").remedy == "run the doctor again, or set DATABASE_URL"


def test_a_stack_file_that_cannot_be_read_is_named(home: Path) -> None:
    """The home stays the one that was asked about."""
    with only_stack(home):
        (home / STATE_FILE).write_text("{")
        found = read_installation()

    assert [one.what for one in found.refused] == ["SNIPER_HOME"]
    assert found.home == home
    assert found.unnamed("DATABASE_URL").found == (
        "not asked: what the stack says of itself cannot be read, and DATABASE_URL is not set"
    )


def test_a_part_belongs_to_the_stack_only_when_nothing_else_is_named(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that nobody is sent to the log of a database he does not use."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://me@/mine")
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "other")
    with only_stack(home):
        write_state(home, a_stack())
        found = read_installation()

    assert found.process_of("simulator") == 13
    assert found.process_of("panel") is None
    assert [found.process_of(name) for name in ("postgres", "temporal", "worker-fire")] == [None, None, None]
    assert found.cure("postgres", "DATABASE_URL").startswith("start it, or correct DATABASE_URL")
    assert str(home / "logs" / "simulator.log") in found.cure("simulator", "MEXC_REST_URL")
