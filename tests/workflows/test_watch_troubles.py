"""What must neither end WatchListings nor hold up other sessions: failures, and sessions that cannot be told."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from temporalio import activity
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from adapters.temporal import TemporalSnipes
from domain.commands import Abort, ListingNews, MovedOpening, Prepared, Reschedule, StartSnipe
from domain.errors import TryAgain
from tests.workflows.stand_ins import StandIns
from tests.workflows.test_watch_listings import ListingStandIns, a_wish, eventually, watching
from workflows import policies
from workflows.names import CONTROL_QUEUE
from workflows.snipe import Snipe
from workflows.watch_listings import WatchListings, WatchState

pytestmark = [pytest.mark.server, pytest.mark.asyncio(loop_scope="session")]


async def test_an_opening_that_could_not_be_told_is_told_again_and_holds_nobody_up(
    environment: WorkflowEnvironment,
) -> None:
    """Other sessions start meanwhile; only the latest opening of a session is told again."""
    wish = a_wish()
    x, y = (
        MovedOpening(f"snipe/{name}", Reschedule(datetime(2030, 1, 1, tzinfo=UTC), "listing-revision-2"))
        for name in ("x", "y")
    )
    later = replace(x, reschedule=Reschedule(datetime(2030, 1, 2, tzinfo=UTC), "listing-revision-3"))
    listings = ListingStandIns(
        news=[ListingNews(1, moved=(x, y)), ListingNews(2, (wish,), (later,)), ListingNews(3)], unheard=2
    )
    with environment.with_time_skipping_disabled():
        async with watching(environment.client, listings):
            await eventually(lambda: len(listings.cursors) == 4)
        described = await environment.client.get_workflow_handle(wish.workflow_id).describe()
        await environment.client.get_workflow_handle(wish.workflow_id).terminate()

    assert listings.moved == [x, y, y, later]
    assert described.status is WorkflowExecutionStatus.RUNNING


async def test_what_could_not_be_told_outlasts_the_history(environment: WorkflowEnvironment) -> None:
    """It is handed to the run that follows."""
    moved = MovedOpening("snipe/x", Reschedule(datetime(2030, 1, 1, tzinfo=UTC), "listing-revision-2"))
    listings = ListingStandIns(news=[ListingNews(1, moved=(moved,))], quick=100, unheard=100)
    with environment.with_time_skipping_disabled():
        async with watching(environment.client, listings):
            await eventually(lambda: len(listings.cursors) == 102)

    assert listings.moved == [moved] * 101


async def test_a_session_that_prepares_without_end_does_not_stop_the_watch(environment: WorkflowEnvironment) -> None:
    """It is told of its new opening without being waited for, and hears of it when it can."""
    stuck, following = a_wish(), a_wish()
    later = stuck.start.opens_at + timedelta(days=1)
    moved = MovedOpening(stuck.workflow_id, Reschedule(later, "listing-revision-2"))
    client = environment.client
    listings = ListingStandIns(
        news=[ListingNews(1, (stuck,)), ListingNews(2, moved=(moved,)), ListingNews(3, (following,))]
    )
    answers = asyncio.Event()
    snipes = StandIns()

    @activity.defn(name="prepare_session")
    async def prepare(start: StartSnipe) -> Prepared:
        if start.key == stuck.start.key:
            await answers.wait()
        return snipes.prepared

    @activity.defn(name="move_opening")
    async def move_opening(moved: MovedOpening) -> None:
        await TemporalSnipes(client).reschedule(moved)

    worker = Worker(
        client,
        task_queue=CONTROL_QUEUE,
        workflows=[Snipe, WatchListings],
        activities=[
            prepare,
            snipes.record_change,
            snipes.record_refusal,
            listings.next_listings,
            listings.unclosed_sessions,
            move_opening,
        ],
    )
    with environment.with_time_skipping_disabled():
        async with worker:
            watch = await client.start_workflow(
                WatchListings.run, WatchState(), id=f"watch-{uuid4().hex}", task_queue=CONTROL_QUEUE
            )
            await eventually(lambda: len(listings.cursors) == 4)
            answers.set()
            await eventually(lambda: snipes.changes)
            for name in (watch.id, stuck.workflow_id, following.workflow_id):
                await client.get_workflow_handle(name).terminate()

    assert [change.reschedule for change in snipes.changes] == [moved.reschedule]


async def test_only_a_session_that_nobody_runs_cannot_be_told(environment: WorkflowEnvironment) -> None:
    """One that ended needs no opening; one whose run was lost is told again after its successor started."""
    client = environment.client
    ended, lost = a_wish(), a_wish()
    snipes = TemporalSnipes(client)
    with environment.with_time_skipping_disabled():
        async with watching(client, ListingStandIns()):
            handle = await client.start_workflow(Snipe.run, ended.start, id=ended.workflow_id, task_queue=CONTROL_QUEUE)
            await handle.execute_update("abort", Abort("enough", "abort-1"))
            await handle.result()

        await snipes.reschedule(MovedOpening(ended.workflow_id, Reschedule(datetime.now(UTC), "listing-revision-2")))
        with pytest.raises(TryAgain):
            await snipes.reschedule(MovedOpening(lost.workflow_id, Reschedule(datetime.now(UTC), "listing-revision-2")))


async def test_a_failure_that_no_retry_mends_does_not_end_the_watch(
    environment: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks on after a pause, from where it was."""
    monkeypatch.setattr(policies, "LISTEN_AGAIN_AFTER", timedelta(milliseconds=50))
    listings = ListingStandIns(news=[ListingNews(1)], broken=2)
    with environment.with_time_skipping_disabled():
        async with watching(environment.client, listings):
            await eventually(lambda: len(listings.cursors) == 4)

    assert listings.cursors == [0, 0, 0, 1]


async def test_a_cancelled_watch_ends(environment: WorkflowEnvironment) -> None:
    """A cancellation is no failure to go on after."""
    listings = ListingStandIns()
    client = environment.client
    with environment.with_time_skipping_disabled():
        worker = Worker(
            client,
            task_queue=CONTROL_QUEUE,
            workflows=[WatchListings],
            activities=[listings.next_listings, listings.unclosed_sessions, listings.move_opening],
        )
        async with worker:
            handle = await client.start_workflow(
                WatchListings.run, WatchState(), id=f"watch-{uuid4().hex}", task_queue=CONTROL_QUEUE
            )
            await eventually(lambda: listings.cursors)
            await handle.cancel()
            with pytest.raises(WorkflowFailureError):
                await handle.result()
            described = await handle.describe()

    assert described.status is WorkflowExecutionStatus.CANCELED
