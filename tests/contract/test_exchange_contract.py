"""What every venue promises through the ports Exchange, HotLines and Streams: the fake, paper and MEXC alike.

Where a port leaves a choice (who pays what as a maker, whether a repeated id is noticed), nothing is claimed here.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from domain.errors import ClockRefused, NotTradable, OrderRejected, TryAgain
from domain.money import Base, Price, Quote
from domain.orders import Fill, Order, OrderKind, OrderRequest, OrderStatus, Side
from domain.ports import Ack, SignedOrder, StreamGap
from domain.quotes import TopOfBook
from tests.contract.grounds import ASK, ASKED, BASE, BID, FEE, NEW, QUOTE, SYMBOL, USDT, Ground
from tests.gun import Gun, heard

WITHIN_S = 10.0


def a_buy(name: str = "buy1", *, price: str = "0.05", quantity: str = "100", symbol: str = SYMBOL) -> OrderRequest:
    return OrderRequest(name, symbol, Side.BUY, OrderKind.IMMEDIATE, Price(Decimal(price)), Base(Decimal(quantity)))


def a_sell(
    name: str = "sell1", *, price: str = "0.055", quantity: str = "100", kind: OrderKind = OrderKind.LIMIT
) -> OrderRequest:
    return OrderRequest(name, SYMBOL, Side.SELL, kind, Price(Decimal(price)), Base(Decimal(quantity)))


def a_limit_buy(name: str = "rest1", *, price: str = "0.0495", quantity: str = "100") -> OrderRequest:
    return OrderRequest(name, SYMBOL, Side.BUY, OrderKind.LIMIT, Price(Decimal(price)), Base(Decimal(quantity)))


def a_market_buy(name: str = "market1", *, quote: str = "20", symbol: str = SYMBOL) -> OrderRequest:
    """Sized by a price below the ask, which must not matter."""
    amount, price = Quote(Decimal(quote)), Price(Decimal("0.04"))
    return OrderRequest(name, symbol, Side.BUY, OrderKind.MARKET, price, Base(amount / price), amount)


async def place(ground: Ground, request: OrderRequest) -> Ack:
    return await ground.exchange.send(ground.exchange.sign(request, ground.exchange_clock.now(), 1_000))


def hot(ground: Ground, request: OrderRequest) -> SignedOrder:
    return ground.exchange.sign(request, ground.exchange_clock.now(), 1_000)


async def found(ground: Ground, name: str) -> Order:
    order = await ground.exchange.find_order(SYMBOL, name)
    assert order is not None
    return order


async def total(ground: Ground, asset: str) -> Decimal:
    balance = await ground.exchange.balance(asset)
    return balance.free + balance.locked


async def eventually(claim: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WITHIN_S):
        while not await claim():
            await asyncio.sleep(0.02)


async def first(
    items: AsyncIterator[Order | Fill | StreamGap], wanted: Callable[[Order | Fill | StreamGap], bool]
) -> Order | Fill | StreamGap:
    async with asyncio.timeout(WITHIN_S):
        async for item in items:
            if wanted(item):
                return item
    raise AssertionError("the stream ended")


async def test_an_immediate_buy_at_the_ask_is_filled(ground: Ground) -> None:
    """Acknowledgement, order, fills and balance agree with each other."""
    ack = await place(ground, a_buy())
    order = await found(ground, "buy1")
    fills = await ground.exchange.fills(SYMBOL, ack.order_id)

    assert ack.client_order_id == "buy1"
    assert (order.order_id, order.client_order_id) == (ack.order_id, "buy1")
    assert (order.symbol, order.side, order.kind) == (SYMBOL, Side.BUY, OrderKind.IMMEDIATE)
    assert (order.price, order.quantity) == (Decimal("0.05"), Decimal(100))
    assert (order.status, order.executed, order.executed_quote) == (OrderStatus.FILLED, Decimal(100), Decimal(5))
    assert sum(fill.quantity for fill in fills) == Decimal(100)
    assert sum(fill.quote for fill in fills) == Decimal(5)
    assert {(fill.order_id, fill.symbol, fill.side, fill.price) for fill in fills} == {
        (ack.order_id, SYMBOL, Side.BUY, ASK)
    }
    assert len({fill.trade_id for fill in fills}) == len(fills)
    assert await total(ground, BASE) == NEW + 100


async def test_what_a_purchase_costs_is_its_fills_and_their_fees(ground: Ground) -> None:
    """The fee is a share of what was traded, in quote, on top of it."""
    ack = await place(ground, a_buy())
    fills = await ground.exchange.fills(SYMBOL, ack.order_id)

    spent = sum((fill.quote for fill in fills), Decimal(0))
    fees = sum((fill.fee for fill in fills), Decimal(0))
    assert {fill.fee_asset for fill in fills} == {QUOTE}
    assert fees == spent * FEE
    assert await total(ground, QUOTE) == USDT - spent - fees
    assert (await ground.exchange.balance(QUOTE)).locked == 0


async def test_a_better_price_than_the_limit_is_had(ground: Ground) -> None:
    """The limit is the worst price, not the price."""
    await place(ground, a_buy(price="0.055"))

    order = await found(ground, "buy1")
    assert order.price == Decimal("0.055")
    assert order.executed_quote == Decimal(5)


async def test_an_immediate_buy_under_the_ask_ends_with_nothing(ground: Ground) -> None:
    """It is known, final, and cost nothing."""
    ack = await place(ground, a_buy(price="0.0499"))

    order = await found(ground, "buy1")
    assert (order.status, order.executed, order.executed_quote) == (OrderStatus.CANCELLED, Decimal(0), Decimal(0))
    assert await ground.exchange.fills(SYMBOL, ack.order_id) == ()
    assert await ground.exchange.open_orders(SYMBOL) == ()
    assert (await ground.exchange.balance(QUOTE)).free == USDT


async def test_an_immediate_buy_of_more_than_is_offered_ends_filled_in_part(ground: Ground) -> None:
    """The rest does not stay in the book."""
    await place(ground, a_buy(quantity="1500"))

    order = await found(ground, "buy1")
    assert (order.status, order.executed) == (OrderStatus.PARTIALLY_CANCELLED, ASKED)
    assert await ground.exchange.open_orders(SYMBOL) == ()
    assert (await ground.exchange.balance(QUOTE)).free == USDT - 50 - 50 * FEE


async def test_what_was_bought_is_not_offered_again(ground: Ground) -> None:
    """A second buy gets what the first one left."""
    await place(ground, a_buy("buy1", quantity="900"))
    await place(ground, a_buy("buy2", quantity="900"))

    assert (await found(ground, "buy1")).executed == Decimal(900)
    assert (await found(ground, "buy2")).executed == Decimal(100)


async def test_an_immediate_sell_at_the_bid_is_filled(ground: Ground) -> None:
    """Its proceeds are there, less the fee."""
    await place(ground, a_sell(price="0.0485", kind=OrderKind.IMMEDIATE))

    order = await found(ground, "sell1")
    assert (order.status, order.executed_quote) == (OrderStatus.FILLED, Decimal("4.9"))
    assert await total(ground, BASE) == NEW - 100
    assert await total(ground, QUOTE) == USDT + Decimal("4.9") * (1 - FEE)


async def test_a_limit_sell_rests_until_it_is_cancelled(ground: Ground) -> None:
    """It is open and holds its coins; afterwards it is neither."""
    await place(ground, a_sell())
    resting = await found(ground, "sell1")
    listed = await ground.exchange.open_orders(SYMBOL)
    holding = await ground.exchange.balance(BASE)
    await ground.exchange.cancel(SYMBOL, "sell1")

    assert (resting.status, resting.kind) == (OrderStatus.NEW, OrderKind.LIMIT)
    assert [order.client_order_id for order in listed] == ["sell1"]
    assert (holding.free, holding.locked) == (NEW - 100, Decimal(100))
    ended = await found(ground, "sell1")
    freed = await ground.exchange.balance(BASE)
    assert (ended.status, ended.executed) == (OrderStatus.CANCELLED, Decimal(0))
    assert await ground.exchange.open_orders(SYMBOL) == ()
    assert (freed.free, freed.locked) == (NEW, Decimal(0))


async def test_a_resting_sell_is_filled_at_its_price_when_the_market_comes_to_it(ground: Ground) -> None:
    """Nobody asks for it: the market moves."""
    await place(ground, a_sell(price="0.052"))
    await ground.market.bid("0.052", "2000")

    async def filled() -> bool:
        return (await found(ground, "sell1")).status is OrderStatus.FILLED

    await eventually(filled)
    assert (await found(ground, "sell1")).executed_quote == Decimal("5.2")
    assert await total(ground, BASE) == NEW - 100
    assert (await ground.exchange.balance(BASE)).locked == 0


async def test_a_market_purchase_spends_its_amount_and_no_more(ground: Ground) -> None:
    """At the ask, whatever it was sized by; whether the fee comes out of the amount or on top of it is the venue's."""
    amount = Decimal(20)
    ack = await place(ground, a_market_buy(quote="20"))
    order = await found(ground, "market1")
    fills = await ground.exchange.fills(SYMBOL, ack.order_id)

    spent = sum((fill.quote for fill in fills), Decimal(0))
    fees = sum((fill.fee for fill in fills), Decimal(0))
    assert (order.side, order.kind, order.status) == (Side.BUY, OrderKind.MARKET, OrderStatus.FILLED)
    assert order.executed <= order.quantity
    assert (sum(fill.quantity for fill in fills), spent) == (order.executed, order.executed_quote)
    assert {fill.price for fill in fills} == {ASK}
    assert amount * Decimal("0.99") < spent <= amount
    assert spent + fees <= amount * (1 + FEE)
    assert await total(ground, BASE) == NEW + order.executed
    assert await total(ground, QUOTE) == USDT - spent - fees
    assert (await ground.exchange.balance(QUOTE)).locked == 0


