"""Sales that the venue refuses or leaves unanswered: never too large, never twice, never too fast."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from domain.errors import PriceRefused, SizeRefused, TryAgain
from domain.ids import Leg
from domain.money import Quote
from domain.orders import Order, OrderKind, Side
from domain.policy import LadderStep
from domain.ports import SignedOrder
from tests.builders import RULES
from tests.desk.floor import Floor
from tests.desk.test_guarding import a_floor, sales
from tests.fakes import FakeExchange, FakeStreams, Lost


class LargestOrder(FakeExchange):
    """A venue that refuses sales above its largest order."""

    def _check(self, order: SignedOrder) -> None:
        super()._check(order)
        request = order.request
        largest = self.rules_now and self.rules_now.max_notional
        if request.side is Side.SELL and largest and request.price * request.quantity > largest:
            raise SizeRefused("more than the largest order", code=30003)


def floor_with_a_largest_order(largest: int) -> Floor:
    floor = a_floor(time_stop_s=2)
    floor.exchange = LargestOrder(floor.clock, opens_at=floor.record.opens_at)
    floor.exchange.rules_now = replace(RULES, max_notional=Quote(Decimal(largest)))
    floor.streams = FakeStreams(floor.exchange)
    floor.lines._exchange = floor.exchange
    return floor


async def test_a_sale_at_the_bid_keeps_to_the_largest_order() -> None:
    """What was sized for a lower price is sized again when the venue wants the bid."""
    floor = floor_with_a_largest_order(50)
    floor.exchange.fates.extend([None, PriceRefused("no", code=30087)])
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(1.0, lambda: floor.exchange.set_bid("0.064"))

    async with asyncio.timeout(60):
        await trading
    await desk.close()

    assert floor.complaints() == []


async def test_after_a_sale_at_the_bid_the_next_one_goes_below_it_again() -> None:
    """One refused price does not keep an exit in several parts at the bid, which may be falling."""
    floor = floor_with_a_largest_order(50)
    floor.exchange.fates.extend([None, PriceRefused("no", code=30087)])
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(1.0, lambda: floor.exchange.set_bid("0.2"))

    await trading
    await desk.close()

    bid = Decimal("0.2")
    assert [request.price == bid for request in sales(floor)][:3] == [False, True, False]
    assert floor.complaints() == []


async def test_a_venue_that_takes_no_price_is_asked_ever_more_slowly() -> None:
    """At the bid and below it in turn; a venue whose band has left the market behind is not flooded."""
    floor = a_floor(time_stop_s=2)
    floor.exchange.fates.extend([None, *[PriceRefused("no", code=30087)] * 14])
    desk = floor.desk()

    await floor.trade(desk)
    ended = (floor.clock.now() - floor.record.opens_at).total_seconds()
    await desk.close()

    bid = Decimal("0.05")
    assert [request.price == bid for request in sales(floor)] == [False, True] * 7 + [False]
    assert 30 < ended < 45
    assert floor.complaints() == []


@pytest.mark.parametrize("booked", [True, False], ids=["booked", "lost"])
async def test_a_rung_nobody_knows_the_outcome_of_is_not_placed_twice(booked: bool) -> None:
    """The venue takes orders and answers no question for a while: no share of the position rests twice at one price."""
    ladder = (LadderStep(Decimal(10), Decimal(25)), LadderStep(Decimal(20), Decimal(25)))
    floor = a_floor(ladder=ladder, time_stop_s=60)
    floor.exchange.fates.extend([None, Lost(booked=booked)])
    find = floor.exchange.find_order

    async def silent(symbol: str, name: str) -> Order | None:
        after = (floor.clock.now() - floor.record.opens_at).total_seconds()
        if sales(floor) and after < 20:
            raise TryAgain("no answer")
        return await find(symbol, name)

    vars(floor.exchange)["find_order"] = silent
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(19.0, lambda: None)
    first = [request.price for request in sales(floor)]
    await floor.at(40.0, lambda: None)
    later = [order.price for order in floor.exchange.orders if order.kind is OrderKind.LIMIT]

    await trading
    await desk.close()

    assert len(first) == len(set(first)) == 2
    assert len(later) == len(set(later)) == 2
    assert {intent.leg for intent in floor.store.committed.values()} == {Leg.ENTRY, Leg.LADDER, Leg.EXIT}
    assert floor.complaints() == []
