"""A fresh in-memory copy of one session's row: abort, halt, policy and opening time, read just before each send."""

import asyncio

from desk.waiting import until_woken
from domain.errors import StoreUnavailable
from domain.ids import SessionKey
from domain.ports import Clock, SessionStore, Wakeups
from domain.session import SessionRecord

POLL_EVERY_S = 0.5
STALE_AFTER_S = 2.0
"""An entry is not sent on a copy older than this; exits do not ask."""


class RowWatch:
    """Polls the row, and hears of changes sooner through the store's wake-ups."""

    def __init__(self, store: SessionStore, wakeups: Wakeups, clock: Clock, record: SessionRecord) -> None:
        self._store = store
        self._wakeups = wakeups
        self._clock = clock
        self._read_at = clock.boottime()
        self._woken = asyncio.Event()
        self.record = record
        self.changed = asyncio.Event()

    @property
    def key(self) -> SessionKey:
        return self.record.key

    def stale(self) -> bool:
        """Whether the copy is too old to buy on; no I/O, callable from any thread."""
        return self._clock.boottime() - self._read_at > STALE_AFTER_S

    async def keep(self) -> None:
        """Refresh until cancelled; a silent store only lets the copy grow old."""
        unwatch = self._wakeups.watch(self.key, self._woken.set)
        try:
            while True:
                await self.refresh()
                await until_woken(self._woken, POLL_EVERY_S)
        finally:
            unwatch()

    async def refresh(self) -> None:
        """Read the row once; `changed` is set when it differs from the copy."""
        asked_at = self._clock.boottime()
        try:
            record = await self._store.load(self.key)
        except StoreUnavailable:
            return
        if record is None:
            return
        self._read_at = asked_at
        if record != self.record:
            self.record = record
            self.changed.set()