async def test_a_market_purchase_of_more_than_is_offered_ends_filled_in_part(ground: Ground) -> None:
    """It is final: what it could not spend is free again and nothing rests."""
    await place(ground, a_market_buy(quote="100"))

    order = await found(ground, "market1")
    assert (order.status, order.executed, order.executed_quote) == (
        OrderStatus.PARTIALLY_CANCELLED,
        ASKED,
        ASKED * ASK,
    )
    assert await ground.exchange.open_orders(SYMBOL) == ()
    assert (await ground.exchange.balance(QUOTE)).free == USDT - 50 - 50 * FEE


async def test_a_market_purchase_is_refused_where_there_are_none(ground: Ground) -> None:
    """The rules say so beforehand, and the order is a definite no that costs nothing."""
    symbol = await ground.market.limit_only_symbol()
    rules = await ground.exchange.rules(symbol, 0)

    with pytest.raises(OrderRejected):
        await place(ground, a_market_buy(symbol=symbol))

    assert rules is not None
    assert not rules.market_orders
    assert await ground.exchange.find_order(symbol, "market1") is None
    assert await total(ground, QUOTE) == USDT


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(replace(a_market_buy(), side=Side.SELL), id="a sale at market"),
        pytest.param(replace(a_market_buy(), quote=None), id="a market purchase of no amount"),
        pytest.param(replace(a_buy(), quote=Quote(Decimal(20))), id="an amount with another kind"),
    ],
)
async def test_what_is_never_meant_is_not_signed(ground: Ground, request_: OrderRequest) -> None:
    """A bug of ours, told before anything leaves."""
    with pytest.raises(ValueError, match=r"market|quote"):
        ground.exchange.sign(request_, ground.exchange_clock.now(), 1_000)


