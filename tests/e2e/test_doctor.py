"""Everything is well on a running stack, and every fault made on purpose is named with its remedy."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client

from adapters.doctor.findings import Severity, worst
from adapters.local.state import STATE_FILE, StackState, read_state
from adapters.local.temporal_server import SearchAttributeKind, ensure_search_attributes
from adapters.postgres.migrate import upgrade
from cli.doctor_run import WANTED, diagnose
from cli.main import run
from stack import ROOT, stop_running
from tests.cli.doctoring import NAMES, Diagnosis, diagnosed, logs_as_before, nobody
from tests.environment import forget_installation
from tests.redis_server import RedisServer

__all__ = ["logs_as_before", "nobody"]

pytestmark = [pytest.mark.e2e, pytest.mark.postgres, pytest.mark.server, pytest.mark.usefixtures("logs_as_before")]

NOBODY = "NOBODY"
"""Stands for an address at which nobody answers."""
DATABASE_CHECKS = {"database", "migrations", "sessions-attention", "halts", "venue-access"}
NAMESPACE_CHECKS = {"search-attributes", "worker-control", "worker-fire", "worker-guard", "watch-listings"}
WITHIN_S = 60.0
LOOK_EVERY_S = 0.05

Diagnose = Callable[[], Diagnosis]


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """Where the stack's workers share their request budget."""
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, redis: RedisServer) -> Iterator[Path]:
    """The home of a whole stack with its panel, started as an operator would, in which everything is well.

    While it lives, the environment names nothing else.
    """
    home = tmp_path_factory.mktemp("doctor") / "home"
    log = home.with_name("stack.log")
    with _environment(home), log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "stack"],
            cwd=ROOT,
            stdout=output,
            stderr=output,
            env={**os.environ, "REDIS_URL": redis.url},
        )
        try:
            _until(lambda: read_state(home) is not None, log)
            _lift_limits(home)
            _until(_is_well, log)  # a worker polls soon after it has said that it is ready
            yield home
        finally:
            stop_running(home)
            process.wait(WITHIN_S)


@pytest.fixture
def state(home: Path) -> StackState:
    """Where everything of the stack is."""
    found = read_state(home)
    assert found is not None
    return found


@pytest.fixture
def diagnosis(home: Path, capsys: pytest.CaptureFixture[str]) -> Diagnose:
    """Runs the command in the environment of the test."""
    return lambda: diagnosed(capsys)


def test_on_a_running_stack_all_is_well(diagnosis: Diagnose) -> None:
    """Every check is there, in its place; only the ports of the running stack are not asked about."""
    found = diagnosis()

    assert tuple(found.checks) == NAMES
    assert found.of("error") | found.of("warning") == set()
    assert found.of("info") <= {"ports", "realtime"}
    assert (found.code, found.worst) == (0, "info")
    assert all(isinstance(check["took_ms"], int) for check in found.checks.values())


def test_for_people_the_same_is_a_table_without_colours_in_a_pipe(
    diagnosis: Diagnose, capsys: pytest.CaptureFixture[str]
) -> None:
    """And one line that sums it up."""
    assert run(["doctor"]) == 0

    said = capsys.readouterr().out
    assert all(name in said for name in NAMES)
    assert "nothing wrong was found: 26 checks" in said
    assert "\x1b" not in said


def test_a_redis_that_went_is_told_for_each_worker_and_one_that_came_back_too(
    diagnosis: Diagnose, redis: RedisServer
) -> None:
    """Trading goes on meanwhile, each worker within its own part."""
    shared = diagnosis().text("venue-access")
    redis.stop()
    try:
        _eventually(lambda: diagnosis().text("venue-access").count("Redis is away") == 3)
        away = diagnosis()
    finally:
        redis.start()
    _eventually(lambda: diagnosis().text("venue-access").count(" shared,") == 3)

    assert shared.count(" shared,") == 3
    assert away.of("warning") == {"venue-access"}
    assert away.of("error") == set()
    assert "REDIS_URL" in away.text("venue-access")


