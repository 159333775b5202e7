"""Where a stream's background work leaves what its consumer iterates over."""

import asyncio
from collections import deque
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """An async iterator that others put into. keep: how many unread items stay, the oldest goes first; None: all."""

    def __init__(self, keep: int | None = None) -> None:
        self._items: deque[T] = deque(maxlen=keep)
        self._arrived = asyncio.Event()
        self._closed = False
        self._failure: BaseException | None = None

    def put(self, item: T) -> None:
        self._items.append(item)
        self._arrived.set()

    def close(self, failure: BaseException | None = None) -> None:
        """Ends the iteration once everything is read; with `failure`, a bug in the background work, by raising it."""
        self._closed = True
        self._failure = self._failure or failure
        self._arrived.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while not self._items:
            if self._failure is not None:
                raise self._failure
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._items.popleft()
