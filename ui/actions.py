"""Everything that panel, command line and tests can do to an installation, as typed requests.

Each is validated here through the domain, refuses with every reason at once, and may be repeated under its request key.
Not here: how arming is carried out (arming.py), reading (reading.py), words for events (wording.py).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError

from adapters.postgres.database import Database
from adapters.postgres.halts import PostgresHalts
from adapters.postgres.read_models import SessionLine
from adapters.postgres.reader import Reader
from adapters.postgres.session_store import PostgresSessionStore
from adapters.postgres.targets import PostgresTargets
from domain.commands import Abort, ChangePolicy, Receipt, Reschedule
from domain.errors import InvalidInput, StoreUnavailable, TryAgain
from domain.events import AbortRequested
from domain.halts import HaltScope, HaltVerb, ScopeKind, check_reason
from domain.ids import check_own_account
from domain.policy import PolicyChange
from domain.requests import why_no_abort, why_no_policy, why_no_reschedule
from domain.session import Phase
from ui.arm_request import Armed, ArmRequest
from ui.arming import Arming, Patience, used_for_another_wish
from ui.halting import reach_of
from ui.reading import LOOK_BACK, find_session, journal, session_named, targets_named
from ui.refusal import ActionRefused

TEMPORAL_ANSWERS_WITHIN = timedelta(seconds=8)
"""An abort that waits longer goes another way."""
PATIENT = Patience()
_OVER = (Phase.CLOSING, Phase.CLOSED)
_TELLS_WITHIN_S = 1.5
"""A halt stands already: whoever placed it does not wait for longer to hear what it reaches."""


class Actions:
    """One installation's commands.

    temporal: gives the client when one is needed, so that what works without Temporal does; raises InvalidInput when
    it does not answer. account: the one of this installation. patience: of arming. now: wall clock, aware.
    """

    def __init__(
        self,
        database: Database,
        reader: Reader,
        temporal: Callable[[], Awaitable[Client]],
        *,
        account: str,
        patience: Patience = PATIENT,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._reader = reader
        self._account = account
        self._temporal = temporal
        self._now = now
        self._targets = PostgresTargets(database)
        self._store = PostgresSessionStore(database)
        self._halts = PostgresHalts(database)
        self._arming = Arming(database, reader, temporal, now, account, patience)
        self._one_at_a_time = asyncio.Lock()
        self._armed: dict[str, tuple[ArmRequest, Armed]] = {}

    async def arm(self, request: ArmRequest) -> Armed:
        """A session for a known opening, or a target that waits for one; a session that risk rejects is told as such.

        Raises ActionRefused with every reason, TryAgain when the session stands but its run could not be started.
        """
        async with self._one_at_a_time:
            known = self._armed.get(request.request)
            if known is None:
                known = self._armed[request.request] = (request, await self._arming.carry_out(request))
            wish, armed = known
            if replace(wish, opens_at=request.opens_at) != request:
                raise ActionRefused((used_for_another_wish(request),))
        if armed.session is None:
            return armed
        # Outside of the lock: others need not wait for risk's word on this one.
        return await self._arming.receipt(request, armed.session, armed.target)

    async def withdraw(self, target: int) -> Receipt:
        """Let a target wait no longer; needs no key, since withdrawing twice is withdrawing.

        Raises ActionRefused when it has made its session, and when there is none of this number.
        """
        status = await self._targets.withdraw(target)
        if status != "withdrawn":
            found = "one that is not there" if status is None else f"one that is {status}"
            raise ActionRefused(
                (f"target: got {target}, {found}, expected the number of one that waits; `sniper targets` lists them",)
            )
        return Receipt(str(target), f"target {target} waits no longer")

    async def abort(self, session: str, reason: str, request: str) -> Receipt:
        """Nothing more is bought, all orders of the session are cancelled, any position is sold at once. A target that
        waits for the pair is withdrawn too: it would buy the pair all the same.

        Told to the session's run; while Temporal is away, written to the session's row, which desks act on as well.
        Raises InvalidInput for an unknown session, ActionRefused when it is over and nothing was withdrawn.
        """
        line = await asyncio.to_thread(session_named, self._reader, session)
        if line is None:
            return await self._abort_waiting(session, reason, request)
        abort = Abort(reason, request)
        if line.phase not in _OVER:
            _refuse(line, why_no_abort(abort, line.phase))
        withdrawn: tuple[int, ...] = ()
        also = ""
        try:
            if not await self._was_asked(line, request):  # what was armed since is not what it stopped
                withdrawn = await self._targets.withdraw_of(line.key.account, line.key.listing, line.symbol)
                also = f"; {_targets_in_words(withdrawn)} withdrawn too" if withdrawn else ""
        except StoreUnavailable:  # the run must be told all the same
            also = "; a target that waits for the pair could not be withdrawn: abort it again under another request"
        line = await self._found(session)  # of a pair the latest: the target may have made its session meanwhile
        if line.phase in _OVER:
            return await self._abort_over(line, withdrawn, request)
        try:
            receipt = await self._tell(line, "abort", abort, request)
        except ActionRefused as refused:  # it may have ended this moment
            line = await self._found(str(line.key))
            if line.phase not in _OVER:
                changed = (f"{_targets_in_words(withdrawn)} withdrawn all the same",) if withdrawn else ()
                raise ActionRefused((*refused.reasons, *changed)) from refused
            return await self._abort_over(line, withdrawn, request)
        except TryAgain:
            await self._store.append(line.key, (AbortRequested(reason, request),))
            return Receipt(
                request,
                "aborting: Temporal does not answer, so it was written to the session's row, on which its desk acts"
                + also,
            )
        return replace(receipt, text=receipt.text + also)

    async def _abort_waiting(self, name: str, reason: str, request: str) -> Receipt:
        """Of a pair that has no session yet: what waits for it is withdrawn, which may have been done before."""
        for target in await asyncio.to_thread(targets_named, self._reader, name):
            withdrawn = await self._targets.withdraw_of(target.account, target.listing, target.symbol)
            if withdrawn or target.status == "withdrawn":
                numbers = _targets_in_words(withdrawn or (target.id,))
                return Receipt(
                    request, f"{numbers} withdrawn: nothing of {target.symbol} is bought, no session was made"
                )
        line = await self._found(name)  # raises, unless the target has made its session this moment
        return await self.abort(str(line.key), reason, request)

    async def _abort_over(self, line: SessionLine, withdrawn: tuple[int, ...], request: str) -> Receipt:
        """The receipt of an abort that was carried out before, or that found only a waiting target. Raises
        ActionRefused when there was nothing to stop."""
        state = f"{line.key} is {line.phase}" + (f" ({line.outcome})" if line.outcome is not None else "")
        also = (
            f"; {_targets_in_words(withdrawn)} withdrawn: nothing more of {line.symbol} is bought" if withdrawn else ""
        )
        if await self._was_asked(line, request):
            return Receipt(request, f"aborting: this request was carried out before, {state}{also}")
        if withdrawn:
            return Receipt(request, f"{state}{also}")
        raise ActionRefused((f"session: {state}, expected one that is running; there is nothing left to abort",))

    async def _was_asked(self, line: SessionLine, request: str) -> bool:
        """Whether this abort was carried out before."""
        entries = await asyncio.to_thread(journal, self._reader, line.key)
        asked = (entry.event for entry in entries if isinstance(entry.event, AbortRequested))
        return any(event.request == request for event in asked)

    async def reschedule(self, session: str, opens_at: datetime, request: str) -> Receipt:
        """The opening moved: the same session waits for it. Raises InvalidInput, ActionRefused, and TryAgain while
        Temporal is away."""
        line = await self._found(session)
        move = Reschedule(opens_at, request)
        _refuse(line, why_no_reschedule(move, line.phase, self._now()))
        return await self._tell(line, "reschedule", move, request)

    async def change_policy(self, session: str, change: PolicyChange, request: str) -> Receipt:
        """Change the price bound or the exits of a running session. Raises as `reschedule`."""
        line = await self._found(session)
        wish = ChangePolicy(change, request)
        _refuse(line, why_no_policy(wish, line.policy, line.phase))
        return await self._tell(line, "change_policy", wish, request)

    async def halt(self, scope: HaltScope, reason: str, request: str) -> Receipt:
        """Nothing new is bought inside `scope` until it is released; exits go on. Works without Temporal.

        A request whose halt was released since places no other one, and its receipt says so. Raises InvalidInput for an
        unusable reason, for a request that has halted something else, and for an account or a session that is not
        there: such a halt would stop nothing.
        """
        await self._check_scope(scope)
        placed = await self._halts.place(scope, HaltVerb.HALT, check_reason(reason), request)
        if not placed.holds:
            return Receipt(
                request,
                f"{scope} is not halted: this request was carried out before (halt {placed.number}), and its halt was "
                "released since; halt under a new request",
            )
        state = "halted" if placed.new else "was halted already"
        text = f"{scope} {state} (halt {placed.number}): nothing new is bought until it is released; "
        return Receipt(request, text + await self._reach_of_halts(scope))

    async def release(self, scope: HaltScope, reason: str, request: str) -> Receipt:
        """Lift every halt of exactly this scope. A request that was carried out before lifts no later one.

        Raises InvalidInput for an unusable reason, for a request that has released something else, and for an account
        that is not there, unless a halt of it holds.
        """
        held = await asyncio.to_thread(self._reader.halts)
        if scope.kind is ScopeKind.ACCOUNT and (scope.kind, scope.name) not in [
            (one.scope, one.scope_key) for one in held
        ]:
            check_own_account(scope.name, self._account)
        released = await self._halts.release(scope, check_reason(reason), request)
        count = released.count
        if not count and released.new:
            return Receipt(request, f"{scope}: no halt holds, nothing was released")
        left = await asyncio.to_thread(self._reader.halts)
        others = ", ".join(f"{halt.scope} {halt.scope_key}".rstrip() for halt in left)
        rest = f"; still halted: {others}" if others else ""
        halts = f"{count} halt{'' if count == 1 else 's'}"
        if not released.new:
            return Receipt(request, f"{scope}: this request was carried out before ({halts}), nothing more now{rest}")
        return Receipt(request, f"{scope} released ({halts}){rest}")

    async def _reach_of_halts(self, scope: HaltScope) -> str:
        """The halt stands whether or not it can be told."""
        try:
            async with asyncio.timeout(_TELLS_WITHIN_S):
                return reach_of(scope, await asyncio.to_thread(self._reader.unclosed))
        except (StoreUnavailable, TimeoutError):
            return "which sessions that ends could not be read; `sniper sessions` lists them"

    async def _check_scope(self, scope: HaltScope) -> None:
        if scope.kind is ScopeKind.ACCOUNT and not await self._may_buy(scope.name):
            check_own_account(scope.name, self._account)
        elif scope.kind is ScopeKind.SESSION:
            await self._found(scope.name)

    async def _may_buy(self, account: str) -> bool:
        """Whether anything is open under this name, as under one that the installation had before; so it is where that
        cannot be read."""
        try:
            lines = await asyncio.to_thread(self._reader.unclosed)
            targets = await asyncio.to_thread(self._reader.targets, limit=LOOK_BACK)
        except StoreUnavailable:
            return True
        waiting = (target.account for target in targets if target.status == "waiting")
        return account in {line.key.account for line in lines} | set(waiting)

    async def _found(self, session: str) -> SessionLine:
        return await asyncio.to_thread(find_session, self._reader, session)

    async def _tell(self, line: SessionLine, name: str, message: object, request: str) -> Receipt:
        """The run's own receipt. Raises ActionRefused with its refusal, TryAgain when Temporal does not answer."""
        try:
            handle = (await self._temporal()).get_workflow_handle(line.workflow_id)
            receipt: Receipt = await handle.execute_update(
                name, message, id=request, result_type=Receipt, rpc_timeout=TEMPORAL_ANSWERS_WITHIN
            )
            return receipt
        except WorkflowUpdateFailedError as error:
            raise ActionRefused((f"{line.key}: {error.cause}",)) from error
        except (InvalidInput, RPCError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
            raise TryAgain(
                f"Temporal: {line.key} could not be told ({' '.join(str(error).split())}); nothing is known to be "
                "changed, repeat the same request"
            ) from error


def _targets_in_words(numbers: tuple[int, ...]) -> str:
    if len(numbers) == 1:
        return f"target {numbers[0]} is"
    return f"targets {', '.join(map(str, numbers))} are"


def _refuse(line: SessionLine, reason: str | None) -> None:
    if reason is not None:
        raise ActionRefused((f"{line.key}: {reason}",))
