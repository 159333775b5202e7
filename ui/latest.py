"""The last good answer to a question, kept with its age while nobody answers."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from domain.errors import SniperError

T = TypeVar("T")

FRESH_S = 0.5
"""Those who ask within this time share one answer."""


@dataclass(frozen=True, slots=True)
class Seen(Generic[T]):
    """An answer and how old it is. value: None before the first one. trouble: why there is no newer one, or empty."""

    value: T | None
    age_s: float
    trouble: str = ""


class Latest(Generic[T]):
    """The last good answer to one question, kept while nobody answers; asked again each time it is looked at.

    clock: seconds that never jump.
    """

    def __init__(self, ask: Callable[[], T], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._guard = threading.Lock()
        self._value: T | None = None
        self._asked_at: float | None = None
        self._answered_at: float | None = None
        self._trouble = ""

    def look(self) -> Seen[T]:
        """The newest answer there is."""
        with self._guard:
            if self._asked_at is None or self._clock() - self._asked_at >= FRESH_S:
                self._renew()
            age = 0.0 if self._answered_at is None else self._clock() - self._answered_at
            return Seen(self._value, age, self._trouble)

    def _renew(self) -> None:
        try:
            self._value = self._ask()
            self._answered_at = self._clock()
            self._trouble = ""
        except SniperError as exc:
            self._trouble = str(exc)
        self._asked_at = self._clock()
