"""The best ask at the venue now, for an entry that reckons with it."""

from domain.errors import OutcomeUnknown, Refused, TryAgain
from domain.money import Price
from domain.ports import Exchange


async def best_ask(exchange: Exchange, symbol: str) -> Price | None:
    """None: nothing is offered, or it cannot be told now. Before the opening it means nothing."""
    try:
        return (await exchange.top_of_book(symbol)).ask
    except (TryAgain, OutcomeUnknown, Refused):
        return None
