"""Books and trades of a live market: what is told is what the venue has, whatever happens to the frames."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from adapters.clock import SystemClock
from adapters.mailbox import Mailbox
from adapters.mexc import stream_book, streams
from adapters.mexc.depth import Depth, DepthChange, DepthSnapshot, Offers
from adapters.mexc.members import milliseconds
from adapters.mexc.stream_book import BookChannel, Books
from adapters.mexc.venue import MexcVenue
from domain.errors import TryAgain
from domain.money import Base, Price
from domain.order_book import OrderBook, PublicTrade
from domain.ports import StreamGap
from simulator.engine.orders import PublicTrade as VenueTrade
from simulator.engine.orders import Side as VenueSide
from tests.adapters.mexc.conftest import Control
from tests.adapters.mexc.stream_waits import first

SYMBOL = "NEWUSDT"
TOPIC = f"spot@public.aggre.depth.v3.api.pb@10ms@{SYMBOL}"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def market(control: Control) -> Control:
    """A lively market: quotes move and trades happen all the time. Without limits, since it is resynced a lot."""
    settings = control.server.venue.settings.model_copy(update={"ip_weight": 0, "depth_heartbeat_ms": 20})
    control.server.venue.change_settings(settings)
    script = {"name": "flat", "volatility": 0.002, "takers_per_s": 50, "tick_ms": 20, "capped_for_s": 0}
    await control.post("listings", symbol=SYMBOL, opens_at="-1s", script=script)
    return control


Plain = tuple[int, list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]
"""Version, bids and asks."""


def venue_book(control: Control) -> Plain:
    """What GET depth would answer now."""
    book = control.server.venue.listings[SYMBOL].market.book
    return book.version, list(book.levels(VenueSide.BUY, 1000)), list(book.levels(VenueSide.SELL, 1000))


def plain(book: OrderBook) -> Plain:
    bids: list[tuple[Decimal, Decimal]] = [(level.price, level.quantity) for level in book.bids]
    asks: list[tuple[Decimal, Decimal]] = [(level.price, level.quantity) for level in book.asks]
    return book.version, bids, asks


class Past:
    """The venue's book at every version that a frame ended with."""

    def __init__(self, control: Control, monkeypatch: pytest.MonkeyPatch) -> None:
        self.books: dict[int, object] = {}
        flush = control.server.hub._channels.flush

        def kept(now_ms: int, slow_tick: int | None) -> None:
            flush(now_ms, slow_tick)
            seen = venue_book(control)
            self.books[seen[0]] = seen

        monkeypatch.setattr(control.server.hub._channels, "flush", kept)


async def compared(books: AsyncIterator[OrderBook | StreamGap], past: Past, count: int) -> int:
    """Reads until so many books were found equal to the venue's of the same version; how many gaps came meanwhile."""
    gaps = equal = 0
    async with asyncio.timeout(20):
        async for item in books:
            if isinstance(item, StreamGap):
                gaps += 1
            elif item.version in past.books:  # a snapshot may have fallen between two frames
                assert plain(item) == past.books[item.version]
                equal += 1
            if equal >= count:
                return gaps
    raise AssertionError("the stream ended")


