"""Between Streamlit's short-lived threads and our coroutines: one event loop per process, in a thread of its own.

Temporal's client and the database's connections each live on one loop, so they are made and used here only.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from temporalio.client import Client

from adapters.settings import Settings
from adapters.temporal import connect
from domain.errors import SniperError, StoreUnavailable

T = TypeVar("T")

ANSWER_WITHIN_S = 4.0
"""A page that waits longer looks dead; the database gives up connecting after three."""
FRESH_S = 0.5
"""Pages that ask within this time share one answer."""


class Bridge:
    """Runs coroutines for other threads. The thread ends with the process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loop = asyncio.new_event_loop()
        self._client: Client | None = None
        self._connecting: asyncio.Lock | None = None
        threading.Thread(target=self._loop.run_forever, name="bridge", daemon=True).start()

    def call(self, work: Coroutine[Any, Any, T], within_s: float = ANSWER_WITHIN_S) -> T:
        """The coroutine's result. Raises what it raises, and StoreUnavailable when it takes too long."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(within_s)
        except TimeoutError as exc:
            future.cancel()
            raise StoreUnavailable(f"no answer within {within_s:g} s") from exc

    async def temporal(self) -> Client:
        """The process's one Temporal client; connects when first asked. Raises InvalidInput when nobody answers."""
        if self._connecting is None:
            self._connecting = asyncio.Lock()
        async with self._connecting:
            if self._client is None:
                self._client = await connect(self._settings.temporal_address, self._settings.temporal_namespace)
            return self._client


@dataclass(frozen=True, slots=True)
class Seen(Generic[T]):
    """An answer and how old it is. value: None before the first one. trouble: why there is no newer one, or empty."""

    value: T | None
    age_s: float
    trouble: str = ""


class Latest(Generic[T]):
    """The last good answer to one question, kept while nobody answers; asked again each time it is looked at.

    clock: seconds that never jump.
    """

    def __init__(self, ask: Callable[[], T], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._guard = threading.Lock()
        self._value: T | None = None
        self._asked_at: float | None = None
        self._answered_at: float | None = None
        self._trouble = ""

    def look(self) -> Seen[T]:
        """The newest answer there is."""
        with self._guard:
            if self._asked_at is None or self._clock() - self._asked_at >= FRESH_S:
                self._renew()
            age = 0.0 if self._answered_at is None else self._clock() - self._answered_at
            return Seen(self._value, age, self._trouble)

    def _renew(self) -> None:
        try:
            self._value = self._ask()
            self._answered_at = self._clock()
            self._trouble = ""
        except SniperError as exc:
            self._trouble = str(exc)
        self._asked_at = self._clock()
