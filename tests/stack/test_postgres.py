"""What the embedded Postgres promises. All tests run real servers."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import psycopg
import pytest

from adapters.local.child import Child, Run
from adapters.local.postgres import EmbeddedPostgres, embedded_postgres, works_in
from adapters.local.supervisor import Supervisor
from adapters.postgres.address import require_usable
from domain.errors import InvalidInput
from tests.stack.helpers import Heard, eventually

pytestmark = pytest.mark.postgres


def postgres_child(server: EmbeddedPostgres, log: Path, *, death_signal: signal.Signals = signal.SIGINT) -> Child:
    """The server as the stack runs it."""

    async def ready(_: Run) -> bool:
        return await server.is_ready()

    return Child(
        name="postgres",
        argv=server.argv,
        env=dict(os.environ),
        ready=ready,
        log_path=log,
        cwd=Path("/"),
        prepare=server.prepare,
        stop_signal=signal.SIGINT,
        death_signal=death_signal,
        run_as=server.run_as,
    )


def servers_of(server: EmbeddedPostgres) -> list[psutil.Process]:
    """Every process that works in the server's data folder."""
    return [process for process in psutil.process_iter() if works_in(process, server.data)]


@pytest.fixture
def heard() -> Heard:
    """What the supervisor said."""
    return Heard()


@pytest.fixture
async def supervisor(heard: Heard) -> AsyncIterator[Supervisor]:
    """Runs the servers of a test and stops them after it."""
    made = heard.supervisor()
    yield made
    await made.stop()


