"""What happened in the market, for those who check: every trade with both sides, and the books with their owners."""

from typing import Any

from simulator.engine.arithmetic import trimmed
from simulator.engine.orders import Order, Side
from simulator.exchange.accounts import Account
from simulator.exchange.venue import Venue


def trades(venue: Venue, symbol: str | None, most: int) -> list[dict[str, Any]]:
    """The newest public trades of one symbol or of all, oldest first; each market keeps its last thousand."""
    found = [
        {
            "symbol": listing.symbol,
            "tradeId": trade.trade_id,
            "price": trimmed(trade.price),
            "qty": trimmed(trade.quantity),
            "takerSide": trade.taker_side.value,
            "time": trade.time_ms,
        }
        for listing in venue.listings.values()
        if symbol is None or listing.symbol == symbol
        for trade in listing.market.trades
    ]
    return sorted(found, key=lambda trade: trade["time"])[-most:]


def books(venue: Venue, symbol: str | None, most: int) -> dict[str, Any]:
    """Every resting order by symbol, best first; owner: the account, or null for background traders."""
    return {
        listing.symbol: {
            side.value: [_resting(order) for order in list(listing.market.book.orders(side))[:most]] for side in Side
        }
        for listing in venue.listings.values()
        if symbol is None or listing.symbol == symbol
    }


def _resting(order: Order) -> dict[str, Any]:
    return {
        "orderId": order.id,
        "owner": order.owner.name if isinstance(order.owner, Account) else None,
        "price": trimmed(order.price),
        "remaining": trimmed(order.remaining),
    }
