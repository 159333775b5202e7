"""What each public channel still has to push, collected between pushes. No sockets here."""

from collections.abc import Callable
from decimal import Decimal
from typing import Protocol

from simulator import frames
from simulator.matching import Market
from simulator.orders import PublicTrade, Side
from simulator.topics import Kind, Topic


class Publisher(Protocol):
    """One subscribed public channel; shared by all its subscribers."""

    topic: Topic
    market: Market

    def flush(self, now_ms: int) -> bytes | None:
        """Called once per interval: the frame to push; None when nothing has changed."""

    def close(self) -> None:
        """Called when the last subscriber has gone."""


class DealsPublisher:
    """Collects trades."""

    def __init__(self, topic: Topic, market: Market) -> None:
        self.topic = topic
        self.market = market
        self._trades: list[PublicTrade] = []

    def add(self, trade: PublicTrade) -> None:
        """Called for every trade of the symbol."""
        self._trades.append(trade)

    def flush(self, now_ms: int) -> bytes | None:
        if not self._trades:
            return None
        trades, self._trades = self._trades, []
        return frames.deals_frame(self.topic, trades, self.market.rules, now_ms)

    def close(self) -> None:
        self._trades.clear()


class BookTickerPublisher:
    """Remembers the quotes pushed last; the first push comes soon after subscribing."""

    def __init__(self, topic: Topic, market: Market) -> None:
        self.topic = topic
        self.market = market
        self._version = 0
        self._pushed: object = None

    def flush(self, now_ms: int) -> bytes | None:
        book = self.market.book
        if book.version == self._version:
            return None
        self._version = book.version
        quotes = (book.levels(Side.BUY, 1), book.levels(Side.SELL, 1))
        if quotes == self._pushed:
            return None
        self._pushed = quotes
        return frames.book_ticker_frame(self.topic, book, self.market.rules, self.market.last_order_ms, now_ms)

    def close(self) -> None:
        self._pushed = None


class DepthPublisher:
    """Collects changed levels; each frame begins one version after the end of the one before."""

    def __init__(self, topic: Topic, market: Market) -> None:
        self.topic = topic
        self.market = market
        self._version = market.book.version
        self._changed: set[tuple[Side, Decimal]] = market.book.watch()

    def flush(self, now_ms: int) -> bytes | None:
        book = self.market.book
        if not self._changed:
            return None
        frame = frames.depth_frame(
            self.topic,
            self._changed,
            book,
            self.market.rules,
            self._version + 1,
            self.market.last_order_ms,
            now_ms,
        )
        self._changed.clear()
        self._version = book.version
        return frame

    def close(self) -> None:
        self.market.book.unwatch(self._changed)


class LimitDepthPublisher:
    """Pushes the best levels whenever the book has changed."""

    def __init__(self, topic: Topic, market: Market) -> None:
        self.topic = topic
        self.market = market
        self._version = 0

    def flush(self, now_ms: int) -> bytes | None:
        if self.market.book.version == self._version:
            return None
        self._version = self.market.book.version
        return frames.limit_depth_frame(
            self.topic, self.market.book, self.market.rules, self.market.last_order_ms, now_ms
        )

    def close(self) -> None:
        self._version = 0


PUBLISHERS: dict[Kind, Callable[[Topic, Market], Publisher]] = {
    Kind.DEALS: DealsPublisher,
    Kind.BOOK_TICKER: BookTickerPublisher,
    Kind.DEPTH: DepthPublisher,
    Kind.LIMIT_DEPTH: LimitDepthPublisher,
}
