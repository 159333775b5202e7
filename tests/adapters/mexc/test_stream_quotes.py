"""Prices of one symbol are told in the order in which they were true."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import cast

import pytest

from adapters.mailbox import Mailbox
from adapters.mexc.stream_quotes import STALE_AFTER_S, QuoteChannel
from domain.money import Price
from domain.ports import Exchange, StreamGap
from domain.quotes import TopOfBook
from tests.adapters.mexc.hot_orders import LeapingClock
from tests.adapters.mexc.stream_waits import first


def quote(bid: str) -> TopOfBook:
    return TopOfBook("NEWUSDT", Price(Decimal(bid)), Price(Decimal(9)), datetime.now(UTC))


class SlowExchange:
    """Its book is read when it is asked, its answer comes when a test lets it."""

    def __init__(self) -> None:
        self.asked, self.answers = asyncio.Event(), asyncio.Event()

    async def top_of_book(self, symbol: str) -> TopOfBook:
        read = quote("1")
        self.asked.set()
        await self.answers.wait()
        return read


@pytest.mark.parametrize("pushed", [True, False])
async def test_a_slow_answer_is_not_told_after_a_newer_price(pushed: bool) -> None:
    """What the stream told meanwhile stands; while it is silent the answer is told."""
    clock, exchange, box = LeapingClock(), SlowExchange(), Mailbox[TopOfBook | StreamGap](10)
    channel = QuoteChannel("NEWUSDT", "topic", cast(Exchange, exchange), clock)
    channel.join(box)
    channel.subscribed()
    clock.ahead_s += STALE_AFTER_S
    beside = asyncio.create_task(channel.beside())
    async with asyncio.timeout(5):
        await exchange.asked.wait()

    if pushed:
        channel.take(quote("2"))
    exchange.answers.set()
    await asyncio.sleep(0.05)
    channel.take(quote("3"))
    told: list[str] = []

    def is_last(item: TopOfBook | StreamGap) -> bool:
        if isinstance(item, TopOfBook):
            told.append(str(item.bid))
        return told[-1:] == ["3"]

    await first(box, is_last)
    beside.cancel()
    with suppress(asyncio.CancelledError):
        await beside

    assert told[0] == ("2" if pushed else "1")
    assert ("1" in told) is not pushed