async def test_a_limit_buy_rests_until_it_is_cancelled(ground: Ground) -> None:
    """It is open and holds its money; afterwards it is neither."""
    await place(ground, a_limit_buy())
    resting = await found(ground, "rest1")
    listed = await ground.exchange.open_orders(SYMBOL)
    holding = await ground.exchange.balance(QUOTE)
    await ground.exchange.cancel(SYMBOL, "rest1")

    assert (resting.status, resting.side, resting.kind) == (OrderStatus.NEW, Side.BUY, OrderKind.LIMIT)
    assert [order.client_order_id for order in listed] == ["rest1"]
    assert Decimal("4.95") <= holding.locked <= Decimal("4.95") * (1 + FEE)
    assert holding.free + holding.locked == USDT
    ended = await found(ground, "rest1")
    freed = await ground.exchange.balance(QUOTE)
    assert (ended.status, ended.executed) == (OrderStatus.CANCELLED, Decimal(0))
    assert await ground.exchange.open_orders(SYMBOL) == ()
    assert (freed.free, freed.locked) == (USDT, Decimal(0))


async def test_a_limit_buy_of_more_than_is_offered_rests_with_the_remainder(ground: Ground) -> None:
    """Cancelling it ends it in part: what was bought stays bought."""
    await place(ground, a_limit_buy(price="0.05", quantity="1500"))
    resting = await found(ground, "rest1")
    listed = await ground.exchange.open_orders(SYMBOL)
    await ground.exchange.cancel(SYMBOL, "rest1")

    assert (resting.status, resting.executed) == (OrderStatus.PARTIALLY_FILLED, ASKED)
    assert [order.client_order_id for order in listed] == ["rest1"]
    ended = await found(ground, "rest1")
    left = await ground.exchange.balance(QUOTE)
    assert (ended.status, ended.executed) == (OrderStatus.PARTIALLY_CANCELLED, ASKED)
    assert (left.free, left.locked) == (USDT - 50 - 50 * FEE, Decimal(0))
    assert await total(ground, BASE) == NEW + ASKED


