"""The real venue's public side by hand: what its streams tell, its rules, its time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from adapters.mailbox import Mailbox
from domain import ages
from domain.errors import TryAgain
from domain.exchange_time import ClockEstimate, ClockSample
from domain.money import SymbolRules
from domain.order_book import OrderBook, PublicTrade
from domain.ports import Clock, StreamGap
from domain.quotes import TopOfBook
from tests.builders import RULES


class HandStreams:
    """Implements domain.ports.MarketStreams: tells what a test puts in. A book that was put earlier is told at once."""

    def __init__(self) -> None:
        self._books: list[Mailbox[OrderBook | StreamGap]] = []
        self._trades: list[Mailbox[PublicTrade | StreamGap]] = []
        self._newest: OrderBook | None = None

    @property
    def followed(self) -> int:
        """By how many."""
        return len(self._books)

    @asynccontextmanager
    async def book(self, symbol: str) -> AsyncIterator[AsyncIterator[OrderBook | StreamGap]]:
        mailbox: Mailbox[OrderBook | StreamGap] = Mailbox(1)
        if self._newest is not None:
            mailbox.put(self._newest)
        self._books.append(mailbox)
        try:
            yield mailbox
        finally:
            self._books.remove(mailbox)

    @asynccontextmanager
    async def trades(self, symbol: str) -> AsyncIterator[AsyncIterator[PublicTrade | StreamGap]]:
        mailbox: Mailbox[PublicTrade | StreamGap] = Mailbox()
        self._trades.append(mailbox)
        try:
            yield mailbox
        finally:
            self._trades.remove(mailbox)

    def show(self, book: OrderBook) -> None:
        self._newest = book
        for mailbox in self._books:
            mailbox.put(book)

    def trade(self, trade: PublicTrade) -> None:
        for mailbox in self._trades:
            mailbox.put(trade)

    def interrupt(self) -> None:
        self._newest = None
        for mailbox in self._books:
            mailbox.put(StreamGap("book", "interrupted"))


@dataclass
class HandExchange:
    """Implements adapters.paper.exchange.PublicExchange. asked: how old an answer might have been, by question."""

    now_rules: SymbolRules | None = RULES
    later_rules: SymbolRules | None = RULES
    away: bool = False
    asked: list[float] = field(default_factory=list)

    async def rules(self, symbol: str, at_most_s: float = ages.RULES_S, *, urgent: bool = False) -> SymbolRules | None:
        self.asked.append(at_most_s)
        if self.away:
            raise TryAgain("the venue is away")
        return self.now_rules if at_most_s == ages.RULES_S else self.later_rules

    async def top_of_book(self, symbol: str) -> TopOfBook:
        raise TryAgain("nobody asks in these tests")


class HandExchangeClock:
    """Implements domain.ports.ExchangeClock: the venue's clock is this machine's. one_way: seconds."""

    def __init__(self, clock: Clock, one_way: float = 0.02) -> None:
        self._clock = clock
        self.one_way = one_way
        self.ahead = timedelta(0)

    async def synchronise(self) -> ClockEstimate:
        await asyncio.sleep(0)
        return self.estimate()

    def estimate(self) -> ClockEstimate:
        monotonic = self._clock.monotonic()
        return ClockEstimate(self.now().timestamp() - monotonic, 0.001, self.one_way, monotonic)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def learn(self, order: ClockSample) -> None:
        """Nothing is learnt here."""

    def monotonic_at(self, instant: datetime) -> float:
        return self._clock.monotonic() + (instant - self.now()).total_seconds()
