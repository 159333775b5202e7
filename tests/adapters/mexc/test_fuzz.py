"""Whatever arrives, only our own typed errors come out: real answers and frames of a venue, mutated 100,000 times."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import aiohttp
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.mexc import frames, members, parse
from adapters.mexc.codes import Purpose, Reply, accepted_body
from adapters.mexc.conversation import Conversation, Over
from adapters.mexc.http11 import AnswerReader
from domain.errors import SniperError
from simulator.control.scenario import Scenario
from simulator.server import SimulatorServer
from tests.simulator.conftest import API_KEY, SECRET, Client

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MUTATED = 100_000  # answers, frames and transport together
BATCH = 50  # mutations an example, so that hypothesis spends its time on them and not on itself
ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1.5, 2**63 - 1, 10**30, float(2**70), "", " ", "-1", "1e-9", "NaN", "Infinity", "0", "9" * 60,
    "\x00", "é", [], {}, [[]], {"code": 0}, [None], "C02__1",
)  # fmt: skip
ORDER = {"symbol": "NEWUSDT", "side": "BUY", "type": "LIMIT", "quantity": "100", "price": "0.055"}
TOPICS = [
    "spot@public.aggre.bookTicker.v3.api.pb@10ms@NEWUSDT",
    "spot@public.aggre.depth.v3.api.pb@10ms@NEWUSDT",
    "spot@public.aggre.deals.v3.api.pb@10ms@NEWUSDT",
    "spot@private.orders.v3.api.pb",
    "spot@private.deals.v3.api.pb",
    "spot@private.account.v3.api.pb",
]


@dataclass(frozen=True)
class Sample:
    """A recorded answer with the function that reads it."""

    name: str
    body: bytes
    read: Callable[[object], object]


@dataclass(frozen=True)
class Recorded:
    """What a venue really sent."""

    answers: tuple[Sample, ...]
    frames: tuple[bytes, ...]
    texts: tuple[str, ...]


async def record() -> Recorded:
    """Every kind of answer and frame that the product reads, from a venue with one filled and one open order."""
    script = {"name": "flat", "capped_for_s": 0, "volatility": 0, "takers_per_s": 0, "tick_ms": 60_000}
    scenario = {
        "settings": {"depth_heartbeat_ms": 0},
        "accounts": [{"name": "tester", "api_key": API_KEY, "secret": SECRET, "balances": {"USDT": "1000"}}],
        "listings": [{"symbol": "NEWUSDT", "opens_at": "-1s", "script": script}],
    }
    venue = SimulatorServer(Scenario.model_validate(scenario), seed=7)
    await venue.start()
    async with aiohttp.ClientSession() as http:
        client = Client(http, venue.rest_url)
        key = (await client.signed("POST", "userDataStream")).body
        socket = await http.ws_connect(f"{venue.ws_url}?listenKey={key['listenKey']}")
        await socket.send_json({"method": "SUBSCRIPTION", "params": TOPICS})
        ack = (await client.signed("POST", "order", **ORDER, newClientOrderId="one")).body
        await client.signed("POST", "order", **{**ORDER, "price": "0.04"})
        found, texts = await _heard(socket)
        order_id = ack["orderId"]
        answers = (
            Sample("time", orjson.dumps((await client.get("time")).body), parse.server_time_ms),
            Sample("rules", await _body(client, "exchangeInfo"), lambda body: parse.rules(body, "NEWUSDT")),
            Sample(
                "listings", await _body(client, "exchangeInfo"), lambda body: parse.listings(body, timedelta(days=1))
            ),
            Sample("account", await _body(client, "account", signed=True), parse.balances),
            Sample("depth", await _body(client, "depth"), lambda body: parse.top_of_book(body, "NEWUSDT", NOW)),
            Sample("book", await _body(client, "depth"), lambda body: parse.depth(body, "NEWUSDT", 1000, NOW)),
            Sample("order", await _body(client, "order", signed=True, orderId=order_id), parse.order),
            Sample("orders", await _body(client, "openOrders", signed=True), parse.orders),
            Sample("fills", await _body(client, "myTrades", signed=True), parse.fills),
            Sample("ack", orjson.dumps(ack), lambda body: parse.acknowledged_id(body, "one")),
            Sample("ack's time", orjson.dumps(ack), parse.taken_at),
            Sample("listen key", orjson.dumps(key), parse.listen_key),
        )
    await venue.stop()
    return Recorded(answers, tuple(found), tuple(texts))


async def _body(client: Client, path: str, *, signed: bool = False, **parameters: object) -> bytes:
    if signed:
        return orjson.dumps((await client.signed("GET", path, symbol="NEWUSDT", **parameters)).body)
    return orjson.dumps((await client.get(path, symbol="NEWUSDT")).body)


async def _heard(socket: Any) -> tuple[list[bytes], list[str]]:
    binary: list[bytes] = []
    texts: list[str] = []
    with suppress(TimeoutError):
        while True:
            message = await socket.receive(timeout=0.4)
            (binary if message.type is aiohttp.WSMsgType.BINARY else texts).append(message.data)
    return binary, texts


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    """Recorded once; the untouched originals are read without any error."""
    found = asyncio.run(record())
    for sample in found.answers:
        sample.read(accepted_body(Reply(200, sample.body), Purpose.READ))
    kinds = {type(frames.read(frame, NOW).item).__name__ for frame in found.frames}
    assert kinds == {"TopOfBook", "DepthChange", "tuple", "Order", "Fill", "NoneType"}
    return found


def with_odd_members(document: Any, chance: Random) -> Any:
    """A copy in which some members hold something else, are missing, or have a neighbour's value."""
    changed = deepcopy(document)
    for _ in range(chance.randint(1, 3)):
        places = list(_places(changed))
        if not places:
            return chance.choice(ODD)
        holder, key = chance.choice(places)
        act = chance.random()
        if act < 0.6:
            holder[key] = deepcopy(chance.choice(ODD))
        elif act < 0.8:
            del holder[key]
        else:
            other, at = chance.choice(places)
            holder[key] = deepcopy(other[at]) if other is not holder else None
    return changed