async def test_the_book_is_the_venues_book_under_trading(
    venue: MexcVenue, market: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every level of every version, without a gap; the first comes from a snapshot."""
    past = Past(market, monkeypatch)
    async with venue.streams.book(SYMBOL) as books:
        gaps = await compared(books, past, 100)

    assert gaps == 0


@pytest.mark.parametrize("kind", ["frame_lose", "frame_reorder", "frame_garble"])
async def test_a_damaged_stream_of_changes_tells_gaps_and_never_a_wrong_book(
    venue: MexcVenue, market: Control, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Every thirtieth frame is hit: a gap each time, then whole books again."""
    monkeypatch.setattr(stream_book, "ASK_EVERY_S", 0.01)
    past = Past(market, monkeypatch)
    async with venue.streams.book(SYMBOL) as books:
        await first(books)
        await market.post("faults", kind=kind, match={"channel": TOPIC}, every=30)
        gaps = await compared(books, past, 150)

    assert gaps >= 3


async def test_a_doubled_change_is_passed_over(
    venue: MexcVenue, market: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it comes during a rotation: no gap, no wrong book."""
    past = Past(market, monkeypatch)
    async with venue.streams.book(SYMBOL) as books:
        await market.post("faults", kind="frame_duplicate", match={"channel": TOPIC}, every=3)
        gaps = await compared(books, past, 100)

    assert gaps == 0


async def test_after_a_cut_the_gap_comes_first_and_then_whole_books(
    venue: MexcVenue, market: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exactly one gap for each cut, and no book from before it afterwards."""
    past = Past(market, monkeypatch)
    async with venue.streams.book(SYMBOL) as books:
        for _ in range(3):
            await compared(books, past, 5)
            version = market.server.venue.listings[SYMBOL].market.book.version
            market.server.hub.cut("public")
            gap = await first(books, lambda item: isinstance(item, StreamGap))
            after = await first(books)

            assert isinstance(gap, StreamGap)
            assert gap.stream == f"book {SYMBOL}"
            assert isinstance(after, OrderBook)
            assert after.version >= version


async def test_consumers_of_one_book_share_a_follower(venue: MexcVenue, market: Control) -> None:
    """One snapshot serves all; who comes later has the book at once."""
    asked = 0
    read = venue.streams._signed.rest.read

    async def counted(*args: object, **kwargs: object) -> object:
        nonlocal asked
        asked += 1
        return await read(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they are

    venue.streams._signed.rest.read = counted  # type: ignore[method-assign,assignment]  # counts
    async with venue.streams.book(SYMBOL) as one:
        await first(one)
        async with venue.streams.book(SYMBOL) as two:
            other = await first(two, within_s=1)
        again = await first(one)

    assert isinstance(other, OrderBook)
    assert isinstance(again, OrderBook)
    assert asked == 1


async def test_a_consumer_that_falls_behind_sees_the_newest_book_only(venue: MexcVenue, market: Control) -> None:
    """And every gap: a cut while nobody read is told before the book."""
    async with venue.streams.book(SYMBOL) as books, venue.streams.book(SYMBOL) as quick:
        await first(books)
        market.server.hub.cut("public")
        await first(quick, lambda item: isinstance(item, StreamGap))
        old = await first(quick, lambda item: isinstance(item, OrderBook))
        assert isinstance(old, OrderBook)
        newer = await first(quick, lambda item: isinstance(item, OrderBook) and item.version > old.version + 20)
        gap = await first(books)
        newest = await first(books)

    assert isinstance(gap, StreamGap)
    assert isinstance(newest, OrderBook)
    assert isinstance(newer, OrderBook)
    assert newest.version >= newer.version


async def test_trades_are_told_as_the_venue_has_them(
    venue: MexcVenue, market: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Price, quantity, the side that came to the market, and the time; every one, in order."""
    hub = market.server.hub
    traded, note = [], hub._channels.traded

    def noted(symbol: str, trade: VenueTrade) -> None:
        note(symbol, trade)
        if symbol == SYMBOL:
            traded.append(trade)

    async with venue.streams.trades(SYMBOL) as trades:
        monkeypatch.setattr(hub._channels, "traded", noted)
        told = [await first(trades) for _ in range(20)]

    facts: list[object] = [(trade.price, trade.quantity, trade.taker_side.value, trade.time_ms) for trade in traded]
    heard: list[object] = [
        (trade.price, trade.quantity, trade.taker.name, milliseconds(trade.at))
        for trade in told
        if isinstance(trade, PublicTrade)
    ]
    assert len(heard) == 20
    skipped = heard.index(facts[0])  # traded before the counting began
    assert heard[skipped:] == facts[: 20 - skipped]


async def test_trades_that_nobody_reads_become_a_gap(
    venue: MexcVenue, market: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are kept up to a limit; then the consumer is told that it has missed some."""
    monkeypatch.setattr(streams, "UNREAD_TRADES", 5)
    async with venue.streams.trades(SYMBOL) as idle:
        async with venue.streams.trades(SYMBOL) as quick:
            for _ in range(8):
                await first(quick, lambda item: isinstance(item, PublicTrade))
        item = await first(idle)

    assert isinstance(item, StreamGap)
    assert "unread" in item.reason


# Without a venue: what the follower does with snapshots.


def offers(*pairs: tuple[int, int]) -> Offers:
    return tuple((Price(Decimal(price)), Base(Decimal(quantity))) for price, quantity in pairs)


def snapshot(version: int) -> DepthSnapshot:
    return DepthSnapshot(version, offers((1, 1)), offers((2, 1)), 1000, NOW)


def change(first: int, last: int) -> DepthChange:
    return DepthChange(SYMBOL, first, last, offers((1, last)), (), datetime.now(UTC))


@asynccontextmanager
async def following(
    ask: Callable[[], Awaitable[DepthSnapshot]],
) -> AsyncIterator[tuple[BookChannel, AsyncIterator[OrderBook | StreamGap]]]:
    mailbox: Mailbox[Depth | StreamGap] = Mailbox(1)
    channel = BookChannel(SYMBOL, TOPIC, ask, SystemClock())
    channel.join(mailbox)
    task = asyncio.create_task(channel.beside())
    try:
        yield channel, Books(mailbox)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_snapshot_is_asked_for_again_while_it_is_too_old_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The changes heard meanwhile wait for it."""
    monkeypatch.setattr(stream_book, "ASK_EVERY_S", 0.0)
    answers: list[DepthSnapshot | TryAgain] = [snapshot(5), TryAgain("busy"), snapshot(11)]

    async def ask() -> DepthSnapshot:
        answer = answers.pop(0)
        if isinstance(answer, TryAgain):
            raise answer
        return answer

    async with following(ask) as (channel, books):
        channel.take(change(10, 10))
        channel.subscribed()
        channel.take(change(11, 12))
        book = await first(books)

    assert isinstance(book, OrderBook)
    assert book.version == 12
    assert book.bids[0].quantity == 12
    assert answers == []


async def test_a_snapshot_from_before_an_interruption_is_of_no_use() -> None:
    """It was asked for on the old connection and would hide what happened between."""
    asked = asyncio.Event()
    answers: asyncio.Queue[DepthSnapshot] = asyncio.Queue()

    async def ask() -> DepthSnapshot:
        asked.set()
        return await answers.get()

    async with following(ask) as (channel, books):
        channel.subscribed()
        await asked.wait()
        channel.interrupted("cut")
        channel.subscribed()
        answers.put_nowait(snapshot(5))
        answers.put_nowait(snapshot(7))
        gap = await first(books)
        book = await first(books)

    assert isinstance(gap, StreamGap)
    assert isinstance(book, OrderBook)
    assert book.version == 7


@pytest.mark.parametrize("now_at", [6, 4])
async def test_a_stream_that_is_silent_while_the_venue_goes_on_is_found_out(
    monkeypatch: pytest.MonkeyPatch, now_at: int
) -> None:
    """A quiet market and a dead stream look alike; the venue's version, higher or counted anew, tells them apart."""
    monkeypatch.setattr(stream_book, "COMPARE_AFTER_S", 0.05)
    monkeypatch.setattr(stream_book, "CATCH_UP_S", 0.05)
    monkeypatch.setattr(stream_book, "ASK_EVERY_S", 0.0)
    version = 5
    asked = 0

    async def ask() -> DepthSnapshot:
        nonlocal asked
        asked += 1
        return snapshot(version)

    async with following(ask) as (channel, books):
        channel.subscribed()
        quiet = await first(books)
        async with asyncio.timeout(5):
            while asked < 3:
                await asyncio.sleep(0.01)
        version = now_at
        gap = await first(books)
        book = await first(books)

    assert isinstance(quiet, OrderBook)
    assert isinstance(gap, StreamGap)
    assert "silent" in gap.reason
    assert isinstance(book, OrderBook)
    assert book.version == now_at
