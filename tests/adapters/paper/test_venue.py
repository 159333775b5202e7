"""The whole paper venue on a simulator's public data: nothing signed, and no key, ever leaves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from urllib.parse import urlsplit

import pytest

from adapters.clock import SystemClock
from adapters.mexc.venue import MexcVenue
from adapters.paper.venue import PaperVenue, open_paper
from adapters.postgres.database import Database
from domain.money import Base, Price, Quote
from domain.orders import OrderKind, OrderRequest, OrderStatus, Side
from simulator.server import SimulatorServer
from tests.gun import Gun

pytestmark = pytest.mark.postgres

SYMBOL = "BTCUSDT"
SECRET_SIGNS = (b"signature", b"x-mexc-apikey", b"listenkey", b"/api/v3/order", b"userdatastream", b"/api/v3/account")


class Wire:
    """A relay before the simulator that keeps every byte that goes to it."""

    def __init__(self, server: SimulatorServer) -> None:
        self._target = urlsplit(server.rest_url)
        self.sent = bytearray()
        self.port = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Wire"]:
        relay = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = relay.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            relay.close()
            await relay.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward, outward = await asyncio.open_connection(self._target.hostname, self._target.port)
        await asyncio.gather(self._pass(reader, outward, keep=True), self._pass(onward, writer, keep=False))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, keep: bool) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                if keep:
                    self.sent += data
                writer.write(data)
        writer.close()


@asynccontextmanager
async def on_a_wire(database_url: str) -> AsyncIterator[tuple[Wire, PaperVenue]]:
    server = SimulatorServer()
    await server.start()
    try:
        async with Wire(server).open() as wire, Database(database_url) as database:
            address = f"127.0.0.1:{wire.port}"
            async with open_paper(
                f"http://{address}",
                f"ws://{address}/ws",
                database,
                "main",
                balance=Quote(Decimal(100_000)),
                clock=SystemClock(),
            ) as venue:
                yield wire, venue
    finally:
        await server.stop()


def an_order(name: str, side: Side, kind: OrderKind, price: Decimal) -> OrderRequest:
    return OrderRequest(name, SYMBOL, side, kind, Price(price), Base(Decimal("0.001")))


async def test_no_signed_request_leaves(database_url: str) -> None:
    """Over everything that can be asked of a venue: what goes out is public, and no order is in it."""
    async with on_a_wire(database_url) as (wire, venue):
        exchange = venue.exchange
        await venue.exchange_clock.synchronise()
        await venue.listings.listings()
        rules = await exchange.rules(SYMBOL)
        top = await exchange.top_of_book(SYMBOL)
        await exchange.warm_up(SYMBOL)
        assert rules is not None
        assert top.ask is not None
        dear, cheap = rules.price_up(top.ask * Decimal("1.003")), rules.price_down(top.ask * Decimal("0.997"))
        async with venue.streams.account() as items, venue.streams.quotes(SYMBOL) as quotes:
            now = venue.exchange_clock.now
            await exchange.send(exchange.sign(an_order("buy1", Side.BUY, OrderKind.IMMEDIATE, dear), now(), 1_000))
            await exchange.send(exchange.sign(an_order("rest1", Side.BUY, OrderKind.LIMIT, cheap), now(), 1_000))
            line = await Gun.of(venue.hot_lines)
            await line.load(exchange.sign(an_order("hot1", Side.BUY, OrderKind.IMMEDIATE, dear), now(), 1_000))
            await asyncio.to_thread(line.fire)
            ack = await line.answer(5)
            await line.close()
            await anext(items)
            await anext(quotes)
        resting = await exchange.open_orders(SYMBOL)
        await exchange.cancel(SYMBOL, "rest1")
        bought = await exchange.find_order(SYMBOL, "hot1")
        fills = await exchange.fills(SYMBOL, ack.order_id)
        await exchange.balance("BTC")

    sent = bytes(wire.sent).lower()
    assert bought is not None
    assert bought.status is OrderStatus.FILLED
    assert fills
    assert [order.client_order_id for order in resting] == ["rest1"]
    assert b"get /api/v3/exchangeinfo" in sent
    assert b"get /ws" in sent
    assert not [sign for sign in SECRET_SIGNS if sign in sent]
    assert b"post /" not in sent


def test_its_parts_are_named_as_those_of_the_real_venue() -> None:
    """So that a worker takes either."""
    assert set(PaperVenue.__slots__) <= set(MexcVenue.__slots__)


async def test_an_account_outlives_its_processes(database_url: str) -> None:
    """Another process, later, on another run of the market: balance, orders and fills are there."""
    async with on_a_wire(database_url) as (_, venue):
        await venue.exchange_clock.synchronise()
        top = await venue.exchange.top_of_book(SYMBOL)
        rules = await venue.exchange.rules(SYMBOL)
        await venue.exchange.warm_up(SYMBOL)
        assert rules is not None
        assert top.ask is not None
        order = an_order("buy1", Side.BUY, OrderKind.IMMEDIATE, rules.price_up(top.ask * Decimal("1.003")))
        await venue.exchange.send(venue.exchange.sign(order, venue.exchange_clock.now(), 1_000))
    async with on_a_wire(database_url) as (_, later):
        found = await later.exchange.find_order(SYMBOL, "buy1")
        coins = await later.exchange.balance("BTC")

    assert found is not None
    assert found.executed == coins.free == Decimal("0.001")
