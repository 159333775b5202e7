"""How the panel's pages act: the typed commands of actions.py, carried out on the bridge's event loop."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from adapters.postgres.database import Database
from adapters.postgres.reader import Reader
from adapters.settings import Settings
from ui.actions import Actions
from ui.arming import Patience
from ui.bridge import Bridge

T = TypeVar("T")

_PATIENCE = Patience(named_s=0, judged_s=2)
"""A page waits four seconds for an act, see Bridge."""


class Hands:
    """One per process. Nothing connects before the first act, and what failed to connect is tried again by the next."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._bridge = Bridge(settings)
        self._actions: Actions | None = None

    def act(self, work: Callable[[Actions], Awaitable[T]]) -> T:
        """The result of `work`, from any thread. Raises what it raises, StoreUnavailable when it takes too long."""

        async def carry_out() -> T:
            return await work(await self._ready())

        return self._bridge.call(carry_out())

    async def _ready(self) -> Actions:
        """Only ever runs on the bridge's loop, where two first acts may meet: the later one's connections stay."""
        if self._actions is None:
            url = self._settings.database()
            database = Database(url, name="sniper-panel-acts", connections=4)
            await database.open()
            reader = Reader(url, name="sniper-panel-acts", connections=2)
            await asyncio.to_thread(reader.open)
            self._actions = self._actions or Actions(
                database,
                reader,
                self._bridge.temporal,
                account=self._settings.sniper_account,
                patience=_PATIENCE,
            )
        return self._actions
