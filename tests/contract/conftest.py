"""The ground a claim of the contract is checked on, and a database for those that need one."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager

import psycopg
import pytest

from tests.adapters.postgres.conftest import numbers, server
from tests.adapters.postgres.server import Server
from tests.contract.grounds import Ground, fake_ground, mexc_ground, paper_ground

__all__ = ["numbers", "server"]  # fixtures

GROUNDS: Mapping[str, Callable[[str], AbstractAsyncContextManager[Ground]]] = {
    "fake": fake_ground,
    "mexc": mexc_ground,
    "paper": paper_ground,
}


@pytest.fixture(params=[pytest.param("fake"), pytest.param("mexc"), pytest.param("paper", marks=pytest.mark.postgres)])
def venue_name(request: pytest.FixtureRequest) -> str:
    """Each claim is made of all three."""
    return str(request.param)


@pytest.fixture
def database_url(venue_name: str, request: pytest.FixtureRequest) -> str:
    """Only where it is needed: starting Postgres takes a second."""
    if venue_name != "paper":
        return ""
    running: Server = request.getfixturevalue("server")
    counted: Iterator[int] = request.getfixturevalue("numbers")
    name = f"contract_{next(counted)}"
    with psycopg.connect(running.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE migrated")
    return running.url_of(name)


@pytest.fixture
async def ground(venue_name: str, database_url: str) -> AsyncIterator[Ground]:
    """One venue, opened for one test."""
    async with GROUNDS[venue_name](database_url) as opened:
        yield opened
