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

import structlog

from adapters.mexc.ledger import Ledger
from adapters.mexc.limits import Cost, Limits, Priority, Resource
from adapters.mexc.resting import Rest
from adapters.mexc.shared_ledger import ANSWER_WITHIN_S, SharedAway, SharedLedger
from domain.errors import BudgetUsedUp, RateLimited
from domain.ports import Clock

READS_WAIT_S = 5.0
"""A read that would have to wait longer is told so instead."""
ORDERS_WAIT_S = 0.2
"""An order is signed for this moment and its lease was checked for this moment. Waiting so long leaves it most of its
receive window; what cannot leave by then is refused."""
_ASK_AGAIN_S: Mapping[Priority, float] = {
    Priority.EXIT: 0.005,
    Priority.GUARD: 0.01,
    Priority.ENTRY: 0.01,
    Priority.PREPARE: 0.03,
    Priority.POLL: 0.04,
}
"""Room may appear at any time, when another process learns an answer. Asking costs a fraction of a millisecond."""
BEAT_S = 1.0
_CAREFUL_S = 2 * BEAT_S + 2 * ANSWER_WITHIN_S
"""After Redis came back: by then every other process has looked at it too, and told it what it had used."""
_WAITS_KEPT = 1000

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BudgetStatus:
    """mode: "alone" without Redis, "shared" through it, "cut off" while it does not answer; reason: why it does not.

    used, limits: of each resource by this process alone. paused_s: left of the venue's own pause.
    """

    mode: str
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

    limits: what this process keeps to when it cannot see the others. shared: None without Redis. rest: how long nothing
    leaves, told by whoever hears of it on whatever thread.
    """

    def __init__(self, clock: Clock, limits: Limits | None = None, *, shared: SharedLedger | None = None) -> None:
        self.waits_s = {priority: deque[float](maxlen=_WAITS_KEPT) for priority in Priority}
        """How long the latest calls of each priority waited to be let out, or to be told that they are not."""
        self.rest = Rest()
        self._clock = clock
        self._own = Ledger(limits or Limits())
        self._shared = shared
        self._turns: defaultdict[tuple[Priority, frozenset[Resource]], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._numbers = 0
        self._name = f"{os.getpid()}.{os.urandom(6).hex()}"
        self._others: Mapping[Resource, int] = {}  # what they used when Redis was looked at last
        self._beating: asyncio.Task[None] | None = None
        self._careful_until = float("-inf")  # others may not know yet that Redis is back
        self._mode = "alone" if shared is None else "shared"
        self._reason = ""
        self._telling: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Begin to look at Redis; done by the first call too, if it was not before. Needs a running event loop."""
        if self._shared is not None and self._beating is None:
            self._beating = asyncio.create_task(self._beat(self._shared), name="request-budget")

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
        longer than `within_s`; BudgetUsedUp when it is not the venue's wish. Then nothing is counted.
        """
        asked_at = self._clock.monotonic()
        give_up_at = asked_at + within_s
        turn = self._turns[priority, frozenset(cost)]  # a question that lacks weight must not hold up a sale
        try:
            async with asyncio.timeout(within_s):  # others of this priority may be waiting in front
                await turn.acquire()
        except TimeoutError as exc:
            self._waited(priority, asked_at)
            raise BudgetUsedUp(f"{_USED_UP} for {within_s:.3f} s; nothing was sent", retry_after_s=within_s) from exc
        try:
            number = self._next_number()
            while True:
                wait_s, why = await self._ask(number, cost, priority, leaves_in_s)
                if wait_s <= 0:
                    self._waited(priority, asked_at)
                    return Grant(self, number, cost)
                if self._clock.monotonic() >= give_up_at or (why == _PAUSED and wait_s > within_s):
                    self._waited(priority, asked_at)
                    family = RateLimited if why == _PAUSED else BudgetUsedUp
                    raise family(f"{why} for {wait_s:.3f} s; nothing was sent", retry_after_s=wait_s)
                await self._clock.sleep(min(wait_s, _ASK_AGAIN_S[priority]))
        finally:
            turn.release()

    def pause(self, retry_after_s: float | None, asked_at: float | None = None) -> None:
        """The venue limits us: nothing leaves, from no process, until it asked to be asked again.

        asked_at: local monotonic seconds; None: now."""
        now = self._clock.monotonic()
        left_s = self.rest.asked(now if asked_at is None else asked_at, retry_after_s) - now
        log.warning("venue.rests", seconds=round(left_s, 3))
        if self._shared is not None and left_s > 0:
            self._tell(self._shared.pause(left_s))

    def paused_s(self, now: float) -> float:
        """What is left at `now`, local monotonic seconds, of the rest the venue asked for; on any thread."""
        return self.rest.left_s(now)

    def status(self) -> BudgetStatus:
        """For people."""
        now = self._clock.monotonic()
        limits = self._shared.limits if self._shared is not None and self._mode == "shared" else self._own.limits
        return BudgetStatus(self._mode, self._reason, self._own.used(now), limits, self.paused_s(now))

    async def close(self) -> None:
        """Let go of Redis; idempotent."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
        if self._telling:
            await asyncio.gather(*self._telling, return_exceptions=True)
        if self._shared is not None:
            await self._shared.close()

    async def _ask(self, number: int, cost: Cost, priority: Priority, leaves_in_s: float) -> tuple[float, str]:
        now = self._clock.monotonic()
        if (left_s := self.paused_s(now)) > 0:
            return left_s, _PAUSED
        if self._mode != "shared" or now < self._careful_until:
            wait_s = self._own.ask(now, number, cost, priority)
            if wait_s > 0:
                return wait_s, _USED_UP
        if self._shared is not None and self._mode == "shared":
            self.open()
            try:
                wait_s, paused = await self._shared.ask(self._named(number), cost, priority, leaves_in_s)
            except SharedAway as exc:
                self._lost(exc)
                return await self._ask(number, cost, priority, leaves_in_s)  # now of our own books
            except asyncio.CancelledError:
                self._tell(self._shared.unused(self._named(number), cost))  # it may have been counted
                raise
            if wait_s > 0 and paused:
                self.rest.asked(self._clock.monotonic(), wait_s)  # what lies ready here asks nobody before it leaves
                return wait_s, _PAUSED
            if wait_s > 0:
                return wait_s, _USED_UP
        self._own.take(self._clock.monotonic(), number, cost, leaves_in_s)
        return 0.0, ""

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

    async def _beat(self, shared: SharedLedger) -> None:
        """Look at Redis every second, also when nothing is asked: is it there, is it the one it was, what do others
        use, was one of them asked for rest? No call waits for a Redis that is away: it is this that finds it again."""
        memory: str | None = None
        while True:
            try:
                seen = await shared.look(self._name)
                if seen.paused_s > 0:
                    self.rest.asked(self._clock.monotonic(), seen.paused_s)
                if self._mode == "cut off" or memory not in (None, seen.memory):
                    await self._come_back(shared)
            except SharedAway as exc:
                self._lost(exc)
            else:
                memory = seen.memory
                own = self._own.used(self._clock.monotonic())
                self._others = {resource: max(0, used - own[resource]) for resource, used in seen.used.items()}
            await self._clock.sleep(BEAT_S)

    async def _come_back(self, shared: SharedLedger) -> None:
        """Tell Redis what still counts. Until the others must have done so as well, our own part is a limit too."""
        now = self._clock.monotonic()
        await shared.restore((self._named(call.grant), call) for call in self._own.counted(now))
        if (left_s := self.paused_s(now)) > 0:
            await shared.pause(left_s)
        self._careful_until = now + _CAREFUL_S
        self._switch("shared", "")

    def _lost(self, reason: SharedAway) -> None:
        """From here on this process keeps to its own part; what others used of that part lately is not free."""
        if self._mode == "shared" and self._shared is not None:
            now = self._clock.monotonic()
            for resource, used in self._others.items():
                part = self._own.limits.of(resource)
                if (taken := min(part, used + part - self._shared.limits.of(resource))) > 0:
                    self._own.answered(now, self._next_number(), {resource: taken})
        self._switch("cut off", str(reason))

    def _switch(self, mode: str, reason: str) -> None:
        if mode == self._mode:
            return
        self._mode, self._reason = mode, reason
        if mode == "shared":
            log.info("budget.shared_again")
        else:
            log.warning("budget.cut_off", reason=reason, orders=self._own.limits.orders, weight=self._own.limits.weight)

    def _waited(self, priority: Priority, asked_at: float) -> None:
        self.waits_s[priority].append(self._clock.monotonic() - asked_at)

    def _next_number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _named(self, number: int) -> str:
        return f"{self._name}.{number}"


_PAUSED = "the venue asked for rest"
_USED_UP = "request budget used up"
