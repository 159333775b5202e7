"""Gives a part of the venue that keeps failing a rest, so that its trouble does not use up time and budget.

Nothing that a position depends on is held back, and the first of it that succeeds closes the breaker for everybody.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

import structlog

from adapters.mexc.limits import Priority
from domain.errors import OutcomeUnknown, RateLimited, Refused, TryAgain
from domain.ports import Clock

log = structlog.get_logger(__name__)


class Part(StrEnum):
    """What fails together."""

    MARKET = "market data"
    ACCOUNT = "account"
    ORDERS = "orders"


FAILURES = 5
"""In a row, until a part counts as broken."""
FIRST_REST_S = 2.0
LONGEST_REST_S = 60.0
"""Rests double up to here. The first is short: an opening may be near, and most troubles of a venue are."""
SLOW_S = 3.0
"""An answer that took longer is a failure too: whoever waited could not rely on it."""


@dataclass(frozen=True, slots=True)
class BreakerStatus:
    """failures: in a row. open_s: seconds until the next call may try; None: closed, everything passes."""

    failures: int
    open_s: float | None


class Breaker:
    """Of one part. now: local monotonic seconds."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._failures = 0
        self._rest_s = 0.0  # zero: closed
        self._try_at = 0.0

    def check(self, now: float, priority: Priority) -> bool:
        """True: the rest is over, and this call tries whether the part answers; the others go on resting.

        Raises TryAgain while it rests. What a position depends on always passes.
        """
        if priority <= Priority.GUARD or not self._rest_s:
            return False
        if now < self._try_at:
            raise TryAgain(
                f"{self._part}: {self._failures} calls failed in a row, next try in {self._try_at - now:.1f} s"
            )
        self._try_at = now + self._rest_s
        return True

    def not_tried(self, now: float) -> None:
        """The call that was to try was not made, or says nothing: the next one may."""
        self._try_at = min(self._try_at, now)

    def succeeded(self) -> bool:
        """The venue gave a definite answer. True: it was open and is closed now."""
        was_open = self._rest_s > 0
        self._failures, self._rest_s = 0, 0.0
        return was_open

    def failed(self, now: float, *, trying: bool = False) -> bool:
        """No answer, or none that helps, to the call that tries or to another one. True: it was closed and is open."""
        self._failures += 1
        if self._rest_s:
            if trying:  # other failures are of calls that left earlier, or of exits
                self._rest(now, min(LONGEST_REST_S, self._rest_s * 2))
            return False
        if self._failures < FAILURES:
            return False
        self._rest(now, FIRST_REST_S)
        return True

    def status(self, now: float) -> BreakerStatus:
        """For people."""
        return BreakerStatus(self._failures, max(0.0, self._try_at - now) if self._rest_s else None)

    def _rest(self, now: float, seconds: float) -> None:
        self._rest_s, self._try_at = seconds, now + seconds


class Attempt:
    """One call that its breaker let pass. Ended without a verdict, it was none."""

    def __init__(self, breaker: Breaker, part: Part, clock: Clock, *, trying: bool) -> None:
        self._breaker = breaker
        self._part = part
        self._clock = clock
        self._trying = trying

    @contextmanager
    def judging(self) -> Iterator[None]:
        """The body sends the call and reads its answer."""
        asked_at = self._clock.monotonic()
        try:
            yield
        except RateLimited:
            raise  # the budget's business: the part answers
        except (TryAgain, OutcomeUnknown) as exc:
            self.failed(str(exc))
            raise
        except Refused:
            self.answered(asked_at)
            raise
        self.answered(asked_at)

    def answered(self, asked_at: float) -> None:
        """A definite answer came to what was asked at `asked_at`, in local monotonic seconds."""
        took_s = self._clock.monotonic() - asked_at
        if took_s > SLOW_S:
            self.failed(f"the answer took {took_s:.1f} s")
            return
        self._trying = False
        if self._breaker.succeeded():
            log.info("breaker.closed", part=self._part)

    def failed(self, reason: str) -> None:
        """No answer came, or none that helps."""
        if self._breaker.failed(self._clock.monotonic(), trying=self._trying):
            log.warning("breaker.opened", part=self._part, reason=reason, failures=FAILURES)
        self._trying = False

    def end(self) -> None:
        """Nothing more will be heard of it. Idempotent."""
        if self._trying:
            self._trying = False
            self._breaker.not_tried(self._clock.monotonic())


class Breakers:
    """One for each part of the venue."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._breakers = {part: Breaker(part) for part in Part}

    def begin(self, part: Part, priority: Priority) -> Attempt:
        """Called before a call takes its place in the budget; `Attempt.end` must follow. Raises TryAgain while `part`
        rests."""
        breaker = self._breakers[part]
        trying = breaker.check(self._clock.monotonic(), priority)
        return Attempt(breaker, part, self._clock, trying=trying)

    def status(self) -> Mapping[Part, BreakerStatus]:
        """For people."""
        now = self._clock.monotonic()
        return {part: breaker.status(now) for part, breaker in self._breakers.items()}
