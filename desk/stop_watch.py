"""Whether a position is at its stop while its entry still buys; the guard, which watches everything, comes after it."""

from desk.kept_up import kept_up
from desk.price_watch import PriceWatch
from desk.session_desk import SessionDesk
from domain.exits import stop_price
from domain.ports import StreamGap


async def until_stop(desk: SessionDesk) -> None:
    """Return when the best bid has stayed at or under the stop for as long as the policy asks to confirm it."""

    async def reached() -> bool:
        watch = PriceWatch(desk.kit.clock)
        async with desk.kit.streams.quotes(desk.record.symbol) as quotes:
            async for quote in quotes:
                if isinstance(quote, StreamGap):
                    watch.forget()
                else:
                    watch.hear(quote)
                exits = desk.record.policy.exits
                below_for_s = watch.below_for_s(stop_price(desk.ledger.position(), exits))
                if below_for_s is not None and below_for_s >= exits.stop_confirm_ms / 1000:
                    return True
        return False

    await kept_up(f"stop watch {desk.key}", reached)
