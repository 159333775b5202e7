"""The real market as it is now: books and trades of the symbols that orders are about, while they are needed."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import structlog

from domain.money import Price
from domain.order_book import OrderBook, PublicTrade
from domain.ports import Clock, MarketStreams, StreamGap

KEPT_S = 600.0
"""How long a market is followed after it was last needed: longer than from arming to the last shot."""
FIRST_BOOK_WITHIN_S = 2.0
"""How long after the beginning an order waits for the first book; later a market without one has none."""
LISTENERS_EVERY_S = 0.02
IDLE_EVERY_S = 0.1
"""How often a book is read while nobody is in a hurry. Each reading builds the whole book; what crosses a resting order
for a shorter moment shows in the trades."""

Hear = Callable[[OrderBook | PublicTrade], None]

log = structlog.get_logger(__name__)


class Market:
    """One symbol. book: the newest; None: none yet, or the stream was interrupted. last: price of the last trade."""

    def __init__(self, symbol: str, streams: MarketStreams, clock: Clock) -> None:
        self.symbol = symbol
        self.book: OrderBook | None = None
        self.last: Price | None = None
        self.used_at = clock.monotonic()
        self._streams = streams
        self._clock = clock
        self._listeners: list[Hear] = []
        self._since = clock.monotonic()
        self._first_book = asyncio.Event()
        self._in_flight = 0
        self._hurry = asyncio.Event()
        self._tasks = [
            asyncio.create_task(self._read_books(), name=f"paper-book-{symbol}"),
            asyncio.create_task(self._read_trades(), name=f"paper-trades-{symbol}"),
        ]

    @property
    def alive(self) -> bool:
        """Whether it is still followed."""
        return not any(task.done() for task in self._tasks)

    @property
    def needed(self) -> bool:
        """Whether somebody listens, an order is under way, or one was lately."""
        return self.listened or self._in_flight > 0 or self._clock.monotonic() - self.used_at < KEPT_S

    @property
    def listened(self) -> bool:
        """Whether somebody listens."""
        return bool(self._listeners)

    @contextmanager
    def order_in_flight(self) -> Iterator[None]:
        """Books are read as they come for the body."""
        self._in_flight += 1
        self._hurry.set()
        try:
            yield
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._hurry.clear()
            self.used_at = self._clock.monotonic()

    async def present_book(self, at_most_s: float = FIRST_BOOK_WITHIN_S) -> OrderBook | None:
        """The newest book; right after the beginning it is waited for, no longer than `at_most_s`."""
        left_s = min(at_most_s, self._since + FIRST_BOOK_WITHIN_S - self._clock.monotonic())
        if self.book is None and left_s > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._first_book.wait()
        return self.book

    def listen(self, hear: Hear) -> Callable[[], None]:
        """`hear` gets every trade and the books that are read; returns how to stop, which is idempotent."""
        self._listeners.append(hear)

        def stop() -> None:
            if hear in self._listeners:
                self._listeners.remove(hear)
            self.used_at = self._clock.monotonic()

        return stop

    async def close(self) -> None:
        """Stop following; idempotent."""
        for task in self._tasks:
            task.cancel()
        for outcome in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                log.error("paper.market_lost", symbol=self.symbol, error=repr(outcome))

    async def _read_books(self) -> None:
        async with self._streams.book(self.symbol) as items:
            async for item in items:
                if isinstance(item, StreamGap):
                    self.book = None
                    continue
                self.book = item
                self._first_book.set()
                self._tell(item)
                with suppress(TimeoutError):
                    async with asyncio.timeout(LISTENERS_EVERY_S if self._listeners else IDLE_EVERY_S):
                        await self._hurry.wait()

    async def _read_trades(self) -> None:
        async with self._streams.trades(self.symbol) as items:
            async for item in items:
                if isinstance(item, PublicTrade):
                    self.last = item.price
                    self._tell(item)

    def _tell(self, item: OrderBook | PublicTrade) -> None:
        for hear in tuple(self._listeners):
            hear(item)


class Markets:
    """All markets of a process. Open until `close`."""

    def __init__(self, streams: MarketStreams, clock: Clock) -> None:
        self._streams = streams
        self._clock = clock
        self._markets: dict[str, Market] = {}
        self._left: set[asyncio.Task[None]] = set()

    def follow(self, symbol: str) -> Market:
        """The market of a symbol, followed from now on; markets that nobody needed for long are left."""
        for other in [market for market in self._markets.values() if not (market.needed and market.alive)]:
            self._leave(self._markets.pop(other.symbol))
        if symbol not in self._markets:
            self._markets[symbol] = Market(symbol, self._streams, self._clock)
        market = self._markets[symbol]
        market.used_at = self._clock.monotonic()
        return market

    async def close(self) -> None:
        """Follow nothing any more; idempotent."""
        for symbol in list(self._markets):
            self._leave(self._markets.pop(symbol))
        await asyncio.gather(*self._left)

    def _leave(self, market: Market) -> None:
        task = asyncio.create_task(market.close())
        self._left.add(task)
        task.add_done_callback(self._left.discard)
