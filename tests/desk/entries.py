"""Floors whose subject is the entry, and what was bought on them."""

import asyncio
from dataclasses import replace
from typing import Any

from domain.orders import Order, Side
from domain.policy import ExitPolicy
from tests.builders import a_policy, a_record
from tests.desk.floor import Floor


def a_floor(opens_in_s: float = 8.0, time_stop_s: int = 2, **entry: Any) -> Floor:
    """A session without a ladder. entry: of its entry policy."""
    policy = a_policy(exits=ExitPolicy(ladder=(), time_stop_s=time_stop_s))
    return Floor(a_record(policy=replace(policy, entry=replace(policy.entry, **entry))), opens_in_s=opens_in_s)


def buys(floor: Floor) -> list[Order]:
    return [order for order in floor.exchange.orders if order.side is Side.BUY]


def after_opening(floor: Floor, order: Order) -> float:
    """Seconds."""
    at = floor.exchange.booked_at[floor.exchange.orders.index(order)]
    return (at - floor.record.opens_at).total_seconds()


async def first_sale(floor: Floor) -> float:
    """Wait for it; seconds after the opening."""
    while not any(order.side is Side.SELL for order in floor.exchange.orders):
        await asyncio.sleep(0.01)
    return after_opening(floor, next(order for order in floor.exchange.orders if order.side is Side.SELL))
