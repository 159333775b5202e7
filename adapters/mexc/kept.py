"""Answers that may be used again for a while."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from domain.ports import Clock

T = TypeVar("T")


class Kept(Generic[T]):
    """The latest answer to one question. Whoever asks while it is being asked gets the same answer, if that is new
    enough for them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._asking = asyncio.Lock()
        self._answer: tuple[float, T] | None = None  # when it was asked for

    async def get(self, at_most_s: float, ask: Callable[[], Awaitable[T]], *, urgent: bool = False) -> T:
        """An answer that was asked for at most `at_most_s` ago. Raises what asking raises; then the old one stays.

        urgent: ask at once, even while somebody else, who may have to wait for their turn, is asking.
        """
        wanted_from = self._clock.monotonic() - at_most_s
        if (kept := self._since(wanted_from)) is not None:
            return kept[1]
        if urgent:
            return await self._renew(ask)
        async with self._asking:
            if (kept := self._since(wanted_from)) is not None:
                return kept[1]
            return await self._renew(ask)

    async def _renew(self, ask: Callable[[], Awaitable[T]]) -> T:
        asked_at = self._clock.monotonic()
        answer = await ask()
        if self._answer is None or self._answer[0] <= asked_at:
            self._answer = (asked_at, answer)
        return answer

    def _since(self, wanted_from: float) -> tuple[float, T] | None:
        return self._answer if self._answer is not None and self._answer[0] >= wanted_from else None
