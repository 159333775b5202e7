"""Watching listings for as long as the installation lives: each target that wants one gets its session."""

from dataclasses import dataclass

from temporalio import workflow
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import ActivityError, WorkflowAlreadyStartedError, is_cancelled_exception
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from activities.listings import ListingActivities
    from domain.commands import ListingNews, MovedOpening, NewSession, NextListings
    from workflows import policies
    from workflows.names import CONTROL_QUEUE
    from workflows.snipe import Snipe

_ROUNDS = 100
"""Long polls per run: a few hundred events, then the history starts anew."""


@dataclass(frozen=True)
class WatchState:
    """cursor: how far the listings have been seen. untold: moves that could not be told yet."""

    cursor: int = 0
    untold: tuple[MovedOpening, ...] = ()


@workflow.defn(name="WatchListings")
class WatchListings:
    """Entity workflow: one per installation. Nothing starts it anew while its worker lives, so that no activity's
    failure ends it, and no session holds up the others."""

    @workflow.run
    async def run(self, state: WatchState) -> None:
        for left_open in await self._unclosed():
            await self._start(left_open)
        cursor, untold = state.cursor, state.untold
        for _ in range(_ROUNDS):
            news = await self._next(cursor)
            for wanted in news.start:
                await self._start(wanted)
            moved_again = {moved.workflow_id for moved in news.moved}
            to_tell = [moved for moved in untold if moved.workflow_id not in moved_again] + list(news.moved)
            untold = tuple([moved for moved in to_tell if not await self._told(moved)])
            cursor = news.cursor
        workflow.continue_as_new(WatchState(cursor, untold))

    async def _unclosed(self) -> tuple[NewSession, ...]:
        """None when they cannot be read: `next_listings` finds those that nobody runs as well."""
        try:
            return await workflow.execute_activity_method(ListingActivities.unclosed_sessions, **policies.RECORD)
        except ActivityError as error:
            _go_on_unless_cancelled(error)
            return ()

    async def _next(self, cursor: int) -> ListingNews:
        """No news, after a pause, when the answer is a failure that is not retried."""
        try:
            return await workflow.execute_activity_method(
                ListingActivities.next_listings, NextListings(cursor), **policies.LISTEN
            )
        except ActivityError as error:
            _go_on_unless_cancelled(error)
            await workflow.sleep(policies.LISTEN_AGAIN_AFTER)
            return ListingNews(cursor)

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

    async def _told(self, moved: MovedOpening) -> bool:
        """False: the session could not be told in time and is told again after the next answer."""
        try:
            await workflow.execute_activity_method(ListingActivities.move_opening, moved, **policies.TELL)
        except ActivityError as error:
            _go_on_unless_cancelled(error)
            return False
        return True


def _go_on_unless_cancelled(error: ActivityError) -> None:
    if is_cancelled_exception(error):
        raise error
    workflow.logger.warning(
        "watch.activity_failed", extra={"activity": error.activity_type, "reason": str(error.cause)}
    )
