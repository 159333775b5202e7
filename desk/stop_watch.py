"""Whether a position is at its stop while its entry still buys; the guard, which watches everything, comes after it."""

from desk.kept_up import kept_up
from desk.price_watch import PriceWatch
from desk.session_desk import SessionDesk
from domain.exits import stop_price
from domain.ports import StreamGap

_LOOK_EVERY_S = 0.25


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


async def until_time_stop(desk: SessionDesk) -> None:
    """Return when a position has been there for as long as the policy allows, counted from when it was learnt of."""
    bought_at: float | None = None
    while True:
        now = desk.kit.clock.boottime()
        if bought_at is None and desk.ledger.position().bought:
            bought_at = now
        if bought_at is not None and now - bought_at >= desk.record.policy.exits.time_stop_s:
            return
        await desk.kit.clock.sleep(_LOOK_EVERY_S)
