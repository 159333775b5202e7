"""One embedded Postgres for the run, a fresh database per test, and actions with a stand-in for Temporal."""

import itertools
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
import streamlit as st

from adapters.postgres.database import Database
from adapters.postgres.migrate import upgrade
from adapters.postgres.reader import Reader
from tests.adapters.postgres.server import Server
from tests.ui.pages import StandInHands
from tests.ui.stand_ins import NOW, Installation, StandInReader, StandInTemporal
from ui.actions import Actions
from ui.sources import PanelSource


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
def database_url(server: Server, numbers: Iterator[int]) -> str:
    """A database of the test's own, with the schema."""
    name = f"test_{next(numbers)}"
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE migrated")
    return server.url_of(name)


@pytest.fixture
async def installation(database_url: str) -> AsyncIterator[Installation]:
    async with Database(database_url, name="test") as database:
        with Reader(database_url) as reader:
            temporal = StandInTemporal()
            actions = Actions(database, reader, temporal.connect, now=lambda: NOW)
            yield Installation(database, reader, temporal, actions)


@pytest.fixture
def panel(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[StandInReader, StandInHands]]:
    """Pages read from memory and act on a stand-in; every look asks anew."""
    reader, hands = StandInReader(), StandInHands()
    monkeypatch.setattr("ui.latest.FRESH_S", 0.0)
    monkeypatch.setattr("ui.widgets.open_source", lambda: PanelSource(reader))
    monkeypatch.setattr("ui.widgets.Hands", lambda _: hands)
    st.cache_resource.clear()
    yield reader, hands
    st.cache_resource.clear()
