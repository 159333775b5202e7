"""What WatchListings promises: one start per wanted session, moved openings are told, its history stays short."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from domain.commands import (
    Abort,
    ListingNews,
    MovedOpening,
    NewSession,
    NextListings,
    Reschedule,
)
from domain.ids import ListingKey, SessionKey
from tests.builders import a_start
from tests.workflows.stand_ins import StandIns
from workflows.names import CONTROL_QUEUE
from workflows.snipe import Snipe
from workflows.watch_listings import WatchListings, WatchState

pytestmark = [pytest.mark.server, pytest.mark.asyncio(loop_scope="session")]


@dataclass
class ListingStandIns:
    """Tells `news` one after the other; afterwards nothing is new, at once while `quick` lasts.

    broken: so many questions of each kind fail for good. unheard: so many moves fail for good.
    """

    news: list[ListingNews] = field(default_factory=list)
    left_open: tuple[NewSession, ...] = ()
    quick: int = 0
    cursors: list[int] = field(default_factory=list)
    moved: list[MovedOpening] = field(default_factory=list)
    broken: int = 0
    unheard: int = 0

    @activity.defn
    async def next_listings(self, after: NextListings) -> ListingNews:
        self.cursors.append(after.cursor)
        if len(self.cursors) <= self.broken:
            raise unusable()
        if self.news:
            return self.news.pop(0)
        if self.quick:
            self.quick -= 1
            return ListingNews(after.cursor + 1)
        while True:
            activity.heartbeat()
            await asyncio.sleep(0.05)

    @activity.defn
    async def unclosed_sessions(self) -> tuple[NewSession, ...]:
        if self.broken:
            raise unusable()
        return self.left_open

    @activity.defn
    async def move_opening(self, moved: MovedOpening) -> None:
        self.moved.append(moved)
        if len(self.moved) <= self.unheard:
            raise unusable()


def unusable() -> ApplicationError:
    """As activities/failures.py translates InvalidInput."""
    return ApplicationError("workflow: got 'x'", type="InvalidInput", non_retryable=True)


@asynccontextmanager
async def watching(client: Client, listings: ListingStandIns) -> AsyncIterator[str]:
    """A running WatchListings; yields its id."""
    snipes = StandIns()
    worker = Worker(
        client,
        task_queue=CONTROL_QUEUE,
        workflows=[Snipe, WatchListings],
        activities=[
            snipes.prepare_session,
            snipes.close_books,
            snipes.record_change,
            snipes.record_refusal,
            listings.next_listings,
            listings.unclosed_sessions,
            listings.move_opening,
        ],
        workflow_failure_exception_types=[Exception],
    )
    async with worker:
        name = f"watch-{uuid4().hex}"
        handle = await client.start_workflow(WatchListings.run, WatchState(), id=name, task_queue=CONTROL_QUEUE)
        try:
            yield name
        finally:
            await client.get_workflow_handle(name).terminate()
            del handle


def a_wish() -> NewSession:
    key = SessionKey("main", ListingKey("mexc", f"NEW{uuid4().hex[:8].upper()}", "USDT"), 1)
    return NewSession(a_start(key=key, opens_in=timedelta(days=2), now=datetime.now(UTC)), key.workflow_id)


async def eventually(condition: object) -> None:
    """Poll until `condition()` holds; the test's own timeout bounds it."""
    assert callable(condition)
    while not condition():
        await asyncio.sleep(0.02)


async def test_a_wanted_session_is_started_once(environment: WorkflowEnvironment) -> None:
    """The same wish told twice, and once more as left open, starts one run; it outlives its parent."""
    wish = a_wish()
    listings = ListingStandIns(
        news=[ListingNews(1, (wish,)), ListingNews(2, (wish,)), ListingNews(3)], left_open=(wish,)
    )
    with environment.with_time_skipping_disabled():
        async with watching(environment.client, listings):
            await eventually(lambda: len(listings.cursors) == 4)
            found = [run async for run in environment.client.list_workflows(f"WorkflowId = '{wish.workflow_id}'")]
        snipe = environment.client.get_workflow_handle(wish.workflow_id)
        described = await snipe.describe()
        await snipe.terminate()

    assert len(found) <= 1
    assert described.status is WorkflowExecutionStatus.RUNNING
    assert listings.cursors == [0, 1, 2, 3]


