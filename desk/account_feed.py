"""The account's private stream, once per process, handed to the sessions it concerns.

What it says is a hint: orders and fills are booked from what the venue answers when asked, so a frame that is lost,
repeated or late cannot change a position.
"""

import asyncio
from collections.abc import Callable

from domain.orders import Fill, Order
from domain.ports import StreamGap, Streams

Heard = Order | Fill | StreamGap
Listener = Callable[[Heard], None]


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
        async with self._streams.account() as items:
            async for item in items:
                for listener in tuple(self._listeners.values()):
                    listener(item)
