"""What a running stack says about itself: the file stack.json in its home, and the lock that proves it runs."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.local import locks
from adapters.venue_kind import VenueKind
from domain.errors import InvalidInput

if TYPE_CHECKING:
    from pydantic import ValidationError

STATE_FILE = "stack.json"
LOCK_FILE = "stack.lock"


@dataclass(frozen=True, slots=True)
class StackState:
    """Where everything of a running stack is reached.

    pid: the stack's own process. started_at: UTC. database_url: for psycopg. temporal_address: host:port.
    venue: what orders go to. rest_url, ws_url: where it is, on paper where its public data come from; None when only
    the infrastructure runs. panel_url: None without a panel.
    api_key, api_secret: of the account the stack made at its own simulator, None for any other venue.
    children: process ids by name, of the lives that run now. account: the name its workers trade under; None: the
    usual one.
    """

    pid: int
    started_at: datetime
    database_url: str
    temporal_address: str
    temporal_namespace: str
    rest_url: str | None = None
    ws_url: str | None = None
    panel_url: str | None = None
    api_key: str | None = None
    api_secret: str | None = field(default=None, repr=False)
    children: Mapping[str, int] = field(default_factory=dict)
    venue: VenueKind = VenueKind.MEXC
    account: str | None = None


@contextmanager
def only_stack(home: Path) -> Iterator[None]:
    """Be the only stack of `home` for the body; makes the folder.

    Raises InvalidInput when another one runs there (its pid is named), or when the folder cannot be written.
    The state file of a stack that died is removed on entry, ours on exit.
    """
    require_writable(home)
    try:
        with locks.hold(home / LOCK_FILE, wait=False):
            (home / STATE_FILE).unlink(missing_ok=True)
            try:
                yield
            finally:
                (home / STATE_FILE).unlink(missing_ok=True)
    except locks.Held as exc:
        raise InvalidInput(
            "SNIPER_HOME",
            value=str(home),
            expected="a folder without a running stack",
            remedy=f"process {exc.pid} runs one there: stop it first, or choose another folder",
        ) from exc


def require_writable(home: Path) -> None:
    """Make `home` and try to write into it. Raises InvalidInput when that is not possible."""
    probe = home / f".probe-{os.getpid()}"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe.write_text("")
        probe.unlink()
    except OSError as exc:
        raise InvalidInput(
            "SNIPER_HOME",
            value=str(home),
            expected="a folder this user can write to",
            remedy=f"choose another folder or change its rights ({exc.strerror})",
        ) from exc


def write_state(home: Path, state: StackState) -> None:
    """Replace the state file in one step; only this user can read it."""
    document = {**asdict(state), "started_at": state.started_at.isoformat()}
    temporary = home / f"{STATE_FILE}.new"
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(document, file, indent=2)
        file.write("\n")
    temporary.replace(home / STATE_FILE)


def read_state(home: Path) -> StackState | None:
    """What the stack of `home` says about itself; None when it does not run, or is not ready yet.

    Whether it runs is asked of its lock, which the kernel frees: a file left by a killed stack, or its process id in
    the hands of a stranger, does not count. Raises InvalidInput for a file that is broken or of another version.
    """
    if running_pid(home) is None:
        return None
    from pydantic import TypeAdapter, ValidationError  # late: of use only where a stack runs

    path = home / STATE_FILE
    try:
        return TypeAdapter(StackState).validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as exc:
        raise _unreadable(path, _complaints(exc)) from None  # its own text shows values, the secret among them
    except OSError as exc:
        raise _unreadable(path, str(exc.strerror)) from exc


def running_pid(home: Path) -> int | None:
    """Process id of the stack that runs, starts or stops in `home`; None when there is none."""
    return locks.holder(home / LOCK_FILE)


def _unreadable(path: Path, complaint: str) -> InvalidInput:
    return InvalidInput(
        "state of the running stack",
        value=str(path),
        expected="a file that a stack of this version wrote",
        remedy=f"`sniper stop --leave-open` stops the stack without it, then start it again ({complaint})",
    )


def _complaints(exc: "ValidationError") -> str:
    """What is wrong with which field, without any value."""
    errors = exc.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(": ".join([*map(str, error["loc"]), error["msg"]]) for error in errors)
