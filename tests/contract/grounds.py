"""The venues of the contract, each behind the same few handles.

Everywhere the market is NEWUSDT: 1,000 coins are offered at 0.05, 1,000 wanted at 0.049, one coin was traded at 0.05.
The account has 1,000 USDT and 500 NEW. The taker's fee is 0.05 %, taken in USDT. Market orders are taken.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Protocol

from adapters.clock import SystemClock
from adapters.mexc.signing import Credentials
from adapters.mexc.venue import open_venue
from adapters.paper.venue import open_paper
from adapters.postgres.database import Database
from domain.exchange_time import ClockEstimate
from domain.money import Price, Quote
from domain.orders import Side
from domain.ports import Exchange, ExchangeClock, HotLines, Streams
from simulator.server import SimulatorServer
from tests.builders import RULES
from tests.contract.hand_market import API_KEY, SECRET, HandMarket
from tests.fakes import FakeClock, FakeExchange, FakeExchangeClock, FakeHotLines, FakeStreams

SYMBOL, BASE, QUOTE = "NEWUSDT", "NEW", "USDT"
ASK, BID = Decimal("0.05"), Decimal("0.049")
ASKED = Decimal(1000)
USDT, NEW = Decimal(1000), Decimal(500)
FEE = Decimal("0.0005")


class Market(Protocol):
    """Moving the market under the venue's eyes."""

    async def bid(self, price: str, quantity: str) -> None:
        """Somebody wants to buy; what is offered up to that price is bought."""

    async def ask(self, price: str, quantity: str) -> None:
        """Somebody wants to sell, below what is asked so far; what is bid down to that price is sold."""

    async def sold_out(self) -> None:
        """Nobody sells any more."""

    async def limit_only_symbol(self) -> str:
        """An open symbol whose rules have no market orders."""

    async def closed_symbol(self) -> str:
        """A symbol that opens in the future."""


@dataclass(frozen=True)
class Ground:
    """One venue with its market. Its exchange clock was measured."""

    exchange: Exchange
    exchange_clock: ExchangeClock
    lines: HotLines
    streams: Streams
    market: Market


@asynccontextmanager
async def fake_ground(database_url: str) -> AsyncIterator[Ground]:
    """tests.fakes, on real time."""
    clock = FakeClock()
    exchange = FakeExchange(
        clock,
        rules_now=replace(RULES, market_orders=True),
        opens_at=clock.now() - timedelta(minutes=2),
        free={QUOTE: USDT, BASE: NEW},
        asks=[(ASK, ASKED)],
        bid=Price(BID),
    )
    exchange_clock = _NeverSuspended(clock)
    await exchange_clock.synchronise()
    yield Ground(exchange, exchange_clock, FakeHotLines(exchange), FakeStreams(exchange), _FakeMarket(exchange))


class _NeverSuspended(FakeExchangeClock):
    """The fake tells a suspension by comparing two clocks to a microsecond, between which real time goes on."""

    def estimate(self) -> ClockEstimate | None:
        return self._estimate


@dataclass
class _FakeMarket:
    exchange: FakeExchange

    async def bid(self, price: str, quantity: str) -> None:
        self.exchange.set_bid(price)

    async def ask(self, price: str, quantity: str) -> None:
        self.exchange.set_asks((price, quantity), (str(ASK), str(ASKED)))

    async def sold_out(self) -> None:
        self.exchange.set_asks()

    async def limit_only_symbol(self) -> str:
        self.exchange.rules_now = RULES
        return SYMBOL

    async def closed_symbol(self) -> str:
        self.exchange.opens_at = self.exchange.now() + timedelta(seconds=60)
        return SYMBOL


@asynccontextmanager
async def mexc_ground(database_url: str) -> AsyncIterator[Ground]:
    """The MEXC adapter, with the simulator at the other end."""
    async with _simulated_market() as market:
        await market.account({QUOTE: str(USDT), BASE: str(NEW)})
        server = market.server
        credentials = Credentials(API_KEY, SECRET)
        async with open_venue(server.rest_url, server.ws_url, credentials, clock=SystemClock()) as venue:
            await venue.exchange_clock.synchronise()
            yield Ground(venue.exchange, venue.exchange_clock, venue.hot_lines, venue.streams, _SimulatedMarket(market))


@asynccontextmanager
async def paper_ground(database_url: str) -> AsyncIterator[Ground]:
    """Paper, on the simulator's public data and a database of its own."""
    async with _simulated_market() as market, Database(database_url) as database:
        server = market.server
        async with open_paper(
            server.rest_url, server.ws_url, database, "main", balance=Quote(USDT), clock=SystemClock()
        ) as venue:
            await give(database, "main", BASE, NEW)
            await venue.exchange_clock.synchronise()
            await venue.exchange.warm_up(SYMBOL)
            yield Ground(venue.exchange, venue.exchange_clock, venue.hot_lines, venue.streams, _SimulatedMarket(market))


async def give(database: Database, account: str, asset: str, amount: Decimal) -> None:
    """Coins that nobody bought."""
    async with database.transaction() as connection:
        await connection.execute(
            "INSERT INTO paper_balances (account, asset, free, locked) VALUES (%s, %s, %s, 0)",
            (account, asset, amount),
        )


@asynccontextmanager
async def _simulated_market() -> AsyncIterator[HandMarket]:
    server = SimulatorServer()
    await server.start()
    try:
        market = HandMarket(server)
        await market.open()
        market.offer(Side.SELL, "0.05", "1001")
        market.take(Side.BUY, "0.05", "1")
        market.offer(Side.BUY, "0.049", "1000")
        yield market
    finally:
        await server.stop()


@dataclass
class _SimulatedMarket:
    market: HandMarket

    async def bid(self, price: str, quantity: str) -> None:
        self.market.offer(Side.BUY, price, quantity)
        await asyncio.sleep(0)

    async def ask(self, price: str, quantity: str) -> None:
        self.market.offer(Side.SELL, price, quantity)
        await asyncio.sleep(0)

    async def sold_out(self) -> None:
        self.market.take(Side.BUY, str(ASK), str(ASKED))
        await asyncio.sleep(0)

    async def limit_only_symbol(self) -> str:
        strict = HandMarket(self.market.server, "STRICTUSDT")
        await strict.open(market_orders=False)
        strict.offer(Side.SELL, "0.05", "1000")
        return strict.symbol

    async def closed_symbol(self) -> str:
        soon = HandMarket(self.market.server, "SOONUSDT")
        await soon.open("+60s")
        return soon.symbol
