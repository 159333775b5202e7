"""Events on their way to the journal: noted without waiting, written in order, kept while the store is away."""

import asyncio

import structlog

from desk.lease_keeper import LeaseKeeper
from domain.errors import LeaseLost, StoreUnavailable
from domain.events import Event
from domain.ids import SessionKey
from domain.lease import needs_lease
from domain.ports import Clock, SessionStore

_RETRY_EVERY_S = 0.5

log = structlog.get_logger()


class SessionJournal:
    """One session's outgoing events. What a crash loses here is found again from the committed intents.

    lease: of the desk that writes; None: the writer is no desk. Once the store says that another desk has the session,
    the lease is stood down from, facts are still written, and what needs the lease is dropped and logged.
    """

    def __init__(self, store: SessionStore, clock: Clock, key: SessionKey, lease: LeaseKeeper | None = None) -> None:
        self._store = store
        self._clock = clock
        self._key = key
        self._lease = lease
        self._overtaken: LeaseLost | None = None
        self._pending: list[Event] = []
        self._noted = asyncio.Event()
        self._writing = asyncio.Lock()

    def note(self, *events: Event) -> None:
        """Queue events; no I/O."""
        self._pending.extend(events)
        self._noted.set()

    async def write(self, *events: Event) -> None:
        """Queue events and return when they and all before them are durable. Raises StoreUnavailable; they stay.
        Raises LeaseLost when another desk has the session."""
        self.note(*events)
        await self._flush()

    async def write_patiently(self, *events: Event) -> None:
        """As `write`, but waits out a store that is away, for as long as the lease holds. Raises LeaseLost then; they
        stay, and may still be written by `write_last`."""
        self.note(*events)
        while True:
            try:
                return await self._flush()
            except StoreUnavailable:
                if self._lease is not None:
                    self._lease.check()
                await self._clock.sleep(_RETRY_EVERY_S)

    async def write_last(self, *events: Event) -> None:
        """Called when the lease is over, before it is asked for anew: writes what is left, waiting out a store that is
        away. Judgements made under the lease still hold while nobody took the session, which the store knows."""
        self.note(*events)
        while True:
            try:
                return await self._flush()
            except LeaseLost:
                return None
            except StoreUnavailable:
                await self._clock.sleep(_RETRY_EVERY_S)

    async def keep(self) -> None:
        """Write what is noted until cancelled."""
        while True:
            await self._noted.wait()
            self._noted.clear()
            try:
                await self._flush()
            except LeaseLost:
                continue  # whoever trades by this lease finds it stood down from; facts may follow
            except StoreUnavailable:
                self._noted.set()
                await self._clock.sleep(_RETRY_EVERY_S)

    async def _flush(self) -> None:
        async with self._writing:
            if self._overtaken is None:
                try:
                    return await self._append()
                except LeaseLost as error:
                    self._stand_down(error)
            self._drop_judgements()
            await self._append()
            raise LeaseLost(str(self._overtaken))  # of what was queued, something may have been dropped

    async def _append(self) -> None:
        batch = tuple(self._pending)
        if batch:
            await self._store.append(self._key, batch, None if self._lease is None else self._lease.token)
            del self._pending[: len(batch)]

    def _stand_down(self, error: LeaseLost) -> None:
        self._overtaken = error
        if self._lease is not None:
            self._lease.stand_down(str(error))

    def _drop_judgements(self) -> None:
        for event in filter(needs_lease, self._pending):
            log.warning("journal.dropped", session=str(self._key), reason=str(self._overtaken), dropped=repr(event))
        self._pending = [event for event in self._pending if not needs_lease(event)]
