"""The way of an order on paper: how long it takes, what it meets, and what is left of it when something dies."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.paper.exchange import CLOSED_ASKED_AGAIN_S, PaperExchange
from adapters.paper.hot_line import PaperHotLines
from domain import ages
from domain.errors import ClockRefused, NotTradable, OutcomeUnknown, PriceRefused, TryAgain
from domain.orders import OrderKind, OrderStatus, Side
from tests.adapters.paper.conftest import Bench
from tests.adapters.paper.market import MARKET_RULES, a_book, a_market_buy, a_request, a_trade
from tests.builders import RULES
from tests.gun import Gun, heard

pytestmark = pytest.mark.postgres

CHEAP = a_book(asks=[("0.05", "1000")], bids=[("0.049", "1000")], version=1)
DEAR = a_book(asks=[("0.055", "1000")], bids=[("0.049", "1000")], version=2)


async def followed(bench: Bench, **first: Any) -> None:
    """The market is known before the order leaves."""
    bench.streams.show(first.get("book", CHEAP))
    await bench.exchange.warm_up("NEWUSDT")


async def test_an_order_takes_the_way_there_and_back(bench: Bench) -> None:
    """Twice 20 ms as the clock was measured, and never less than twice 5 ms."""
    await followed(bench)

    took = []
    for number, one_way in enumerate((0.02, 0.0001)):
        bench.exchange_clock.one_way = one_way
        began = bench.clock.monotonic()
        ack = await bench.place(a_request(f"order{number}"))
        took.append(ack.received - began)

    assert took[0] >= 0.04
    assert 0.01 <= took[1] < 0.04


async def test_the_way_can_be_set(bench: Bench) -> None:
    """For whoever knows better, or wants to know what if."""
    await followed(bench)
    slow = PaperExchange(bench.public, bench.books, bench.markets, bench.exchange_clock, bench.clock, one_way_s=0.1)

    began = bench.clock.monotonic()
    ack = await slow.send(slow.sign(a_request(), bench.exchange_clock.now(), 1_000))

    assert ack.received - began >= 0.2


async def test_an_order_meets_the_book_of_its_arrival(bench: Bench) -> None:
    """What was offered when it left is gone; what was so at the arrival is known when the answer would be here."""
    await followed(bench)
    bench.exchange_clock.one_way = 0.1
    sent = asyncio.create_task(bench.place(a_request(price="0.06")))
    await asyncio.sleep(0.05)
    bench.streams.show(DEAR)

    ack = await sent

    (fill,) = await bench.exchange.fills("NEWUSDT", ack.order_id)
    assert fill.price == Decimal("0.055")


async def test_an_early_shot_is_refused_by_the_instant_of_its_arrival(bench: Bench) -> None:
    """Not by when it is booked: that is later."""
    await followed(bench)
    bench.exchange_clock.one_way = 0.1
    arrives = bench.exchange_clock.now() + timedelta(seconds=0.1)
    opens_ms = int((arrives + timedelta(seconds=0.05)).timestamp() * 1000)
    bench.public.now_rules = bench.public.later_rules = replace(RULES, opens_at_ms=opens_ms)

    with pytest.raises(NotTradable):
        await bench.place(a_request())
    await bench.place(a_request("later"))

    assert await bench.exchange.find_order("NEWUSDT", "order1") is None
    assert await bench.exchange.find_order("NEWUSDT", "later") is not None


async def test_closed_is_believed_only_when_asked_again(bench: Bench) -> None:
    """The rules that were read while arming may say what was true then."""
    await followed(bench)
    bench.public.now_rules = replace(RULES, api_allowed=False)

    await bench.place(a_request())

    assert bench.public.asked == [ages.RULES_S, CLOSED_ASKED_AGAIN_S]


async def test_a_market_without_a_book_fills_nothing(bench: Bench) -> None:
    """None yet, or none since its stream was interrupted."""
    await bench.exchange.warm_up("NEWUSDT")
    await bench.place(a_request("none"))
    bench.streams.show(CHEAP)
    await bench.place(a_request("some"))
    bench.streams.interrupt()
    await asyncio.sleep(0.15)
    await bench.place(a_request("gone"))

    found = [await bench.exchange.find_order("NEWUSDT", name) for name in ("none", "some", "gone")]
    assert [order and order.executed for order in found] == [0, 100, 0]


async def test_a_process_that_has_just_come_waits_for_the_first_book(bench: Bench) -> None:
    """As long as the order's window allows; then it meets nobody, and is not late."""
    waiting = asyncio.create_task(bench.place(a_request("patient")))
    await asyncio.sleep(0.2)
    bench.streams.show(CHEAP)
    await waiting
    await bench.markets.close()
    bench.streams.interrupt()
    await bench.place(a_request("in vain"), window_ms=500)

    found = [await bench.exchange.find_order("NEWUSDT", name) for name in ("patient", "in vain")]
    assert [order and order.executed for order in found] == [100, 0]


