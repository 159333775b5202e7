"""The same requests at the same instants of venue time, with the same seed, make the same history."""

from typing import Any

import aiohttp

from simulator.control.scenario import Scenario
from simulator.server import SimulatorServer
from tests.simulator.conftest import API_KEY, SECRET, Client

START_MS = 1_767_225_600_000
STAGE = {
    "clock": {"start_ms": START_MS, "scale": 0},
    "settings": {"ip_weight": 0, "uid_weight": 0, "orders_per_s": 0},
    "accounts": [{"name": "tester", "api_key": API_KEY, "secret": SECRET, "balances": {"USDT": "1000"}}],
    "listings": [{"symbol": "NEWUSDT", "opens_at": "+2s", "script": {"name": "pump", "capped_for_s": 5}}],
    "faults": [
        {"kind": "refuse", "probability": 0.2, "match": {"method": "POST", "path": "/api/v3/order"}},
        {"kind": "cancel_order", "probability": 0.2, "match": {"method": "POST", "path": "/api/v3/order"}},
    ],
}


async def history(seed: int) -> dict[str, Any]:
    """Half a minute around an opening: what the venue answered, its books, its trades, its ledger."""
    venue = SimulatorServer(Scenario.model_validate(STAGE), seed=seed)
    await venue.start()
    answers = []
    async with aiohttp.ClientSession() as http:
        client = Client(http, venue.rest_url)
        for number in range(60):
            now_ms = (await client.control("POST", "clock", step_ms=500))["now_ms"]
            side, price = ("SELL", "0.04") if number % 5 == 4 else ("BUY", "0.075")
            answer = await client.signed(
                "POST",
                "order",
                symbol="NEWUSDT",
                side=side,
                type="IMMEDIATE_OR_CANCEL",
                quantity="200",
                price=price,
                newClientOrderId=f"n{number}",
                timestamp=now_ms,
            )
            answers.append((answer.status, answer.body))
        found = {
            "answers": answers,
            "ledger": await client.control("GET", "ledger"),
            "trades": await client.control("GET", "trades"),
            "books": await client.control("GET", "books"),
        }
    await venue.stop()
    for order in found["ledger"]["accounts"]["tester"]["orders"]:
        assert order.pop("arrival_us") > 0  # this machine's own clock, the one thing that differs
    return found


async def test_the_same_seed_tells_the_same_history() -> None:
    """To the last unit; and it is a history in which something happened."""
    first, second = await history(5), await history(5)

    assert first == second
    assert len(first["trades"]["trades"]) > 50
    assert len(first["ledger"]["accounts"]["tester"]["fills"]) > 3
    assert {status for status, _ in first["answers"]} == {200, 400}


async def test_another_seed_tells_another() -> None:
    """Chance and traders follow the seed."""
    assert (await history(5))["trades"] != (await history(6))["trades"]
