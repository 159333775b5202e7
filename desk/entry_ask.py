"""The best ask at the venue now, for an entry that reckons with it."""

import asyncio

from domain.errors import OutcomeUnknown, Refused, TryAgain
from domain.money import Price
from domain.ports import Exchange

_WITHIN_S = 1.0
"""The entry goes on without it."""


async def best_ask(exchange: Exchange, symbol: str) -> Price | None:
    """None: nothing is offered, or it cannot be told soon. Before the opening it means nothing."""
    try:
        async with asyncio.timeout(_WITHIN_S):
            return (await exchange.top_of_book(symbol)).ask
    except (TryAgain, OutcomeUnknown, Refused, TimeoutError):
        return None
