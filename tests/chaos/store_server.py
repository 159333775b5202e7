"""A real Postgres for chaos runs: on the runs' scaled time, telling when each row was committed, and away on demand."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from adapters.local.postgres import PORT
from adapters.postgres.migrate import upgrade
from tests.adapters.postgres.server import Server
from tests.chaos.scaled_time import TimeScale

DATABASE = "chaos"
_OURS = "chaos admin"
"""Name of the connection that sets the clock: it outlives what happens to the others."""
_SETTINGS = {
    "track_commit_timestamp": "on",  # when an intent became durable is judged
    "fsync": "off",  # this server is never killed, and what it keeps is thrown away
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
}


class StoreServer:
    """One server and one database for many runs: sessions tell them apart."""

    def __init__(self, home: Path) -> None:
        self._server = Server(home)
        self.url = self._server.url_of(DATABASE)
        self._admin: psycopg.Connection[tuple[Any, ...]] | None = None
        parts = conninfo_to_dict(self.url)
        self._socket = Path(str(parts["host"])) / f".s.PGSQL.{PORT}"
        self._hidden = self._socket.with_name("away")
        self._frozen = False
        self._inside: psycopg.Connection[tuple[Any, ...]] | None = None  # in the database of the runs

    @classmethod
    @contextmanager
    def running(cls, home: Path, scale: TimeScale) -> Iterator[Self]:
        """Started, with tables, ended afterwards."""
        server = cls(home)
        server._start(scale)
        try:
            yield server
        finally:
            server.come_back()
            server.thaw()
            for connection in (server._inside, server._admin):
                if connection is not None:
                    connection.close()
            server._server.stop()

    def go_away(self) -> None:
        """Every connection breaks, and no new one is possible until `come_back`."""
        if self._socket.exists():
            self._socket.rename(self._hidden)
            self.break_connections()

    def come_back(self) -> None:
        if self._hidden.exists():
            self._hidden.rename(self._socket)

    def break_connections(self) -> None:
        """A frozen server would not hear of it."""
        assert self._admin is not None
        if not self._frozen:
            self._admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND application_name <> %s",
                (DATABASE, _OURS),
            )

    def freeze(self) -> None:
        """Connections stay, nothing answers, until `thaw`."""
        self._frozen = True
        self._server.suspend()

    def thaw(self) -> None:
        if self._frozen:
            self._server.resume()
        self._frozen = False

    def set_clock(self, ahead_s: float) -> None:
        """Somebody sets the clock of the database's host, for all that follows; 0: to the right time. A frozen server
        would not hear of it."""
        assert self._inside is not None
        if not self._frozen:
            self._inside.execute("UPDATE chaos.set_ahead SET seconds = %s", (ahead_s,))

    def _start(self, scale: TimeScale) -> None:
        self._server.start()
        with psycopg.connect(self._server.url, autocommit=True) as connection:
            for name, value in _SETTINGS.items():
                connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        self._server.stop()
        self._server.start()
        self._admin = psycopg.connect(self._server.url, autocommit=True)
        self._admin.execute(f"CREATE DATABASE {DATABASE}")
        upgrade(self.url)
        self._inside = psycopg.connect(self.url, autocommit=True, application_name=_OURS)
        _scale_its_clock(self._inside, scale)
        self._admin.execute(f"ALTER DATABASE {DATABASE} SET search_path = chaos, public, pg_catalog")


def _scale_its_clock(connection: psycopg.Connection[tuple[Any, ...]], scale: TimeScale) -> None:
    """Wishes for a lease grow old by clock_timestamp(), and the journal is dated by it: ours is found before the
    catalogue's, and runs as fast as everything else."""
    connection.execute("CREATE SCHEMA chaos")
    connection.execute("CREATE TABLE chaos.set_ahead AS SELECT 0::float8 AS seconds")
    function = sql.SQL(
        """
        CREATE FUNCTION chaos.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
            SELECT to_timestamp({zero}) + (pg_catalog.clock_timestamp() - to_timestamp({zero})) * {scale}
                + make_interval(secs => (SELECT seconds FROM chaos.set_ahead))
        $$
        """
    )
    connection.execute(function.format(zero=sql.Literal(scale.wall_zero), scale=sql.Literal(scale.scale)))
