"""A second unmodified client: pymexc, told nothing but the address."""

import asyncio
import json
import sys

from simulator.server import SimulatorServer
from tests.simulator.conftest import API_KEY, SECRET


async def test_pymexc_trades_and_listens(server: SimulatorServer, quiet_market: str) -> None:
    """Markets, balance, each type of order, batch, cancels, queries; seven public and three private channels."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.simulator.pymexc_session",
        server.rest_url,
        server.ws_url,
        API_KEY,
        SECRET,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, complaints = await asyncio.wait_for(process.communicate(), 60)

    assert process.returncode == 0, complaints.decode()
    found = json.loads(output)
    rest = found["rest"]
    assert (rest["ping"], rest["symbols"], rest["row"]) == ({}, [quiet_market], quiet_market)
    assert {balance["asset"]: balance["free"] for balance in rest["free"]} == {"NEW": "1000", "USDT": "1000"}
    assert rest["statuses"] == {
        "LIMIT": "CANCELED",
        "LIMIT_MAKER": "CANCELED",
        "IMMEDIATE_OR_CANCEL": "FILLED",
        "FILL_OR_KILL": "FILLED",
        "MARKET": "FILLED",
    }
    assert (rest["open"], rest["queried"], rest["cancelled_all"], rest["batch"]) == (2, "NEW", 1, [None, 30002])
    assert (rest["orders"], rest["fills"] >= 3, rest["fee"], rest["uid"]) == (6, True, 0.0005, "1")
    assert (rest["candles"] >= 1, rest["average"], sorted(rest["coins"])) == (True, 5, ["NEW", "USDT"])
    assert found["streams"] == [
        "book ticker",
        "book ticker batch",
        "candles",
        "deals",
        "depth",
        "mini ticker",
        "mini tickers",
        "own balances",
        "own deals",
        "own orders",
    ]
