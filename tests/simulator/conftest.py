"""A running venue and a small client of its own, which shares no code with the product's adapter."""

import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from yarl import URL

from simulator.control.scenario import Scenario
from simulator.server import SimulatorServer

API_KEY = "test-key"
SECRET = "test-secret"


@dataclass
class Answer:
    """One answer of the venue: status, decoded body, headers."""

    status: int
    body: Any
    headers: Any


@dataclass
class Client:
    """Signs as the venue demands: over the exact query text."""

    http: aiohttp.ClientSession
    url: str
    api_key: str = API_KEY
    secret: str = SECRET

    def signed_query(self, **parameters: object) -> str:
        """The query text with timestamp, unless given, and signature."""
        parameters.setdefault("timestamp", int(time.time() * 1000))
        text = urlencode(parameters)
        return f"{text}&signature={hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()}"

    async def signed(self, method: str, path: str, **parameters: object) -> Answer:
        """A signed call below /api/v3 with everything in the query."""
        return await self.send(method, f"/api/v3/{path}?{self.signed_query(**parameters)}")

    async def send(self, method: str, target: str, **options: Any) -> Answer:
        """Any call, `target` sent byte for byte; JSON content type and key unless `headers` says otherwise."""
        options.setdefault("headers", {"X-MEXC-APIKEY": self.api_key, "Content-Type": "application/json"})
        url = URL(self.url + target, encoded=True)
        async with self.http.request(method, url, **options) as answer:
            return Answer(answer.status, await answer.json(content_type=None), answer.headers)

    async def get(self, path: str, **parameters: object) -> Answer:
        """An open call below /api/v3."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        return await self.send("GET", f"/api/v3/{path}{query}", headers={})

    async def control(self, method: str, path: str, **members: object) -> Any:
        """A call of the control side that must succeed; returns its body."""
        async with self.http.request(method, f"{self.url}/_sim/{path}", json=members or None) as answer:
            body = await answer.json()
            assert answer.status == 200, body
            return body


@pytest.fixture
async def server() -> AsyncIterator[SimulatorServer]:
    """An empty venue without request limits and heartbeats, on a free port."""
    settings = {"ip_weight": 0, "uid_weight": 0, "orders_per_s": 0, "batches_per_s": 0, "depth_heartbeat_ms": 0}
    venue = SimulatorServer(Scenario.model_validate({"settings": settings}), seed=7)
    await venue.start()
    yield venue
    await venue.stop()


@pytest.fixture
async def client(server: SimulatorServer) -> AsyncIterator[Client]:
    """A client whose account holds 1,000 USDT and 1,000 NEW."""
    async with aiohttp.ClientSession() as http:
        client = Client(http, server.rest_url)
        await client.control(
            "POST",
            "accounts",
            name="tester",
            api_key=API_KEY,
            secret=SECRET,
            balances={"USDT": "1000", "NEW": "1000"},
        )
        yield client


@pytest.fixture
async def quiet_market(client: Client) -> str:
    """NEWUSDT, open, past its capped stage, with still quotes around 0.05 and nobody else trading."""
    script = {"name": "flat", "capped_for_s": 0, "volatility": 0, "takers_per_s": 0, "tick_ms": 60_000}
    await client.control("POST", "listings", symbol="NEWUSDT", opens_at="-1s", script=script)
    return "NEWUSDT"
