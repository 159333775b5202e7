"""The account's stream reaches every session, also when it breaks or one of them does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from desk.account_feed import AccountFeed, Heard
from domain.orders import Fill, Order
from domain.ports import StreamGap
from tests.builders import a_fill, an_order
from tests.fakes import FakeClock, FakeExchange, FakeStreams


class Account(FakeStreams):
    """Tells one order, and breaks after it as often as `breaks` says."""

    def __init__(self, *, breaks: int) -> None:
        super().__init__(FakeExchange(FakeClock()))
        self.breaks = breaks
        self.opened = 0

    def account(self) -> AbstractAsyncContextManager[AsyncIterator[Order | Fill | StreamGap]]:
        return self._told()

    @asynccontextmanager
    async def _told(self) -> AsyncIterator[AsyncIterator[Order | Fill | StreamGap]]:
        self.opened += 1

        async def items() -> AsyncIterator[Order | Fill | StreamGap]:
            yield an_order()
            if self.opened <= self.breaks:
                raise ValueError("a bug in the stream")
            yield a_fill()
            await asyncio.Event().wait()

        yield items()


async def test_a_stream_that_broke_is_opened_anew_and_its_gap_is_told() -> None:
    """What was missed meanwhile is asked for by those who hear of the gap."""
    heard: list[Heard] = []
    stop = AccountFeed(Account(breaks=1)).listen(heard.append)
    await asyncio.sleep(5)
    stop()

    assert [type(item) for item in heard] == [Order, StreamGap, Order, Fill]


async def test_a_session_that_breaks_on_an_item_does_not_cost_the_others_theirs() -> None:
    """Nor the stream, which stays open."""
    heard: list[Heard] = []

    def broken(item: Heard) -> None:
        raise KeyError(item)

    streams = Account(breaks=0)
    feed = AccountFeed(streams)
    stops = [feed.listen(broken), feed.listen(heard.append)]
    await asyncio.sleep(5)
    for stop in stops:
        stop()

    assert [type(item) for item in heard] == [Order, Fill]
    assert streams.opened == 1