async def test_a_resting_buy_is_filled_at_its_price_when_the_market_comes_to_it(ground: Ground) -> None:
    """Nobody asks for it: the market moves."""
    await place(ground, a_limit_buy(price="0.0495"))
    await ground.market.ask("0.0495", "2000")

    async def filled() -> bool:
        return (await found(ground, "rest1")).status is OrderStatus.FILLED

    await eventually(filled)
    assert (await found(ground, "rest1")).executed_quote == Decimal("4.95")
    assert await total(ground, BASE) == NEW + 100
    assert (await ground.exchange.balance(QUOTE)).locked == 0


async def test_cancelling_is_idempotent(ground: Ground) -> None:
    """Twice, after the end, or of an order nobody knows: no error, and nothing changes."""
    await place(ground, a_buy())
    await place(ground, a_sell())
    for name in ("sell1", "sell1", "buy1", "neverthere"):
        await ground.exchange.cancel(SYMBOL, name)

    assert (await found(ground, "buy1")).status is OrderStatus.FILLED
    assert (await found(ground, "sell1")).status is OrderStatus.CANCELLED
    assert await ground.exchange.find_order(SYMBOL, "neverthere") is None


async def test_an_order_nobody_placed_is_not_known(ground: Ground) -> None:
    """None, not an error; and it has no fills."""
    assert await ground.exchange.find_order(SYMBOL, "neverthere") is None


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(a_buy(quantity="30000"), id="more USDT than there is"),
        pytest.param(a_sell(quantity="501"), id="more coins than there are"),
        pytest.param(a_buy(quantity="1"), id="too small"),
        pytest.param(a_market_buy(quote="0.5"), id="too small at market"),
    ],
)
async def test_an_order_that_cannot_be_is_rejected_and_leaves_nothing(ground: Ground, request_: OrderRequest) -> None:
    """A definite no: no order, nothing locked."""
    with pytest.raises(OrderRejected):
        await place(ground, request_)

    assert await ground.exchange.find_order(SYMBOL, request_.client_order_id) is None
    assert await ground.exchange.open_orders(SYMBOL) == ()
    assert (await ground.exchange.balance(QUOTE)).free == USDT
    assert (await ground.exchange.balance(BASE)).free == NEW


