"""The public side of a market: who offers what, and what was traded."""

from dataclasses import dataclass
from datetime import datetime

from domain.money import Base, Price
from domain.orders import Side
from domain.quotes import TopOfBook


@dataclass(frozen=True, slots=True)
class Level:
    """All that is offered at one price. quantity: in base units, above zero."""

    price: Price
    quantity: Base


@dataclass(frozen=True, slots=True)
class OrderBook:
    """Both sides of one symbol at one moment.

    version: the venue's number of the last change in it; rises by one or more with each change.
    bids: best, that is highest, price first. asks: best, that is lowest, price first. at: when we learnt it, our clock.
    """

    symbol: str
    version: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    at: datetime

    def top(self) -> TopOfBook:
        """Its best prices; an empty side has none."""
        bid = self.bids[0].price if self.bids else None
        ask = self.asks[0].price if self.asks else None
        return TopOfBook(self.symbol, bid, ask, self.at)


@dataclass(frozen=True, slots=True)
class PublicTrade:
    """Somebody's execution. taker: the side that came to the market. at: exchange time, possibly truncated."""

    symbol: str
    price: Price
    quantity: Base
    taker: Side
    at: datetime
