"""The account at a whole venue: what is asked, sent and cancelled there."""

import asyncio
import ssl
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.clock import SystemClock
from adapters.mexc.signing import Credentials
from adapters.mexc.venue import MexcVenue, open_venue
from domain.errors import (
    AccessDenied,
    ClockRefused,
    NotTradable,
    OrderRejected,
    OutcomeUnknown,
    PriceRefused,
    RateLimited,
    SniperError,
)
from domain.money import Base, Price, Quote
from domain.orders import Order, OrderKind, OrderRequest, OrderStatus, Side
from domain.ports import Ack
from simulator.certificate import make_certificate
from simulator.exchange.accounts import ApiKey
from simulator.server import SimulatorServer
from tests.gun import Gun

SYMBOL = "BTCUSDT"


async def place(venue: MexcVenue, order: OrderRequest) -> Ack:
    await venue.exchange_clock.synchronise()
    return await venue.exchange.send(venue.exchange.sign(order, venue.exchange_clock.now(), 1_000))


async def marketable(venue: MexcVenue) -> str:
    """A price just above the best ask, on the symbol's grid."""
    rules = await venue.exchange.rules(SYMBOL)
    top = await venue.exchange.top_of_book(SYMBOL)
    assert rules is not None
    assert top.ask is not None
    return str(rules.price_up(top.ask * Decimal("1.002")))


async def resting(venue: MexcVenue) -> str:
    """A price well below the best bid, inside the band."""
    rules = await venue.exchange.rules(SYMBOL)
    top = await venue.exchange.top_of_book(SYMBOL)
    assert rules is not None
    assert top.bid is not None
    return str(rules.price_down(top.bid * Decimal("0.997")))


async def test_an_open_symbol_has_rules_a_price_and_a_balance(venue: MexcVenue) -> None:
    """What preparing asks for; an unknown symbol has no rules, an unknown asset no balance."""
    rules = await venue.exchange.rules(SYMBOL)
    unknown = await venue.exchange.rules("NOSUCHUSDT")
    top = await venue.exchange.top_of_book(SYMBOL)
    usdt = await venue.exchange.balance("USDT")
    nothing = await venue.exchange.balance("NOSUCH")

    assert rules is not None
    assert rules.api_allowed
    assert unknown is None
    assert top.bid is not None
    assert top.ask is not None
    assert top.bid < top.ask
    assert usdt.free == Decimal(1_000_000)
    assert nothing.free == nothing.locked == Decimal(0)


async def test_an_immediate_order_is_filled_and_can_be_told_by_our_id(venue: MexcVenue, an_order: Any) -> None:
    """The acknowledgement names the venue's id; state and fills are asked for, and agree with each other."""
    ack = await place(venue, an_order("buy1", price=await marketable(venue), quantity="0.001"))
    order = await venue.exchange.find_order(SYMBOL, "buy1")
    fills = await venue.exchange.fills(SYMBOL, ack.order_id)

    assert order is not None
    assert (order.order_id, order.client_order_id, order.kind) == (ack.order_id, "buy1", OrderKind.IMMEDIATE)
    assert order.status is OrderStatus.FILLED
    assert sum(fill.quantity for fill in fills) == order.executed == Decimal("0.001")
    assert sum(fill.quote for fill in fills) == order.executed_quote
    assert {fill.client_order_id for fill in fills} == {"buy1"}


def a_market_buy(name: str, *, quote: str, symbol: str = SYMBOL) -> OrderRequest:
    return OrderRequest(
        name, symbol, Side.BUY, OrderKind.MARKET, Price(Decimal(1)), Base(Decimal(1)), Quote(Decimal(quote))
    )


async def test_a_market_purchase_is_told_alike_by_the_venue_and_its_stream(venue: MexcVenue) -> None:
    """Read back, pushed and added up from its fills it is the same order."""
    async with venue.streams.account() as items, asyncio.timeout(5):
        ack = await place(venue, a_market_buy("market1", quote="50"))
        async for item in items:
            if isinstance(item, Order) and item.status.final:
                break
    asked = await venue.exchange.find_order(SYMBOL, "market1")
    fills = await venue.exchange.fills(SYMBOL, ack.order_id)

    assert asked == item
    assert asked is not None
    assert (asked.kind, asked.status) == (OrderKind.MARKET, OrderStatus.FILLED)
    assert sum(fill.quote for fill in fills) == asked.executed_quote
    assert Decimal(40) < asked.executed_quote <= Decimal(50)