@pytest.mark.parametrize(
    ("variables", "errors", "words"),
    [
        (
            {"MEXC_REST_URL": "https://venue.example"},
            {"settings"},
            "MEXC_REST_URL: got 'https://venue.example' | http or https://host:port with host 127.0.0.1, localhost, ::1"
            " | live trading is not enabled in this version: start `sniper up`",
        ),
        (
            {"SNIPER_ACCOUNT": "a/b"},
            {"settings"},
            "SNIPER_ACCOUNT: got 'a/b' | 1-32 letters, digits, - or _ | the default account is called main",
        ),
        (
            {"SNIPER_TEMPORAL_CLI": sys.executable},
            {"temporal-executable"},
            "SNIPER_TEMPORAL_CLI: got",
        ),
        (
            {"DATABASE_URL": f"postgresql://nobody:hush@{NOBODY}/none"},
            {"database"},
            "failed: Connection refused | a Postgres that answers and lets us in | start it, or correct DATABASE_URL;"
            " without DATABASE_URL the stack's own is used",
        ),
        (
            {"TEMPORAL_ADDRESS": NOBODY},
            {"temporal"},
            f"{NOBODY} does not answer: Connection refused | a Temporal server that answers | start it, or correct",
        ),
        (
            {"TEMPORAL_NAMESPACE": "nowhere"},
            {"temporal-namespace"},
            "has no namespace 'nowhere' | a namespace of that server | create it (`temporal operator namespace",
        ),
        (
            {
                **{"MEXC_REST_URL": f"http://{NOBODY}", "MEXC_WS_URL": f"ws://{NOBODY}/ws"},
                **{"MEXC_API_KEY": "key", "MEXC_API_SECRET": "secret"},
            },
            {"venue", "venue-stream"},
            "the venue cannot be reached (ConnectError: All connection attempts failed) | a venue that answers | start",
        ),
        (
            {"MEXC_API_KEY": "nobodys-key", "MEXC_API_SECRET": "secret"},
            {"credentials"},
            "code 10072: 'Api key info invalid' | a key and a secret that the venue accepts | MEXC_API_KEY is not",
        ),
        (
            {"MEXC_API_KEY": "alone"},
            {"credentials"},
            "MEXC_API_SECRET: not given | key and secret of one account | set MEXC_API_SECRET",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_a_value_of_the_environment_is_named_with_its_remedy(
    diagnosis: Diagnose,
    monkeypatch: pytest.MonkeyPatch,
    nobody: str,
    variables: Mapping[str, str],
    errors: set[str],
    words: str,
) -> None:
    """It alone is an error; what could not be asked because of it says so, and everything else is well."""
    given = {name: value.replace(NOBODY, nobody) for name, value in variables.items()}
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    found = diagnosis()

    assert found.of("error") == errors
    assert any(words.replace(NOBODY, nobody) in found.text(name) for name in errors), [
        found.text(name) for name in errors
    ]
    assert all(found.checks[name]["remedy"] for name in errors)
    assert found.of("warning") == set()
    assert found.code == 1
    assert "hush" not in str(found)
    assert {name: os.environ[name] for name in given} == given


def test_what_needs_something_that_is_gone_is_not_asked(
    diagnosis: Diagnose, monkeypatch: pytest.MonkeyPatch, nobody: str
) -> None:
    """It is never well, and says whose fault it is."""
    monkeypatch.setenv("DATABASE_URL", f"postgresql://nobody@{nobody}/none")
    monkeypatch.setenv("TEMPORAL_ADDRESS", nobody)
    monkeypatch.setenv("MEXC_REST_URL", "https://venue.example")

    found = diagnosis()

    assert found.of("error") == {"settings", "database", "temporal"}
    for name in ("migrations", "sessions-attention", "halts", "venue-access"):
        assert found.text(name) == "info: not asked: database is not reachable |  | "
    for name in ("temporal-namespace", *NAMESPACE_CHECKS):
        assert found.text(name) == "info: not asked: Temporal is not reachable |  | "
    for name in ("venue", "venue-stream", "credentials", "clock", "wall-clock"):
        assert found.text(name) == "info: not asked: MEXC_REST_URL cannot be used |  | "
    assert found.checks["clock"]["took_ms"] == 0


def test_a_wrong_secret_is_named(diagnosis: Diagnose, state: StackState, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key is known, its signature is not right."""
    assert state.api_key is not None
    monkeypatch.setenv("MEXC_API_KEY", state.api_key)
    monkeypatch.setenv("MEXC_API_SECRET", "of another key")

    found = diagnosis()

    assert found.of("error") == {"credentials"}
    assert "code 700002" in found.text("credentials")
    assert found.text("credentials").endswith("MEXC_API_SECRET does not belong to this key: copy both again")


@pytest.mark.parametrize(
    ("revision", "words"),
    [
        (None, "no tables of ours; this version needs revision"),
        ("0001", "at revision 0001, behind"),
        ("9999", "at revision 9999, which this version does not know; it needs"),
    ],
)
def test_a_schema_that_is_not_ours_is_named(
    diagnosis: Diagnose, state: StackState, monkeypatch: pytest.MonkeyPatch, revision: str | None, words: str
) -> None:
    """Missing, behind, or of another version; both revisions are told."""
    name = f"scratch_{revision or 'empty'}"
    with psycopg.connect(state.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    url = state.database_url.replace("/sniper?", f"/{name}?")
    if revision is not None:
        upgrade(url)
        with psycopg.connect(url) as connection:
            connection.execute("UPDATE alembic_version SET version_num = %s", (revision,))
    monkeypatch.setenv("DATABASE_URL", url)

    found = diagnosis()

    assert found.of("error") == {"migrations"}
    assert words in found.text("migrations")
    assert found.checks["migrations"]["expected"].startswith("revision 000")
    assert found.checks["migrations"]["remedy"]


def test_an_unprepared_namespace_is_named(
    diagnosis: Diagnose, state: StackState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing search attribute, one of another kind, and queues that nobody polls."""
    asyncio.run(_half_prepared(state.temporal_address, "half-prepared"))
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "half-prepared")

    found = diagnosis()

    assert found.of("error") == NAMESPACE_CHECKS
    attributes = found.text("search-attributes")
    assert "missing: SniperOutcome (Keyword), SniperOpensAt (Datetime); SniperPhase is Text, not Keyword" in attributes
    assert "temporal operator search-attribute remove" in attributes
    assert "nobody polls queue 'control' for workflow and activity tasks" in found.text("worker-control")
    assert "nobody polls queue 'fire' for activity tasks" in found.text("worker-fire")
    assert "`sniper up` starts the workers" in found.text("worker-guard")
    assert "the listing watch was never started" in found.text("watch-listings")


@pytest.mark.parametrize("role", ["control", "fire", "guard"])
def test_a_worker_that_stands_still_is_named(diagnosis: Diagnose, state: StackState, role: str) -> None:
    """Long before Temporal misses its polls; with its process and its log."""
    name = f"worker-{role}"
    pid = state.children[name]

    with _stopped(pid):
        found = diagnosis()

    assert found.of("error") == {name}
    assert f"its process {pid} stands still" in found.text(name)
    assert f"kill -9 {pid} has the stack start it anew; the log is" in found.text(name)


@pytest.mark.parametrize(
    ("fault", "errors", "words"),
    [
        (
            {
                "match": {"path": "/api/v3/ping"},
                "kind": "status",
                "times": 3,
                "params": {"status": 503, "body": "busy"},
            },
            {"venue"},
            "does not answer: the venue answered HTTP 503",
        ),
        (
            {"match": {"path": "/api/v3/time"}, "kind": "latency", "times": 40, "params": {"ms": 250}},
            {"clock"},
            " | at most 100 ms: a session does not arm with less | look for a slow or busy way to the venue",
        ),
        (
            {"match": {"path": "/api/v3/time"}, "kind": "status", "times": 40, "params": {"status": 200, "body": {}}},
            {"clock", "credentials"},
            "the venue does not tell its time",
        ),
        (
            {
                **{"match": {"path": "/api/v3/account"}, "kind": "status", "times": 1},
                "params": {"status": 200, "body": {"canTrade": False}},
            },
            {"credentials"},
            "but the account may not trade | an account that may trade | allow spot trading for the key",
        ),
        (
            {
                **{"match": {"path": "/api/v3/account"}, "kind": "refuse", "times": 1},
                "params": {"code": 700006, "msg": "IP [10.0.0.1] not in the ip white list"},
            },
            {"credentials"},
            "allow this machine's address for the key at the venue",
        ),
    ],
    ids=["ping", "slow clock", "garbled clock", "may not trade", "address refused"],
)
def test_a_fault_of_the_venue_is_named(
    diagnosis: Diagnose, state: StackState, fault: Mapping[str, Any], errors: set[str], words: str
) -> None:
    """With what to do about it."""
    with _venue(state) as venue:
        _told(venue.post("/_sim/faults", json=fault))
        try:
            found = diagnosis()
        finally:
            _told(venue.delete("/_sim/faults"))

    assert found.of("error") == errors
    assert any(words in found.text(name) for name in errors), [found.text(name) for name in errors]
    assert all(found.checks[name]["remedy"] for name in errors)


def test_a_wall_clock_that_is_off_is_told_and_no_error(diagnosis: Diagnose, state: StackState) -> None:
    """Trading measures the exchange's clock; only logs are hard to compare."""
    with _venue(state) as venue:
        _told(venue.post("/_sim/clock", json={"offset_ms": 5000}))
        try:
            found = diagnosis()
        finally:
            _told(venue.post("/_sim/clock", json={"offset_ms": 0}))

    assert found.of("error") == set()
    assert "s behind the exchange | at most 1 s | harmless to trading" in found.text("wall-clock")


def test_a_state_file_that_others_can_read_is_named(diagnosis: Diagnose, home: Path) -> None:
    """It holds the account's key."""
    file = home / STATE_FILE
    file.chmod(0o644)
    try:
        found = diagnosis()
    finally:
        file.chmod(0o600)

    assert found.of("error") == {"stack"}
    assert "has mode 0644" in found.text("stack")
    assert f"chmod 600 {file}" in found.text("stack")


@pytest.mark.parametrize(("free", "severity"), [(199 * 1024**2, "error"), (2 * 1024**3 - 1, "warning")])
def test_a_disk_that_fills_is_named(diagnosis: Diagnose, free: int, severity: str) -> None:
    """Before Postgres cannot write any more."""
    (disk,) = [finding for finding in diagnose(free=lambda path: free) if finding.name == "disk"]

    assert disk.severity == severity
    assert "make room there" in disk.remedy


def test_a_package_of_another_version_is_named(diagnosis: Diagnose, tmp_path: Path) -> None:
    """Against the lock file."""
    lock = tmp_path / "requirements.lock"
    lock.write_text("temporalio==1.0.0 \\\n    --hash=sha256:0\n")

    (versions,) = [one for one in diagnose(wanted=replace(WANTED, lock_file=lock)) if one.name == "versions"]

    assert versions.severity is Severity.WARNING
    assert "temporalio 1.35.0, locked 1.0.0" in versions.found
    assert versions.remedy == "make bootstrap"


def test_a_table_that_hangs_is_given_up(diagnosis: Diagnose, state: StackState) -> None:
    """One check waits for it, the others do not."""
    with psycopg.connect(state.database_url) as connection:
        connection.execute("LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE")
        found = diagnosis()

    assert "no answer within 4 s" in found.text("sessions-attention")
    assert {"database", "migrations", "venue", "temporal"} <= found.of("ok")


@pytest.mark.parametrize("part", ["postgres", "temporal", "simulator", "panel"])
def test_a_part_that_hangs_is_named_and_hangs_nothing_else(
    diagnosis: Diagnose, home: Path, state: StackState, part: str
) -> None:
    """A server that takes connections and says nothing."""
    mine = {
        "postgres": DATABASE_CHECKS,
        "temporal": {"temporal", "temporal-namespace", *NAMESPACE_CHECKS},
        "simulator": {"venue", "venue-stream", "credentials", "clock", "wall-clock"},
        "panel": {"panel"},
    }
    hung = {**{name: {name} for name in mine}, "postgres": {"database"}, "simulator": {"venue", "venue-stream"}}

    with _stopped(state.children[part]):
        found = diagnosis()
    _until(_is_well, home / "logs" / f"{part}.log")

    assert found.of("error") == hung[part]
    assert found.of("info") >= mine[part] - hung[part]
    assert found.of("ok") >= set(NAMES) - mine[part] - {"ports", "realtime"}
    assert all(f"{part}.log" in found.checks[name]["remedy"] for name in hung[part])


@contextmanager
def _environment(home: Path) -> Iterator[None]:
    """Nothing is said but the home."""
    with pytest.MonkeyPatch.context() as patch:
        forget_installation(patch)
        patch.setenv("SNIPER_HOME", str(home))
        yield


@contextmanager
def _stopped(pid: int) -> Iterator[None]:
    """The process and its children stand still."""
    root = psutil.Process(pid)
    family = [root, *root.children(recursive=True)]
    for process in family:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in family:
            process.send_signal(signal.SIGCONT)


@contextmanager
def _venue(state: StackState) -> Iterator[httpx.Client]:
    assert state.rest_url is not None
    with httpx.Client(base_url=state.rest_url) as client:
        yield client


def _is_well() -> bool:
    return worst(diagnose()) in (Severity.OK, Severity.INFO)


def _lift_limits(home: Path) -> None:
    """These tests ask more often than an operator would."""
    state = read_state(home)
    assert state is not None
    with _venue(state) as venue:
        _told(venue.post("/_sim/settings", json={"ip_weight": 0, "uid_weight": 0}))


def _told(answer: httpx.Response) -> None:
    assert answer.status_code == 200, answer.text


async def _half_prepared(address: str, namespace: str) -> None:
    """A namespace with three of our search attributes, one of them of a wrong kind."""
    client = await Client.connect(address)
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(
            namespace=namespace, workflow_execution_retention_period=Duration(seconds=3 * 24 * 3600)
        )
    )
    kinds: dict[str, SearchAttributeKind] = {
        "SniperAccount": "Keyword",
        "SniperSymbol": "Keyword",
        "SniperPhase": "Text",
    }
    await ensure_search_attributes(await Client.connect(address, namespace=namespace), kinds)


def _eventually(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(LOOK_EVERY_S)


def _until(claim: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not claim():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(LOOK_EVERY_S)
