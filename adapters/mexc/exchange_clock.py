"""The exchange's time, measured over a connection of its own, behind domain.ports.ExchangeClock."""

import asyncio
import ssl
from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from adapters.local_jumps import LocalClocks
from adapters.mexc import build, parse
from adapters.mexc.capture import PayloadCapture
from adapters.mexc.codes import Purpose, accepted_body
from adapters.mexc.connection import BROKEN, CONNECT_TIMEOUT_S, Address, Connection
from adapters.mexc.governor import RequestGovernor
from adapters.mexc.http11 import request_bytes
from adapters.mexc.limits import Priority
from domain.clock_learning import AGREEING, agreeing, learn
from domain.errors import RateLimited, Refused, TryAgain
from domain.exchange_time import ClockEstimate, ClockJump, ClockSample, JumpOf
from domain.ports import Clock

SAMPLES = 8
SPACING_S = 0.0037
"""No divisor of a millisecond: samples then fall on different parts of the server's millisecond, which sharpens the
intersection below it."""
ROUNDS = 2
"""A second one when the newest samples of the first contradict each other: a wrong reply, or a step in between?"""
_TOLD = 8
"""Jumps remembered."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Known:
    """Replaced as a whole, since the launchpad's thread reads it too. awake: see LocalClocks.awake."""

    estimate: ClockEstimate
    awake: float