async def test_a_market_purchase_is_refused_where_the_rules_have_none(venue: MexcVenue, control: Any) -> None:
    """And one at an opening is taken, cancelled and costs nothing."""
    await control.post("listings", symbol="STRICTUSDT", opens_at="-1s", script={"market_orders": False})
    await control.post("listings", symbol="FRESHUSDT", opens_at="-1s", script={"market_orders": True})
    before = await venue.exchange.balance("USDT")

    with pytest.raises(OrderRejected) as caught:
        await place(venue, a_market_buy("no1", symbol="STRICTUSDT", quote="20"))
    await place(venue, a_market_buy("early", symbol="FRESHUSDT", quote="20"))
    order = await venue.exchange.find_order("FRESHUSDT", "early")

    assert caught.value.code == 30019
    assert order is not None
    assert (order.kind, order.status, order.executed) == (OrderKind.MARKET, OrderStatus.CANCELLED, Decimal(0))
    assert await venue.exchange.balance("USDT", 0) == before


async def test_a_resting_order_is_open_until_it_is_cancelled(venue: MexcVenue, an_order: Any) -> None:
    """Cancelling twice, or an order nobody knows, is no error."""
    price = await resting(venue)
    await place(venue, an_order("rest1", kind=OrderKind.LIMIT, price=price, quantity="0.001"))
    before = await venue.exchange.open_orders(SYMBOL)
    await venue.exchange.cancel(SYMBOL, "rest1")
    await venue.exchange.cancel(SYMBOL, "rest1")
    await venue.exchange.cancel(SYMBOL, "neverthere")
    after = await venue.exchange.open_orders(SYMBOL)
    order = await venue.exchange.find_order(SYMBOL, "rest1")

    assert [order.client_order_id for order in before] == ["rest1"]
    assert after == ()
    assert order is not None
    assert order.status is OrderStatus.CANCELLED


async def test_an_order_nobody_placed_is_not_known(venue: MexcVenue) -> None:
    """None, not an error."""
    assert await venue.exchange.find_order(SYMBOL, "neverthere") is None


@pytest.mark.parametrize(
    ("changes", "family"),
    [
        ({"quantity": "1000"}, OrderRejected),
        ({"side": Side.SELL, "quantity": "3"}, OrderRejected),
        ({"quantity": "0.0000001"}, OrderRejected),
        ({"symbol": "NOSUCHUSDT"}, NotTradable),
    ],
)
async def test_a_refusal_comes_back_as_its_family(
    venue: MexcVenue, an_order: Any, changes: dict[str, Any], family: type[SniperError]
) -> None:
    """Funds, holdings, form and symbol."""
    order = an_order("no1", price=await marketable(venue), **{"quantity": "0.001", **changes})

    with pytest.raises(family):
        await place(venue, order)


async def test_before_its_opening_a_symbol_is_not_tradable_and_afterwards_capped(
    venue: MexcVenue, control: Any, an_order: Any
) -> None:
    """The refusal above the opening cap names the cap."""
    await control.post("listings", symbol="SOONUSDT", opens_at="+60s")
    await control.post(
        "listings", symbol="FRESHUSDT", opens_at="-1s", script={"open_price": "0.05", "cap_price": "0.08"}
    )

    with pytest.raises(NotTradable):
        await place(venue, an_order("early", symbol="SOONUSDT", price="0.05", quantity="100"))
    with pytest.raises(PriceRefused) as caught:
        await place(venue, an_order("high", symbol="FRESHUSDT", price="0.09", quantity="100"))

    assert caught.value.cap == Decimal("0.08")


@pytest.mark.parametrize(
    ("kind", "params", "exists"),
    [
        ("lose_answer", {}, True),
        ("lose_request", {}, False),
        ("status", {"status": 503, "when": "after"}, True),
        ("status", {"status": 500, "when": "before"}, False),
        ("status", {"status": 200, "body": "<html>", "when": "after"}, True),
    ],
)
async def test_a_lost_answer_is_unknown_and_found_by_asking(
    venue: MexcVenue, control: Any, an_order: Any, kind: str, params: dict[str, Any], exists: bool
) -> None:
    """Whether the order lives is for the venue to tell; nothing is sent twice."""
    price = await marketable(venue)
    await control.fault(kind, match={"method": "POST", "path": "/api/v3/order"}, **params)

    with pytest.raises(OutcomeUnknown):
        await place(venue, an_order("doubt", price=price, quantity="0.001"))
    order = await venue.exchange.find_order(SYMBOL, "doubt")

    assert (order is not None) is exists