async def test_whoever_waits_may_leave_and_the_order_arrives(bench: Bench) -> None:
    """As with any request that is on the wire."""
    await followed(bench)
    sending = asyncio.create_task(bench.place(a_request()))
    await asyncio.sleep(0.01)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    absent = await bench.exchange.find_order("NEWUSDT", "order1")
    await bench.exchange.close()

    assert absent is None
    order = await bench.exchange.find_order("NEWUSDT", "order1")
    assert order is not None
    assert order.status is OrderStatus.FILLED


async def test_an_id_used_before_is_unknown_and_never_refused(bench: Bench) -> None:
    """As the real venue's word on a repeated id is read; nothing is bought twice."""
    await followed(bench)
    await bench.place(a_request())

    with pytest.raises(OutcomeUnknown):
        await bench.place(a_request())

    assert (await bench.exchange.balance("NEW")).free == Decimal(600)


async def test_what_is_late_at_its_booking_does_nothing(bench: Bench) -> None:
    """A process that stood still between arrival and booking: whoever asked meanwhile was told that there is none."""
    await followed(bench)
    signed = bench.exchange.sign(a_request(), bench.exchange_clock.now(), 300)
    sending = asyncio.create_task(bench.exchange.send(signed))
    async with bench.database.transaction() as connection:
        await connection.execute("SELECT FROM paper_accounts WHERE name = 'main' FOR UPDATE")
        await asyncio.sleep(0.5)

    with pytest.raises(ClockRefused):
        await sending

    assert await bench.exchange.find_order("NEWUSDT", "order1") is None
    assert (await bench.exchange.balance("USDT")).free == Decimal(1000)


async def test_an_answer_of_none_waits_for_a_booking_under_way(bench: Bench) -> None:
    """So that "not known" holds for everything before the question."""
    await followed(bench)
    async with bench.database.transaction() as connection:
        await connection.execute("SELECT FROM paper_accounts WHERE name = 'main' FOR UPDATE")
        asking = asyncio.create_task(bench.exchange.find_order("NEWUSDT", "order1"))
        await asyncio.sleep(0.1)
        waits = not asking.done()

    assert waits
    assert await asking is None


async def test_without_its_database_the_paper_venue_is_away(bench: Bench) -> None:
    """A question can be asked again; of an order nothing is known. The market's rules are the real venue's."""
    await followed(bench)
    await bench.database.close()

    with pytest.raises(TryAgain):
        await bench.exchange.balance("USDT")
    with pytest.raises(TryAgain):
        await bench.exchange.find_order("NEWUSDT", "order1")
    with pytest.raises(OutcomeUnknown):
        await bench.place(a_request())
    with pytest.raises(OutcomeUnknown):
        await bench.exchange.cancel("NEWUSDT", "order1")
    assert await bench.exchange.rules("NEWUSDT") == RULES


async def test_without_rules_nothing_is_tried(bench: Bench) -> None:
    """The venue did not look at the order, for all we know."""
    await followed(bench)
    bench.public.away = True

    with pytest.raises(TryAgain):
        await bench.place(a_request())

    assert await bench.exchange.find_order("NEWUSDT", "order1") is None


