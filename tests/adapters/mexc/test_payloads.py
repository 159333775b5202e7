"""Every recorded payload is read by whoever reads its endpoint: whole envelopes, named by endpoint, status and date.

Those here were recorded at the simulator. MEXC_CAPTURE_DIR writes files of the same form at any venue; put next to
these, they are read too. `python -m tests.adapters.mexc.test_payloads FOLDER` records them anew.
"""

import asyncio
import json
import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.clock import SystemClock
from adapters.mexc import frames, parse
from adapters.mexc.calendar import CalendarListings
from adapters.mexc.capture import HIDDEN
from adapters.mexc.codes import Purpose, Reply, accepted_body
from adapters.mexc.members import Unreadable
from adapters.mexc.signing import Credentials
from adapters.mexc.venue import open_venue
from domain.errors import Refused, SniperError
from domain.money import Base, Price
from domain.orders import OrderKind, OrderRequest, Side
from simulator.exchange.accounts import ApiKey
from simulator.server import SimulatorServer
from tests.gun import Gun

PAYLOADS = Path(__file__).parent / "payloads"
AT = datetime(2026, 1, 1, tzinfo=UTC)
KEY, SECRET = "payload-key", "payload-secret"

READERS: Mapping[str, Callable[[Any], object]] = {
    "GET /api/v3/time": parse.server_time_ms,
    "GET /api/v3/exchangeInfo": lambda document: (
        parse.listings(document, timedelta(days=1)),
        [parse.rules(document, row["symbol"]) for row in document["symbols"]],
    ),
    "GET /api/v3/defaultSymbols": parse.symbols,
    "GET /api/v3/selfSymbols": parse.symbols,
    "GET /api/v3/depth": lambda document: parse.depth(document, "BTCUSDT", 1000, AT),
    "GET /api/v3/tradeFee": parse.fees,
    "GET /api/v3/account": parse.balances,
    "GET /api/v3/order": parse.order,
    "POST /api/v3/order": lambda document: parse.acknowledged_id(document, "recorded1"),
    "DELETE /api/v3/order": lambda document: document,
    "GET /api/v3/openOrders": parse.orders,
    "GET /api/v3/allOrders": parse.past_orders,
    "GET /api/v3/myTrades": parse.fills,
    "POST /api/v3/userDataStream": parse.listen_key,
    "DELETE /api/v3/userDataStream": lambda document: document,
    "GET /api/operation/new_coin_calendar": parse.calendar,
}


def payloads() -> list[Path]:
    return sorted(PAYLOADS.glob("*.json"))


@pytest.mark.parametrize("path", payloads(), ids=lambda path: path.name)
def test_a_recorded_payload_is_read(path: Path) -> None:
    """An answer by its endpoint's reader, or as the refusal it is; a frame as what its topic tells."""
    told = json.loads(path.read_text())

    assert datetime.fromisoformat(told["recorded_at"]).tzinfo is not None
    if "frame" in told:
        assert frames.read(bytes.fromhex(told["frame"]), AT).item is not None
    elif "answer" in told:
        request, answer = told["request"], told["answer"]
        reply = Reply(answer["status"], answer["body"].encode())
        if answer["status"] == 200:
            READERS[f"{request['method']} {request['path']}"](accepted_body(reply, Purpose.READ))
        else:
            with pytest.raises(Refused):
                accepted_body(reply, Purpose.READ)
    else:
        assert json.loads(told["text"])["code"] == 0


def test_every_endpoint_that_is_read_and_every_kind_of_frame_was_recorded() -> None:
    """A reader without a payload is a guess."""
    told = [json.loads(path.read_text()) for path in payloads()]
    answered = {f"{one['request']['method']} {one['request']['path']}" for one in told if "answer" in one}
    topics = {frames.topic(bytes.fromhex(one["frame"])).split("@")[1].split(".v3")[0] for one in told if "frame" in one}

    assert answered == set(READERS)
    assert topics == {
        *("public.aggre.bookTicker", "public.aggre.depth", "public.aggre.deals", "private.orders", "private.deals")
    }


