"""One embedded Postgres for the run, and a fresh database with the schema for each test."""

import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from adapters.clock import SystemClock
from adapters.postgres.admission import PostgresSessions
from adapters.postgres.database import Database
from adapters.postgres.halts import PostgresHalts
from adapters.postgres.leases import PostgresLeases
from adapters.postgres.listing_book import PostgresListingBook
from adapters.postgres.migrate import upgrade
from adapters.postgres.reader import Reader
from adapters.postgres.session_store import PostgresSessionStore
from adapters.postgres.targets import PostgresTargets
from tests.adapters.postgres.server import Server, lock_folder_of


@dataclass(frozen=True)
class Stores:
    """Everything that stands on one database."""

    database: Database
    sessions: PostgresSessions
    store: PostgresSessionStore
    leases: PostgresLeases
    book: PostgresListingBook
    targets: PostgresTargets
    halts: PostgresHalts


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


@pytest.fixture
async def stores(database_url: str, tmp_path: Path) -> AsyncIterator[Stores]:
    async with Database(database_url, name="test") as database:
        yield Stores(
            database,
            PostgresSessions(database),
            PostgresSessionStore(database),
            PostgresLeases(database, SystemClock(), lock_folder_of(tmp_path)),
            PostgresListingBook(database),
            PostgresTargets(database),
            PostgresHalts(database),
        )


@pytest.fixture
def reader(database_url: str) -> Iterator[Reader]:
    with Reader(database_url) as opened:
        yield opened


def _made(server: Server, name: str, template: str) -> str:
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return server.url_of(name)
