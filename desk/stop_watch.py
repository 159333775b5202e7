"""Whether a position is at its stop while its entry still buys; the guard, which watches everything, comes after it."""

from desk.session_desk import SessionDesk
from domain.exits import stop_price
from domain.ports import StreamGap


async def until_stop(desk: SessionDesk) -> None:
    """Return when the best bid has stayed at or under the stop for as long as the policy asks to confirm it."""
    confirm_s = desk.record.policy.exits.stop_confirm_ms / 1000
    below_since: float | None = None
    async with desk.kit.streams.quotes(desk.record.symbol) as quotes:
        async for quote in quotes:
            stop = stop_price(desk.ledger.position(), desk.record.policy.exits)
            now = desk.kit.clock.monotonic()
            if isinstance(quote, StreamGap) or stop is None or quote.bid is None or quote.bid > stop:
                below_since = None
            elif below_since is None:
                below_since = now
            if below_since is not None and now - below_since >= confirm_s:
                return
