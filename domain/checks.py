"""One question asked before money may be spent, and its answer."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """name: what was looked at. found: what was seen, for people. reason: why it stands against the session, with
    value, expectation and remedy; empty: it passed."""

    name: str
    found: str
    reason: str = ""

    @property
    def passed(self) -> bool:
        return not self.reason


def reasons_of(checks: Iterable[Check]) -> tuple[str, ...]:
    """Every reason against, in order; empty: all passed."""
    return tuple(check.reason for check in checks if check.reason)
