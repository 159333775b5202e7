"""Admits every call to the venue: exits before entries before polling, inside limits that all processes share.

The books are kept in Redis where there is one, and always in this process too. While Redis is away the process keeps
to the part of the limits that is its own without Redis, and says so.
"""

import asyncio
import os
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import structlog

from adapters.mexc.ledger import Ledger
from adapters.mexc.limits import Cost, Limits, Priority, Resource
from adapters.mexc.shared_ledger import SharedAway, SharedLedger
from domain.errors import RateLimited
from domain.ports import Clock

READS_WAIT_S = 5.0
"""A read that would have to wait longer is told so instead."""
ORDERS_WAIT_S = 0.2
"""An order is signed for this moment and its lease was checked for this moment. Waiting so long leaves it most of its
receive window; what cannot leave by then is refused."""
_ASK_AGAIN_S: Mapping[Priority, float] = {
    Priority.EXIT: 0.005,
    Priority.ENTRY: 0.01,
    Priority.PREPARE: 0.03,
    Priority.POLL: 0.05,
}
"""Room may appear at any time, when another process learns an answer. Asking costs a fraction of a millisecond."""
_TRY_REDIS_AGAIN_S = 1.0
_CAREFUL_S = 2.0
"""After Redis came back a process keeps to its own limits too, until the others must have noticed."""
_WAITS_KEPT = 1000
_PAUSE_UNSAID_S = 1.0
"""How long everything rests when the venue limits us without saying for how long."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BudgetStatus:
    """mode: "alone" without Redis, "shared" through it, "cut off" while it does not answer; reason: why it does not.

    since: of that mode. used, limits: of each resource by this process alone. paused_s: left of the venue's own pause.
    """

    mode: str
    since: datetime
    reason: str
    used: Mapping[Resource, int]
    limits: Limits
    paused_s: float


class Grant:
    """Leave for one call. Told `sent` when its bytes may be at the venue, it counts until `settle`; else it is undone
    there."""

    def __init__(self, governor: "RequestGovernor", number: int, cost: Cost) -> None:
        self._governor = governor
        self._number = number
        self._cost = cost
        self._sent = False
        self._settled = False

    def sent(self) -> None:
        """Called just before the bytes leave, on any thread."""
        self._sent = True

    def settle(self) -> None:
        """Called on the event loop when the answer is there or will not be waited for. Idempotent."""
        if not self._settled:
            self._settled = True
            self._governor._settle(self._number, self._cost, self._sent)


class RequestGovernor:
    """One per process and account. Open until `close`.

    limits: what this process keeps to when it cannot see the others. shared: None without Redis.
    """

    def __init__(self, clock: Clock, limits: Limits | None = None, *, shared: SharedLedger | None = None) -> None:
        self.waits_s = {priority: deque[float](maxlen=_WAITS_KEPT) for priority in Priority}
        """How long the latest calls of each priority waited to be let out."""
        self._clock = clock
        self._own = Ledger(limits or Limits())
        self._shared = shared
        self._turns: defaultdict[tuple[Priority, frozenset[Resource]], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._numbers = 0
        self._name = f"{os.getpid()}.{os.urandom(6).hex()}"
        self._paused_until = float("-inf")
        self._redis_from = float("-inf")  # when it may be asked again
        self._careful_until = float("-inf")  # others may not know yet that Redis is back
        self._mode = "alone" if shared is None else "shared"
        self._since = clock.now()
        self._reason = ""
        self._telling: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def admitted(self, cost: Cost, priority: Priority, within_s: float = READS_WAIT_S) -> AsyncIterator[None]:
        """The body makes one call and waits for its answer. Raises RateLimited when it cannot leave in time."""
        grant = await self.admit(cost, priority, within_s)
        grant.sent()
        try:
            yield
        finally:
            grant.settle()

    async def admit(self, cost: Cost, priority: Priority, within_s: float, leaves_in_s: float = 0.0) -> Grant:
        """Leave for one call, in the order of asking among those of its priority.

        leaves_in_s: how much later it may still leave. Raises RateLimited, with the seconds to wait, when that is
        longer than `within_s`; then nothing is counted.
        """
        asked_at = self._clock.monotonic()
        give_up_at = asked_at + within_s
        turn = self._turns[priority, frozenset(cost)]  # a question that lacks weight must not hold up a sale
        try:
            async with asyncio.timeout(within_s):  # others of this priority may be waiting in front
                await turn.acquire()
        except TimeoutError as exc:
            raise RateLimited(f"{_USED_UP} for {within_s:.3f} s; nothing was sent", retry_after_s=within_s) from exc
        try:
            number = self._next_number()
            while True:
                wait_s, why = await self._ask(number, cost, priority, leaves_in_s)
                if wait_s <= 0:
                    self.waits_s[priority].append(self._clock.monotonic() - asked_at)
                    return Grant(self, number, cost)
                if self._clock.monotonic() >= give_up_at or (why == _PAUSED and wait_s > within_s):
                    raise RateLimited(f"{why} for {wait_s:.3f} s; nothing was sent", retry_after_s=wait_s)
                await self._clock.sleep(min(wait_s, _ASK_AGAIN_S[priority]))
        finally:
            turn.release()

    def check_pause(self) -> None:
        """Raises RateLimited while the venue's wish for rest lasts."""
        if (wait_s := self._paused_until - self._clock.monotonic()) > 0:
            raise RateLimited(f"{_PAUSED} for {wait_s:.3f} s", retry_after_s=wait_s)

    def pause(self, retry_after_s: float | None) -> None:
        """The venue limits us: nothing leaves, from no process, until it asked to be asked again."""
        rest_s = _PAUSE_UNSAID_S if retry_after_s is None else retry_after_s
        log.warning("venue.rests", seconds=rest_s)
        self._paused_until = max(self._paused_until, self._clock.monotonic() + rest_s)
        if self._shared is not None and rest_s > 0:
            self._tell(self._shared.pause(rest_s))

    def status(self) -> BudgetStatus:
        """For people."""
        now = self._clock.monotonic()
        limits = self._shared.limits if self._shared is not None and self._mode == "shared" else self._own.limits
        paused_s = max(0.0, self._paused_until - now)
        return BudgetStatus(self._mode, self._since, self._reason, self._own.used(now), limits, paused_s)

    async def close(self) -> None:
        """Let go of Redis; idempotent."""
        if self._telling:
            await asyncio.gather(*self._telling, return_exceptions=True)
        if self._shared is not None:
            await self._shared.close()

    async def _ask(self, number: int, cost: Cost, priority: Priority, leaves_in_s: float) -> tuple[float, str]:
        now = self._clock.monotonic()
        if self._paused_until > now:
            return self._paused_until - now, _PAUSED
        alone = self._shared is None or now < self._redis_from
        if alone or self._mode == "cut off" or now < self._careful_until:
            wait_s = self._own.ask(now, number, cost, priority)
            if wait_s > 0:
                return wait_s, _USED_UP
        if self._shared is not None and not alone:
            try:
                wait_s, paused = await self._ask_shared(self._shared, number, cost, priority, leaves_in_s)
            except SharedAway as exc:
                self._lost(exc)
                return await self._ask(number, cost, priority, leaves_in_s)  # now of our own books
            if wait_s > 0:
                return wait_s, _PAUSED if paused else _USED_UP
        self._own.take(self._clock.monotonic(), number, cost, leaves_in_s)
        return 0.0, ""

    async def _ask_shared(
        self, shared: SharedLedger, number: int, cost: Cost, priority: Priority, leaves_in_s: float
    ) -> tuple[float, bool]:
        if self._mode == "cut off":
            now = self._clock.monotonic()
            await shared.restore([(self._named(call.grant), call) for call in self._own.counted(now)])
            self._careful_until = now + _CAREFUL_S
            self._switch("shared", "")
        return await shared.ask(self._named(number), cost, priority, leaves_in_s)

    def _settle(self, number: int, cost: Cost, sent: bool) -> None:
        if sent:
            self._own.answered(self._clock.monotonic(), number, cost)
        else:
            self._own.unused(number, cost)
        if self._shared is not None and self._mode == "shared":
            act = self._shared.answered if sent else self._shared.unused
            self._tell(act(self._named(number), cost))

    def _tell(self, telling: Coroutine[None, None, None]) -> None:
        """Let Redis know without waiting for it: until it does, more is counted than is true, never less."""

        async def tell() -> None:
            try:
                await telling
            except SharedAway as exc:
                self._lost(exc)

        task = asyncio.get_running_loop().create_task(tell(), name="request-budget")
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    def _lost(self, reason: SharedAway) -> None:
        self._redis_from = self._clock.monotonic() + _TRY_REDIS_AGAIN_S
        self._switch("cut off", str(reason))

    def _switch(self, mode: str, reason: str) -> None:
        if mode == self._mode:
            return
        self._mode, self._reason, self._since = mode, reason, self._clock.now()
        if mode == "shared":
            log.info("budget.shared_again")
        else:
            log.warning("budget.cut_off", reason=reason, orders=self._own.limits.orders, weight=self._own.limits.weight)

    def _next_number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _named(self, number: int) -> str:
        return f"{self._name}.{number}"


_PAUSED = "the venue asked for rest"
_USED_UP = "request budget used up"
