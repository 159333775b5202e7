"""Connections and subscriptions as the venue sees them: as few as the consumers need, and none afterwards."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from adapters.mexc import stream_channel, stream_quotes
from adapters.mexc.stream_pool import MOST_TOPICS
from adapters.mexc.venue import MexcVenue
from domain.money import Price
from domain.ports import StreamGap
from domain.quotes import TopOfBook
from tests.adapters.mexc.conftest import Control
from tests.adapters.mexc.stream_waits import eventually, first

SYMBOL = "BTCUSDT"
QUOTES = f"spot@public.aggre.bookTicker.v3.api.pb@10ms@{SYMBOL}"


def subscriptions(control: Control) -> list[list[str]]:
    """What each connection at the venue has subscribed, most first."""
    held = [sorted(connection.topics) for connection in control.server.hub._connections]
    return sorted(held, key=len, reverse=True)


async def list_many(control: Control, count: int) -> list[str]:
    """So many open symbols."""
    script = {"name": "flat", "volatility": 0, "takers_per_s": 0, "tick_ms": 60_000}
    symbols = [f"COIN{number}USDT" for number in range(count)]
    for symbol in symbols:
        await control.post("listings", symbol=symbol, opens_at="-1s", script=script)
    return symbols


async def test_the_31st_topic_opens_a_second_connection_and_leaving_closes_it(
    venue: MexcVenue, control: Control
) -> None:
    """A connection bears thirty; freed places are used again, and no connection stays without a topic."""
    symbols = await list_many(control, MOST_TOPICS + 1)
    async with AsyncExitStack() as stack:
        for symbol in symbols[:MOST_TOPICS]:
            await stack.enter_async_context(venue.streams.quotes(symbol))
        full = [len(topics) for topics in subscriptions(control)]
        async with venue.streams.quotes(symbols[-1]) as quotes:
            two = [len(topics) for topics in subscriptions(control)]
            item = await first(quotes)
        await eventually(lambda: len(subscriptions(control)) == 1)

    assert full == [MOST_TOPICS]
    assert two == [MOST_TOPICS, 1]
    assert isinstance(item, TopOfBook)
    await eventually(lambda: subscriptions(control) == [])


async def test_a_topic_wanted_twice_is_subscribed_once_and_left_by_the_last(venue: MexcVenue, control: Control) -> None:
    """Both get every price."""
    async with venue.streams.quotes(SYMBOL) as one:
        async with venue.streams.quotes(SYMBOL) as other:
            both = subscriptions(control)
            assert isinstance(await first(other), TopOfBook)
        await control.post("price", symbol=SYMBOL, price="61000")
        item = await first(one, lambda item: isinstance(item, TopOfBook) and item.bid is not None and item.bid > 60500)

    assert both == [[QUOTES]]
    assert isinstance(item, TopOfBook)
    await eventually(lambda: subscriptions(control) == [])


async def test_topics_of_one_symbol_share_a_living_connection_and_are_left_one_by_one(
    venue: MexcVenue, control: Control
) -> None:
    """Adding and leaving interrupts nobody."""
    async with venue.streams.quotes(SYMBOL) as quotes:
        async with venue.streams.trades(SYMBOL), venue.streams.book(SYMBOL):
            shared = [len(topics) for topics in subscriptions(control)]
        await eventually(lambda: subscriptions(control) == [[QUOTES]])
        await control.post("price", symbol=SYMBOL, price="61000")
        item = await first(quotes, lambda item: not isinstance(item, TopOfBook) or item.bid > Price(60500))  # type: ignore[operator,arg-type]  # a bid is there

    assert shared == [3]
    assert isinstance(item, TopOfBook)


async def test_a_refused_topic_says_why_and_harms_no_other(venue: MexcVenue, control: Control) -> None:
    """It is told at once; once the venue serves the topic, a second gap says that it goes on from here."""
    async with venue.streams.quotes(SYMBOL) as quotes, venue.streams.trades("NEWUSDT") as trades:
        refused = await first(trades)
        script = {"name": "flat", "takers_per_s": 20}
        await control.post("listings", symbol="NEWUSDT", opens_at="-1s", script=script)
        there = await first(trades)
        trade = await first(trades)
        await control.post("price", symbol=SYMBOL, price="61000")
        undisturbed = [await first(quotes) for _ in range(3)]

    assert isinstance(refused, StreamGap)
    assert refused.stream == "trades NEWUSDT"
    assert "Not Subscribed successfully" in refused.reason
    assert isinstance(there, StreamGap)
    assert not isinstance(trade, StreamGap)
    assert trade.symbol == "NEWUSDT"
    assert {type(item) for item in undisturbed} == {TopOfBook}


async def test_who_joins_a_refused_topic_is_told_at_once(venue: MexcVenue) -> None:
    """Without waiting for what will not come."""
    async with venue.streams.trades("NEWUSDT"):
        began = asyncio.get_running_loop().time()
        async with venue.streams.trades("NEWUSDT") as trades:
            took = asyncio.get_running_loop().time() - began
            gap = await first(trades)

    assert isinstance(gap, StreamGap)
    assert took < stream_channel.FIRST_WITHIN_S / 2


async def test_an_interruption_is_told_once_to_everybody_on_the_connection(venue: MexcVenue, control: Control) -> None:
    """Two listeners of one topic and one of another: one gap each for one cut."""
    gaps: Counter[str] = Counter()

    async def count(name: str, items: AsyncIterator[object]) -> None:
        async for item in items:
            gaps[name] += isinstance(item, StreamGap)

    async with (
        venue.streams.quotes(SYMBOL) as one,
        venue.streams.quotes(SYMBOL) as two,
        venue.streams.trades(SYMBOL) as trades,
    ):
        counting = [
            asyncio.create_task(count(name, items)) for name, items in (("one", one), ("two", two), ("trades", trades))
        ]
        for cut in range(1, 4):
            assert control.server.hub.cut("all") == 1
            await eventually(lambda cut=cut: gaps.total() >= 3 * cut)  # type: ignore[misc]  # mypy knows no such default
    await asyncio.gather(*counting)

    assert gaps == {"one": 3, "two": 3, "trades": 3}


async def test_prices_of_a_silent_stream_are_asked_once_for_all_listeners(
    venue: MexcVenue, control: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three listeners cost as much as one."""
    monkeypatch.setattr(stream_quotes, "STALE_AFTER_S", 0.2)
    monkeypatch.setattr(stream_quotes, "ASK_EVERY_S", 0.2)
    asked: list[str] = []
    ask = venue.exchange.top_of_book

    async def counted(symbol: str) -> TopOfBook:
        asked.append(symbol)
        return await ask(symbol)

    monkeypatch.setattr(venue.exchange, "top_of_book", counted)
    async with AsyncExitStack() as stack:
        listening = [await stack.enter_async_context(venue.streams.quotes(SYMBOL)) for _ in range(3)]
        await control.fault("ws_silent", streams="public", ms=60_000)
        await eventually(lambda: len(asked) >= 3)
        known = len(asked)
        for quotes in listening:
            item = await first(quotes)
            assert isinstance(item, TopOfBook)

    assert known <= 4


