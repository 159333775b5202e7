"""The public channels: who has subscribed them, what they still have to push, and when."""

from collections.abc import Iterable
from typing import Protocol

from simulator.engine.matching import Market
from simulator.engine.orders import PublicTrade
from simulator.exchange.venue import Venue
from simulator.push.connections import Connection
from simulator.push.publishers import (
    PUBLISHERS,
    DealsPublisher,
    DepthPublisher,
    MiniTickersPublisher,
    Publisher,
)
from simulator.push.topics import Kind, Topic

FAST_MS = 10
SLOW_MS = 100


class Deliver(Protocol):
    """Hands a frame to a connection."""

    def __call__(self, connection: Connection, channel: str, frame: bytes) -> None: ...


class Channels:
    """Publishers live as long as somebody has subscribed them."""

    def __init__(self, venue: Venue, deliver: Deliver) -> None:
        self._venue = venue
        self._deliver = deliver
        self._publishers: dict[str, Publisher] = {}
        self._subscribers: dict[str, set[Connection]] = {}
        self._deals: dict[str, list[DealsPublisher]] = {}

    @property
    def any_fast(self) -> bool:
        """Whether a channel is subscribed that is pushed every 10 ms."""
        return any(publisher.topic.interval_ms == FAST_MS for publisher in self._publishers.values())

    def subscribe(self, connection: Connection, topic: Topic, now_ms: int) -> bool:
        """Whether the venue serves this channel now; then the connection gets its frames."""
        if topic.name not in self._publishers:
            if topic.kind is Kind.MINI_TICKERS:
                self._publishers[topic.name] = MiniTickersPublisher(topic, self._markets)
            else:
                listing = self._venue.visible(topic.symbol, now_ms)
                if listing is None:
                    return False
                self._open(topic, listing.market)
        self._subscribers.setdefault(topic.name, set()).add(connection)
        return True

    def unsubscribe(self, connection: Connection, name: str) -> None:
        """No more frames of it for this connection."""
        subscribers = self._subscribers.get(name)
        if subscribers is None:
            return
        subscribers.discard(connection)
        if not subscribers:
            del self._subscribers[name]
            self._close(self._publishers[name])

    def traded(self, symbol: str, trade: PublicTrade) -> None:
        """Note a trade for the channels that show trades."""
        for publisher in self._deals.get(symbol, ()):
            publisher.add(trade)

    def flush(self, now_ms: int, slow_tick: int | None) -> None:
        """Push what is due. slow_tick: counts the rounds of the slow channels; None: a round of the fast ones only."""
        for name, publisher in list(self._publishers.items()):
            interval_ms = publisher.topic.interval_ms
            if interval_ms != FAST_MS and (slow_tick is None or slow_tick % (interval_ms // SLOW_MS)):
                continue
            frame = self._current(publisher).flush(now_ms)
            if frame is not None:
                for connection in self._subscribers[name]:
                    self._deliver(connection, name, frame)

    def _current(self, publisher: Publisher) -> Publisher:
        """The publisher, or its successor when the listing was given another market before it opened."""
        if publisher.market is not None:
            market = self._venue.listings[publisher.topic.symbol].market
            if market is not publisher.market:
                self._close(publisher)
                publisher = self._open(publisher.topic, market)
        if isinstance(publisher, DepthPublisher):
            publisher.heartbeat_ms = self._venue.settings.depth_heartbeat_ms
        return publisher

    def _markets(self, now_ms: int) -> Iterable[Market]:
        return (listing.market for listing in self._venue.all_visible(now_ms))

    def _open(self, topic: Topic, market: Market) -> Publisher:
        publisher = self._publishers[topic.name] = PUBLISHERS[topic.kind](topic, market)
        if isinstance(publisher, DealsPublisher):
            self._deals.setdefault(topic.symbol, []).append(publisher)
        return publisher

    def _close(self, publisher: Publisher) -> None:
        publisher.close()
        del self._publishers[publisher.topic.name]
        if isinstance(publisher, DealsPublisher):
            self._deals[publisher.topic.symbol].remove(publisher)
