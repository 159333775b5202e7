"""The ground a claim of the contract is checked on."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager

import pytest

from tests.contract.grounds import Ground, fake_ground, mexc_ground, paper_ground

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
async def ground(venue_name: str, request: pytest.FixtureRequest) -> AsyncIterator[Ground]:
    """One venue, opened for one test; a database only where it is needed: starting Postgres takes a second."""
    url = str(request.getfixturevalue("database_url")) if venue_name == "paper" else ""
    async with GROUNDS[venue_name](url) as opened:
        yield opened
