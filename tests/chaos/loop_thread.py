"""An event loop on a thread of its own, for callers on other threads."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Self, TypeVar

from tests.chaos.scaled_time import ScaledClock, ScaledLoop, TimeScale

Answer = TypeVar("Answer")


class LoopThread:
    """Runs until its context is left. Its methods may be called from any thread but its own."""

    def __init__(self, name: str, scale: TimeScale) -> None:
        self._loop = ScaledLoop(ScaledClock(scale), scale)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @classmethod
    @contextmanager
    def running(cls, name: str, scale: TimeScale) -> Iterator[Self]:
        thread = cls(name, scale)
        thread._thread.start()
        try:
            yield thread
        finally:
            thread._loop.call_soon_threadsafe(thread._loop.stop)
            thread._thread.join()
            thread._loop.close()

    def call(self, act: Callable[[], Answer]) -> Answer:
        """Carry out `act` over there."""

        async def carry_out() -> Answer:
            return act()

        return self.wait_for(carry_out)

    def wait_for(self, act: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        return asyncio.run_coroutine_threadsafe(act(), self._loop).result()

    def start(self, act: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """As `wait_for`, but returns at once."""
        asyncio.run_coroutine_threadsafe(act(), self._loop)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
