"""Where a stream's background work leaves what its consumer iterates over."""

import asyncio
from collections import deque
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """An async iterator that others put into. keep: how many unread items stay, the oldest goes first; None: all."""

    def __init__(self, keep: int | None = None) -> None:
        self._keep = keep
        self._items: deque[tuple[T, bool]] = deque()  # with whether it may go unread
        self._losable = 0
        self._arrived = asyncio.Event()
        self._closed = False
        self._failure: BaseException | None = None

    @property
    def full(self) -> bool:
        """Whether the next item makes the oldest go."""
        return self._losable == self._keep

    def put(self, item: T) -> None:
        """An item that goes unread when too many newer ones come."""
        if self.full:
            self._lose_oldest()
        self._items.append((item, True))
        self._losable += 1
        self._arrived.set()

    def put_for_certain(self, item: T) -> None:
        """An item that stays until it is read, and does not count."""
        self._items.append((item, False))
        self._arrived.set()

    def lose_all(self) -> None:
        """All but what stays for certain."""
        self._items = deque(kept for kept in self._items if not kept[1])
        self._losable = 0

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
        item, losable = self._items.popleft()
        self._losable -= losable
        return item

    def _lose_oldest(self) -> None:
        """The few that have to stay are all that is passed over on the way."""
        for index, (_, losable) in enumerate(self._items):
            if losable:
                del self._items[index]
                self._losable -= 1
                return
