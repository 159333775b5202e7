"""Live data that comes back by itself, and says when something may have been missed."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from adapters.mailbox import Mailbox
from adapters.mexc import stream_channel, stream_quotes
from adapters.mexc.signing import signed_query
from adapters.mexc.stream_pauses import pause_s
from adapters.mexc.venue import MexcVenue
from domain.orders import Fill, Order, OrderStatus
from domain.ports import StreamGap
from domain.quotes import TopOfBook
from tests.adapters.mexc.stream_waits import first

SYMBOL = "BTCUSDT"


async def buy(venue: MexcVenue, an_order: Any, name: str) -> None:
    rules = await venue.exchange.rules(SYMBOL)
    top = await venue.exchange.top_of_book(SYMBOL)
    assert rules is not None
    assert top.ask is not None
    await venue.exchange_clock.synchronise()
    order = an_order(name, price=str(rules.price_up(top.ask * Decimal("1.002"))), quantity="0.001")
    await venue.exchange.send(venue.exchange.sign(order, venue.exchange_clock.now(), 1_000))


async def test_quotes_are_told_as_they_change(venue: MexcVenue) -> None:
    """Both sides of an open market, without a gap at the beginning."""
    async with venue.streams.quotes(SYMBOL) as quotes:
        item = await first(quotes)

    assert isinstance(item, TopOfBook)
    assert item.symbol == SYMBOL
    assert item.bid is not None
    assert item.ask is not None


async def test_every_order_and_fill_of_the_account_is_told(venue: MexcVenue, an_order: Any) -> None:
    """The same facts as REST tells, under the same ids."""
    async with venue.streams.account() as account:
        await buy(venue, an_order, "seen1")
        fill = await first(account, lambda item: isinstance(item, Fill))
        order = await first(account, lambda item: isinstance(item, Order) and item.status.final, within_s=10)
    asked = await venue.exchange.find_order(SYMBOL, "seen1")

    assert isinstance(fill, Fill)
    assert isinstance(order, Order)
    assert asked is not None
    assert (order.status, order.executed) == (OrderStatus.FILLED, asked.executed)
    told = await venue.exchange.fills(SYMBOL, asked.order_id)
    assert fill in [replace(other, at=fill.at) for other in told]  # over REST times end with the second


async def test_a_gap_is_told_after_an_interruption_once_subscribed_again(
    venue: MexcVenue, control: Any, an_order: Any
) -> None:
    """What comes after the gap is complete again."""
    async with venue.streams.account() as account:
        await control.fault("ws_drop", streams="private")
        gap = await first(account)
        await buy(venue, an_order, "after")
        fill = await first(account, lambda item: isinstance(item, Fill))

    assert isinstance(gap, StreamGap)
    assert gap.stream == "account"
    assert isinstance(fill, Fill)
    assert fill.client_order_id == "after"


async def test_a_silent_stream_is_replaced_by_asking(
    venue: MexcVenue, control: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prices go on while the connection lives but tells nothing."""
    monkeypatch.setattr(stream_quotes, "STALE_AFTER_S", 0.2)
    monkeypatch.setattr(stream_quotes, "ASK_EVERY_S", 0.1)
    async with venue.streams.quotes(SYMBOL) as quotes:
        await first(quotes, lambda item: isinstance(item, TopOfBook))
        await control.fault("ws_silent", streams="public", ms=60_000)
        await asyncio.sleep(0.3)
        before = await first(quotes, lambda item: isinstance(item, TopOfBook))
        later = await first(
            quotes, lambda item: isinstance(item, TopOfBook) and isinstance(before, TopOfBook) and item.at > before.at
        )

    assert isinstance(later, TopOfBook)
    assert later.ask is not None


