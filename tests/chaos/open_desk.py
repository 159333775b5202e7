"""A desk on real adapters, as worker.py builds one, and somebody who asks it as Temporal does."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from adapters.mexc.limits import alone
from adapters.mexc.signing import Credentials
from adapters.mexc.venue import open_venue
from adapters.postgres.database import Database
from adapters.postgres.installation import installation
from adapters.postgres.leases import PostgresLeases
from adapters.postgres.price_log import PostgresPriceLog
from adapters.postgres.session_store import PostgresSessionStore
from adapters.postgres.wakeups import PostgresWakeups
from desk.desk import Desk
from desk.kit import DeskKit
from desk.launchpad import Launchpad
from domain.errors import SniperError
from domain.ids import SessionKey
from domain.ports import Clock

CREDENTIALS = Credentials("chaos-key", "chaos-secret")


@dataclass(frozen=True, slots=True)
class Post:
    """Where one process works: its name, its way to venue and database, and the session it is asked about."""

    name: str
    may_fire: bool
    rest_url: str
    ws_url: str
    database_url: str
    locks: Path
    key: SessionKey


@dataclass(frozen=True, slots=True)
class OpenDesk:
    """A desk with those parts of it that end in a way of their own when its process dies."""

    desk: Desk
    launchpad: Launchpad
    leases: PostgresLeases


@asynccontextmanager
async def open_desk(
    post: Post, clock: Clock, changed: Callable[[DeskKit], DeskKit] = lambda kit: kit
) -> AsyncIterator[OpenDesk]:
    """Raises StoreUnavailable when the database is away. changed: what becomes of the kit before the desk gets it."""
    async with (
        Database(post.database_url, name=post.name) as database,
        open_venue(
            post.rest_url,
            post.ws_url,
            CREDENTIALS,
            clock=clock,
            limits=alone("fire" if post.may_fire else "guard"),
        ) as venue,
        PostgresWakeups(post.database_url, name=f"{post.name}-wakeups") as wakeups,
        PostgresPriceLog(database, clock) as prices,
    ):
        with suppress(SniperError):
            await venue.exchange_clock.synchronise()
        named = await installation(database)
        launchpad = Launchpad(clock)
        leases = PostgresLeases(database, clock, post.locks)
        kit = DeskKit(
            holder=post.name,
            installation=named,
            clock=clock,
            exchange_clock=venue.exchange_clock,
            exchange=venue.exchange,
            lines=venue.hot_lines,
            streams=venue.streams,
            store=PostgresSessionStore(database),
            leases=leases,
            wakeups=wakeups,
            launchpad=launchpad,
            prices=prices,
        )
        launchpad.open()
        try:
            yield OpenDesk(Desk(changed(kit), may_fire=post.may_fire), launchpad, leases)
        finally:
            launchpad.close()


async def ask(desk: Desk, post: Post) -> str:
    """One attempt of this worker's activity: "bought", "nothing" or "flat". Raises TryAgain."""
    if not post.may_fire:
        await desk.guard(post.key)
        return "flat"
    while (entry := await desk.fire(post.key)).result == "disarmed":
        continue
    return "bought" if entry.bought else "nothing"
