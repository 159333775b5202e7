"""One snipe: prepare, wait, fire, guard, close."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, assert_never

from temporalio import workflow
from temporalio.common import RawValue, SearchAttributeKey
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
        Told,
        Wish,
    )
    from domain.errors import SniperError
    from domain.money import NO_BASE, Base
    from domain.policy import TradePolicy
    from domain.requests import (
        CANCELLED,
        EMPTY_KEY,
        KEYLESS,
        content_of,
        used_for_another_wish,
        why_kept_key,
        why_no_abort,
        why_no_policy,
        why_no_reschedule,
        why_no_start,
        why_overfull,
        why_unread,
    )
    from domain.session import Outcome, Phase
    from workflows import policies

_ACCOUNT = SearchAttributeKey.for_keyword("SniperAccount")
_SYMBOL = SearchAttributeKey.for_keyword("SniperSymbol")
_PHASE = SearchAttributeKey.for_keyword("SniperPhase")
_OUTCOME = SearchAttributeKey.for_keyword("SniperOutcome")
_OPENS_AT = SearchAttributeKey.for_datetime("SniperOpensAt")

_TOLD: dict[str, type[Told[Any]]] = {
    "abort": Told[Abort],
    "reschedule": Told[Reschedule],
    "change_policy": Told[ChangePolicy],
}
"""How each request is read."""

# Runs that began before one of these goes on as its history has it.
_STRICT_START = "unknown-fields-of-a-start-are-refused"
_STRICT_SIGNALS = "every-signal-is-carried-out-or-journaled"
_REFUSALS_WAIT = "refusals-wait-for-the-row"
_KEYLESS_ABORTS = "an-abort-needs-no-key"
_KEPT_KEYS = "keys-of-aborts-are-refused-to-others"
_CANCELS_ANYWAY = "a-cancellation-is-an-abort-whatever-has-its-key"


@dataclass
class SnipeState:
    """Everything the run remembers. revision: of opening and policy; admitted: the session's row exists; receipts: by
    request, so that each counts once; asked: what each request stands for, from before its receipt on; passed_over:
    signals to abort without a key that this run, of an older kind, did not carry out."""

    opens_at: datetime
    policy: TradePolicy
    phase: Phase = Phase.PREPARING
    revision: int = 0
    admitted: bool = False
    aborting: bool = False
    outcome: Outcome | None = None
    receipts: dict[str, Receipt] = field(default_factory=dict)
    asked: dict[str, Wish] = field(default_factory=dict)
    passed_over: int = 0


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
        if (overfull := why_overfull(start)) is not None and workflow.patched(_STRICT_START):
            _refuse(overfull)
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
        if result == "closed" and reason:  # never so in older histories: they replay as they were
            _refuse(reason)
        if result == "approved":
            result, reason = await self._enter()
        dust = await self._guard_until_flat() if result in ("filled", "resume") else NO_BASE
        closed = await self._close_books(result, reason, dust)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return closed

    @workflow.update(name="abort")
    async def abort(self, told: Told[Abort]) -> Receipt:
        """Stop buying, cancel all orders of the session, take-profits too, sell any position at once."""
        return await self._once(self._readable("abort", told))

    @abort.validator
    def _check_abort(self, told: Told[Abort]) -> None:
        self._check("abort", told)

    @workflow.update(name="reschedule")
    async def reschedule(self, told: Told[Reschedule]) -> Receipt:
        """The opening moved: the same session waits for the new time."""
        return await self._once(self._readable("reschedule", told))

    @reschedule.validator
    def _check_reschedule(self, told: Told[Reschedule]) -> None:
        self._check("reschedule", told)

    @workflow.update(name="change_policy")
    async def change_policy(self, told: Told[ChangePolicy]) -> Receipt:
        """Change bounds or exits; while a position is open, exits only."""
        return await self._once(self._readable("change_policy", told))

    @change_policy.validator
    def _check_policy(self, told: Told[ChangePolicy]) -> None:
        self._check("change_policy", told)

    @workflow.signal(dynamic=True)
    async def signalled(self, name: str, inputs: Sequence[RawValue]) -> None:
        """As the update of that name, for automations that only signal: nobody waits for an answer, so whatever is not
        carried out is journaled with its reason. One handler for all names, as the SDK drops what it cannot read."""
        told = _read(name, inputs)
        unread = why_unread(name, told.wrong)
        if unread is not None and workflow.patched(_STRICT_SIGNALS):
            await self._journal_refusal(name, str(workflow.uuid4()), unread)
        elif told.message is not None and not _has_key(told.message) and not self._takes_keyless():
            if _names_a_key(inputs[0]):
                await self._journal_refusal(name, "", EMPTY_KEY)
        elif told.message is not None:
            await self._carry_out(name, self._keyed(told.message))

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

    def _check(self, name: str, told: Told[Any]) -> None:
        """Refuse an update before it changes anything."""
        _refuse(why_unread(name, told.wrong))
        wish = self._readable(name, told)
        _refuse(self._why_other(wish) or self._why_kept(wish) or self._why_not(wish))

    async def _carry_out(self, name: str, wish: Wish) -> None:
        other = self._why_other(wish)
        if other is not None:
            if workflow.patched(_STRICT_SIGNALS):
                await self._journal_refusal(name, str(workflow.uuid4()), other)
        elif (kept := self._why_kept(wish)) is not None and workflow.patched(_KEPT_KEYS):
            await self._journal_refusal(name, str(workflow.uuid4()), kept)
        elif (reason := self._why_not(wish)) is not None:
            await self._journal_refusal(name, wish.request, reason)
        else:
            try:
                await self._once(wish)
            except ApplicationError as error:
                await self._journal_refusal(name, wish.request, error.message)

    def _why_other(self, wish: Wish) -> str | None:
        """Why the key of this request cannot be its own."""
        content = content_of(wish)
        return used_for_another_wish(wish.request) if self.state.asked.get(wish.request, content) != content else None

    def _why_kept(self, wish: Wish) -> str | None:
        """As `why_kept_key`; a run of an older kind may have taken it and repeats its receipt."""
        return None if wish.request in self.state.asked else why_kept_key(wish)

    def _why_not(self, wish: Wish) -> str | None:
        """Why it cannot be carried out; None: it can, or it was already."""
        state = self.state
        if wish.request in state.receipts:
            return None
        match wish:
            case Abort():
                return why_no_abort(wish, state.phase)
            case Reschedule():
                return why_no_reschedule(wish, state.phase, workflow.now())
            case ChangePolicy():
                return why_no_policy(wish, state.policy, state.phase)
            case _:
                assert_never(wish)

    async def _apply(self, wish: Wish) -> str:
        match wish:
            case Abort():
                return await self._apply_abort(wish)
            case Reschedule():
                return await self._apply_reschedule(wish)
            case ChangePolicy():
                return await self._apply_policy(wish)
            case _:
                assert_never(wish)

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
        """Never refused for its key: a run of an older kind may have taken that for another wish."""
        request = self._free_for_abort(CANCELLED)
        if request != CANCELLED and not workflow.patched(_CANCELS_ANYWAY):
            request = CANCELLED
        await self._once(Abort("the workflow was cancelled", request))

    def _takes_keyless(self) -> bool:
        """Whether a signal to abort may lack a key. A run that passed over some takes the next one that is new: the
        answer to one patch holds for the whole run, so each of them asks for its own."""
        before = self.state.passed_over
        if workflow.patched(f"{_KEYLESS_ABORTS}-{before}" if before else _KEYLESS_ABORTS):
            return True
        self.state.passed_over += 1
        return False

    def _readable(self, name: str, told: Told[Any]) -> Any:
        """The request itself. Raises ApplicationError when there is none."""
        if told.message is None:
            _refuse(why_unread(name, told.wrong))
        return self._keyed(told.message)

    def _keyed(self, wish: Any) -> Any:
        return wish if _has_key(wish) else replace(wish, request=self._free_for_abort(KEYLESS))

    def _free_for_abort(self, request: str) -> str:
        """This key, or the next like it that no other wish has."""
        while not isinstance(self.state.asked.get(request, Abort("")), Abort):
            request += "-again"
        return request

    async def _once(self, wish: Wish) -> Receipt:
        """Carry out a request once; a repeated one gets the first one's receipt. One that came with the start waits for
        the session's row, in which it is recorded."""
        request = wish.request
        self.state.asked.setdefault(request, content_of(wish))
        await workflow.wait_condition(lambda: self.state.admitted)
        async with self.changing:
            if request not in self.state.receipts:
                try:
                    self.state.receipts[request] = Receipt(request, await self._apply(wish))
                except ApplicationError:
                    self.state.asked.pop(request, None)  # refused and forgotten
                    raise
            return self.state.receipts[request]

    async def _record(self, change: RecordChange) -> None:
        """Raises ApplicationError with the reason when the session's row has no place for the change any more."""
        try:
            await workflow.execute_activity_method(BookActivities.record_change, change, **policies.RECORD)
        except ActivityError as error:
            if not isinstance(error.cause, ApplicationError):
                raise
            raise ApplicationError(error.cause.message, type=error.cause.type, non_retryable=True) from error

    async def _journal_refusal(self, name: str, request: str, reason: str) -> None:
        """Write why a signal is not carried out, once there is a row to write it to. Nothing that befalls that writing
        ends the run."""
        workflow.logger.warning("signal.refused", extra={"signal": name, "reason": reason})
        if not self.state.admitted and workflow.patched(_REFUSALS_WAIT):
            await workflow.wait_condition(lambda: self.state.admitted)
        refusal = RecordRefusal(self.key, name, reason, request)
        try:
            await workflow.execute_activity_method(BookActivities.record_refusal, refusal, **policies.RECORD)
        except ActivityError as error:
            workflow.logger.error("signal.refusal_lost", extra={"signal": name, "reason": str(error.cause)})

    def _enter_phase(self, phase: Phase) -> None:
        self.state.phase = phase
        workflow.upsert_search_attributes([_PHASE.value_set(phase)])


def _read(name: str, inputs: Sequence[RawValue]) -> Told[Any]:
    """A signal as it was told, whatever it holds."""
    kind = _TOLD.get(name)
    if kind is None:
        return Told(None, (f"unknown signal, expected {', '.join(_TOLD)}",))
    if len(inputs) != 1:
        return Told(None, (f"got {len(inputs)} inputs, expected one JSON object",))
    told: Told[Any] = workflow.payload_converter().from_payload(inputs[0].payload, kind)
    return told


def _has_key(wish: Any) -> bool:
    """Of another wish than an abort its rules ask for one."""
    return not isinstance(wish, Abort) or wish.request != ""


def _names_a_key(told: RawValue) -> bool:
    """Whether the field is there, though it may be empty."""
    document: dict[str, Any] = workflow.payload_converter().from_payload(told.payload, dict[str, Any])
    return "request" in document


def _refuse(reason: str | None) -> None:
    if reason is not None:
        raise ApplicationError(reason, type="InvalidInput", non_retryable=True)
