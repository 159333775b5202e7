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
from domain.halts import HaltScope, HaltVerb, check_reason
from domain.policy import PolicyChange
from domain.requests import why_no_abort, why_no_policy, why_no_reschedule
from ui.arm_request import Armed, ArmRequest
from ui.arming import Arming, used_for_another_wish
from ui.halting import reach_of
from ui.reading import find_session
from ui.refusal import ActionRefused

TEMPORAL_ANSWERS_WITHIN = timedelta(seconds=8)
"""An abort that waits longer goes another way."""


class Actions:
    """One installation's commands.

    temporal: gives the client when one is needed, so that what works without Temporal does; raises InvalidInput when
    it does not answer. now: wall clock, aware.
    """

    def __init__(
        self,
        database: Database,
        reader: Reader,
        temporal: Callable[[], Awaitable[Client]],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._reader = reader
        self._temporal = temporal
        self._now = now
        self._targets = PostgresTargets(database)
        self._store = PostgresSessionStore(database)
        self._halts = PostgresHalts(database)
        self._arming = Arming(database, reader, temporal, now)
        self._one_at_a_time = asyncio.Lock()
        self._armed: dict[str, tuple[ArmRequest, Armed]] = {}

    async def arm(self, request: ArmRequest) -> Armed:
        """A session for a known opening, or a target that waits for one.

        Raises ActionRefused with every reason, TryAgain when the session stands but its run could not be started.
        """
        async with self._one_at_a_time:
            known = self._armed.get(request.request)
            if known is None:
                known = self._armed[request.request] = (request, await self._arming.carry_out(request))
            wish, armed = known
            if replace(wish, opens_at=request.opens_at) != request:
                raise ActionRefused((used_for_another_wish(request),))
            return armed

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
        """Nothing more is bought, all orders of the session are cancelled, any position is sold at once.

        Told to the session's run; while Temporal is away, written to the session's row, which desks act on as well.
        Raises InvalidInput for an unknown session, ActionRefused when it is over.
        """
        line = await self._found(session)
        abort = Abort(reason, request)
        _refuse(line, why_no_abort(abort, line.phase))
        try:
            return await self._tell(line, "abort", abort, request)
        except TryAgain:
            await self._store.append(line.key, (AbortRequested(reason, request),))
            return Receipt(
                request,
                "aborting: Temporal does not answer, so it was written to the session's row, on which its desk acts",
            )

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
        unusable reason, and for a request that has halted something else.
        """
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

        Raises InvalidInput for an unusable reason, and for a request that has released something else.
        """
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
            return reach_of(scope, await asyncio.to_thread(self._reader.unclosed))
        except StoreUnavailable:
            return "which sessions that ends could not be read; `sniper sessions` lists them"

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


def _refuse(line: SessionLine, reason: str | None) -> None:
    if reason is not None:
        raise ActionRefused((f"{line.key}: {reason}",))
