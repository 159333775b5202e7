"""The last good answer to a question, kept with its age while nobody answers."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Generic, TypeVar

from domain.errors import SniperError

T = TypeVar("T")

FRESH_S = 0.5
"""Those who ask within this time share one answer."""
WAIT_S = 0.4
"""A page is drawn with what is known rather than late."""
FIRST_WITHIN_S = 2.0
_ASKERS = ThreadPoolExecutor(8, thread_name_prefix="latest")


@dataclass(frozen=True, slots=True)
class Seen(Generic[T]):
    """An answer and how old it is. value: None before the first one. trouble: why there is no newer one, or empty."""

    value: T | None
    age_s: float
    trouble: str = ""


class Latest(Generic[T]):
    """The last good answer to one question, kept while nobody answers. Whoever looks never waits for longer than a
    moment: a question that takes longer is finished beside.

    clock: seconds that never jump. fresh_s: for how long an answer is shared; None: FRESH_S.
    """

    def __init__(
        self, ask: Callable[[], T], *, clock: Callable[[], float] = time.monotonic, fresh_s: float | None = None
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._fresh_s = fresh_s
        self._guard = threading.Lock()
        self._asking: Future[None] | None = None
        self._value: T | None = None
        self._asked_at: float | None = None
        self._answered_at: float | None = None
        self._trouble = ""

    def look(self) -> Seen[T]:
        """The newest answer there is. The very first one is waited for a little longer."""
        with self._guard:
            fresh_s = FRESH_S if self._fresh_s is None else self._fresh_s
            fresh = self._asked_at is not None and self._clock() - self._asked_at < fresh_s
            if self._asking is None and not fresh:
                self._asking = _ASKERS.submit(self._renew)
            asking, first = self._asking, self._answered_at is None
        if asking is not None:
            wait([asking], timeout=FIRST_WITHIN_S if first else WAIT_S)
            if asking.done():
                asking.result()  # a bug in the question is the page's to show
        with self._guard:
            age = 0.0 if self._answered_at is None else self._clock() - self._answered_at
            trouble = self._trouble
            if self._asking is not None and not trouble:
                trouble = "no answer yet" if self._answered_at is None else ""
            return Seen(self._value, age, trouble)

    def _renew(self) -> None:
        try:
            value = self._ask()
        except SniperError as exc:
            with self._guard:
                self._trouble = str(exc)
        else:
            with self._guard:
                self._value, self._answered_at, self._trouble = value, self._clock(), ""
        finally:
            with self._guard:
                self._asked_at = self._clock()
                self._asking = None
