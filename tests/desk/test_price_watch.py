"""How long the bid has been under the stop is counted only while it was known."""

import asyncio
from decimal import Decimal

from desk.price_watch import PriceWatch
from domain.money import Price
from domain.quotes import TopOfBook
from tests.fakes import FakeClock

STOP = Price(Decimal("0.0475"))


def a_quote(clock: FakeClock, bid: str | None = "0.04") -> TopOfBook:
    return TopOfBook("NEWUSDT", None if bid is None else Price(Decimal(bid)), None, clock.now())


async def test_a_bid_under_the_stop_adds_up_from_look_to_look() -> None:
    """Until one above it, or none, ends that."""
    clock = FakeClock()
    watch = PriceWatch(clock)
    watch.hear(a_quote(clock))
    first = watch.below_for_s(STOP)
    await asyncio.sleep(2)
    second = watch.below_for_s(STOP)
    watch.hear(a_quote(clock, "0.05"))
    above = watch.below_for_s(STOP)
    watch.hear(a_quote(clock))
    again = watch.below_for_s(STOP)

    assert (first, second, above, again) == (0, 2, None, 0)


async def test_a_silence_does_not_count_as_time_under_the_stop() -> None:
    """Nobody looked in between: the quote after it is the first one again."""
    clock = FakeClock()
    watch = PriceWatch(clock)
    watch.hear(a_quote(clock))
    watch.below_for_s(STOP)
    await asyncio.sleep(60)
    unknown = watch.bid()
    watch.hear(a_quote(clock))

    assert unknown is None
    assert watch.below_for_s(STOP) == 0


async def test_a_bid_from_before_a_suspension_is_old() -> None:
    """The machine slept for an hour: what was bid then is unknown now."""
    clock = FakeClock()
    watch = PriceWatch(clock)
    watch.hear(a_quote(clock))
    clock.suspended_s = 3600.0

    assert watch.bid() is None


async def test_without_a_stop_nothing_is_under_it() -> None:
    """Before the first fill there is none."""
    clock = FakeClock()
    watch = PriceWatch(clock)
    watch.hear(a_quote(clock))

    assert watch.below_for_s(None) is None
