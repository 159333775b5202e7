"""One symbol's order book, followed over the venue's versions. No sockets, no clock, no REST: changes and snapshots in,
whole books out.

Every change says from which version to which it leads, and holds what is offered afterwards at each price it names.
It therefore fits every book inside this range, not only one at its beginning: that is how a snapshot, and the frames of
two connections that overlap while one replaces the other, are joined. Anything else is a hole, and ends the book.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.money import Base, Price
from domain.order_book import Level, OrderBook

MOST_WAITING = 5_000
"""Changes kept until a snapshot comes: 50 s of a 10 ms stream; the oldest go first, a later snapshot does without."""
SPENT_BELOW = 10
"""A side of which only the best levels were told is fetched anew when less than one in so many is left."""

Offers = tuple[tuple[Price, Base], ...]


@dataclass(frozen=True, slots=True)
class DepthChange:
    """What one frame of the depth stream tells.

    first, last: the versions it covers, both inclusive. bids, asks: price and what is offered there now; zero: nothing.
    at: when it was received, our clock.
    """

    symbol: str
    first: int
    last: int
    bids: Offers
    asks: Offers
    at: datetime


@dataclass(frozen=True, slots=True)
class DepthSnapshot:
    """A whole book as REST tells it. limit: levels a side that were asked for; a side with so many may have more."""

    version: int
    bids: Offers
    asks: Offers
    limit: int
    at: datetime


class Heard(StrEnum):
    """What became of a change."""

    APPLIED = "applied"
    """The book is one change further."""
    WAITING = "waiting"
    """Kept until a snapshot is there."""
    KNOWN = "known"
    """The book held it already."""
    BROKEN = "broken"
    """Something before it is missing: the book is forgotten, and the change waits for the next snapshot."""
    SPENT = "spent"
    """As BROKEN, because too little is left of what the last snapshot told."""


class Depth:
    """The book of `symbol`: none until a snapshot fits the changes heard, and none again after a hole."""

    def __init__(self, symbol: str) -> None:
        self._symbol = symbol
        self._bids = _Side()
        self._asks = _Side()
        self._version: int | None = None
        self._at: datetime
        self._waiting: deque[DepthChange] = deque(maxlen=MOST_WAITING)  # without holes
        self._built: OrderBook | None = None

    @property
    def version(self) -> int | None:
        """Of the book; None: there is none."""
        return self._version

    def forget(self) -> None:
        """Something may have been missed: no book, and nothing waits for one."""
        self._version = None
        self._built = None
        self._waiting.clear()

    def hear(self, change: DepthChange) -> Heard:
        """Called with every change of the symbol, in the order in which they came."""
        if self._version is None:
            return self._wait(change)
        if change.last <= self._version:
            return Heard.KNOWN
        if change.first > self._version + 1:
            self._break(change)
            return Heard.BROKEN
        self._apply(change)
        if self._bids.spent or self._asks.spent:
            self._break(change)
            return Heard.SPENT
        return Heard.APPLIED

    def begin(self, snapshot: DepthSnapshot) -> bool:
        """Called with a snapshot asked for after the stream was subscribed. False: it is older than what has been
        heard since, and a newer one is needed."""
        if self._waiting and self._waiting[0].first > snapshot.version + 1:
            return False
        self._bids.fill(snapshot.bids, snapshot.limit, highest_kept=True)
        self._asks.fill(snapshot.asks, snapshot.limit, highest_kept=False)
        self._version, self._at, self._built = snapshot.version, snapshot.at, None
        for change in self._waiting:
            if change.last > self._version:
                self._apply(change)
        self._waiting.clear()
        return True

    def book(self) -> OrderBook | None:
        """The book as it stands; None without one. Built when asked for, and once for all who ask."""
        if self._version is None:
            return None
        if self._built is None:
            bids, asks = tuple(reversed(self._bids.levels)), tuple(self._asks.levels)
            self._built = OrderBook(self._symbol, self._version, bids, asks, self._at)
        return self._built

    def _wait(self, change: DepthChange) -> Heard:
        if self._waiting and change.last <= self._waiting[-1].last:
            return Heard.KNOWN
        if self._waiting and change.first > self._waiting[-1].last + 1:
            self._waiting.clear()  # a snapshot has to bridge the hole
        self._waiting.append(change)
        return Heard.WAITING

    def _break(self, change: DepthChange) -> None:
        self.forget()
        self._waiting.append(change)

    def _apply(self, change: DepthChange) -> None:
        for side, offers in ((self._bids, change.bids), (self._asks, change.asks)):
            for price, quantity in offers:
                side.put(price, quantity)
        self._version, self._at, self._built = change.last, change.at, None


class _Side:
    """Levels by rising price. Those beyond the worst one of a cut-off snapshot are unknown, and are not kept."""

    def __init__(self) -> None:
        self.levels: list[Level] = []
        self._prices: list[Price] = []  # of the levels, to search in
        self._lowest: Price | None = None
        self._highest: Price | None = None
        self._fewest = 0

    @property
    def spent(self) -> bool:
        """Whether too little is left of a side of which only a part was known."""
        return len(self.levels) < self._fewest

    def fill(self, offers: Iterable[tuple[Price, Base]], limit: int, *, highest_kept: bool) -> None:
        """Begin anew. highest_kept: when there are more levels than `limit`, the lowest prices are those left out."""
        self.levels.clear()
        self._prices.clear()
        self._lowest = self._highest = None
        self._fewest = 0
        for price, quantity in offers:
            self.put(price, quantity)
        if self.levels and len(self.levels) >= limit:
            self._fewest = max(1, limit // SPENT_BELOW)
            if highest_kept:
                self._lowest = self._prices[0]
            else:
                self._highest = self._prices[-1]

    def put(self, price: Price, quantity: Base) -> None:
        """What is offered at a price from now on."""
        if (self._lowest is not None and price < self._lowest) or (self._highest is not None and price > self._highest):
            return
        at = bisect_left(self._prices, price)
        known = at < len(self._prices) and self._prices[at] == price
        if quantity > 0:
            if known:
                self.levels[at] = Level(price, quantity)
            else:
                self._prices.insert(at, price)
                self.levels.insert(at, Level(price, quantity))
        elif known:
            del self._prices[at], self.levels[at]
