"""The scripts under ops/: what they register and make, run against real servers where one can be had."""

import asyncio
import os
import re
import shutil
import stat
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
import yaml

from adapters.local.child import Child, Run
from adapters.local.ports import free_port
from adapters.local.postgres import embedded_postgres
from adapters.local.supervisor import Supervisor
from adapters.local.temporal_binary import find_binary
from adapters.local.temporal_server import FLAGS, DevServer
from tests.adapters.postgres.server import Server
from tests.ops.composition import ROOT, services, variables_of_example
from workflows.names import SEARCH_ATTRIBUTES

REGISTER = ROOT / "ops" / "temporal" / "register-names.sh"


@pytest.fixture
async def temporal(tmp_path: Path) -> AsyncIterator[DevServer]:
    """A server that knows no search attribute of ours."""
    executable = find_binary(os.environ)
    assert executable is not None, "make the server first: python -m adapters.local.temporal_binary"
    server = DevServer(executable, tmp_path / "temporal.db", free_port())

    async def ready(_: Run) -> bool:
        return await server.is_ready()

    supervisor = Supervisor(say=lambda _: None, changed=lambda _: None)
    await supervisor.start(Child("temporal", server.argv, dict(os.environ), ready, tmp_path / "temporal.log"))
    yield server
    await supervisor.stop()


@pytest.fixture
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, dict[str, str]]]:
    """A server as the image starts it for its first scripts, and what psql has to know of it."""
    home = tmp_path_factory.mktemp("pg")
    server = Server(home)
    server.start()
    with psycopg.connect(server.url_of("postgres"), autocommit=True) as connection:
        connection.execute("DROP DATABASE sniper")
    embedded = embedded_postgres(home)
    yield (
        server,
        {
            "PATH": f"{embedded.programs}:{os.environ['PATH']}",
            "PGHOST": str(embedded.sockets),
            "SNIPER_DB_PASSWORD": 'it\'s "ours"',
            "TEMPORAL_DB_PASSWORD": "theirs",
        },
    )
    server.stop()


def test_the_registered_search_attributes_are_those_of_the_workflows() -> None:
    """Names and kinds; the script cannot import them."""
    block = REGISTER.read_text().partition("attributes='")[2].partition("'")[0]

    assert dict(line.split() for line in block.strip().splitlines()) == SEARCH_ATTRIBUTES


def test_the_dynamic_configuration_says_what_our_own_server_is_started_with() -> None:
    """The flags that make cancellations arrive at once."""
    document = yaml.safe_load((ROOT / "ops" / "temporal" / "dynamic-config.yaml").read_text())

    assert document == {name: [{"value": value == "true"}] for name, value in (flag.split("=") for flag in FLAGS)}


@pytest.mark.server
@pytest.mark.parametrize("namespace", ["default", "made-by-the-script"])
async def test_names_are_registered_and_usable_when_the_script_ends(
    temporal: DevServer, tmp_path: Path, namespace: str
) -> None:
    """Also in a namespace that is not there yet; a second run finds its work done."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "temporal").symlink_to(temporal.executable)
    environment = {
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "HOME": str(tmp_path),  # where the CLI looks for its settings
        "TEMPORAL_ADDRESS": temporal.address,
        "TEMPORAL_NAMESPACE": namespace,
    }

    for _ in range(2):
        told = await asyncio.to_thread(_run, ["sh", str(REGISTER)], environment)
        assert told.returncode == 0, told.stderr
        assert told.stdout.splitlines()[-1] == f"namespace {namespace} is ready"
    listed = _run(["temporal", "operator", "search-attribute", "list"], environment).stdout

    for name, kind in SEARCH_ATTRIBUTES.items():
        assert re.search(rf"^\s*{name}\s+{kind}\s*$", listed, re.MULTILINE), listed


@pytest.mark.postgres
def test_two_roles_and_our_database_are_made(database: tuple[Server, dict[str, str]]) -> None:
    """Neither role is a superuser, and Temporal's cannot enter our database."""
    server, environment = database

    told = _run(["sh", str(ROOT / "ops" / "postgres" / "make-databases.sh")], environment)

    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")
    with psycopg.connect(server.url_of("sniper"), autocommit=True) as connection:
        roles = connection.execute(
            "SELECT rolname, rolsuper, rolcreatedb, has_database_privilege(rolname, 'sniper', 'CONNECT')"
            " FROM pg_roles WHERE rolname IN ('sniper', 'temporal') ORDER BY 1"
        ).fetchall()
        owner = connection.execute(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'sniper'"
        ).fetchone()
    assert roles == [("sniper", False, False, True), ("temporal", False, True, False)]
    assert owner == ("sniper",)


def test_a_fresh_secret_fills_each_empty_place_and_an_old_file_is_kept(tmp_path: Path) -> None:
    """New passwords would not fit the database that was made with the old ones."""
    script = tmp_path / "ops" / "container" / "make-env.sh"
    script.parent.mkdir(parents=True)
    shutil.copy(ROOT / "ops" / "container" / "make-env.sh", script)
    shutil.copy(ROOT / ".env.example", tmp_path)

    first = _run(["sh", str(script)], dict(os.environ))
    made = (tmp_path / ".env").read_text()
    second = _run(["sh", str(script)], dict(os.environ))

    values = dict(line.split("=", 1) for line in made.splitlines() if line and not line.startswith("#"))
    secrets = [values[name] for name, value in variables_of_example().items() if not value]
    assert (first.returncode, second.returncode) == (0, 1)
    assert (tmp_path / ".env").read_text() == made
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    assert len(set(secrets)) == len(secrets)
    assert all(re.fullmatch(r"[0-9a-f]{48}", secret) for secret in secrets)
    assert {name: values[name] for name, value in variables_of_example().items() if value} == {
        name: value for name, value in variables_of_example().items() if value
    }


def test_temporal_gets_the_passwords_under_the_names_it_reads() -> None:
    """The schema tool and the server name the same user of the same database."""
    tool = services()["temporal-schema"]["environment"]
    server = services()["temporal"]["environment"]

    assert (tool["SQL_PLUGIN"], tool["SQL_HOST"], tool["SQL_PORT"], tool["SQL_USER"], tool["SQL_PASSWORD"]) == (
        *(server["DB"], server["POSTGRES_SEEDS"], server["DB_PORT"], server["POSTGRES_USER"], server["POSTGRES_PWD"]),
    )


def _run(command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=90)
