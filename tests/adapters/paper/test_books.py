"""The paper venue's books: a change is there as a whole or not at all."""

import asyncio
import sys
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from domain.orders import OrderKind, Side
from tests.adapters.paper.conftest import Bench
from tests.adapters.paper.market import a_book, a_request
from tests.adapters.postgres.server import environment

pytestmark = pytest.mark.postgres

BOOK = a_book(asks=[("0.05", "60"), ("0.0501", "1000")], bids=[("0.049", "1000")])


def column(url: str, query: str) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query).fetchone()
        assert row is not None
        return row[0]


async def test_an_account_is_made_once(bench: Bench) -> None:
    """Opening it again, with another balance, changes nothing."""
    await bench.books.open("USDT", Decimal(5))

    assert (await bench.books.balance("USDT")).free == Decimal(1000)
    assert (await bench.books.balance("NOSUCH")).free == 0


async def test_a_purchase_that_cannot_be_written_whole_is_not_written_at_all(bench: Bench) -> None:
    """Whatever breaks between its first and its last row."""
    bench.streams.show(BOOK)
    await bench.exchange.warm_up("NEWUSDT")
    async with bench.database.transaction() as connection:
        await connection.execute("ALTER TABLE paper_taken ADD CONSTRAINT broken CHECK (quantity < 0) NOT VALID")

    with pytest.raises(psycopg.errors.CheckViolation):
        await bench.place(a_request(price="0.0501"))

    assert await bench.books.find("order1") is None
    assert (await bench.books.balance("USDT")).free == Decimal(1000)
    assert await bench.books.revision() == 0
    assert column(bench.database.url, "SELECT count(*) FROM paper_fills") == 0


async def test_what_is_read_back_is_what_was_written(bench: Bench) -> None:
    """Order, fills in their order, amounts to the last digit, and what was taken."""
    bench.streams.show(BOOK)
    await bench.exchange.warm_up("NEWUSDT")
    ack = await bench.place(a_request(price="0.0501"))

    booked = await bench.books.find("order1")
    fills = await bench.books.fills(ack.order_id)

    assert booked is not None
    assert booked.order.executed_quote == Decimal("3") + Decimal("2.004")
    assert [(fill.price, fill.quantity, fill.fee) for fill in fills] == [
        (Decimal("0.05"), Decimal(60), Decimal("0.0015")),
        (Decimal("0.0501"), Decimal(40), Decimal("0.001002")),
    ]
    assert (await bench.books.balance("USDT")).free == Decimal(1000) - Decimal("5.004") - Decimal("0.002502")
    assert column(bench.database.url, "SELECT sum(quantity) FROM paper_taken") == Decimal(100)


async def test_the_database_itself_holds_no_balance_below_zero(bench: Bench) -> None:
    """Should the arithmetic ever be wrong, it is refused there."""
    with pytest.raises(psycopg.errors.CheckViolation):
        async with bench.database.transaction() as connection:
            await connection.execute("UPDATE paper_balances SET free = -1 WHERE asset = 'USDT'")


async def test_processes_killed_while_they_trade_leave_whole_books(bench: Bench) -> None:
    """Three at once, killed at any moment: every balance is what the fills and the open orders make of it."""
    traders = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.adapters.paper.trader",
            bench.database.url,
            str(seed),
            stdout=asyncio.subprocess.PIPE,
            env=environment(),
        )
        for seed in range(3)
    ]
    for trader in traders:
        assert trader.stdout is not None
        assert await trader.stdout.readline() == b"trading\n"
    for seed, trader in enumerate(traders):
        await asyncio.sleep(0.3 + 0.037 * seed)
        trader.kill()
        await trader.wait()

    url = bench.database.url
    quote = column(
        url,
        "SELECT 1000 + coalesce(sum(CASE side WHEN 'buy' THEN -quote ELSE quote END - fee), 0) FROM paper_fills",
    )
    base = column(
        url, "SELECT 500 + coalesce(sum(CASE side WHEN 'buy' THEN quantity ELSE -quantity END), 0) FROM paper_fills"
    )
    usdt, new = await bench.books.balance("USDT"), await bench.books.balance("NEW")
    resting = await bench.books.open_orders()
    assert column(url, "SELECT count(*) FROM paper_orders") > 20
    assert usdt.free + usdt.locked == quote
    assert new.free + new.locked == base
    for side, locked in ((Side.BUY, usdt.locked), (Side.SELL, new.locked)):
        assert locked == sum(booked.locked for booked in resting if booked.order.side is side)
    assert (
        column(
            url,
            """
            SELECT count(*) FROM paper_orders o WHERE executed <> (
                SELECT coalesce(sum(quantity), 0) FROM paper_fills f WHERE f.order_id = o.order_id)
            """,
        )
        == 0
    )
    assert all(booked.order.kind is OrderKind.LIMIT for booked in resting)
