"""The account's private stream, once per process, handed to the sessions it concerns.

What it says is a hint: orders and fills are booked from what the venue answers when asked, so a frame that is lost,
repeated or late cannot change a position.
"""

import asyncio
from collections.abc import Callable

import structlog

from desk.kept_up import kept_up
from domain.orders import Fill, Order
from domain.ports import StreamGap, Streams

Heard = Order | Fill | StreamGap
Listener = Callable[[Heard], None]

log = structlog.get_logger()


class AccountFeed:
    """Opens the stream with the first listener and closes it after the last."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._listeners: dict[int, Listener] = {}
        self._numbers = 0
        self._task: asyncio.Task[None] | None = None

    def listen(self, listener: Listener) -> Callable[[], None]:
        """`listener` gets every item of the account, also of other sessions; returns how to stop."""
        self._numbers += 1
        number = self._numbers
        self._listeners[number] = listener
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._pump(), name="account-feed")

        def stop() -> None:
            self._listeners.pop(number, None)
            if not self._listeners and self._task is not None:
                self._task.cancel()
                self._task = None

        return stop

    async def _pump(self) -> None:
        opened_before = False

        async def follow() -> bool:
            nonlocal opened_before
            async with self._streams.account() as items:
                if opened_before:
                    self._tell(StreamGap("account", "the stream broke and was opened anew"))
                opened_before = True
                async for item in items:
                    self._tell(item)
            return False

        await kept_up("account feed", follow)

    def _tell(self, item: Heard) -> None:
        """To all, also when one of them breaks on it: the others have positions of their own."""
        for listener in tuple(self._listeners.values()):
            try:
                listener(item)
            except Exception:  # it heard a hint less, and asks without one
                log.exception("account_feed.listener_broke", item=type(item).__name__)
