"""How commands reach an installation. Loaded only by commands that need it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from adapters.postgres.database import Database
from adapters.postgres.reader import Reader
from adapters.settings import Settings, read_settings
from adapters.temporal import connect
from ui.actions import Actions
from ui.arming import Patience

PATIENCE = Patience()
"""Whoever waits at a terminal rather hears what is true than that it was accepted."""


@contextmanager
def open_reader(settings: Settings | None = None) -> Iterator[Reader]:
    """Reads of the installation that the environment names, until the body ends."""
    own = read_settings() if settings is None else settings
    with Reader(own.database(), name="sniper-cli", connections=2) as reader:
        yield reader


@asynccontextmanager
async def open_actions(settings: Settings | None = None) -> AsyncIterator[tuple[Actions, Reader]]:
    """Commands and reads of the installation that the environment names, until the body ends."""
    own = read_settings() if settings is None else settings
    with open_reader(own) as reader:
        async with Database(own.database(), name="sniper-cli", connections=2) as database:
            yield (
                Actions(
                    database,
                    reader,
                    lambda: connect(own.temporal_address, own.temporal_namespace),
                    account=own.sniper_account,
                    patience=PATIENCE,
                ),
                reader,
            )
