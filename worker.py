"""One worker process: settings, adapters, activities, worker. No logic.

`python -m worker --role control|fire|guard`. Control runs workflows and bookkeeping; fire and guard each own a desk.
"""

import argparse
import asyncio
import os
import signal
import socket
import sys
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from datetime import timedelta

import structlog
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.worker import Worker

from activities.books import BookActivities
from activities.failures import TranslatedFailures
from activities.listings import ListingActivities
from activities.preparation import PreparationActivities
from activities.trading import EntryActivities, GuardActivities
from adapters.clock import SystemClock
from adapters.logs import configure
from adapters.mexc.limits import alone
from adapters.mexc.signing import Credentials
from adapters.mexc.venue import MexcVenue, open_venue
from adapters.paper.venue import PaperVenue, open_paper
from adapters.postgres.admission import PostgresSessions
from adapters.postgres.database import Database
from adapters.postgres.installation import installation
from adapters.postgres.leases import PostgresLeases
from adapters.postgres.listing_book import PostgresListingBook
from adapters.postgres.price_log import PostgresPriceLog
from adapters.postgres.session_store import PostgresSessionStore
from adapters.postgres.venue_access import PostgresVenueAccess
from adapters.postgres.wakeups import PostgresWakeups
from adapters.settings import Settings, read_settings
from adapters.temporal import TemporalSnipes, connect
from adapters.venue_kind import VenueKind
from desk.desk import Desk
from desk.kit import DeskKit
from desk.launchpad import Launchpad
from domain.errors import SniperError
from workflows.names import CONTROL_QUEUE, FIRE_QUEUE, GUARD_QUEUE, WATCH_LISTINGS_ID
from workflows.snipe import Snipe
from workflows.watch_listings import WatchListings, WatchState

ROLES = ("control", "fire", "guard")
_GUARD_SLOTS = 1000
"""Guards last as long as positions do: they must never be the reason that another one waits."""
_STICKY_S = 1.0
"""A dead worker's sticky queue otherwise delays an update by ten seconds."""
_LEAVE_WITHIN_S = 5.0

Venue = MexcVenue | PaperVenue

log = structlog.get_logger()