async def test_orders_at_once_share_what_there_is(bench: Bench) -> None:
    """Ten at the same moment: the book is sold once, and paid for once."""
    await followed(bench)
    wishes = [a_request(f"order{n}", quantity="3900", price="0.05") for n in range(10)]

    outcomes = await asyncio.gather(*(bench.place(wish) for wish in wishes), return_exceptions=True)

    executed = Decimal(0)
    for wish in wishes:
        order = await bench.exchange.find_order("NEWUSDT", wish.client_order_id)
        executed += order.executed if order is not None else 0
    free = await bench.exchange.balance("USDT")
    assert sum(not isinstance(outcome, Exception) for outcome in outcomes) == 10
    assert executed == Decimal(1000)
    assert free.free == Decimal(1000) - 50 - Decimal("0.025")
    assert free.locked == 0


async def test_firing_does_no_more_than_hand_over(bench: Bench) -> None:
    """On another thread, while the event loop is busy: it returns at once, and the order counts from then on."""
    await followed(bench)
    line = await Gun.of(PaperHotLines(bench.exchange, bench.clock))
    await line.load(bench.exchange.sign(a_request(), bench.exchange_clock.now(), 1_000))
    loop = asyncio.get_running_loop()
    fired = loop.run_in_executor(None, line.fire)
    before = bench.clock.monotonic()
    while bench.clock.monotonic() - before < 0.1:  # the loop can do nothing meanwhile
        pass
    busy_until = bench.clock.monotonic()
    fired_at = await fired

    ack = await line.answer(5)

    assert fired_at < busy_until - 0.05
    assert ack.received > busy_until
    again = await Gun.of(PaperHotLines(bench.exchange, bench.clock))
    await again.load(bench.exchange.sign(a_request(), bench.exchange_clock.now(), 1_000))
    again.fire()
    with pytest.raises(RuntimeError):
        again.fire()


async def test_no_answer_in_time_is_unknown_and_the_order_arrives(bench: Bench) -> None:
    """Whoever does not wait has to ask."""
    await followed(bench)
    bench.exchange_clock.one_way = 0.2
    line = await Gun.of(PaperHotLines(bench.exchange, bench.clock))
    await line.load(bench.exchange.sign(a_request(), bench.exchange_clock.now(), 1_000))
    line.fire()

    with pytest.raises(OutcomeUnknown):
        await line.answer(0.05)
    await line.close()
    await bench.exchange.close()

    assert await bench.exchange.find_order("NEWUSDT", "order1") is not None


async def test_a_late_answer_is_not_taken_for_the_next_order(bench: Bench) -> None:
    """A line that gave up waiting carries another one, and hears of that one only."""
    await followed(bench)
    battery = await PaperHotLines(bench.exchange, bench.clock).open(1)
    bench.exchange_clock.one_way = 0.05
    line = await battery.load(bench.exchange.sign(a_request("a"), bench.exchange_clock.now(), 1_000))
    line.fire()
    unknown = line.give_up("not waited for")
    bench.exchange_clock.one_way = 0.1
    again = battery.reload(bench.exchange.sign(a_request("b"), bench.exchange_clock.now(), 1_000), line)
    again.fire()
    ack = await heard(again)

    assert isinstance(unknown, OutcomeUnknown)
    assert again is line
    assert ack.client_order_id == "b"
    for name in ("a", "b"):
        assert await bench.exchange.find_order("NEWUSDT", name) is not None


async def test_an_order_that_is_cut_off_on_its_way_is_unknown(bench: Bench) -> None:
    """Closing waits for what is under way; when that is cancelled all the same, nobody knows."""
    await followed(bench)
    bench.exchange_clock.one_way = 0.05
    battery = await PaperHotLines(bench.exchange, bench.clock).open(2)
    lines = [
        await battery.load(bench.exchange.sign(a_request(name), bench.exchange_clock.now(), 1_000))
        for name in ("arrives", "cut off")
    ]
    lines[0].fire()
    await asyncio.sleep(0)
    await battery.close()
    await bench.exchange.close()
    ack = await heard(lines[0])
    lines[1].fire()
    await asyncio.sleep(0)
    for task in tuple(bench.exchange._under_way):
        task.cancel()

    assert ack.client_order_id == "arrives"
    with pytest.raises(OutcomeUnknown, match="closed"):
        await heard(lines[1])