def test_no_recorded_payload_holds_a_key_or_a_signature() -> None:
    """They are for everybody's eyes."""
    for path in payloads():
        text = path.read_text()
        assert KEY not in text
        assert SECRET not in text
        assert "signature=" not in text.replace(f"signature={HIDDEN}", "")


async def record(folder: Path) -> None:
    """One answer of each kind, from a venue with one open and one coming pair."""
    server = SimulatorServer(seed=7)
    await server.start()
    account = server.venue.account("tester")
    server.venue.set_key(ApiKey(KEY, SECRET.encode(), account))
    account.credit("USDT", Decimal(1000))
    try:
        async with httpx.AsyncClient(base_url=server.rest_url, trust_env=False) as control:
            await control.post("/_sim/listings", json={"symbol": "NEWUSDT", "opens_at": "+600s"})
        async with open_venue(
            server.rest_url, server.ws_url, Credentials(KEY, SECRET), clock=SystemClock(), capture_to=folder
        ) as venue:
            exchange, streams = venue.exchange, venue.streams
            async with streams.account(), streams.book("BTCUSDT"), streams.quotes("BTCUSDT") as quotes:
                async with streams.trades("BTCUSDT") as trades:
                    await anext(quotes)
                    await anext(trades)
                await venue.exchange_clock.synchronise()
                await venue.listings.listings()
                await venue.symbols.for_anyone()
                await venue.symbols.for_this_key()
                await venue.symbols.fees("BTCUSDT")
                await CalendarListings(exchange._public, SystemClock()).listings()
                await exchange.balance("USDT")
                rules, top = await exchange.rules("BTCUSDT", 0.0), await exchange.top_of_book("BTCUSDT")
                assert rules is not None
                assert top.ask is not None
                for name, kind, factor in (("recorded1", "LIMIT", "0.999"), ("recorded2", "IMMEDIATE", "1.001")):
                    price = rules.price_down(top.ask * Decimal(factor))
                    quantity = Base(Decimal("0.001"))
                    request = OrderRequest(name, "BTCUSDT", Side.BUY, OrderKind[kind], Price(price), quantity)
                    await exchange.send(exchange.sign(request, venue.exchange_clock.now(), 1000))
                order = await exchange.find_order("BTCUSDT", "recorded2")
                assert order is not None
                await exchange.open_orders("BTCUSDT")
                await exchange.fills("BTCUSDT", order.order_id)
                await exchange.cancel("BTCUSDT", "recorded1")
                await exchange.find_order("BTCUSDT", "nobody")
                now = venue.exchange_clock.now()
                await venue.history.orders("BTCUSDT", now - timedelta(minutes=1), now)
                line = await Gun.of(venue.hot_lines)
                with suppress(SniperError):
                    await line.load(exchange.sign(request, venue.exchange_clock.now(), 1000))
                await line.close()
    finally:
        await server.stop()


def _keep_one_of_each(recorded: Path) -> None:
    """The first of each kind that says anything."""
    shutil.rmtree(PAYLOADS, ignore_errors=True)
    PAYLOADS.mkdir()
    kept: set[str] = set()
    for path in sorted(recorded.glob("*.json"), key=lambda path: path.name.rsplit("_", 1)[1]):
        name = path.name.rsplit("_", 1)[0]
        told = json.loads(path.read_text())
        empty = told.get("answer", {}).get("body") == "[]"
        if "frame" in told:
            with suppress(Unreadable):
                empty = frames.read(bytes.fromhex(told["frame"]), AT).item is None
        if name not in kept and not empty:
            kept.add(name)
            shutil.copy(path, PAYLOADS / path.name)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    asyncio.run(record(folder))
    _keep_one_of_each(folder)