async def test_an_unclosed_session_without_a_run_is_started_again(environment: WorkflowEnvironment) -> None:
    """What Postgres knows as open is looked after, also when Temporal lost it."""
    left_open = a_wish()
    listings = ListingStandIns(left_open=(left_open,))
    with environment.with_time_skipping_disabled():
        async with watching(environment.client, listings):
            await eventually(lambda: listings.cursors)
        snipe = environment.client.get_workflow_handle(left_open.workflow_id)
        described = await snipe.describe()
        await snipe.terminate()

    assert described.status is WorkflowExecutionStatus.RUNNING


async def test_a_terminated_run_gets_a_successor_and_a_finished_one_does_not(environment: WorkflowEnvironment) -> None:
    """A session that is told as lost once more is left alone when its run has reached its end."""
    killed, finished = a_wish(), a_wish()
    client = environment.client
    listings = ListingStandIns()
    with environment.with_time_skipping_disabled():
        async with watching(client, listings):
            await eventually(lambda: listings.cursors)
            for wish in (killed, finished):
                await client.start_workflow(Snipe.run, wish.start, id=wish.workflow_id, task_queue=CONTROL_QUEUE)
            await client.get_workflow_handle(killed.workflow_id).terminate()
            await client.get_workflow_handle(finished.workflow_id).execute_update("abort", Abort("enough", "abort-1"))
            await client.get_workflow_handle(finished.workflow_id).result()
        listings.news = [ListingNews(1, (killed, finished)), ListingNews(2)]
        async with watching(client, listings):
            await eventually(lambda: not listings.news)
        statuses = [
            (await client.get_workflow_handle(wish.workflow_id).describe()).status for wish in (killed, finished)
        ]
        await client.get_workflow_handle(killed.workflow_id).terminate()

    assert statuses == [WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.COMPLETED]


async def test_a_moved_opening_is_told_to_its_session(environment: WorkflowEnvironment) -> None:
    """Through an activity, with the listing's revision as request."""
    moved = MovedOpening("snipe/x", Reschedule(datetime(2030, 1, 1, tzinfo=UTC), "listing-revision-2"))
    listings = ListingStandIns(news=[ListingNews(1, moved=(moved,))])
    with environment.with_time_skipping_disabled():
        async with watching(environment.client, listings):
            await eventually(lambda: len(listings.cursors) == 2)

    assert listings.moved == [moved]


async def test_its_history_starts_anew_with_the_cursor_it_had(environment: WorkflowEnvironment) -> None:
    """A hundred polls, then a new run that goes on where the old one was."""
    listings = ListingStandIns(quick=105)
    with environment.with_time_skipping_disabled():
        async with watching(environment.client, listings) as name:
            await eventually(lambda: len(listings.cursors) == 106)
            first = environment.client.get_workflow_handle(name)
            events = [event async for event in first.fetch_history_events()]

    assert listings.cursors == list(range(106))
    assert len(events) < 200


async def test_an_abort_that_comes_with_the_start_waits_for_the_row(environment: WorkflowEnvironment) -> None:
    """Signal-with-start is recorded after the session was admitted, not before."""
    wish = a_wish()
    order: list[str] = []
    snipes = StandIns()

    @activity.defn(name="prepare_session")
    async def slow_prepare(start: object) -> object:
        await asyncio.sleep(0.3)
        order.append("admitted")
        return snipes.prepared

    @activity.defn(name="record_change")
    async def record(change: object) -> None:
        order.append("recorded")

    worker = Worker(
        environment.client,
        task_queue=CONTROL_QUEUE,
        workflows=[Snipe],
        activities=[slow_prepare, record, snipes.close_books, snipes.record_refusal],
        workflow_failure_exception_types=[Exception],
    )
    async with worker:
        handle = await environment.client.start_workflow(
            Snipe.run,
            wish.start,
            id=wish.workflow_id,
            task_queue=CONTROL_QUEUE,
            start_signal="abort",
            start_signal_args=[Abort("changed my mind", "with-start")],
        )
        await handle.result()

    assert order == ["admitted", "recorded"]