async def listen_keys(control: Any, method: str = "GET", *params: tuple[str, str]) -> list[str]:
    """Ask the venue directly about the account's keys."""
    query = signed_query((*params, ("timestamp", str(control.server.clock.now_ms()))), "test-secret")
    headers = {"X-MEXC-APIKEY": "test-key", "Content-Type": "application/json"}
    async with httpx.AsyncClient(base_url=control.server.rest_url, trust_env=False) as client:
        answer = await client.request(method, f"/api/v3/userDataStream?{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    found = answer.json()["listenKey"]
    return found if isinstance(found, list) else [found]


async def test_the_listen_key_is_given_back(venue: MexcVenue, control: Any) -> None:
    """An account may hold 60 of them; they would pile up over restarts."""
    async with venue.streams.account():
        during = await listen_keys(control)

    assert len(during) == 1
    assert await listen_keys(control) == []


async def test_an_ended_listen_key_is_replaced(venue: MexcVenue, control: Any) -> None:
    """The venue refuses it at the next connection; a new one follows, and the gap is told."""
    async with venue.streams.account() as account:
        (old,) = await listen_keys(control)
        await listen_keys(control, "DELETE", ("listenKey", old))
        await control.fault("ws_drop", streams="private")
        gap = await first(account)
        (new,) = await listen_keys(control)

    assert isinstance(gap, StreamGap)
    assert new != old


async def test_a_stream_that_cannot_be_had_at_once_says_so_and_keeps_trying(
    venue: MexcVenue, control: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entering does not wait for ever; one gap when it goes on without, one when it is there."""
    monkeypatch.setattr(stream_channel, "FIRST_WITHIN_S", 0.1)
    await control.post(
        "faults", kind="status", match={"path": "/api/v3/userDataStream", "method": "POST"}, params={"status": 503}
    )
    async with venue.streams.account() as account:
        late = await first(account)
        there = await first(account)

    assert isinstance(late, StreamGap)
    assert isinstance(there, StreamGap)


async def test_leaving_ends_the_iteration_of_another_task(venue: MexcVenue) -> None:
    """Nobody waits for items that cannot come."""

    async def count(items: AsyncIterator[object]) -> int:
        return len([item async for item in items])

    async with venue.streams.account() as account:
        counting = asyncio.create_task(count(account))
        await asyncio.sleep(0)

    assert await asyncio.wait_for(counting, 1) == 0


async def test_a_cancelled_user_leaves_nothing_behind(venue: MexcVenue) -> None:
    """Leaving by cancellation closes connection, tasks and key as well."""
    entered = asyncio.Event()

    async def use() -> None:
        async with venue.streams.account(), venue.streams.quotes(SYMBOL):
            entered.set()
            await asyncio.sleep(60)

    before = asyncio.all_tasks()
    user = asyncio.create_task(use())
    await entered.wait()
    user.cancel()
    with pytest.raises(asyncio.CancelledError):
        await user

    ours = {task for task in asyncio.all_tasks() - before if "adapters" in repr(task.get_coro())}
    assert not ours


def test_pauses_between_connections_grow_to_a_limit() -> None:
    """Doubling from 0.2 s to 5 s, cut by chance to no less than half."""
    assert [pause_s(n, 0) for n in (1, 2, 3, 9, 99)] == [0.2, 0.4, 0.8, 5.0, 5.0]
    assert pause_s(1, 1) == 0.1


async def test_a_mailbox_that_is_full_loses_the_oldest() -> None:
    """A slow reader of prices gets the latest ones."""
    mailbox: Mailbox[int] = Mailbox(keep=2)
    for number in range(4):
        mailbox.put(number)
    mailbox.close()

    assert [number async for number in mailbox] == [2, 3]


async def test_a_gap_is_never_lost_by_a_mailbox_that_is_full() -> None:
    """It stays where it was among the items, and does not count."""
    mailbox: Mailbox[int] = Mailbox(keep=2)
    for number in (0, 1):
        mailbox.put(number)
    mailbox.put_for_certain(99)
    for number in (2, 3, 4):
        mailbox.put(number)
    mailbox.close()

    assert [number async for number in mailbox] == [99, 3, 4]


async def test_a_bug_in_the_background_reaches_the_reader() -> None:
    """Instead of a stream that is silent for ever."""
    mailbox: Mailbox[int] = Mailbox()
    mailbox.close(KeyError("bug"))

    with pytest.raises(KeyError):
        await anext(mailbox)
