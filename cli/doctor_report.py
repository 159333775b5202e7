"""How findings look on a terminal: one row each, the remedy below what was found. Nothing is cut at 80 columns."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from adapters.doctor.findings import Finding, Severity, worst

_STYLES = {Severity.OK: "green", Severity.INFO: "cyan", Severity.WARNING: "yellow", Severity.ERROR: "bold red"}
_SUMMARIES = {
    Severity.OK: "all is well",
    Severity.INFO: "nothing wrong was found",
    Severity.WARNING: "it works, look at the warnings",
    Severity.ERROR: "something is wrong",
}
PIPED_WIDTH = 200
"""As wide as other tables, so that a line can be searched for."""


@contextmanager
def waiting(*, quiet: bool) -> Iterator[None]:
    """A sign of life on a terminal until the body ends."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    with Console(stderr=True).status("looking at everything"):
        yield


def report(findings: Sequence[Finding], *, piped_width: int = PIPED_WIDTH) -> None:
    """The table on standard output, and one line that sums it up. Colours only on a terminal.

    piped_width: columns where there is no terminal.
    """
    console = _console(piped_width)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("Check", no_wrap=True)
    table.add_column("State", no_wrap=True)
    table.add_column("Found, and what to do", overflow="fold")
    for finding in findings:
        style = _STYLES[finding.severity]
        table.add_row(Text(finding.name), Text(str(finding.severity), style=style), _told(finding))
    console.print(table)
    console.print(Text(_summary(findings), style=_STYLES[worst(findings)]))


def _console(piped_width: int) -> Console:
    terminal = sys.stdout.isatty()
    return Console(
        file=sys.stdout,
        width=None if terminal else piped_width,
        force_terminal=terminal,
        color_system="auto" if terminal else None,
        highlight=False,
    )


def _told(finding: Finding) -> Text:
    told = Text(finding.found)
    if finding.expected:
        told.append(f"\nexpected {finding.expected}", style="dim")
    if finding.remedy:
        told.append(f"\n-> {finding.remedy}", style="bold" if finding.severity is Severity.ERROR else "")
    return told


def _summary(findings: Sequence[Finding]) -> str:
    counts = Counter(finding.severity for finding in findings)
    told = ", ".join(f"{counts[severity]} {severity}" for severity in Severity if counts[severity])
    silent = sum(finding.unasked for finding in findings)
    unasked = "it" if silent == 1 else "them"
    unknown = f"; {silent} of them could not be asked: nothing is known about {unasked}" if silent else ""
    return f"{_SUMMARIES[worst(findings)]}: {len(findings)} checks, {told}{unknown}"
