"""Events on their way to the journal: noted without waiting, written in order, kept while the store is away."""

import asyncio

from domain.errors import StoreUnavailable
from domain.events import Event
from domain.ids import SessionKey
from domain.ports import Clock, SessionStore

_RETRY_EVERY_S = 0.5


class SessionJournal:
    """One session's outgoing events. What a crash loses here is found again from the committed intents."""

    def __init__(self, store: SessionStore, clock: Clock, key: SessionKey) -> None:
        self._store = store
        self._clock = clock
        self._key = key
        self._pending: list[Event] = []
        self._noted = asyncio.Event()
        self._writing = asyncio.Lock()

    def note(self, *events: Event) -> None:
        """Queue events; no I/O."""
        self._pending.extend(events)
        self._noted.set()

    async def write(self, *events: Event) -> None:
        """Queue events and return when they and all before them are durable. Raises StoreUnavailable; they stay."""
        self.note(*events)
        await self._flush()

    async def write_patiently(self, *events: Event) -> None:
        """As `write`, but waits out a store that is away."""
        self.note(*events)
        while True:
            try:
                return await self._flush()
            except StoreUnavailable:
                await self._clock.sleep(_RETRY_EVERY_S)

    async def keep(self) -> None:
        """Write what is noted until cancelled."""
        while True:
            await self._noted.wait()
            self._noted.clear()
            try:
                await self._flush()
            except StoreUnavailable:
                self._noted.set()
                await self._clock.sleep(_RETRY_EVERY_S)

    async def _flush(self) -> None:
        async with self._writing:
            batch = tuple(self._pending)
            if batch:
                await self._store.append(self._key, batch)
                del self._pending[: len(batch)]
