"""An account's past orders and fills: the venue tells them in pages, newest first, and only so far back."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

from adapters.mexc import build, members, parse
from adapters.mexc.limits import Priority
from adapters.mexc.rest import SignedRest
from domain.errors import InvalidInput, TryAgain
from domain.orders import Fill, Order

T = TypeVar("T")

ORDERS_REACH = timedelta(days=7)
FILLS_REACH = timedelta(days=30)
"""How far back the venue answers. "A month" is taken to be its shortest usual length."""
_ORDERS_PER_PAGE = 1000
_FILLS_PER_PAGE = 100
_MOST_PAGES = 50
_MARGIN = timedelta(minutes=1)
"""Inside the reach by so much, lest it be over while a question is on its way."""
_SECOND = timedelta(seconds=1)
"""Past times are told without their milliseconds, so the oldest one's second is asked for again as a whole."""


class AccountHistory:
    """Of one account. What it tells of a time is complete, or it raises TryAgain: a page more is no reason to guess."""

    def __init__(self, signed: SignedRest) -> None:
        self._signed = signed

    async def fills_of(self, symbol: str, order_id: str) -> tuple[Fill, ...]:
        """All fills of one order that the venue tells by now, oldest first. They may lag behind the order, and of one
        second it tells a hundred at most, the newest: whoever asks adds them up."""
        # An end without a beginning is taken for a reach of its own before that end, which is too far back.
        since = _since(self._signed.exchange_clock.now() - FILLS_REACH + _MARGIN)

        async def page(params: tuple[tuple[str, str], ...]) -> tuple[Fill, ...]:
            return await self._signed.read(
                build.MY_TRADES,
                (("symbol", symbol), ("orderId", order_id), ("limit", str(_FILLS_PER_PAGE)), since, *params),
                parse.fills,
            )

        found = await _all_pages(
            page, _FILLS_PER_PAGE, lambda fill: fill.trade_id, lambda fill: fill.at, None, whole=False
        )
        return tuple(fill for fill in found if fill.order_id == order_id)

    async def fills(self, symbol: str, since: datetime, until: datetime) -> tuple[Fill, ...]:
        """The account's fills of `symbol` in that time, oldest first. Raises InvalidInput beyond FILLS_REACH."""
        self._check_reach("fills since", since, FILLS_REACH)

        async def page(params: tuple[tuple[str, str], ...]) -> tuple[Fill, ...]:
            return await self._signed.read(
                build.MY_TRADES,
                (("symbol", symbol), ("limit", str(_FILLS_PER_PAGE)), _since(since), *params),
                parse.fills,
                Priority.POLL,
            )

        found = await _all_pages(page, _FILLS_PER_PAGE, lambda fill: fill.trade_id, lambda fill: fill.at, until)
        return tuple(fill for fill in found if since <= fill.at <= until)

    async def orders(self, symbol: str, since: datetime, until: datetime) -> tuple[Order, ...]:
        """The account's orders of `symbol` placed in that time, also foreign ones, oldest first. Raises InvalidInput
        beyond ORDERS_REACH."""
        self._check_reach("orders since", since, ORDERS_REACH)

        async def page(params: tuple[tuple[str, str], ...]) -> tuple[tuple[datetime, Order], ...]:
            return await self._signed.read(
                build.ALL_ORDERS,
                (("symbol", symbol), ("limit", str(_ORDERS_PER_PAGE)), _since(since), *params),
                parse.past_orders,
                Priority.POLL,
            )

        found = await _all_pages(page, _ORDERS_PER_PAGE, lambda item: item[1].order_id, lambda item: item[0], until)
        return tuple(order for at, order in found if since <= at <= until)

    def _check_reach(self, what: str, since: datetime, reach: timedelta) -> None:
        oldest = self._signed.exchange_clock.now() - reach
        if since < oldest:
            raise InvalidInput(
                what,
                value=f"{since:%Y-%m-%d %H:%M}",
                expected=f"at most {reach.days} days ago, the venue tells no more",
                remedy=f"ask from {oldest + _MARGIN:%Y-%m-%d %H:%M} on",
            )


async def _all_pages(
    page: Callable[[tuple[tuple[str, str], ...]], Awaitable[tuple[T, ...]]],
    page_size: int,
    identity: Callable[[T], str],
    at: Callable[[T], datetime],
    until: datetime | None,
    *,
    whole: bool = True,
) -> tuple[T, ...]:
    """Everything up to `until`, oldest first: each further page is asked for by the time of the oldest item seen.

    whole: False: where a second holds more than a page, what was told by then will do.
    """
    found: dict[str, T] = {}
    for _ in range(_MOST_PAGES):
        items = await page(() if until is None else (("endTime", str(members.milliseconds(until))),))
        new = {identity(item): item for item in items if identity(item) not in found}
        found = {**new, **found}
        if len(items) < page_size or not (new or whole):
            return tuple(found.values())
        if not new:
            raise TryAgain(f"more than {page_size} entries within a second: the venue does not tell those before them")
        until = at(items[0]).replace(microsecond=0) + _SECOND - timedelta(milliseconds=1)
    raise TryAgain(f"more than {_MOST_PAGES * page_size} entries; ask for a shorter time")


def _since(since: datetime) -> tuple[str, str]:
    return "startTime", str(members.milliseconds(since))
