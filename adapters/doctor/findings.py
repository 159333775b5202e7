"""What one look at an installation found. Pure values: how they come about is in judging.py and the probes."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from domain.errors import InvalidInput


class Severity(StrEnum):
    """How bad it is, from harmless to worst."""

    OK = "ok"
    """As it should be."""
    INFO = "info"
    """Told, not judged: nothing has to be done, or it could not be asked."""
    WARNING = "warning"
    """It works, and somebody should look."""
    ERROR = "error"
    """A session would suffer from it, or somebody else could read a secret."""


NOT_ASKED = "not asked: "
"""How the text of a finding begins about which nobody knows."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check says.

    found: the fact with its values. expected, remedy: empty when there is nothing to do.
    gone: what cannot be used because of this, for the checks that need it; empty: they may go on.
    """

    severity: Severity
    found: str
    expected: str = ""
    remedy: str = ""
    gone: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict with the name of its check. name: stable, programs may rely on it. took_ms: 0 when it was not asked."""

    name: str
    severity: Severity
    found: str
    expected: str
    remedy: str
    took_ms: int

    @property
    def unasked(self) -> bool:
        """Whether nobody knows: what it needs was not there."""
        return self.found.startswith(NOT_ASKED)


def ok(found: str) -> Verdict:
    """As it should be."""
    return Verdict(Severity.OK, found)


def info(found: str, *, expected: str = "", remedy: str = "") -> Verdict:
    """Worth knowing, no more."""
    return Verdict(Severity.INFO, found, expected, remedy)


def warning(found: str, *, expected: str, remedy: str) -> Verdict:
    """It works, and somebody should look."""
    return Verdict(Severity.WARNING, found, expected, remedy)


def error(found: str, *, expected: str, remedy: str, gone: str = "") -> Verdict:
    """Something has to be done. gone: as in Verdict."""
    return Verdict(Severity.ERROR, found, expected, remedy, gone)


def not_asked(why: str, *, remedy: str = "") -> Verdict:
    """Something it needs is not there: neither well nor ill. Checks that need this one are told the same reason."""
    return Verdict(Severity.INFO, f"{NOT_ASKED}{why}", remedy=remedy, gone=why)


def refused(errors: Iterable[InvalidInput], *, gone: str = "") -> Verdict:
    """Values that cannot be used, each as its own line says it. gone: as in Verdict."""
    found = tuple(errors)
    alone = len(found) == 1
    return error(
        "; ".join(f"{one.what}: got {one.value!r}" for one in found),
        expected="; ".join(one.expected if alone else f"{one.what}: {one.expected}" for one in found),
        remedy="; ".join(dict.fromkeys(one.remedy for one in found)),
        gone=gone,
    )


def worst(findings: Iterable[Finding]) -> Severity:
    """The most severe of all; ok without any."""
    order = tuple(Severity)
    return max((finding.severity for finding in findings), key=order.index, default=Severity.OK)