@pytest.mark.parametrize("off_s", [-2.0, 3.0])
async def test_a_timestamp_outside_its_window_is_refused(ground: Ground, off_s: float) -> None:
    """Too old or too far ahead: nothing is bought."""
    stamp = ground.exchange_clock.now() + timedelta(seconds=off_s)
    signed = ground.exchange.sign(a_buy(), stamp, 1_000)

    with pytest.raises(ClockRefused):
        await ground.exchange.send(signed)

    assert await ground.exchange.find_order(SYMBOL, "buy1") is None
    assert await total(ground, QUOTE) == USDT


async def test_before_its_opening_a_symbol_is_not_tradable(ground: Ground) -> None:
    """Whatever its book shows."""
    symbol = await ground.market.closed_symbol()

    with pytest.raises(NotTradable):
        await place(ground, a_buy(symbol=symbol))

    assert await ground.exchange.find_order(symbol, "buy1") is None


async def test_a_market_purchase_where_nobody_sells_may_be_tried_again(ground: Ground) -> None:
    """As before an opening: somebody may sell in a moment. Nothing is left of it."""

    async def nobody_sells() -> bool:
        return (await ground.exchange.top_of_book(SYMBOL)).ask is None

    await ground.market.sold_out()
    await eventually(nobody_sells)

    with pytest.raises(NotTradable) as refused:
        await place(ground, a_market_buy())

    assert refused.value.code == 30025
    assert await ground.exchange.find_order(SYMBOL, "market1") is None
    assert await total(ground, QUOTE) == USDT


async def test_the_account_stream_tells_orders_and_fills(ground: Ground) -> None:
    """Of an order that was placed after it was entered."""
    async with ground.streams.account() as items:
        await place(ground, a_buy())
        told: list[Order | Fill | StreamGap] = []

        def complete(item: Order | Fill | StreamGap) -> bool:
            told.append(item)
            orders = [one for one in told if isinstance(one, Order)]
            fills = [one for one in told if isinstance(one, Fill)]
            return any(one.executed == 100 for one in orders) and sum(one.quantity for one in fills) == 100

        await first(items, complete)

    assert {item.client_order_id for item in told if isinstance(item, Order | Fill)} == {"buy1"}


async def test_a_hot_order_is_booked_once(ground: Ground) -> None:
    """Loaded, fired at its instant and answered; what was loaded and never fired is not booked."""
    line = await Gun.of(ground.lines)
    await line.load(ground.exchange.sign(a_buy("dropped"), ground.exchange_clock.now(), 1_000))
    await line.load(ground.exchange.sign(a_buy("hot1"), ground.exchange_clock.now(), 1_000))
    fired_at = line.fire()
    ack = await line.answer(WITHIN_S)
    await line.load(ground.exchange.sign(a_buy("hot2"), ground.exchange_clock.now(), 1_000))
    line.fire()
    await line.answer(WITHIN_S)
    await line.close()
    await line.close()

    assert (ack.client_order_id, ack.received > fired_at) == ("hot1", True)
    assert (await found(ground, "hot1")).order_id == ack.order_id
    assert (await found(ground, "hot2")).status is OrderStatus.FILLED
    assert await ground.exchange.find_order(SYMBOL, "dropped") is None
    assert await total(ground, BASE) == NEW + 200


async def test_a_refusal_reaches_whoever_waits_for_a_hot_order(ground: Ground) -> None:
    """And the line carries the next one."""
    line = await Gun.of(ground.lines)
    await line.load(ground.exchange.sign(a_buy("small", quantity="1"), ground.exchange_clock.now(), 1_000))
    line.fire()
    with pytest.raises(OrderRejected):
        await line.answer(WITHIN_S)
    await line.load(ground.exchange.sign(a_buy("large"), ground.exchange_clock.now(), 1_000))
    line.fire()
    ack = await line.answer(WITHIN_S)
    await line.close()

    assert ack.client_order_id == "large"


