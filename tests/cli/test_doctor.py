"""The command without a stack, and how it speaks to people."""

import asyncio
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from adapters.doctor.findings import Finding, Severity
from adapters.local.state import STATE_FILE
from adapters.postgres.admission import PostgresSessions
from adapters.postgres.database import Database
from cli import doctor_report
from cli.doctor_run import WANTED, diagnose
from cli.main import run
from tests.adapters.postgres.makers import a_new_session
from tests.builders import KEY
from tests.cli.doctoring import NAMES, diagnosed, logs_as_before, nobody

__all__ = ["logs_as_before", "nobody"]

pytestmark = pytest.mark.usefixtures("logs_as_before")

LONG = "a fact that is told at some length, so that it has to be broken into several lines of a narrow terminal"
FINDINGS = (
    Finding("settings", Severity.OK, LONG, "", "", 1),
    Finding("temporal-executable", Severity.WARNING, f"[bold]{LONG}", LONG, LONG, 2),
    Finding("database", Severity.ERROR, LONG, LONG, "start [it]", 3),
)


@pytest.fixture
def alone(lonely: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Nothing is named but an empty home."""
    lonely.delenv("TEMPORAL_ADDRESS")
    return lonely


@pytest.fixture
def listener() -> Iterator[int]:
    """A port somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_where_nothing_was_started_nothing_is_wrong(
    alone: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """What a stack would answer is not asked, and nothing is made by looking."""
    found = diagnosed(capsys)

    assert tuple(found.checks) == NAMES
    assert (found.code, found.of("error")) == (0, set())
    assert found.text("database").startswith("info: not asked: no stack runs, and DATABASE_URL is not set")
    assert found.text("worker-fire").startswith("info: not asked: no stack runs, and TEMPORAL_ADDRESS is not set")
    assert found.text("clock").startswith("info: not asked: no stack runs, and MEXC_REST_URL is not set")
    assert found.text("panel").startswith("info: not asked: no stack runs")
    assert not (tmp_path / "home").exists()


def test_a_venue_without_a_key_is_wrong(
    alone: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], nobody: str
) -> None:
    """A stack could not start with it. That nobody answers there is told beside it."""
    alone.setenv("MEXC_REST_URL", f"http://{nobody}")

    found = diagnosed(capsys)

    assert found.code == 1
    assert found.of("error") == {"venue", "venue-stream", "credentials"}
    assert "MEXC_API_KEY and MEXC_API_SECRET: not given" in found.text("credentials")
    assert "MEXC_WS_URL: not given" in found.text("venue-stream")


def test_a_left_over_state_file_is_a_warning(
    alone: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """It is no error: the next start replaces it."""
    home = tmp_path / "home"
    home.mkdir()
    (home / STATE_FILE).touch(mode=0o600)

    found = diagnosed(capsys)

    assert (found.code, found.checks["stack"]["severity"]) == (0, "warning")
    assert "was left behind by a stack that was killed" in found.text("stack")


def test_a_taken_port_is_a_warning(alone: pytest.MonkeyPatch, listener: int) -> None:
    """While no stack runs."""
    (ports,) = [one for one in diagnose(wanted=replace(WANTED, ports={"panel": listener})) if one.name == "ports"]

    assert ports.severity is Severity.WARNING
    assert ports.found.startswith(f"{listener} (panel) is taken by ")
    assert "a free port is taken instead" in ports.remedy


@pytest.mark.postgres
def test_a_session_that_needs_a_human_is_named(
    alone: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], database_url: str
) -> None:
    """With its text; a closed one needs nobody any more."""
    alone.setenv("DATABASE_URL", database_url)
    _admit(database_url)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE sessions SET attention = 'the balance disagrees'")
    attentive = diagnosed(capsys)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE sessions SET phase = 'closed'")
    closed = diagnosed(capsys)

    assert attentive.checks["sessions-attention"]["severity"] == "warning"
    assert attentive.checks["sessions-attention"]["found"] == f"{KEY}: the balance disagrees"
    assert attentive.checks["sessions-attention"]["remedy"] == f"`sniper show {KEY}` tells its story"
    assert attentive.code == 0
    assert closed.checks["sessions-attention"]["severity"] == "ok"


@pytest.mark.postgres
def test_a_halt_in_force_is_told(
    alone: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], database_url: str
) -> None:
    """All may be well, and nothing is bought."""
    alone.setenv("DATABASE_URL", database_url)
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO halts (scope, scope_key, verb, reason) VALUES ('account', 'main', 'halt', 'odd')"
        )
    halted = diagnosed(capsys)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE halts SET released_at = now()")
    released = diagnosed(capsys)

    assert halted.text("halts").startswith(
        "warning: halted: account main: odd | no halt, for something new to be bought"
    )
    assert halted.code == 0
    assert released.checks["halts"]["severity"] == "ok"


@pytest.mark.postgres
def test_every_halt_of_one_scope_is_told(
    alone: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], database_url: str
) -> None:
    """Two verbs on one scope, as older rows have: the newest comes first and hides nothing."""
    alone.setenv("DATABASE_URL", database_url)
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO halts (scope, scope_key, verb, reason) VALUES"
            " ('account', 'main', 'flatten', 'older'), ('account', 'main', 'halt', 'newer')"
        )

    found = diagnosed(capsys)

    assert found.checks["halts"]["found"] == "halted: account main: newer; halted: account main: older"


@pytest.mark.postgres
def test_a_database_that_is_not_there_is_refused_by_its_server(
    alone: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], database_url: str
) -> None:
    """Told from a server that is away, and without the password."""
    address = database_url.replace("postgres@", "postgres:hush-hush@").replace("/test_", "/nowhere_")
    alone.setenv("DATABASE_URL", address)

    found = diagnosed(capsys)

    assert found.of("error") == {"database"}
    assert re.search(r'refuses us: .*database "nowhere_\d+" does not exist', found.text("database"))
    assert "hush-hush" not in str(found)


def test_people_read_a_table_that_fits_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is cut, signs are no markup, and a remedy stands below what was found."""
    doctor_report.report(FINDINGS, piped_width=80)

    said = capsys.readouterr().out
    assert max(len(line.rstrip()) for line in said.splitlines()) <= 80
    assert " ".join(said.split()).count(LONG) == 6
    assert "-> start [it]" in said
    assert "[bold]a fact" in said
    assert "\x1b" not in said
    assert said.splitlines()[-1] == "something is wrong: 3 checks, 1 ok, 1 warning, 1 error"


def test_a_terminal_gets_colours(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing but a terminal."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)

    doctor_report.report(FINDINGS)

    assert "\x1b[1;31merror" in capsys.readouterr().out


def test_the_doctor_has_no_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    """It looks at everything."""
    assert run(["doctor", "database"]) == 2
    assert "Usage: sniper" in capsys.readouterr().err


def _admit(database_url: str) -> None:
    async def admit() -> None:
        async with Database(database_url) as database:
            await PostgresSessions(database).admit(a_new_session())

    asyncio.run(admit())
