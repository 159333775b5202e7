"""Arming a listing: a session for a known opening, or a target that waits for one. Carried out for actions.py.

The receipt says what is true of it, also when risk said no.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from adapters.postgres.admission import PostgresSessions
from adapters.postgres.database import Database
from adapters.postgres.read_models import SessionLine, TargetLine
from adapters.postgres.reader import Reader
from adapters.postgres.session_store import PostgresSessionStore
from adapters.postgres.targets import PostgresTargets
from domain.commands import NewSession, StartSnipe
from domain.errors import StoreUnavailable, TryAgain
from domain.events import PhaseEntered, RiskApproved, RiskRejected
from domain.ids import ListingKey, SessionKey, split_symbol
from domain.session import Phase
from ui.arm_request import Armed, ArmRequest, Verdict, reasons_against
from ui.obstacles import obstacles
from ui.reading import LOOK_BACK, journal
from ui.refusal import ActionRefused
from ui.wording import day_and_clock
from workflows.names import CONTROL_QUEUE

EXCHANGE = "mexc"
_STARTS_WITHIN = timedelta(seconds=8)
_LOOKS_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Patience:
    """How long arming waits for others, in seconds.

    named: for a source to name the pair; a running stack reads the venue's list every 5 s. judged: for risk's word on
    the session, which takes a fraction of a second while the workers are well.
    """

    named_s: float = 6.0
    judged_s: float = 5.0


class Arming:
    """One installation's way from a request to a session or a target. Not safe to call twice at once; see Actions."""

    def __init__(
        self,
        database: Database,
        reader: Reader,
        temporal: Callable[[], Awaitable[Client]],
        now: Callable[[], datetime],
        account: str,
        patience: Patience,
    ) -> None:
        self._reader = reader
        self._account = account
        self._patience = patience
        self._temporal = temporal
        self._now = now
        self._sessions = PostgresSessions(database)
        self._targets = PostgresTargets(database)
        self._store = PostgresSessionStore(database)

    async def carry_out(self, request: ArmRequest) -> Armed:
        """What stands at once; `receipt` waits for risk. Raises ActionRefused with every reason, InvalidInput when a
        target waits for the pair already, TryAgain when the session stands but its run was not started."""
        reasons = reasons_against(request, self._now(), self._account)
        if reasons:
            raise ActionRefused(reasons)
        named = await self._named(request)
        if request.opens_at is None:
            return await self._wait_for_opening(request, named)
        return await self._start(request, named.key, request.opens_at)

    async def receipt(self, request: ArmRequest, session: SessionKey, target: int) -> Armed:
        """What is true of a session that was asked for, as soon as risk has judged it or the patience is over. Of one
        that cannot be read only that it stands: it may buy, and no error must hide that."""
        deadline = time.monotonic() + self._patience.judged_s
        while True:
            armed = await asyncio.to_thread(self._standing, request, session, target)
            if armed.verdict is not Verdict.PENDING or time.monotonic() >= deadline:
                return armed
            await asyncio.sleep(_LOOKS_EVERY_S)

    async def _named(self, request: ArmRequest) -> "_Named":
        """The listing that is meant. A pair that no source has named is looked for until the venue's list was read
        anew: it may have been listed this moment. Raises ActionRefused when it stays unknown."""
        deadline = time.monotonic() + self._patience.named_s
        while True:
            for listing in await asyncio.to_thread(self._reader.upcoming, limit=LOOK_BACK):
                if listing.symbol == request.symbol:
                    return _Named(listing.key, listing.opens_at)
            if request.unlisted:
                return _Named(ListingKey(EXCHANGE, *split_symbol(request.symbol)), None)
            if time.monotonic() >= deadline:
                raise ActionRefused((self._not_named(request),))
            await asyncio.sleep(_LOOKS_EVERY_S)

    def _not_named(self, request: ArmRequest) -> str:
        waited = self._patience.named_s
        known = f"looked for {waited:g} s" if waited else "press again for one that was listed this moment"
        return (
            f"symbol: got {request.symbol!r}, expected a coming listing that a source has named; correct the name, or "
            f"add --unlisted to arm it all the same ({known}; a running stack reads the venue's list every 5 s)"
        )

    async def _wait_for_opening(self, request: ArmRequest, named: "_Named") -> Armed:
        policy = request.policy
        session = await self._open_session(request, named.key, lambda line: line.policy == policy)
        if session is not None:
            return await asyncio.to_thread(self._standing, request, session.key, session.target_id)
        target = await self._waiting_target(request, named.key)
        if target is None:
            number = await self._targets.add(request.account, named.key, request.symbol, policy)
        else:
            number = target.id
        text = f"target {number} waits until a source names {request.symbol}'s opening"
        if named.opens_at is not None:
            text = (
                f"target {number} waits: {request.symbol} opens at {day_and_clock(named.opens_at)} UTC, its session is "
                "made when the venue's list is read next"
            )
        return Armed(request.request, text, None, number, warnings=await asyncio.to_thread(self._obstacles))

    def _obstacles(self) -> tuple[str, ...]:
        return obstacles(self._account, self._reader.halts(), self._reader.unclosed())

    async def _start(self, request: ArmRequest, listing: ListingKey, opens_at: datetime) -> Armed:
        client = await self._temporal()  # first: without it nothing is written
        policy = request.policy
        line = await self._repeated(request, listing)
        if line is not None and line.policy_revision == 0 and line.policy != policy:
            raise ActionRefused((used_for_another_wish(request),))  # the opening may differ: +1h names another instant
        if line is None:
            line = await self._open_session(
                request, listing, lambda line: line.policy == policy and line.opens_at == opens_at
            )
        if line is None:
            line = await self._admit(request, listing, opens_at)
        if line.phase is not Phase.CLOSED:
            await _run(client, StartSnipe(line.key, line.symbol, line.opens_at, line.policy), line.workflow_id)
        return await asyncio.to_thread(self._standing, request, line.key, line.target_id)

    def _standing(self, request: ArmRequest, session: SessionKey, target: int) -> Armed:
        try:
            detail = self._reader.session(session)
            events = [entry.event for entry in journal(self._reader, session)]
        except StoreUnavailable as error:
            text = f"session {session} stands; what risk said of it cannot be read ({error}): sniper show {session}"
            return Armed(request.request, text, session, target, Verdict.PENDING)
        assert detail is not None  # rows of sessions are never removed
        line = detail.line
        risk = next((event for event in events if isinstance(event, RiskApproved | RiskRejected)), None)
        if isinstance(risk, RiskRejected):
            text = f"session {session} is rejected: {'; '.join(risk.reasons)}"
            return Armed(request.request, text, session, target, Verdict.REJECTED, risk.reasons)
        if line.phase is Phase.PREPARING:
            text = f"session {session} is accepted, risk has not judged it yet: sniper show {session}"
            return Armed(request.request, text, session, target, Verdict.PENDING)
        if line.phase is Phase.WAITING:
            text = f"session {session} waits for {day_and_clock(line.opens_at)} UTC"
        elif line.phase is Phase.CLOSED:
            told = ", ".join(filter(None, (str(line.outcome or ""), line.reason)))
            text = f"session {session} is closed{f': {told}' if told else ''}"
        else:
            text = f"session {session} is {str(line.phase).replace('_', ' ')}, opens {day_and_clock(line.opens_at)} UTC"
        never = risk is None and line.phase in (Phase.CLOSING, Phase.CLOSED)
        return Armed(request.request, text, session, target, Verdict.REJECTED if never else Verdict.APPROVED)

    async def _admit(self, request: ArmRequest, listing: ListingKey, opens_at: datetime) -> SessionLine:
        attempt = await self._sessions.next_attempt(request.account, listing)
        key = SessionKey(request.account, listing, attempt)
        start = StartSnipe(key, request.symbol, opens_at, request.policy)
        record = await self._sessions.admit(NewSession(start, key.workflow_id))
        if record.opens_at != opens_at or record.policy != request.policy:
            raise TryAgain(
                f"session: another request took {key} at the same instant; arm again to take the next attempt"
            )
        await self._store.append(key, (PhaseEntered(Phase.PREPARING, "asked for by hand", request.request),))
        detail = await asyncio.to_thread(self._reader.session, key)
        assert detail is not None  # it was admitted just now
        return detail.line

    async def _repeated(self, request: ArmRequest, listing: ListingKey) -> SessionLine | None:
        """The session that an earlier call with the same request key made."""
        mark = PhaseEntered(Phase.PREPARING, occurrence=request.request).key
        for line in await self._sessions_of(request, listing):
            first = await asyncio.to_thread(self._reader.timeline, line.key, limit=5)
            if any(item.key == mark for item in first):
                return line
        return None

    async def _open_session(
        self, request: ArmRequest, listing: ListingKey, same: Callable[[SessionLine], bool]
    ) -> SessionLine | None:
        """The pair's unclosed session when it has the same terms. Raises ActionRefused when it has others."""
        for line in await self._sessions_of(request, listing):
            if line.phase is Phase.CLOSED:
                continue
            if same(line):
                return line
            raise ActionRefused(
                (f"session: {line.key} is {line.phase}, expected no open session of {request.symbol}; abort it first",)
            )
        return None

    async def _sessions_of(self, request: ArmRequest, listing: ListingKey) -> list[SessionLine]:
        lines = await asyncio.to_thread(self._reader.sessions, limit=LOOK_BACK, account=request.account)
        return [line for line in lines if line.key.listing == listing or line.symbol == request.symbol]

    async def _waiting_target(self, request: ArmRequest, listing: ListingKey) -> TargetLine | None:
        """The target that waits for the same on the same terms."""
        for target in await asyncio.to_thread(self._reader.targets, limit=LOOK_BACK):
            mine = target.account == request.account and target.listing == listing
            if mine and target.status == "waiting" and target.policy == request.policy:
                return target
        return None


def used_for_another_wish(request: ArmRequest) -> str:
    """Why a key that was used already is refused with other contents."""
    return (
        f"request: got {request.request!r}, expected a key that was not used for another wish; "
        "take a new key for another wish"
    )


async def _run(client: Client, start: StartSnipe, workflow_id: str) -> None:
    """Start the session's run; one that runs or ran already is left alone."""
    try:
        await client.start_workflow(
            "Snipe",
            start,
            id=workflow_id,
            task_queue=CONTROL_QUEUE,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            rpc_timeout=_STARTS_WITHIN,
        )
    except WorkflowAlreadyStartedError:
        pass
    except RPCError as error:
        raise TryAgain(
            f"Temporal: {start.key} is stored, but its run could not be started ({error}); repeat the same request"
        ) from error


@dataclass(frozen=True, slots=True)
class _Named:
    """A listing. opens_at: None: no source has named it."""

    key: ListingKey
    opens_at: datetime | None