async def test_the_next_hot_order_is_laid_ready_off_the_event_loop(ground: Ground) -> None:
    """On another thread, right after the answer to the one before."""
    battery = await ground.lines.open(2)
    line = await battery.load(hot(ground, a_buy("small", quantity="1")))
    await battery.restock(shots=True)
    line.fire()
    with pytest.raises(OrderRejected):
        await heard(line, WITHIN_S)
    order = hot(ground, a_buy("large"))
    carrier = await asyncio.to_thread(lambda: battery.reload(order, line))
    stood = carrier.ready()
    fired_at = carrier.fire()
    ack = await heard(carrier, WITHIN_S)
    first_byte = carrier.first_byte
    battery.give_back(carrier)
    await battery.restock(shots=False)
    await battery.close()

    assert stood
    assert ack.client_order_id == "large"
    assert first_byte is not None
    assert fired_at < first_byte <= ack.received + 0.1
    assert (await found(ground, "large")).status is OrderStatus.FILLED
    assert await total(ground, BASE) == NEW + 100


async def test_hot_orders_of_two_lines_are_booked_each(ground: Ground) -> None:
    """Each line hears of its own; a third order has to wait for one of them, however often the other is given back."""
    battery = await ground.lines.open(2)
    names = ("one", "two")
    lines = [await battery.load(hot(ground, a_buy(name))) for name in names]
    with pytest.raises(TryAgain):
        await battery.load(hot(ground, a_buy("three")))
    for line in lines:
        line.fire()
    acks = [await heard(line, WITHIN_S) for line in reversed(lines)]
    for line in (lines[0], lines[0]):
        battery.give_back(line)
    again = await battery.load(hot(ground, a_buy("three")))
    with pytest.raises(TryAgain):
        await battery.load(hot(ground, a_buy("four")))
    await battery.close()

    assert [line.number for line in lines] in ([0, 1], [1, 0])
    assert [ack.client_order_id for ack in acks] == ["two", "one"]
    assert again.number == lines[0].number
    assert [(await found(ground, name)).status for name in names] == [OrderStatus.FILLED] * 2
    assert await total(ground, BASE) == NEW + 200


async def test_nobody_can_fire_what_is_not_laid_ready(ground: Ground) -> None:
    """An order leaves once; and not any more when its line was given back."""
    battery = await ground.lines.open(1)
    line = await battery.load(hot(ground, a_buy("hot1")))
    line.fire()
    with pytest.raises(RuntimeError):
        line.fire()
    await heard(line, WITHIN_S)
    battery.give_back(line)
    line = await battery.load(hot(ground, a_buy("dropped")))
    battery.give_back(line)
    with pytest.raises(RuntimeError):
        line.fire()
    await battery.close()

    assert await ground.exchange.find_order(SYMBOL, "dropped") is None
    assert await total(ground, BASE) == NEW + 100


async def test_prices_are_told(ground: Ground) -> None:
    """Asked for, and by the stream."""
    asked = await ground.exchange.top_of_book(SYMBOL)
    async with ground.streams.quotes(SYMBOL) as items, asyncio.timeout(WITHIN_S):
        told = await anext(item async for item in items if isinstance(item, TopOfBook))

    assert (asked.symbol, asked.bid, asked.ask) == (SYMBOL, BID, ASK)
    assert (told.symbol, told.bid, told.ask) == (SYMBOL, BID, ASK)


async def test_rules_of_a_listed_symbol_are_known(ground: Ground) -> None:
    """Enough of them to plan an order."""
    rules = await ground.exchange.rules(SYMBOL)

    assert rules is not None
    assert (rules.symbol, rules.base_asset, rules.quote_asset) == (SYMBOL, BASE, QUOTE)
    assert rules.api_allowed
    assert rules.market_orders
    assert rules.taker_fee == FEE
