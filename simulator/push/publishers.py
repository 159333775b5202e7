"""What each public channel still has to push, collected between pushes. No sockets here."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Protocol

from simulator.engine.matching import Market
from simulator.engine.orders import PublicTrade, Side
from simulator.engine.tape import Candle
from simulator.push import public_frames as frames
from simulator.push.topics import INTERVALS, Kind, Topic


class Publisher(Protocol):
    """One subscribed public channel; shared by all its subscribers. market: None for channels about all symbols."""

    topic: Topic

    @property
    def market(self) -> Market | None: ...

    def flush(self, now_ms: int) -> bytes | None:
        """Called once per interval: the frame to push; None when nothing has changed."""

    def close(self) -> None:
        """Called when the last subscriber has gone."""


class _OfMarket:
    """What publishers of one market share."""

    def __init__(self, topic: Topic, market: Market) -> None:
        self.topic = topic
        self.market = market

    def close(self) -> None:
        """Most hold nothing that must be let go."""


class DealsPublisher(_OfMarket):
    """Collects trades."""

    def __init__(self, topic: Topic, market: Market) -> None:
        super().__init__(topic, market)
        self._trades: list[PublicTrade] = []

    def add(self, trade: PublicTrade) -> None:
        """Called for every trade of the symbol."""
        self._trades.append(trade)

    def flush(self, now_ms: int) -> bytes | None:
        if not self._trades:
            return None
        trades, self._trades = self._trades, []
        return frames.deals_frame(self.topic, trades, self.market.rules, now_ms)


class BookTickerPublisher(_OfMarket):
    """Remembers the quotes pushed last; the first push comes soon after subscribing."""

    def __init__(self, topic: Topic, market: Market) -> None:
        super().__init__(topic, market)
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
        return frames.book_ticker_frame(self.topic, self.market, now_ms)


class DepthPublisher(_OfMarket):
    """Collects changed levels; each frame begins one version after the end of the one before."""

    def __init__(self, topic: Topic, market: Market) -> None:
        super().__init__(topic, market)
        self.heartbeat_ms = 0
        self._pushed_ms = 0
        self._version = market.book.version
        self._changed: set[tuple[Side, Decimal]] = market.book.watch()

    def flush(self, now_ms: int) -> bytes | None:
        book = self.market.book
        if book.version == self._version and self.heartbeat_ms and now_ms - self._pushed_ms >= self.heartbeat_ms:
            book.restate()
        if book.version == self._version:
            return None
        frame = frames.depth_frame(self.topic, self._changed, self.market, self._version + 1, now_ms)
        self._changed.clear()
        self._version = book.version
        self._pushed_ms = now_ms
        return frame

    def close(self) -> None:
        self.market.book.unwatch(self._changed)


class LimitDepthPublisher(_OfMarket):
    """Pushes the best levels whenever the book has changed."""

    def __init__(self, topic: Topic, market: Market) -> None:
        super().__init__(topic, market)
        self._version = 0

    def flush(self, now_ms: int) -> bytes | None:
        if self.market.book.version == self._version:
            return None
        self._version = self.market.book.version
        return frames.limit_depth_frame(self.topic, self.market, now_ms)


class CandlePublisher(_OfMarket):
    """Pushes the newest candle, every time while it forms and once more when it is complete."""

    def __init__(self, topic: Topic, market: Market) -> None:
        super().__init__(topic, market)
        self._pushed: Candle | None = None

    def flush(self, now_ms: int) -> bytes | None:
        candle = self.market.tape.newest(INTERVALS[self.topic.choice])
        if candle is None or (candle == self._pushed and now_ms >= candle.closes_ms):
            return None
        self._pushed = replace(candle)
        return frames.candle_frame(self.topic, candle, now_ms)


class MiniTickerPublisher(_OfMarket):
    """Pushes the day of one symbol every time."""

    def flush(self, now_ms: int) -> bytes | None:
        return frames.mini_ticker_frame(self.topic, self.market, now_ms)


class MiniTickersPublisher:
    """Pushes the day of every symbol that market data knows, every time; markets: asks for them."""

    def __init__(self, topic: Topic, markets: Callable[[int], Iterable[Market]]) -> None:
        self.topic = topic
        self.market: Market | None = None
        self.markets = markets

    def flush(self, now_ms: int) -> bytes | None:
        return frames.mini_tickers_frame(self.topic, self.markets(now_ms), now_ms)

    def close(self) -> None:
        """Nothing is kept."""


PUBLISHERS: dict[Kind, Callable[[Topic, Market], Publisher]] = {
    Kind.DEALS: DealsPublisher,
    Kind.RAW_DEALS: DealsPublisher,
    Kind.BOOK_TICKER: BookTickerPublisher,
    Kind.BOOK_TICKER_BATCH: BookTickerPublisher,
    Kind.RAW_BOOK_TICKER: BookTickerPublisher,
    Kind.DEPTH: DepthPublisher,
    Kind.RAW_DEPTH: DepthPublisher,
    Kind.RAW_DEPTH_BATCH: DepthPublisher,
    Kind.LIMIT_DEPTH: LimitDepthPublisher,
    Kind.CANDLES: CandlePublisher,
    Kind.MINI_TICKER: MiniTickerPublisher,
}