async def test_an_id_used_before_is_unknown_and_never_refused(venue: MexcVenue, an_order: Any) -> None:
    """The venue's word on a repeated id says that an order of this id exists."""
    order = an_order("same", price=await marketable(venue), quantity="0.001")
    await place(venue, order)

    with pytest.raises(OutcomeUnknown):
        await place(venue, order)


async def test_a_late_order_is_refused_by_its_window(venue: MexcVenue, an_order: Any) -> None:
    """What a paused process sends late does nothing; a window above a second is a bug."""
    price = await marketable(venue)
    await venue.exchange_clock.synchronise()
    signed = venue.exchange.sign(an_order("late", price=price, quantity="0.001"), venue.exchange_clock.now(), 50)
    await asyncio.sleep(0.15)

    with pytest.raises(ClockRefused):
        await venue.exchange.send(signed)
    with pytest.raises(ValueError, match="recv_window_ms"):
        venue.exchange.sign(signed.request, signed.timestamp, 1_001)


async def test_reads_go_on_when_the_venues_clock_jumps(venue: MexcVenue, control: Any) -> None:
    """The refused timestamp leads to a new measurement."""
    await venue.exchange.balance("USDT")
    await control.post("clock", offset_ms=30_000)

    balance = await venue.exchange.balance("USDT")

    assert balance.free == Decimal(1_000_000)


async def test_purchases_beyond_the_budget_never_leave_and_a_sale_still_does(
    venue: MexcVenue, control: Any, an_order: Any
) -> None:
    """Each of the others is told to come back; the venue itself limits nobody."""
    price, above = await resting(venue), await marketable(venue)
    orders = [an_order(f"many{n}", kind=OrderKind.LIMIT, price=price, quantity="0.001") for n in range(13)]

    outcomes = await asyncio.gather(*(place(venue, order) for order in orders), return_exceptions=True)
    sale = await place(venue, an_order("sale", side=Side.SELL, kind=OrderKind.LIMIT, price=above, quantity="0.001"))

    left = sum(isinstance(outcome, Ack) for outcome in outcomes)
    assert 0 < left <= 9
    assert [str(outcome) for outcome in outcomes if "nothing was sent" in str(outcome)] == [
        str(outcome) for outcome in outcomes if not isinstance(outcome, Ack)
    ]
    assert len(outcomes) - left == sum(isinstance(outcome, RateLimited) for outcome in outcomes)
    assert isinstance(sale, Ack)


async def test_a_wrong_secret_is_denied(control: Any) -> None:
    """A human has to act."""
    server = control.server
    async with open_venue(server.rest_url, server.ws_url, Credentials("test-key", "no"), clock=SystemClock()) as venue:
        with pytest.raises(AccessDenied):
            await venue.exchange.balance("USDT")


async def test_a_hot_order_over_tls_is_sealed_beforehand_and_filled(tmp_path: Path, an_order: Any) -> None:
    """The same words over https: rules, clock, a hot order, and what became of it."""
    context, certificate = make_certificate(tmp_path)
    server = SimulatorServer(tls=context)
    await server.start()
    account = server.venue.account("main")
    server.venue.set_key(ApiKey("test-key", b"test-secret", account))
    account.credit("USDT", Decimal(100_000))
    trust = ssl.create_default_context(cafile=str(certificate))
    try:
        async with open_venue(
            server.rest_url, server.ws_url, Credentials("test-key", "test-secret"), clock=SystemClock(), trust=trust
        ) as venue:
            line = await Gun.of(venue.hot_lines)
            price = await marketable(venue)
            for name in ("dropped", "hot1", "hot2"):
                await venue.exchange_clock.synchronise()
                now: datetime = venue.exchange_clock.now()
                await line.load(venue.exchange.sign(an_order(name, price=price, quantity="0.001"), now, 1_000))
                if name != "dropped":
                    await asyncio.to_thread(line.fire)
                    await line.answer(2)
            await line.close()
            orders = [await venue.exchange.find_order(SYMBOL, name) for name in ("dropped", "hot1", "hot2")]
    finally:
        await server.stop()

    assert [order and order.status for order in orders] == [None, OrderStatus.FILLED, OrderStatus.FILLED]
