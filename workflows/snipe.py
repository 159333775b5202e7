"""One snipe: prepare, wait, fire, guard, close."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.books import BookActivities
    from activities.preparation import PreparationActivities
    from activities.trading import EntryActivities, GuardActivities
    from domain.commands import (
        Abort,
        ChangePolicy,
        CloseBooks,
        Receipt,
        RecordChange,
        RecordRefusal,
        Reschedule,
        SessionRef,
        SnipeClosed,
        SnipeView,
        StartSnipe,
    )
    from domain.errors import SniperError
    from domain.money import NO_BASE, Base
    from domain.policy import TradePolicy
    from domain.requests import why_no_abort, why_no_policy, why_no_reschedule, why_no_start
    from domain.session import Outcome, Phase
    from workflows import policies

_ACCOUNT = SearchAttributeKey.for_keyword("SniperAccount")
_SYMBOL = SearchAttributeKey.for_keyword("SniperSymbol")
_PHASE = SearchAttributeKey.for_keyword("SniperPhase")
_OUTCOME = SearchAttributeKey.for_keyword("SniperOutcome")
_OPENS_AT = SearchAttributeKey.for_datetime("SniperOpensAt")

_CANCELLED = "workflow-cancelled"


@dataclass
class SnipeState:
    """Everything the run remembers. revision: of opening and policy; admitted: the session's row exists; receipts: by
    request, so that each counts once."""

    opens_at: datetime
    policy: TradePolicy
    phase: Phase = Phase.PREPARING
    revision: int = 0
    admitted: bool = False
    aborting: bool = False
    outcome: Outcome | None = None
    receipts: dict[str, Receipt] = field(default_factory=dict)


@workflow.defn(name="Snipe", failure_exception_types=[SniperError])
class Snipe:
    """One listing, from detection to a flat position."""

    @workflow.init
    def __init__(self, start: StartSnipe) -> None:
        self.key = start.key
        self.state = SnipeState(opens_at=start.opens_at, policy=start.policy)
        self.changing = asyncio.Lock()

    @workflow.run
    async def run(self, start: StartSnipe) -> SnipeClosed:
        _refuse(why_no_start(start))
        story = asyncio.create_task(self._story(start))
        stopping: asyncio.Task[None] | None = None
        while not story.done():
            try:
                await asyncio.shield(story)
            except asyncio.CancelledError:
                if stopping is not None or workflow.cancellation_reason() is None:
                    raise  # evicted
                # an activity between two attempts would end at once if it were cancelled: a cancelled run is aborted
                # through its row instead, and then ends as every other one
                stopping = asyncio.create_task(self._abort_for_cancellation())
        return story.result()

    async def _story(self, start: StartSnipe) -> SnipeClosed:
        workflow.upsert_search_attributes(
            [
                _ACCOUNT.value_set(start.key.account),
                _SYMBOL.value_set(start.symbol),
                _OPENS_AT.value_set(start.opens_at),
            ]
        )
        result, reason = await self._prepare(start)
        if result == "approved":
            result, reason = await self._enter()
        dust = await self._guard_until_flat() if result in ("filled", "resume") else NO_BASE
        closed = await self._close_books(result, reason, dust)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return closed

    @workflow.update(name="abort")
    async def abort(self, request: Abort) -> Receipt:
        """Stop buying, cancel all orders of the session, take-profits too, sell any position at once."""
        return await self._once(request.request, lambda: self._apply_abort(request))

    @abort.validator
    def _check_abort(self, request: Abort) -> None:
        _refuse(why_no_abort(request, self.state.phase))

    @workflow.update(name="reschedule")
    async def reschedule(self, request: Reschedule) -> Receipt:
        """The opening moved: the same session waits for the new time."""
        return await self._once(request.request, lambda: self._apply_reschedule(request))

    @reschedule.validator
    def _check_reschedule(self, request: Reschedule) -> None:
        if request.request not in self.state.receipts:
            _refuse(why_no_reschedule(request, self.state.phase, workflow.now()))

    @workflow.update(name="change_policy")
    async def change_policy(self, request: ChangePolicy) -> Receipt:
        """Change bounds or exits; while a position is open, exits only."""
        return await self._once(request.request, lambda: self._apply_policy(request))

    @change_policy.validator
    def _check_policy(self, request: ChangePolicy) -> None:
        if request.request not in self.state.receipts:
            _refuse(why_no_policy(request, self.state.policy, self.state.phase))

    @workflow.signal(name="abort")
    async def abort_signalled(self, request: Abort) -> None:
        """As the update, for automations that only signal."""
        if not await self._refused("abort", request.request, why_no_abort(request, self.state.phase)):
            await self._once(request.request, lambda: self._apply_abort(request))

    @workflow.signal(name="reschedule")
    async def reschedule_signalled(self, request: Reschedule) -> None:
        """As the update, for automations that only signal."""
        reason = why_no_reschedule(request, self.state.phase, workflow.now())
        if not await self._refused("reschedule", request.request, reason):
            await self._once_unanswered("reschedule", request.request, lambda: self._apply_reschedule(request))

    @workflow.signal(name="change_policy")
    async def change_policy_signalled(self, request: ChangePolicy) -> None:
        """As the update, for automations that only signal."""
        reason = why_no_policy(request, self.state.policy, self.state.phase)
        if not await self._refused("change_policy", request.request, reason):
            await self._once_unanswered("change_policy", request.request, lambda: self._apply_policy(request))

    @workflow.query
    def view(self) -> SnipeView:
        """The session as its run knows it; the desk's finer phases stand in the session's row."""
        state = self.state
        return SnipeView(state.phase, state.opens_at, state.policy, state.revision, state.aborting, state.outcome)

    async def _prepare(self, start: StartSnipe) -> tuple[str, str]:
        self._enter_phase(Phase.PREPARING)
        prepared = await workflow.execute_activity_method(
            PreparationActivities.prepare_session, start, **policies.PREPARE
        )
        self.state.revision = max(self.state.revision, prepared.revision)
        self.state.admitted = True
        return prepared.verdict, "; ".join(prepared.reasons)

    async def _enter(self) -> tuple[str, str]:
        """Wait for the opening and buy; armed anew as often as the opening or the policy changes before it."""
        while True:
            self._enter_phase(Phase.WAITING)
            await self._wait_for_arming()
            if self.state.aborting:
                return "nothing", "aborted before arming"
            self._enter_phase(Phase.ARMING)
            entry = await workflow.execute_activity_method(
                EntryActivities.fire_entry, SessionRef(self.key, self.state.revision), **policies.FIRE
            )
            if entry.result != "disarmed":
                return entry.result, entry.reason

    async def _wait_for_arming(self) -> None:
        """Until the opening is one arm lead away, wherever it moves meanwhile. An abort ends the wait."""
        while not self.state.aborting:
            arm_at = self.state.opens_at - timedelta(seconds=self.state.policy.arm_lead_s)
            wait = arm_at - workflow.now()
            if wait <= timedelta(0):
                return
            await self._wait_for_change(wait, f"arm at {arm_at:%Y-%m-%d %H:%M:%S} UTC")

    async def _wait_for_change(self, longest: timedelta, summary: str) -> None:
        revision = self.state.revision
        with suppress(TimeoutError):  # the caller looks at why it woke
            await workflow.wait_condition(
                lambda: self.state.aborting or self.state.revision != revision,
                timeout=longest,
                timeout_summary=summary,
            )

    async def _guard_until_flat(self) -> Base:
        """Returns what is left, too small to sell."""
        self._enter_phase(Phase.GUARDING)
        report = await workflow.execute_activity_method(
            GuardActivities.guard_exit, SessionRef(self.key, self.state.revision), **policies.GUARD
        )
        return report.dust

    async def _close_books(self, result: str, reason: str, dust: Base) -> SnipeClosed:
        """Close; what turns out to be held, or to be bought still, is guarded before."""
        closed = await self._ask_to_close(result, reason, dust)
        while not closed.closed:  # never so in older histories: they replay as they were
            dust = await self._guard_until_flat()
            closed = await self._ask_to_close(result, reason, dust)
        self.state.outcome = closed.outcome
        self._enter_phase(Phase.CLOSED)
        workflow.upsert_search_attributes([_OUTCOME.value_set(closed.outcome)])
        return closed

    async def _ask_to_close(self, result: str, reason: str, dust: Base) -> SnipeClosed:
        self._enter_phase(Phase.CLOSING)
        return await workflow.execute_activity_method(
            BookActivities.close_books, CloseBooks(self.key, result, reason, dust), **policies.CLOSE
        )

    async def _apply_abort(self, request: Abort) -> str:
        await self._record(RecordChange(self.key, abort=request))
        self.state.aborting = True
        return "aborting: nothing more is bought, any position is sold"

    async def _apply_reschedule(self, request: Reschedule) -> str:
        revision = self.state.revision + 1
        await self._record(RecordChange(self.key, reschedule=request, revision=revision))
        self.state.opens_at = request.opens_at
        self.state.revision = revision
        workflow.upsert_search_attributes([_OPENS_AT.value_set(request.opens_at)])
        return f"opens at {request.opens_at:%Y-%m-%d %H:%M:%S.%f} UTC"

    async def _apply_policy(self, request: ChangePolicy) -> str:
        revision = self.state.revision + 1
        policy = request.change.applied_to(self.state.policy)
        await self._record(RecordChange(self.key, policy=policy, policy_request=request.request, revision=revision))
        self.state.policy = policy
        self.state.revision = revision
        return f"policy revision {revision} holds"

    async def _abort_for_cancellation(self) -> None:
        await self._once(_CANCELLED, lambda: self._apply_abort(Abort("the workflow was cancelled", _CANCELLED)))

    async def _once(self, request: str, apply: Callable[[], Awaitable[str]]) -> Receipt:
        """Carry out a request once; a repeated one gets the first one's receipt. One that came with the start waits for
        the session's row, in which it is recorded."""
        await workflow.wait_condition(lambda: self.state.admitted)
        async with self.changing:
            if request not in self.state.receipts:
                self.state.receipts[request] = Receipt(request, await apply())
            return self.state.receipts[request]

    async def _once_unanswered(self, name: str, request: str, apply: Callable[[], Awaitable[str]]) -> None:
        """As `_once`, for a signal: nobody waits to hear that it came too late."""
        try:
            await self._once(request, apply)
        except ApplicationError as error:
            await self._refused(name, request, error.message)

    async def _record(self, change: RecordChange) -> None:
        """Raises ApplicationError with the reason when the session's row has no place for the change any more."""
        try:
            await workflow.execute_activity_method(BookActivities.record_change, change, **policies.RECORD)
        except ActivityError as error:
            if not isinstance(error.cause, ApplicationError):
                raise
            raise ApplicationError(error.cause.message, type=error.cause.type, non_retryable=True) from error

    async def _refused(self, name: str, request: str, reason: str | None) -> bool:
        """Journal why a signal cannot be carried out; False: it can, or it was already."""
        if reason is None or request in self.state.receipts:
            return False
        workflow.logger.warning("signal.refused", extra={"signal": name, "reason": reason})
        refusal = RecordRefusal(self.key, name, reason, request)
        await workflow.execute_activity_method(BookActivities.record_refusal, refusal, **policies.RECORD)
        return True

    def _enter_phase(self, phase: Phase) -> None:
        self.state.phase = phase
        workflow.upsert_search_attributes([_PHASE.value_set(phase)])


def _refuse(reason: str | None) -> None:
    if reason is not None:
        raise ApplicationError(reason, type="InvalidInput", non_retryable=True)
