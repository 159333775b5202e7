"""Gives a part of the venue that keeps failing a rest, so that its trouble does not use up time and budget.

Exits are never held back, and the first of them that succeeds closes the breaker for everybody.
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
        self._trying = False

    def check(self, now: float, priority: Priority) -> None:
        """Raises TryAgain while it rests. When the rest is over one call may try, and the others go on resting."""
        if priority is Priority.EXIT or not self._rest_s:
            return
        if now < self._try_at:
            raise TryAgain(
                f"{self._part}: {self._failures} calls failed in a row, next try in {self._try_at - now:.1f} s"
            )
        self._trying = True
        self._try_at = now + self._rest_s

    def succeeded(self) -> bool:
        """The venue gave a definite answer. True: it was open and is closed now."""
        was_open = self._rest_s > 0
        self._failures, self._rest_s, self._trying = 0, 0.0, False
        return was_open

    def failed(self, now: float) -> bool:
        """No answer, or none that helps. True: it was closed and is open now."""
        self._failures += 1
        if self._rest_s:
            if self._trying:  # other failures are of calls that left earlier, or of exits
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
        self._rest_s, self._try_at, self._trying = seconds, now + seconds, False


class Breakers:
    """One for each part of the venue."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._breakers = {part: Breaker(part) for part in Part}

    @contextmanager
    def watching(self, part: Part) -> Iterator[None]:
        """The body makes one call and reads its answer."""
        asked_at = self._clock.monotonic()
        try:
            yield
        except RateLimited:
            raise  # the budget's business: the part answers
        except (TryAgain, OutcomeUnknown) as exc:
            self.failed(part, str(exc))
            raise
        except Refused:
            self.answered(part, asked_at)
            raise
        self.answered(part, asked_at)

    def check(self, part: Part, priority: Priority) -> None:
        """Called before a call takes its place in the budget. Raises TryAgain while `part` rests."""
        self._breakers[part].check(self._clock.monotonic(), priority)

    def answered(self, part: Part, asked_at: float) -> None:
        """A definite answer came to what was asked at `asked_at`, in local monotonic seconds."""
        took_s = self._clock.monotonic() - asked_at
        if took_s > SLOW_S:
            self.failed(part, f"the answer took {took_s:.1f} s")
        elif self._breakers[part].succeeded():
            log.info("breaker.closed", part=part)

    def failed(self, part: Part, reason: str) -> None:
        """No answer came, or none that helps."""
        if self._breakers[part].failed(self._clock.monotonic()):
            log.warning("breaker.opened", part=part, reason=reason, failures=FAILURES)

    def status(self) -> Mapping[Part, BreakerStatus]:
        """For people."""
        now = self._clock.monotonic()
        return {part: breaker.status(now) for part, breaker in self._breakers.items()}
