"""The one-shot that gives the simulator its account: once per life of the simulator; its money is left alone after."""

import json
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from adapters.local.loopback_http import call
from adapters.local.venue import VenueAccount
from domain.errors import SniperError
from ops.container.open_account import open_account
from simulator.server import SimulatorServer


class Retirement:
    """Counts how often sessions of an earlier simulator were closed."""

    def __init__(self) -> None:
        self.calls = 0

    async def __call__(self) -> tuple[str, ...]:
        self.calls += 1
        return ("main/mexc:OLD:USDT/1",)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """Of a simulator that has just begun."""
    server = SimulatorServer()
    await server.start()
    yield urlsplit(server.rest_url).port or 0
    await server.stop()


async def _free_quote(port: int) -> str:
    _, text = await call("GET", port, "/_sim/ledger")
    return str(json.loads(text)["accounts"]["main"]["balances"]["USDT"]["free"])


async def test_a_new_simulator_gets_the_account_after_lost_sessions_were_closed(port: int) -> None:
    """Nobody could end them but us."""
    retirement = Retirement()

    said = await open_account(VenueAccount("key", "secret"), port, retirement)

    assert retirement.calls == 1
    assert said == "account made at a new simulator; 1 sessions of an earlier one closed"
    assert await _free_quote(port) == "10000"


async def test_a_second_run_neither_closes_sessions_nor_touches_money(port: int) -> None:
    """`docker compose up` runs it again while workers trade."""
    retirement = Retirement()
    await open_account(VenueAccount("key", "secret"), port, retirement)
    await call(
        "POST",
        port,
        "/_sim/accounts",
        {"name": "main", "api_key": "key", "secret": "secret", "balances": {"USDT": "7"}},
    )

    await open_account(VenueAccount("another key", "another secret"), port, retirement)

    assert retirement.calls == 1
    assert await _free_quote(port) == "7"


async def test_an_account_that_is_refused_is_an_error(port: int) -> None:
    """The key belongs to somebody else at the venue."""
    await call("POST", port, "/_sim/accounts", {"name": "other", "api_key": "key", "secret": "secret"})

    with pytest.raises(SniperError, match="POST /_sim/accounts"):
        await open_account(VenueAccount("key", "secret"), port, Retirement())
