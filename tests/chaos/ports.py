"""Ports as a process sees them that may die at any call, or be cut off from its database."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from domain.errors import StoreUnavailable

_ANSWERED_AT_ONCE = ("estimate", "now", "monotonic_at", "learn", "sign")
"""Memory only: nothing is awaited, so nothing can happen meanwhile."""


class Fate:
    """Of one process: when it dies, and whether it reaches its database.

    dies_at: number of the port call; None: at none. after: when that call has been carried out.
    """

    def __init__(self, dies_at: int | None, *, after: bool) -> None:
        self._dies_at = dies_at
        self._after = after
        self._calls = 0
        self.dead = False
        self.died_at = ""
        self.cut_off = False
        self.on_death: Callable[[], None] = lambda: None

    def begin(self, what: str) -> int:
        """Count one call. Raises CancelledError when the process is dead or dies now."""
        self._live_or_leave()
        self._calls += 1
        if self._calls == self._dies_at and not self._after:
            self.die(f"before {what}, call {self._calls}")
        return self._calls

    def end(self, what: str, number: int) -> None:
        self._live_or_leave()
        if number == self._dies_at and self._after:
            self.die(f"after {what}, call {number}")

    def die(self, when: str) -> None:
        self.dead = True
        self.died_at = when
        self.on_death()
        raise asyncio.CancelledError

    def _live_or_leave(self) -> None:
        if self.dead:
            raise asyncio.CancelledError


class Mortal:
    """A port of a process that has this fate. stored: it is reached through the database."""

    def __init__(self, port: object, fate: Fate, *, stored: bool = False) -> None:
        self._port = port
        self._fate = fate
        self._stored = stored
        self._writes = 0

    def __getattr__(self, name: str) -> Any:
        inner = getattr(self._port, name)
        if name in _ANSWERED_AT_ONCE:
            return inner
        return partial(self._await, f"{type(self._port).__name__}.{name}", inner)

    async def _await(self, what: str, inner: Callable[..., Awaitable[Any]], *given: object, **named: object) -> Any:
        number = self._fate.begin(what)
        if self._stored and self._fate.cut_off:
            self._writes += 1
            if self._writes % 2:  # the answer is lost, not the request
                await inner(*given, **named)
            raise StoreUnavailable(f"{what}: this process is cut off from the database")
        result = await inner(*given, **named)
        self._fate.end(what, number)
        return result
