"""The best ask at the venue now, for an entry that reckons with it."""

import asyncio
from datetime import datetime

from desk.last_look import LastLook
from desk.session_desk import SessionDesk
from domain.entry import EntryOver
from domain.errors import OutcomeUnknown, Refused, TryAgain
from domain.money import Price
from domain.ports import Exchange

_WITHIN_S = 1.0
"""The entry goes on without it."""
_ASK_AGAIN_S = 0.1


async def best_ask(exchange: Exchange, symbol: str) -> Price | None:
    """None: nothing is offered, or it cannot be told soon. Before the opening it means nothing."""
    try:
        async with asyncio.timeout(_WITHIN_S):
            return (await exchange.top_of_book(symbol)).ask
    except (TryAgain, OutcomeUnknown, Refused, TimeoutError):
        return None


async def ask_inside(
    desk: SessionDesk, look: LastLook, bound: Price, opens_at: datetime, until: datetime
) -> Price | EntryOver:
    """The first best ask of at most `bound` since `opens_at`, waited for up to `until`: a market purchase has no other
    look at the price it gets. Raises what `look` objects to."""
    seen = "no ask was seen"
    while (now := await desk.exchange_now()) <= until:
        look.still_wanted()
        ask = await best_ask(desk.kit.exchange, desk.record.symbol) if now >= opens_at else None
        if ask is not None and ask <= bound:
            return ask
        seen = seen if ask is None else f"the best ask was {ask}"
        await desk.kit.clock.sleep(_ASK_AGAIN_S)
    waited_s = (until - opens_at).total_seconds()
    return EntryOver("nothing", f"{seen} within {waited_s:g} s, no market order leaves above {bound}")
