"""Paper on a market by hand and a database of the test's own."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from adapters.clock import SystemClock
from adapters.paper.books import PaperBooks
from adapters.paper.changes import Changes
from adapters.paper.exchange import PaperExchange
from adapters.paper.keeper import Keeper
from adapters.paper.market import Markets
from adapters.postgres.database import Database
from domain.orders import OrderRequest
from domain.ports import Ack
from tests.adapters.paper.public_side import HandExchange, HandExchangeClock, HandStreams


@dataclass
class Bench:
    """The parts of a process that trades on paper. It has 1,000 USDT and 500 NEW."""

    database: Database
    clock: SystemClock = field(default_factory=SystemClock)
    public: HandExchange = field(default_factory=HandExchange)
    streams: HandStreams = field(default_factory=HandStreams)

    def __post_init__(self) -> None:
        self.exchange_clock = HandExchangeClock(self.clock)
        self.books = PaperBooks(self.database, "main")
        self.markets = Markets(self.streams, self.clock)
        self.changes = Changes(self.database.url, self.books, self.clock)
        self.exchange = PaperExchange(self.public, self.books, self.markets, self.exchange_clock, self.clock)

    def keeper(self) -> Keeper:
        return Keeper(self.database.url, self.books, self.changes, self.markets, self.exchange_clock, self.clock)

    async def place(self, request: OrderRequest, *, window_ms: int = 1_000) -> Ack:
        return await self.exchange.send(self.exchange.sign(request, self.exchange_clock.now(), window_ms))

    async def close(self) -> None:
        await self.exchange.close()
        await self.markets.close()


@pytest.fixture
async def bench(database_url: str) -> AsyncIterator[Bench]:
    async with Database(database_url, name="test") as database:
        bench = Bench(database)
        await bench.books.open("USDT", Decimal(1000))
        async with database.transaction() as connection:
            await connection.execute(
                "INSERT INTO paper_balances (account, asset, free, locked) VALUES ('main', 'NEW', 500, 0)"
            )
        try:
            yield bench
        finally:
            await bench.close()
