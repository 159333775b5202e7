"""One embedded Postgres for the whole run, and a fresh database of it for each test that asks for one."""

import itertools
from collections.abc import Iterator

import psycopg
import pytest

from adapters.postgres.migrate import upgrade
from tests.adapters.postgres.server import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Shared by the run: nobody stops it."""
    shared = Server(tmp_path_factory.mktemp("postgres"))
    shared.start()
    with psycopg.connect(shared.url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE migrated")
    upgrade(shared.url_of("migrated"))
    yield shared
    shared.stop()


@pytest.fixture(scope="session")
def numbers() -> Iterator[int]:
    return itertools.count(1)


@pytest.fixture
def empty_url(server: Server, numbers: Iterator[int]) -> str:
    """A database without tables."""
    return _made(server, f"empty_{next(numbers)}", "template1")


@pytest.fixture
def database_url(server: Server, numbers: Iterator[int]) -> str:
    """A database of the test's own, with the schema."""
    return _made(server, f"test_{next(numbers)}", "migrated")


def _made(server: Server, name: str, template: str) -> str:
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return server.url_of(name)
