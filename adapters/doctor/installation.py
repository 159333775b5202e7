"""Which installation is looked at: its settings as far as they can be used, and the stack of its home.

One value that cannot be used must not hide everything else, so it is left out and named.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from adapters.doctor.findings import Verdict, not_asked
from adapters.local.state import StackState, read_state, running_pid
from adapters.settings import Settings, read_settings
from domain.errors import InvalidInput, SniperError

HOME_VARIABLE = "SNIPER_HOME"


@dataclass(frozen=True, slots=True)
class Installation:
    """What the checks look at.

    settings: without the values in `refused`. refused: every value that cannot be used, by its variable.
    stack_pid: process of the stack that runs, starts or stops in the home, None: none.
    stack: what a ready one says of itself, None: nothing.
    """

    settings: Settings
    refused: tuple[InvalidInput, ...] = ()
    stack_pid: int | None = None
    stack: StackState | None = None

    @property
    def home(self) -> Path:
        return self.settings.sniper_home

    def unusable(self, *variables: str) -> str:
        """Which of `variables` was refused, in words; empty: none of them."""
        found = [name for name in variables if name in {one.what for one in self.refused}]
        return f"{' and '.join(found)} cannot be used" if found else ""

    @property
    def no_stack(self) -> str:
        """Why no stack says where its parts are."""
        if self.unusable(HOME_VARIABLE):
            return "what the stack says of itself cannot be read"
        if self._on_its_way:
            return f"the stack of process {self.stack_pid} is starting or stopping"
        return "no stack runs"

    def unnamed(self, *variables: str) -> Verdict:
        """Nothing can be asked, because nobody says where. variables: those that would say it."""
        if refusal := self.unusable(*variables):
            return not_asked(refusal)  # the settings' own finding has the remedy
        names = " and ".join(variables)
        where = self.no_stack if self.stack is None else "the stack does not name it"
        start = "run the doctor again" if self._on_its_way else "`sniper up`"
        return not_asked(f"{where}, and {names} is not set", remedy=f"{start}, or set {names}")

    @property
    def _on_its_way(self) -> bool:
        """Whether a stack starts or stops: what it says of itself will change by itself."""
        return self.stack_pid is not None and self.stack is None

    def process_of(self, child: str) -> int | None:
        """Process id of a part, as the settings name it; None when it is none of those that the running stack keeps."""
        if self.stack is None:
            return None
        same = {
            "postgres": self.settings.database_url == self.stack.database_url,
            "simulator": self.settings.mexc_rest_url == self.stack.rest_url,
            "panel": True,
        }
        own = same.get(child, self._same_temporal(self.stack))  # the workers work where Temporal is
        return self.stack.children.get(child) if own else None

    def log_of(self, child: str) -> Path:
        """Where a part of the stack writes its log."""
        return self.home / "logs" / f"{child}.log"

    def cure(self, child: str, variable: str) -> str:
        """What to do when a part does not work. child: as the stack names it. variable: names another one instead."""
        if self.process_of(child) is not None:
            return f"look into {self.log_of(child)}; `sniper stop` and `sniper up` start it anew"
        return f"start it, or correct {variable}; without {variable} the stack's own is used"

    def _same_temporal(self, stack: StackState) -> bool:
        named = (self.settings.temporal_address, self.settings.temporal_namespace)
        return named == (stack.temporal_address, stack.temporal_namespace)


def read_installation() -> Installation:
    """The installation that the environment names. Raises nothing. Not beside other threads: it reads the environment
    again without what was refused, and puts it back."""
    settings, refused = _read()
    return installation_of(settings, refused)


def installation_of(settings: Settings, refused: tuple[InvalidInput, ...] = ()) -> Installation:
    """With the stack that runs in the settings' home now. For callers that have their settings, such as the panel."""
    try:
        return Installation(
            settings, refused, stack_pid=running_pid(settings.sniper_home), stack=read_state(settings.sniper_home)
        )
    except (SniperError, ValueError, TypeError, KeyError, OSError):  # read_settings has said so already
        return Installation(settings, refused)


def _read() -> tuple[Settings, tuple[InvalidInput, ...]]:
    refused: list[InvalidInput] = []
    with _environment_restored():
        while True:
            try:
                return read_settings(), tuple(refused)
            except InvalidInput as exc:
                refused.append(InvalidInput(exc.what, value=exc.value, expected=exc.expected, remedy=exc.remedy))
                if not _leave_out(exc.what):  # it is the stack's own word: go on without the stack
                    return Settings(), tuple(refused)


def _leave_out(variable: str) -> bool:
    """Whether there was something to leave out. The home is never left out: another one would be looked at."""
    if variable == HOME_VARIABLE:
        return False
    spellings = [name for name in os.environ if name.upper() == variable]
    for name in spellings:
        del os.environ[name]
    return bool(spellings)


@contextmanager
def _environment_restored() -> Iterator[None]:
    before = dict(os.environ)
    try:
        yield
    finally:
        for name, value in before.items():
            if os.environ.get(name) != value:
                os.environ[name] = value
