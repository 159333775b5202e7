"""Figures as every benchmark prints them: one line each, with its bar, met or missed."""

import operator
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from pathlib import Path

_WHOLE_FROM = 1000
"""Four digits tell enough of anything, and nobody reads 1e+04."""
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure should be. comparison: one of <, <=, >, >=."""

    comparison: str
    value: float

    def met_by(self, value: float) -> bool:
        return _OPERATORS[self.comparison](value, self.value)


def say(text: str) -> None:
    """A line about method or progress."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def begin(about: str | None) -> None:
    """What stands above the figures: the machine with the date, and how they are taken.

    about: the benchmark's docstring, whose first paragraph is its title.
    """
    title, _, method = (about or "").strip().partition("\n\n")
    say(f"machine: {machine()}")
    say(f"{title}\n\n{method}\n" if method else title)


def figure(name: str, value: float, unit: str, bar: Bar | None = None) -> bool:
    """Print one figure; True when it has no bar or meets it."""
    met = bar is None or bar.met_by(value)
    judged = "no bar" if bar is None else f"bar {bar.comparison} {bar.value:g} {'met' if met else 'missed'}"
    shown = f"{value:.4g}" if abs(value) < _WHOLE_FROM else f"{value:.0f}"
    say(f"figure {name} {shown} {unit} {judged}")
    return met


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of all do not exceed. ValueError without values."""
    if not values:
        raise ValueError("a percentile of nothing")
    ranked = sorted(values)
    return ranked[max(0, ceil(share * len(ranked)) - 1)]


def machine() -> str:
    """What this ran on, in one line."""
    told = _read("/proc/cpuinfo").splitlines()
    models = [line.partition(":")[2].strip() for line in told if line.startswith("model name")]
    model = models[0] if models else platform.processor() or "unknown processor"
    cores = os.cpu_count()
    return (
        f"{model}, {cores} cores, Linux {platform.release()}, Python {platform.python_version()}, "
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    )


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
