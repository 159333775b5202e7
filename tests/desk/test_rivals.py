"""A desk that hears of an order of its session that it did not send stops, and asks."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from domain.errors import StoreUnavailable
from domain.events import AttentionNeeded, StoodDown
from domain.ids import Leg
from domain.money import Base, Price
from domain.orders import OrderKind, OrderRequest, OrderStatus, Side
from domain.policy import ExitPolicy, LadderStep
from tests.builders import KEY, a_policy, a_record
from tests.desk.floor import INSTALLATION, Floor

NEXT_ATTEMPT = replace(KEY, attempt=KEY.attempt + 1)


def a_floor() -> Floor:
    exits = ExitPolicy(ladder=(LadderStep(Decimal(10), Decimal(100)),), time_stop_s=20)
    return Floor(a_record(policy=a_policy(exits=exits)), opens_in_s=8.0)


def purchase(name: str, *, price: str = "0.05", symbol: str = "NEWUSDT") -> OrderRequest:
    return OrderRequest(name, symbol, Side.BUY, OrderKind.IMMEDIATE, Price(Decimal(price)), Base(Decimal(100)))


def send_elsewhere(floor: Floor, request: OrderRequest) -> None:
    """Another process with the account's key sends it."""
    floor.exchange.depart(floor.exchange.sign(request, floor.exchange.now(), 1000))


def shot(number: int) -> str:
    return INSTALLATION.order_id(KEY, Leg.ENTRY, number)


def why_stood_down(floor: Floor) -> list[str]:
    return [event.reason for event in floor.store.of(StoodDown)]


async def test_a_shot_that_another_process_sent_keeps_this_one_from_buying() -> None:
    """It stands down before its own shot, finds the purchase by asking when it has the lease again, and guards it."""
    floor = a_floor()
    floor.exchange.opens_at -= timedelta(seconds=4)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(-3, lambda: send_elsewhere(floor, purchase(shot(1))))

    entry, guard = await trading
    await desk.close()

    assert entry.result == "filled"
    assert guard.flat
    assert [order.client_order_id for order in floor.exchange.orders if order.side is Side.BUY] == [shot(1)]
    assert why_stood_down(floor)[0] == f"order {shot(1)} of this session was sent by somebody else"
    assert f"order {shot(1)} of this session was sent by somebody else" in [
        event.reason for event in floor.store.of(AttentionNeeded)
    ]
    assert floor.complaints() == []


async def test_a_purchase_by_another_process_while_guarding_is_found_and_sold() -> None:
    """Although the intent had been withdrawn when the entry was over."""
    floor = a_floor()
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(4, lambda: send_elsewhere(floor, purchase(shot(1))))

    _, guard = await trading
    await desk.close()

    assert guard.flat
    assert len(floor.exchange.bought_orders) == 2
    assert all(order.status.final for order in floor.exchange.orders)
    assert floor.exchange.free["NEW"] == floor.dust


async def test_an_order_of_the_session_that_nobody_committed_stops_it_once() -> None:
    """It is in no books, so that asking again would not help: the position is guarded on."""
    floor = a_floor()
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(4, lambda: send_elsewhere(floor, purchase(shot(200), price="0.02")))
    await floor.at(12, lambda: send_elsewhere(floor, purchase(shot(200), price="0.02")))

    _, guard = await trading
    await desk.close()

    assert guard.flat
    assert [why for why in why_stood_down(floor) if "somebody else" in why] == [
        f"order {shot(200)} of this session was sent by somebody else"
    ]
    assert all(order.status is not OrderStatus.NEW for order in floor.exchange.orders)


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(purchase("byHand1", price="0.02"), id="of a human"),
        pytest.param(purchase(INSTALLATION.order_id(NEXT_ATTEMPT, Leg.ENTRY, 0), price="0.02"), id="another attempt"),
        pytest.param(purchase(shot(200), price="0.02", symbol="OLDUSDT"), id="another symbol"),
    ],
)
async def test_what_is_not_of_the_session_does_not_stop_it(request_: OrderRequest) -> None:
    """Neither before the opening nor after it; nor do its own orders."""
    floor = a_floor()
    floor.exchange.opens_at -= timedelta(seconds=4)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    for seconds in (-3, 4):
        await floor.at(seconds, lambda: send_elsewhere(floor, request_))

    entry, guard = await trading
    await desk.close()

    assert (entry.result, guard.flat) == ("filled", True)
    assert not [why for why in why_stood_down(floor) if "somebody else" in why]


async def test_an_order_in_nobodys_books_counts_as_a_purchase() -> None:
    """Its name says that it is the session's: it is asked about before anything is bought, and guarded."""
    floor = a_floor()
    floor.exchange.opens_at -= timedelta(seconds=30)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(-7.5, lambda: send_elsewhere(floor, replace(purchase(shot(25)), quantity=Base(Decimal(900)))))

    entry, guard = await trading
    await desk.close()

    assert entry.result == "filled"
    assert guard.flat
    assert [order.client_order_id for order in floor.exchange.bought_orders] == [shot(25)]
    assert floor.exchange.spent <= floor.record.policy.budget_quote


class Severed:
    """A port behind a network that breaks."""

    def __init__(self, port: Any) -> None:
        self._port = port
        self.severed = False

    def __getattr__(self, name: str) -> Any:
        inner = getattr(self._port, name)

        async def call(*arguments: Any, **named: Any) -> Any:
            if self.severed:
                await asyncio.sleep(0.01)
                raise StoreUnavailable("cut off")
            return await inner(*arguments, **named)

        return call


async def test_a_fill_heard_of_the_next_desks_order_does_not_replace_its_intent() -> None:
    """A desk that was cut off hears of a sale that its successor committed: coins are not put on sale twice by it."""
    policy = a_policy(exits=ExitPolicy(ladder=(LadderStep(Decimal(10), Decimal(100)),), time_stop_s=60))
    floor = Floor(a_record(policy=policy), opens_in_s=6.0, coins_before=Decimal(2000))
    first = floor.desk("first")
    store, leases = Severed(first._kit.store), Severed(first._kit.leases)
    first._kit = replace(first._kit, store=cast(Any, store), leases=cast(Any, leases))
    bought = (await first.fire(KEY)).bought
    await asyncio.sleep(0.1)
    store.severed = leases.severed = True
    await asyncio.sleep(5.5)
    second = floor.desk("second", may_fire=False)
    guarding = asyncio.create_task(second.guard(KEY))
    await asyncio.sleep(3)
    floor.streams.silent = True
    higher = ExitPolicy(ladder=(LadderStep(Decimal(20), Decimal(100)),), time_stop_s=60)
    floor.store.change(policy=replace(policy, exits=higher))
    await asyncio.sleep(15)  # the second desk's new rung rests; nothing is told of it
    floor.streams.silent = False
    (rung,) = (n for n, order in enumerate(floor.exchange.orders) if not order.status.final)
    told = floor.exchange._tell
    # deals and orders are two channels: the deal comes first
    floor.exchange._tell = lambda *items: told(*reversed(items))  # type: ignore[method-assign]
    floor.exchange.fill_part(rung, Decimal(100))
    await asyncio.sleep(0.2)
    store.severed = leases.severed = False
    await asyncio.sleep(15)

    resting = [order for order in floor.exchange.orders if order.side is Side.SELL and not order.status.final]
    guarding.cancel()
    await first.close()
    await second.close()

    assert sum(order.quantity - order.executed for order in resting) == bought - 100
