"""Between Streamlit's short-lived threads and our coroutines: one event loop per process, in a thread of its own.

Temporal's client and the database's connections each live on one loop, so they are made and used here only.
"""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from temporalio.client import Client

from adapters.settings import Settings
from adapters.temporal import connect
from domain.errors import StoreUnavailable

T = TypeVar("T")

ANSWER_WITHIN_S = 4.0
"""A page that waits longer looks dead; the database gives up connecting after three."""


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