@pytest.fixture
def home(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a folder of state by name."""

    def make(name: str) -> Path:
        (tmp_path / name).mkdir()
        return tmp_path / name

    return make


async def test_two_servers_run_side_by_side(tmp_path: Path, home: Callable[[str], Path]) -> None:
    """Two homes are two databases: what one writes the other does not see."""
    servers = [embedded_postgres(home("one")), embedded_postgres(home("two"))]
    supervisors = [Heard().supervisor() for _ in servers]
    try:
        for server, supervisor in zip(servers, supervisors, strict=True):
            await supervisor.start(postgres_child(server, tmp_path / f"{server.data.parent.name}.log"))
        with psycopg.connect(servers[0].database_url) as first:
            first.execute("CREATE TABLE only_here (id int)")
        with psycopg.connect(servers[1].database_url) as second:
            found = second.execute("SELECT to_regclass('only_here')").fetchone()
    finally:
        for supervisor in supervisors:
            await supervisor.stop()

    assert found == (None,)
    assert servers_of(servers[0]) == servers_of(servers[1]) == []


async def test_committed_rows_survive_a_killed_server(
    supervisor: Supervisor, heard: Heard, tmp_path: Path, home: Callable[[str], Path]
) -> None:
    """After kill -9 of the server the supervisor brings it back with everything that was committed."""
    server = embedded_postgres(home("one"))
    await supervisor.start(postgres_child(server, tmp_path / "log"))
    with psycopg.connect(server.database_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")

    os.kill(supervisor.run_of("postgres").pid, signal.SIGKILL)
    await eventually(lambda: "ready again" in heard.text())

    with psycopg.connect(server.database_url) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


async def test_a_pid_file_that_names_a_stranger_is_no_obstacle(
    supervisor: Supervisor, tmp_path: Path, home: Callable[[str], Path]
) -> None:
    """A pid file left behind may name a living process that has nothing to do with us; that one is left alone."""
    server = embedded_postgres(home("one"))
    await supervisor.start(postgres_child(server, tmp_path / "log"))
    await supervisor.stop()
    text = f"{os.getpid()}\n{server.data}\n1700000000\n5432\n{server.data}\n\n  123 456\nready\n"
    (server.data / "postmaster.pid").write_text(text)

    again = Heard().supervisor()
    await again.start(postgres_child(server, tmp_path / "log"))
    await again.stop()

    assert servers_of(server) == []


async def test_a_server_left_behind_is_ended_first(
    supervisor: Supervisor, tmp_path: Path, home: Callable[[str], Path]
) -> None:
    """A server whose stack vanished without ending it gives way to the new one."""
    server = embedded_postgres(home("one"))
    await server.prepare()
    uid, gid = server.run_as if server.run_as is not None else (None, None)
    with (tmp_path / "orphan.log").open("wb") as log:
        orphan = subprocess.Popen(  # noqa: ASYNC220 - it has to be nobody's child as far as the supervisor knows
            server.argv,
            user=uid,
            group=gid,
            extra_groups=[] if uid is not None else None,
            cwd="/",
            stdout=log,
            stderr=log,
        )
    await eventually(lambda: "ready to accept connections" in (tmp_path / "orphan.log").read_text())

    await supervisor.start(postgres_child(server, tmp_path / "log"))

    orphan.wait(timeout=5)
    assert supervisor.run_of("postgres").pid in {process.pid for process in servers_of(server)}


async def test_a_half_made_data_folder_is_made_anew(
    supervisor: Supervisor, tmp_path: Path, home: Callable[[str], Path]
) -> None:
    """What a killed initdb left is not mistaken for a database."""
    folder = home("one")
    (folder / "postgres.new").mkdir()
    (folder / "postgres.new" / "PG_VERSION").write_text("18\n")

    server = embedded_postgres(folder)
    await supervisor.start(postgres_child(server, tmp_path / "log"))

    with psycopg.connect(server.database_url) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)


async def test_a_long_path_gets_a_short_socket(
    supervisor: Supervisor, tmp_path: Path, home: Callable[[str], Path]
) -> None:
    """Where the socket's path would be too long for the kernel, it lies in a private folder elsewhere."""
    server = embedded_postgres(home("long" * 30))
    await supervisor.start(postgres_child(server, tmp_path / "log"))

    assert server.sockets != server.data
    assert server.sockets.stat().st_mode & 0o077 == 0
    with psycopg.connect(server.database_url) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("sniper",)
    await supervisor.stop()
    server.sockets.rmdir()


async def test_a_database_that_does_not_answer_is_one_clear_line() -> None:
    """The line has the address, the remedy and never the password."""
    with pytest.raises(InvalidInput) as refused:
        require_usable("postgresql://me:hunter2@127.0.0.1:1/nowhere")

    text = str(refused.value)
    assert "DATABASE_URL" in text
    assert "127.0.0.1" in text
    assert "hunter2" not in text
    assert "\n" not in text


async def test_an_unreadable_url_is_refused_without_being_shown() -> None:
    """Nobody knows where in it a password stands."""
    with pytest.raises(InvalidInput, match="postgresql://user:password@host:port/database") as refused:
        require_usable("postgresql+psycopg://me:hunter2@somewhere/else")

    assert "hunter2" not in str(refused.value)


async def test_a_role_without_rights_is_one_clear_line(
    supervisor: Supervisor, tmp_path: Path, home: Callable[[str], Path]
) -> None:
    """A role that may not create tables is refused before anything starts."""
    server = embedded_postgres(home("one"))
    await supervisor.start(postgres_child(server, tmp_path / "log"))
    with psycopg.connect(server.database_url) as connection:
        connection.execute("CREATE ROLE reader LOGIN")

    require_usable(server.database_url)
    with pytest.raises(InvalidInput, match="may create tables"):
        require_usable(server.database_url.replace("postgres@", "reader@"))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
async def test_the_server_does_not_outlive_a_killed_stack(tmp_path: Path, home: Callable[[str], Path]) -> None:
    """kill -9 of the process that runs Postgres ends Postgres, its helpers included."""
    server = embedded_postgres(home("one"))
    keeper = (
        "import asyncio\n"
        "from pathlib import Path\n"
        "from adapters.local.postgres import embedded_postgres\n"
        "from tests.stack.helpers import Heard\n"
        "from tests.stack.test_postgres import postgres_child\n"
        "async def main():\n"
        f"    server = embedded_postgres(Path({str(server.data.parent)!r}))\n"
        f"    await Heard().supervisor().start(postgres_child(server, Path({str(tmp_path / 'log')!r})))\n"
        "    print('ready', flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen(  # noqa: ASYNC220 - the test has nothing else to do meanwhile
        [sys.executable, "-c", keeper], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert servers_of(server)

        process.kill()

        await eventually(lambda: not servers_of(server))
