"""What the real book still offers us: pure. The venue does not know that we took something, so its book shows it on."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from adapters.paper.account import NOTHING, Offer, Taken
from domain.money import Price
from domain.order_book import Level, OrderBook
from domain.orders import Side

REMEMBERED_FOR = timedelta(seconds=30)
"""How long what we took is missing from an offer that stands unchanged. In a real market somebody else would have
offered again by then: makers in thin books do so within seconds. For ever would let one purchase empty a quiet book for
good; a shorter time would let the repeated sells of one exit (every 0.2 to 1 s) eat the same bid several times."""


def opposite(side: Side) -> Side:
    """Who an order trades with."""
    return Side.SELL if side is Side.BUY else Side.BUY


def offers(book: OrderBook, side: Side) -> tuple[Level, ...]:
    """One side of the book, best first. side: SELL for the asks."""
    return book.asks if side is Side.SELL else book.bids


def within(side: Side, limit: Price, price: Price) -> bool:
    """Whether an order of `side` may trade at `price`."""
    return price <= limit if side is Side.BUY else price >= limit


def shown(book: OrderBook, offer: Offer) -> Decimal | None:
    """The quantity that stands at a price. None: the price lies deeper than the book was told."""
    levels = offers(book, offer.side)
    for level in levels:
        if level.price == offer.price:
            return level.quantity
    # a price beyond the last level may be empty or cut off
    beyond = bool(levels) and not within(opposite(offer.side), levels[-1].price, offer.price)
    return None if beyond else NOTHING


def still_taken(taken: Mapping[Offer, Taken], book: OrderBook, now: datetime) -> dict[Offer, Taken]:
    """What has to be missing from this book.

    An offer that has shrunk below what we took of it cannot hold more than that of us: what vanished counts as the part
    we did not take having gone first, and what is added later is new and can be taken. So a level that vanished is
    forgotten. A book older than the one taken from says nothing. Changes between two books that no order met are not
    seen; that can only make fewer fills.
    """
    kept: dict[Offer, Taken] = {}
    for offer, had in taken.items():
        if now - had.at >= REMEMBERED_FOR:
            continue
        standing = shown(book, offer) if book.version >= had.version else None
        quantity = had.quantity if standing is None else min(had.quantity, standing)
        if quantity > 0:
            kept[offer] = Taken(quantity, had.at, had.version)
    return kept