def _places(value: Any) -> Any:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in list(pairs):
        yield value, key
        yield from _places(member)


def with_odd_bytes(data: bytes, chance: Random) -> bytes:
    """Cut, flipped, doubled or grown somewhere."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(changed) + 1)
        act = chance.randrange(4)
        if act == 0:
            del changed[at : at + chance.randint(1, 20)]
        elif act == 1 and at < len(changed):
            changed[at] ^= 1 << chance.randrange(8)
        elif act == 2:
            changed[at:at] = chance.randbytes(chance.randint(1, 8))
        else:
            changed[at:at] = changed[max(0, at - chance.randint(1, 30)) : at]
    return bytes(changed)


def mutate_answer(found: Recorded, chance: Random) -> bool:
    """One mutated answer through status, code and parser; whether an error of ours came out."""
    sample = chance.choice(found.answers)
    if chance.random() < 0.5:
        body = json.dumps(with_odd_members(orjson.loads(sample.body), chance)).encode()  # knows larger numbers
    else:
        body = with_odd_bytes(sample.body, chance)
    status = chance.choice((200, 200, 200, 200, 400, 403, 418, 429, 451, 500, 503, 599))
    retry_after = chance.choice((None, None, "", "2", "soon", "-1", "9" * 40, "1.5"))
    purpose = chance.choice(list(Purpose))
    try:
        sample.read(accepted_body(Reply(status, body, retry_after), purpose))
    except (SniperError, members.Unreadable):
        return True
    return False


def mutate_frame(found: Recorded, chance: Random) -> bool:
    """One mutated frame; whether an error of ours came out."""
    try:
        frames.read(with_odd_bytes(chance.choice(found.frames), chance), NOW)
    except members.Unreadable:
        return True
    return False


def mutate_transport(found: Recorded, chance: Random) -> bool:
    """A mutated HTTP answer in pieces, or a mutated control text; whether an error of ours came out."""
    if chance.random() < 0.5:
        conversation = Conversation(TOPICS, 0.0)
        conversation.due(0.0)
        text = with_odd_bytes(chance.choice(found.texts).encode(), chance).decode("utf-8", "replace")
        try:
            conversation.hear(text, 1.0)
            conversation.overdue(chance.choice((2.0, 1000.0)))
            conversation.due(chance.choice((2.0, 1000.0)))
        except Over:
            return True
        return False
    body = chance.choice(found.answers).body
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    data = with_odd_bytes(head + body, chance)
    reader = AnswerReader()
    try:
        while data:
            step = chance.randint(1, 400)
            reader.feed(data[:step])
            data = data[step:]
    except members.Unreadable:
        return True
    return False


MUTATIONS = [mutate_answer, mutate_frame, mutate_transport]


def run(mutate: Callable[[Recorded, Random], bool], found: Recorded, mutations: int) -> None:
    """So many mutations, in batches; a batch that fails is shrunk to its seed."""
    told = 0

    @settings(
        max_examples=mutations // BATCH,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(st.integers(0, 2**64 - 1))
    def batch(seed: int) -> None:
        nonlocal told
        chance = Random(seed)
        told += sum(mutate(found, chance) for _ in range(BATCH))

    batch()
    assert told > mutations // 50  # most mutations do hurt, or nothing was tried


@pytest.mark.parametrize("mutate", MUTATIONS)
def test_mutations_raise_only_our_own_errors(recorded: Recorded, mutate: Callable[[Recorded, Random], bool]) -> None:
    """Any other exception fails the test by itself. A third of them each."""
    run(mutate, recorded, MUTATED // len(MUTATIONS) + BATCH)
