"""A session's timeline on the terminal, line by line as it happens.

On a terminal a status line below counts down and says what is waited for; elsewhere only finished lines appear.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from rich.console import Console
from rich.text import Text

from cli.output import write_row
from domain.session import Phase
from ui.timeline import Line
from ui.wording import clock, relative, span


class Narrator:
    """Prints to one console; a status line is shown only while `waiting`."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, text: str, *, style: str = "") -> None:
        """One plain line."""
        self._console.print(Text(text, style=style), soft_wrap=True)

    def heading(self, text: str) -> None:
        """A line that opens a part."""
        self._console.print()
        self._console.print(Text(text, style="bold cyan"), soft_wrap=True)

    def tell(self, lines: Iterable[Line], opens_at: datetime) -> None:
        """Lines of a session's journal."""
        for line in lines:
            when = f"{clock(line.at)}  {relative(line.at, opens_at):>11}  "
            if line.heading:
                self._console.print()
                self._console.print(Text(when, style="dim") + Text(line.text, style="bold cyan"), soft_wrap=True)
            else:
                self._console.print(Text(when, style="dim") + Text(line.text), soft_wrap=True)

    @contextmanager
    def waiting(self, text: str) -> Iterator["Waiting"]:
        """Show what is waited for until the body ends; nothing where no terminal is."""
        with self._console.status(Text(text)) as status:
            yield Waiting(lambda words: status.update(Text(words)))


class JsonNarrator(Narrator):
    """The same, for programs: one JSON document a line, and no status line."""

    def __init__(self) -> None:
        super().__init__(Console(quiet=True))

    def say(self, text: str, *, style: str = "") -> None:
        write_row({"said_at": datetime.now(UTC), "text": text})

    def heading(self, text: str) -> None:
        self.say(text)

    def tell(self, lines: Iterable[Line], opens_at: datetime) -> None:
        for line in lines:
            write_row({"at": line.at, "since_opening_s": (line.at - opens_at).total_seconds(), "text": line.text})


class Waiting:
    """The status line while it is shown."""

    def __init__(self, update: Callable[[str], None]) -> None:
        self._update = update

    def show(self, text: str) -> None:
        """Replace its text."""
        self._update(text)


def expectation(phase: Phase, opens_at: datetime, now: datetime | None = None) -> str:
    """What comes next, with the time until then."""
    to_go = (opens_at - (datetime.now(UTC) if now is None else now)).total_seconds()
    if to_go > 0:
        return f"{phase}: opens in {span(to_go)}"
    return f"{phase}: {span(to_go)} after the opening"