class MexcExchangeClock:
    """Measures when asked. Open until `close`; the connection is made at the first measurement.

    jumps: of the venue's clock and of ours, as far as they were noticed, newest last.
    """

    def __init__(
        self,
        rest_url: str,
        *,
        clock: Clock,
        governor: RequestGovernor,
        trust: ssl.SSLContext | None = None,
        capture: PayloadCapture | None = None,
    ) -> None:
        self._address = Address.parse(rest_url)
        self._request = request_bytes(build.TIME.method, build.TIME.path, self._address.host_header)
        self._clock = clock
        self._governor = governor
        self._trust = trust
        self._capture = capture
        self._connection: Connection | None = None
        self._local = LocalClocks(clock)
        self._kept: tuple[ClockSample, ...] = ()
        self._orders: deque[ClockSample] = deque(maxlen=_TOLD)
        self._known: _Known | None = None
        self._even = True
        self._restarted_by: ClockJump | None = None
        self._measuring = asyncio.Lock()
        self.jumps: deque[ClockJump] = deque(maxlen=_TOLD)

    async def synchronise(self) -> ClockEstimate:
        """A few samples and the estimate all fresh samples allow. Whoever asks meanwhile gets the same result.

        After a jump it starts anew. Raises TryAgain without an answer.
        """
        asked_at = self._clock.monotonic()
        async with self._measuring:
            known = self.estimate()
            if known is not None and known.measured >= asked_at:
                return known
            awake = self._local.awake()  # before the look: a suspension after it is noticed below
            self._look_at_local_clocks()
            fresh = await self._fresh_samples()
            if self._local.suspended_s(awake):
                raise TryAgain("this machine was suspended while the venue's time was measured")
            measured = self._believe(fresh)
            self._known = _Known(measured, awake)
            return measured

    def estimate(self) -> ClockEstimate | None:
        """The latest one; None before the first synchronisation, and after this machine was suspended until the next.

        Memory and two clocks: it may be asked just before a shot, on any thread.
        """
        known = self._known
        if known is None or self._local.suspended_s(known.awake):
            return None
        return known.estimate

    def now(self) -> datetime:
        """Exchange time, aware UTC. Raises TryAgain while there is no estimate."""
        return self._usable().exchange_instant(self._clock.monotonic())

    def monotonic_at(self, instant: datetime) -> float:
        """Local monotonic seconds at which the exchange reads `instant`. Raises TryAgain as `now` does."""
        return self._usable().monotonic_at(instant.timestamp())

    def learn(self, order: ClockSample) -> None:
        """An acknowledged order; of use until samples of its age are."""
        self._orders.append(order)

    async def close(self) -> None:
        """Let go of the connection; idempotent. A later measurement makes a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _usable(self) -> ClockEstimate:
        estimate = self.estimate()
        if estimate is not None:
            return estimate
        if self._known is None:
            raise TryAgain("the exchange's time has not been measured yet")
        raise TryAgain("this machine was suspended since the exchange's time was measured")

    def _look_at_local_clocks(self) -> None:
        """Tell of a suspension and of a wall clock that was set; the first makes all samples worthless."""
        known = self._known
        if known is not None and (slept := self._local.suspended_s(known.awake)):
            self._kept, self._known = (), None
            self._orders.clear()
            self._restarted_by = self._jumped(JumpOf.SUSPENDED, slept)
        if stepped := self._local.wall_stepped_s():
            self._jumped(JumpOf.WALL, stepped)

    async def _fresh_samples(self) -> tuple[ClockSample, ...]:
        """One round of samples, another when they contradict each other; the newest that agree."""
        fresh: tuple[ClockSample, ...] = ()
        for number in range(ROUNDS):
            try:
                fresh = agreeing((*fresh, *await self._round()))
            except TryAgain:
                if not number:
                    raise
            if len(fresh) >= AGREEING:
                break
        return fresh

    async def _round(self) -> tuple[ClockSample, ...]:
        priority = Priority.EXIT if self.estimate() is None else Priority.ENTRY  # without it no sale can be signed
        samples: list[ClockSample] = []
        for number in range(SAMPLES):
            if number:
                await self._clock.sleep(SPACING_S)
            samples.append(await self._sample(priority))
        return tuple(samples)

    def _believe(self, fresh: tuple[ClockSample, ...]) -> ClockEstimate:
        """What is known now; a jump of the venue's clock is told, an uneven clock when it begins to be so."""
        learnt = learn(self._kept, fresh, tuple(self._orders))
        self._kept = learnt.samples
        if learnt.jumped and (learnt.jumped is JumpOf.VENUE or self._even):
            before = self._known.estimate if self._known else learnt.estimate
            measured = learnt.estimate.measured
            self._restarted_by = self._jumped(learnt.jumped, learnt.estimate.offset - before.offset_at(measured))
        self._even = learnt.jumped is not JumpOf.UNEVEN
        return replace(learnt.estimate, jump=self._restarted_by)

    def _jumped(self, of: JumpOf, seconds: float) -> ClockJump:
        jump = ClockJump(of, seconds, self._clock.monotonic())
        self.jumps.append(jump)
        log.warning("clock.jumped", clock=of.value, seconds=round(seconds, 6))
        return jump

    async def _sample(self, priority: Priority) -> ClockSample:
        """One question; on a connection that has died meanwhile, one more on a new one. The first may have been asked
        all the same: both are counted."""
        reused = self._connection is not None
        try:
            return await self._ask(priority)
        except BROKEN as exc:
            if not reused:
                raise TryAgain(f"the venue does not tell its time ({exc or type(exc).__name__})") from exc
        try:
            return await self._ask(priority)
        except BROKEN as exc:
            raise TryAgain(f"the venue does not tell its time ({exc or type(exc).__name__})") from exc

    async def _ask(self, priority: Priority) -> ClockSample:
        async with self._governor.admitted(build.TIME.cost, priority):
            return await self._asked()

    async def _asked(self) -> ClockSample:
        connection = self._connection
        self._connection = None  # whatever happens now, only a complete answer makes it usable again
        if connection is not None and not connection.is_quiet():  # each answer would be taken for the next one's
            connection.close()
            connection = None
        if connection is None:
            connection = await Connection.open(self._address, self._trust)
        reusable = False
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                sent = self._clock.monotonic()
                reply, reusable = await connection.ask(self._request)
                received = self._clock.monotonic()
            if self._capture is not None:
                self._capture.answer(build.TIME.method, build.TIME.path, reply.status, (), reply.body)
            server_ms = parse.server_time_ms(accepted_body(reply, Purpose.READ))
        except RateLimited as exc:
            self._governor.pause(exc.retry_after_s)
            raise
        except Refused as exc:
            raise TryAgain(f"the venue does not tell its time ({exc})") from exc
        finally:
            if reusable:
                self._connection = connection
            else:
                connection.close()
        return ClockSample(sent, received, server_ms / 1000)