async def test_nothing_is_left_running_after_the_last_stream_was_left(venue: MexcVenue, control: Control) -> None:
    """No task, no connection: also after cuts, refusals and cancelled users."""

    async def use() -> None:
        async with (
            venue.streams.account(),
            venue.streams.quotes(SYMBOL),
            venue.streams.book(SYMBOL),
            venue.streams.trades(SYMBOL),
            venue.streams.trades("NOSUCH"),
        ):
            entered.set()
            await asyncio.sleep(60)

    before = asyncio.all_tasks()
    for cut in (False, True):
        entered = asyncio.Event()
        user = asyncio.create_task(use())
        await entered.wait()
        if cut:
            control.server.hub.cut("all")
            await asyncio.sleep(0)
        user.cancel()
        with pytest.raises(asyncio.CancelledError):
            await user

        assert not {task for task in asyncio.all_tasks() - before if "adapters" in repr(task.get_coro())}
    await eventually(lambda: subscriptions(control) == [])


async def test_a_bug_in_what_feeds_a_topic_reaches_its_listeners_only(
    venue: MexcVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others on the connection go on; who comes after everybody has left finds it made anew."""

    async def buggy(self: object) -> None:
        raise KeyError("bug")

    async with venue.streams.trades(SYMBOL), AsyncExitStack() as stack:
        with monkeypatch.context() as patch:
            patch.setattr(stream_quotes.QuoteChannel, "beside", buggy)
            quotes = await stack.enter_async_context(venue.streams.quotes(SYMBOL))
            with pytest.raises(KeyError):
                await first(quotes, lambda item: False)
            late = await stack.enter_async_context(venue.streams.quotes(SYMBOL))
            with pytest.raises(KeyError):
                await first(late, lambda item: False)
        await stack.aclose()
        async with venue.streams.quotes(SYMBOL) as quotes:
            item = await first(quotes)

    assert isinstance(item, TopOfBook)