async def test_the_rules_are_asked_for_and_the_market_followed(bench: Bench) -> None:
    """By a process that sends orders; another one leaves the market alone."""
    quiet = PaperExchange(bench.public, bench.books, bench.markets, bench.exchange_clock, bench.clock, warm=False)

    await quiet.rules("NEWUSDT")
    await asyncio.sleep(0)
    untouched = bench.streams.followed
    await bench.exchange.rules("NEWUSDT")
    await asyncio.sleep(0.01)

    assert (untouched, bench.streams.followed) == (0, 1)


async def test_a_band_around_the_last_trade_holds(bench: Bench) -> None:
    """Public trades move it."""
    await followed(bench)
    bench.streams.trade(a_trade("0.03", "1", Side.SELL))
    await asyncio.sleep(0.01)

    with pytest.raises(PriceRefused, match=r"above 0\.036"):
        await bench.place(a_request(price="0.05"))


async def test_signing_is_bounded_as_at_the_real_venue(bench: Bench) -> None:
    """A window above a second is a bug."""
    with pytest.raises(ValueError, match="recv_window_ms"):
        bench.exchange.sign(a_request(), bench.exchange_clock.now(), 1_001)


async def test_a_limit_that_rests_is_on_the_books(bench: Bench) -> None:
    """With what it set aside, and its place in the queue."""
    await followed(bench)
    await bench.place(a_request("rest", side=Side.SELL, kind=OrderKind.LIMIT, price="0.05", quantity="200"))

    booked = await bench.books.find("rest")

    assert booked is not None
    assert booked.ahead == Decimal(1000)
    assert (await bench.exchange.balance("NEW")).locked == Decimal(200)


async def test_a_market_purchase_is_on_the_books_as_it_ended(bench: Bench) -> None:
    """Order, fills and balance, read back from their rows."""
    bench.public.now_rules = MARKET_RULES
    await followed(bench)
    ack = await bench.place(a_market_buy(quote="20"))

    order = await bench.exchange.find_order("NEWUSDT", "order1")
    fills = await bench.exchange.fills("NEWUSDT", ack.order_id)

    assert order is not None
    assert (order.kind, order.status, order.executed) == (OrderKind.MARKET, OrderStatus.FILLED, Decimal(400))
    assert [(fill.quantity, fill.quote, fill.fee) for fill in fills] == [(Decimal(400), Decimal(20), Decimal("0.01"))]
    free = await bench.exchange.balance("USDT")
    assert (free.free, free.locked) == (Decimal("979.99"), Decimal(0))


async def test_a_market_purchase_at_an_opening_is_taken_and_cancelled(bench: Bench) -> None:
    """Nothing is bought in the first minute, whatever the book offers, and nothing rests."""
    just_now_ms = int(bench.exchange_clock.now().timestamp() * 1000) - 5_000
    bench.public.now_rules = replace(MARKET_RULES, opens_at_ms=just_now_ms)
    await followed(bench)
    await bench.place(a_market_buy())
    await bench.place(a_request("limited"))

    found = [await bench.exchange.find_order("NEWUSDT", name) for name in ("order1", "limited")]
    assert [order and (order.status, order.executed) for order in found] == [
        (OrderStatus.CANCELLED, Decimal(0)),
        (OrderStatus.FILLED, Decimal(100)),
    ]
    assert await bench.exchange.open_orders("NEWUSDT") == ()


async def test_a_market_purchase_where_nobody_sells_is_refused(bench: Bench) -> None:
    """No order is left of it."""
    bench.public.now_rules = MARKET_RULES
    await followed(bench, book=a_book(bids=[("0.049", "1000")]))

    with pytest.raises(NotTradable):
        await bench.place(a_market_buy())

    assert await bench.exchange.find_order("NEWUSDT", "order1") is None
