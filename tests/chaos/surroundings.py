"""What all processes of a run share, and what each of them is to the run, whether a thread or a real process."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from desk.kit import DeskKit
from domain.ids import SessionKey
from tests.chaos.open_desk import Post
from tests.chaos.open_venue import OpenVenue
from tests.chaos.plan import Mishap, Worker
from tests.chaos.scaled_time import TimeScale
from tests.chaos.wire import Door

Breakage = Callable[[DeskKit], DeskKit]
"""What makes a desk a broken one; see broken_desks.py."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """told: called on any thread with (worker, what, detail)."""

    scale: TimeScale
    venue: OpenVenue
    database_url: str
    locks: Path
    key: SessionKey
    told: Callable[[str, str, str], None]
    breakage: Breakage

    def post(self, worker: Worker, door: Door) -> Post:
        return Post(worker.name, worker.may_fire, door.url, self.venue.ws_url, self.database_url, self.locks, self.key)


class AnyLife(Protocol):
    """One process of a run. It tells "bought", "nothing", "flat", "died" and "broke"."""

    @property
    def dead(self) -> bool: ...

    def begin(self) -> None:
        """Called once."""

    def strike(self, mishap: Mishap) -> None:
        """Called while it lives; what cannot happen to this kind of life passes by."""

    def rest(self) -> None:
        """Called when the workflow has got on, or asks another process: no activity asks this one any more, its desk
        lives on."""

    def ask(self) -> None:
        """Called after `rest` when the process that was asked instead has died."""

    def tell(self) -> None:
        """Called when the session does not end: tell "waits" of whatever is waited for."""

    def end(self) -> None:
        """Called when all is over, also for the dead; returns when it is gone."""


LifeMaker = Callable[[Surroundings, Worker], AnyLife]