async def run(role: str, settings: Settings) -> None:
    """Work until SIGTERM or SIGINT. Raises InvalidInput when something it needs cannot be reached."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as resources:
        clock = SystemClock()
        database = await resources.enter_async_context(Database(settings.database(), name=f"sniper-{role}"))
        if settings.sniper_venue is VenueKind.PAPER:
            venue = await resources.enter_async_context(_paper(role, settings, database, clock))
        else:
            venue = await resources.enter_async_context(_mexc(role, settings, clock))
        log.info("worker.venue", venue=settings.sniper_venue.value, rest_url=settings.mexc_rest_url)
        worker_name = f"{role}@{socket.gethostname()}:{os.getpid()}"
        await resources.enter_async_context(PostgresVenueAccess(database, clock, worker_name, venue.gauges.read))
        with suppress(SniperError):  # whoever takes over a position later need not measure first
            await venue.exchange_clock.synchronise()
        client = await connect(settings.temporal_address, settings.temporal_namespace)
        if role == "control":
            worker = _control(settings.sniper_account, client, database, venue, clock)
        else:
            worker = await _hot(role, worker_name, client, database, venue, clock, settings, resources)
        async with worker:
            if role == "control":
                await _watch_listings(client)
            log.info("worker.ready", role=role)
            sys.stdout.write(f"ready role={role}\n")
            sys.stdout.flush()
            await stopping.wait()
            log.info("worker.leaving", role=role)


def _mexc(role: str, settings: Settings, clock: SystemClock) -> AbstractAsyncContextManager[Venue]:
    account = settings.venue()
    return open_venue(
        account.rest_url,
        account.ws_url,
        Credentials(account.api_key.get_secret_value(), account.api_secret.get_secret_value()),
        clock=clock,
        limits=alone(role),
        redis_url=settings.redis_url,
        capture_to=settings.mexc_capture_dir,
    )


def _paper(role: str, settings: Settings, database: Database, clock: SystemClock) -> AbstractAsyncContextManager[Venue]:
    account = settings.paper()
    return open_paper(
        account.rest_url,
        account.ws_url,
        database,
        account.account,
        balance=account.balance,
        clock=clock,
        trades=role != "control",
        one_way_s=account.one_way_s,
        limits=alone(role),
        redis_url=settings.redis_url,
        capture_to=settings.mexc_capture_dir,
    )


def _control(account: str, client: Client, database: Database, venue: Venue, clock: SystemClock) -> Worker:
    sessions = PostgresSessions(database)
    store = PostgresSessionStore(database)
    preparation = PreparationActivities(account, venue.exchange, venue.exchange_clock, sessions, store)
    books = BookActivities(venue.exchange, sessions, store)
    listings = ListingActivities(
        source=venue.listings,
        source_name="exchangeInfo",
        book=PostgresListingBook(database),
        sessions=sessions,
        snipes=TemporalSnipes(client),
        clock=clock,
    )
    return Worker(
        client,
        task_queue=CONTROL_QUEUE,
        workflows=[Snipe, WatchListings],
        activities=[
            preparation.prepare_session,
            books.record_change,
            books.record_refusal,
            books.close_books,
            listings.next_listings,
            listings.unclosed_sessions,
            listings.move_opening,
        ],
        interceptors=[TranslatedFailures()],
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=_STICKY_S),
        graceful_shutdown_timeout=timedelta(seconds=_LEAVE_WITHIN_S),
        disable_eager_activity_execution=True,
    )


async def _hot(
    role: str,
    name: str,
    client: Client,
    database: Database,
    venue: Venue,
    clock: SystemClock,
    settings: Settings,
    resources: AsyncExitStack,
) -> Worker:
    launchpad = Launchpad(clock, cpu=settings.sniper_fire_cpu if role == "fire" else None)
    launchpad.open()
    resources.callback(launchpad.close)
    wakeups = await resources.enter_async_context(PostgresWakeups(settings.database(), name=f"sniper-{role}-wakeups"))
    prices = await resources.enter_async_context(PostgresPriceLog(database, clock))
    desk = Desk(
        DeskKit(
            holder=name,
            installation=await installation(database),
            clock=clock,
            exchange_clock=venue.exchange_clock,
            exchange=venue.exchange,
            lines=venue.hot_lines,
            streams=venue.streams,
            store=PostgresSessionStore(database),
            leases=PostgresLeases(database, clock, settings.sniper_home / "leases"),
            wakeups=wakeups,
            launchpad=launchpad,
            prices=prices,
        ),
        may_fire=role == "fire",
    )
    resources.push_async_callback(desk.close)
    fires = role == "fire"
    return Worker(
        client,
        task_queue=FIRE_QUEUE if fires else GUARD_QUEUE,
        activities=[EntryActivities(desk).fire_entry if fires else GuardActivities(desk).guard_exit],
        max_concurrent_activities=_GUARD_SLOTS,
        interceptors=[TranslatedFailures()],
        graceful_shutdown_timeout=timedelta(0),  # activities only watch; the desk lets go by itself
    )


async def _watch_listings(client: Client) -> None:
    """One per installation; a running one is left alone."""
    await client.start_workflow(
        WatchListings.run,
        WatchState(),
        id=WATCH_LISTINGS_ID,
        task_queue=CONTROL_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="worker", description="One worker process of the sniper.")
    parser.add_argument("--role", choices=ROLES, required=True)
    role = parser.parse_args().role
    try:
        settings = read_settings()
        configure(secrets=_secrets(settings))
        asyncio.run(run(role, settings))
    except SniperError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _secrets(settings: Settings) -> tuple[str, ...]:
    named = (settings.mexc_api_key, settings.mexc_api_secret)
    return tuple(secret.get_secret_value() for secret in named if secret is not None)


if __name__ == "__main__":
    sys.exit(main())
