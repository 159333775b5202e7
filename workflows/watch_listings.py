"""Watching listings for as long as the installation lives: each target that wants one gets its session."""

from dataclasses import dataclass

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from activities.listings import ListingActivities
    from domain.commands import MovedOpening, NewSession, NextListings
    from workflows import policies
    from workflows.names import CONTROL_QUEUE
    from workflows.snipe import Snipe

_ROUNDS = 100
"""Long polls per run: a few hundred events, then the history starts anew."""


@dataclass(frozen=True)
class WatchState:
    """cursor: how far the listings have been seen."""

    cursor: int = 0


@workflow.defn(name="WatchListings")
class WatchListings:
    """Entity workflow: one per installation."""

    @workflow.run
    async def run(self, state: WatchState) -> None:
        for left_open in await workflow.execute_activity_method(ListingActivities.unclosed_sessions, **policies.RECORD):
            await self._start(left_open)
        cursor = state.cursor
        for _ in range(_ROUNDS):
            news = await workflow.execute_activity_method(
                ListingActivities.next_listings, NextListings(cursor), **policies.LISTEN
            )
            for wanted in news.start:
                await self._start(wanted)
            for moved in news.moved:
                await self._move(moved)
            cursor = news.cursor
        workflow.continue_as_new(WatchState(cursor))

    async def _start(self, wanted: NewSession) -> None:
        """Start the session's run; one that runs or reached its end is left alone. A run that was terminated or failed
        gets a successor: it finds the session's row, and past arming it only reconciles, guards and closes."""
        try:
            await workflow.start_child_workflow(
                Snipe.run,
                wanted.start,
                id=wanted.workflow_id,
                task_queue=CONTROL_QUEUE,
                parent_close_policy=ParentClosePolicy.ABANDON,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
            )
        except WorkflowAlreadyStartedError:
            workflow.logger.info("snipe.known", extra={"workflow_id": wanted.workflow_id})

    async def _move(self, moved: MovedOpening) -> None:
        await workflow.execute_activity_method(ListingActivities.move_opening, moved, **policies.RECORD)
