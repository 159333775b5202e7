"""Resting orders on paper: whoever has the turn lets them meet the market, and everybody hears of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace
from decimal import Decimal

import psycopg
import pytest

from adapters.paper.streams import PaperStreams
from adapters.postgres.database import Database
from domain.orders import Fill, Order, OrderKind, OrderStatus, Side
from domain.ports import StreamGap
from domain.quotes import TopOfBook
from tests.adapters.paper.conftest import Bench
from tests.adapters.paper.market import a_book, a_request, a_trade
from tests.adapters.postgres.makers import eventually

pytestmark = pytest.mark.postgres

FIRST = a_book(asks=[("0.055", "40")], bids=[("0.049", "1000")], version=1)
SELL = a_request("sell1", side=Side.SELL, kind=OrderKind.LIMIT, price="0.055", quantity="100")


@asynccontextmanager
async def keeping(bench: Bench) -> AsyncIterator[asyncio.Task[None]]:
    """A process that may look after what rests. Cancel the task: it has died."""
    task = asyncio.create_task(bench.keeper().run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def another_process(bench: Bench) -> AsyncIterator[Bench]:
    """With its own connections and its own look at the market."""
    async with Database(bench.database.url, name="other") as database:
        other = Bench(database)
        try:
            yield other
        finally:
            await other.close()


async def placed(bench: Bench) -> None:
    bench.streams.show(FIRST)
    await bench.exchange.warm_up("NEWUSDT")
    await bench.place(SELL)


async def executed(bench: Bench) -> Decimal:
    order = await bench.exchange.find_order("NEWUSDT", "sell1")
    assert order is not None
    return order.executed


async def becomes(ask: Callable[[], Awaitable[Decimal]], wanted: int) -> None:
    async with asyncio.timeout(10):
        while await ask() != wanted:
            await asyncio.sleep(0.02)


async def watched(bench: Bench) -> None:
    """Its keeper has the turn and follows the market."""
    await eventually(lambda: bench.markets.follow("NEWUSDT").listened)


async def test_an_order_of_one_process_is_filled_by_the_market_of_another(bench: Bench) -> None:
    """By a trade behind the queue, then by a book that crosses it; the money is there."""
    async with another_process(bench) as other, keeping(other):
        await placed(bench)
        await watched(other)
        other.streams.trade(a_trade("0.055", "70", Side.BUY, other.exchange_clock.now()))
        await becomes(lambda: executed(bench), 30)
        other.streams.show(a_book(bids=[("0.056", "500")], version=2))
        await becomes(lambda: executed(bench), 100)

        order = await bench.exchange.find_order("NEWUSDT", "sell1")
        usdt, new = await bench.exchange.balance("USDT"), await bench.exchange.balance("NEW")

    assert order is not None
    assert order.status is OrderStatus.FILLED
    assert usdt.free == Decimal(1000) + Decimal("5.5") * (1 - Decimal("0.0005"))
    assert (new.free, new.locked) == (Decimal(400), Decimal(0))


async def test_only_one_process_has_the_turn_and_the_next_takes_over(bench: Bench) -> None:
    """What the other one sees changes nothing until the first has gone."""
    async with another_process(bench) as other, keeping(bench) as first:
        await placed(bench)
        await watched(bench)
        async with keeping(other):
            other.streams.show(FIRST)
            await other.exchange.warm_up("NEWUSDT")
            other.streams.trade(a_trade("0.056", "10", Side.BUY, other.exchange_clock.now()))
            await asyncio.sleep(0.3)
            untouched = await executed(bench)
            first.cancel()
            await watched(other)
            other.streams.trade(a_trade("0.056", "10", Side.BUY, other.exchange_clock.now()))
            await becomes(lambda: executed(bench), 10)

    assert untouched == 0


async def test_what_was_traded_while_nobody_looked_after_it_does_not_fill(bench: Bench) -> None:
    """Afterwards it meets the market again as it is."""
    await placed(bench)
    bench.streams.trade(a_trade("0.056", "10", Side.BUY, bench.exchange_clock.now()))
    await asyncio.sleep(0.05)
    async with keeping(bench):
        await watched(bench)
        await asyncio.sleep(0.1)
        missed = await executed(bench)
        bench.streams.trade(a_trade("0.056", "20", Side.BUY, bench.exchange_clock.now()))
        await becomes(lambda: executed(bench), 20)

    assert missed == 0


async def test_a_keeper_whose_connection_is_cut_comes_back(bench: Bench) -> None:
    """With it went its turn, so nothing of it can be written any more; then it asks again."""
    async with keeping(bench):
        await placed(bench)
        await watched(bench)
        async with await psycopg.AsyncConnection.connect(bench.database.url, autocommit=True) as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'sniper-paper%'"
                " AND datname = current_database()"
            )

        async def filled() -> Decimal:
            bench.streams.trade(a_trade("0.056", "100", Side.BUY, bench.exchange_clock.now()))
            return await executed(bench)

        await becomes(filled, 100)


async def test_a_cancelled_order_is_not_filled_any_more(bench: Bench) -> None:
    """Whoever cancelled it."""
    async with another_process(bench) as other, keeping(other):
        await placed(bench)
        await watched(other)
        await bench.exchange.cancel("NEWUSDT", "sell1")
        other.streams.trade(a_trade("0.056", "70", Side.BUY, other.exchange_clock.now()))
        other.streams.show(a_book(bids=[("0.056", "500")], version=2))
        await asyncio.sleep(0.2)

        order = await bench.exchange.find_order("NEWUSDT", "sell1")

    assert order is not None
    assert (order.status, order.executed) == (OrderStatus.CANCELLED, Decimal(0))
    assert (await bench.exchange.balance("NEW")).free == Decimal(500)


async def test_every_process_hears_of_orders_and_fills(bench: Bench) -> None:
    """Its account stream tells what another one placed and a third one filled, in this order."""
    told: list[Order | Fill | StreamGap] = []
    async with (
        another_process(bench) as other,
        keeping(other),
        PaperStreams(_NoQuotes(), bench.changes).account() as items,
    ):
        await placed(bench)
        await watched(other)
        other.streams.trade(a_trade("0.056", "30", Side.BUY, other.exchange_clock.now()))
        async with asyncio.timeout(10):
            async for item in items:
                told.append(item)
                if isinstance(item, Fill):
                    break

    first, fill = told[0], told[-1]
    assert isinstance(first, Order)
    assert (first.status, first.executed) == (OrderStatus.NEW, Decimal(0))
    assert isinstance(fill, Fill)
    assert (fill.client_order_id, fill.quantity, fill.price) == ("sell1", Decimal(30), Decimal("0.055"))
    assert not any(isinstance(item, StreamGap) for item in told)


async def test_after_the_database_was_away_the_stream_tells_a_gap_and_what_it_missed(bench: Bench) -> None:
    """Nothing is lost: it reads on from where it was."""
    told: list[Order | Fill | StreamGap] = []
    async with PaperStreams(_NoQuotes(), bench.changes).account() as items:
        async with await psycopg.AsyncConnection.connect(bench.database.url, autocommit=True) as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sniper-paper-changes'"
                " AND datname = current_database()"
            )
        await placed(bench)
        async with asyncio.timeout(10):
            async for item in items:
                told.append(item)
                if isinstance(item, Order):
                    break

    assert isinstance(told[0], StreamGap)
    assert isinstance(told[-1], Order)
    assert told[-1].client_order_id == "sell1"


async def test_a_market_in_which_nothing_rests_is_left_alone(bench: Bench) -> None:
    """After the last order there has ended, its books are not written about."""
    async with keeping(bench):
        await placed(bench)
        await watched(bench)
        await bench.exchange.cancel("NEWUSDT", "sell1")
        await eventually(lambda: not bench.markets.follow("NEWUSDT").listened)
        revision = await bench.books.revision()
        bench.streams.show(replace(FIRST, version=5))
        await asyncio.sleep(0.1)

        assert await bench.books.revision() == revision


class _NoQuotes:
    """Nobody asks for prices here."""

    def quotes(self, symbol: str) -> AbstractAsyncContextManager[AsyncIterator[TopOfBook | StreamGap]]:
        raise NotImplementedError
