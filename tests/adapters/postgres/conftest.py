"""Everything that stands on a test's database."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.clock import SystemClock
from adapters.postgres.admission import PostgresSessions
from adapters.postgres.database import Database
from adapters.postgres.halts import PostgresHalts
from adapters.postgres.leases import PostgresLeases
from adapters.postgres.listing_book import PostgresListingBook
from adapters.postgres.reader import Reader
from adapters.postgres.session_store import PostgresSessionStore
from adapters.postgres.targets import PostgresTargets
from tests.adapters.postgres.makers import a_new_session
from tests.adapters.postgres.server import lock_folder_of


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


@pytest.fixture
async def first(stores: Stores) -> PostgresLeases:
    """The leases of one process, on an admitted session."""
    await stores.sessions.admit(a_new_session())
    return stores.leases


@pytest.fixture
def second(stores: Stores, tmp_path: Path) -> PostgresLeases:
    """As another process of the same machine sees them."""
    return PostgresLeases(stores.database, SystemClock(), lock_folder_of(tmp_path))


@pytest.fixture
def elsewhere(stores: Stores, tmp_path: Path) -> PostgresLeases:
    """As another machine sees them: its lock files are others."""
    return PostgresLeases(stores.database, SystemClock(), tmp_path / "elsewhere")
