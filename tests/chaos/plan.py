"""What one run is made of, as values. All of it follows from the seed; see draw.py. Not here: how it is carried out."""

import random
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from domain.policy import TradePolicy
from tests.chaos.wire import WireFault

MishapKind = Literal[
    "kill",
    "pause",
    "suspend",
    "cut_off",
    "detach",
    "abort",
    "cheaper",
    "store_away",
    "store_frozen",
    "store_breaks",
    "store_clock",
    "venue_stalls",
    "connections_break",
]


@dataclass(frozen=True, slots=True)
class Mishap:
    """Something that happens on our side, or between us and the others.

    at_s: from the opening; negative: before. worker: whom it strikes, empty: everybody. for_s: how long it lasts.
    sets_s: seconds, negative: back.
    kind:
        kill               the process is gone at once
        pause              its event loop stands still; the launchpad's thread goes on
        suspend            the machine sleeps: its monotonic clock stands still as well, its boottime does not
        cut_off            this process alone does not reach Postgres; half of what it writes arrives all the same
        detach             the activity is cancelled because Temporal is away, and attaches again later
        abort              the activity is cancelled because somebody asked for it: Desk.abort
        cheaper            the operator changes the policy: a lower price bound
        store_away         Postgres is away
        store_frozen       Postgres takes connections and answers nothing
        store_breaks       every connection to Postgres breaks once
        store_clock        the clock of Postgres's host is set by `sets_s`, and back at the end of the run
        venue_stalls       the venue stands still with everything that arrives
        connections_break  every connection to the venue breaks once
    """

    at_s: float
    kind: MishapKind
    worker: str = ""
    for_s: float = 0.0
    sets_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Worker:
    """One process with a desk.

    begins_s: from the opening; with `follows`, from the death of that worker; of a guard, from the purchase.
    may_fire: else it is a guard. resumes: a guard that begins at an instant, because the run that fired was lost; from
        then on nobody asks those who fire.
    dies_at_call: number of the port call at which it dies; None: at none. after: when the call has been carried out.
    """

    name: str
    may_fire: bool = True
    begins_s: float = 0.0
    follows: str = ""
    resumes: bool = False
    dies_at_call: int | None = None
    after: bool = False

    @property
    def begins_at_an_instant(self) -> bool:
        return not self.follows and (self.may_fire or self.resumes)


@dataclass(frozen=True, slots=True)
class Plan:
    """opens_in_s: from the first worker's beginning. coins_before: of the new coin, held before the session.

    script: of the listing. settings: of the venue. faults: of the simulator, as its control side takes them; in `timed`
    each with its second from the opening. one_folder: workers share their lock files, as those of one machine do.
    patience_s: from when nothing goes wrong any more: a session that is not over by then hangs. Longer than any needs,
        since a busy machine makes seconds of nothing.
    """

    seed: int
    policy: TradePolicy
    opens_in_s: float = 6.0
    quote_free: Decimal = Decimal(1000)
    coins_before: Decimal = Decimal(0)
    script: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    clock_offset_ms: int = 0
    drift_ppm: float = 0.0
    faults: tuple[dict[str, Any], ...] = ()
    timed: tuple[tuple[float, dict[str, Any]], ...] = ()
    wire_faults: tuple[WireFault, ...] = ()
    workers: tuple[Worker, ...] = (Worker("fire-0", begins_s=-6.0),)
    mishaps: tuple[Mishap, ...] = ()
    one_folder: bool = True
    patience_s: float = 600.0

    @property
    def over_s(self) -> float:
        """Seconds after the opening from which on nothing goes wrong any more, by plan."""
        planned = [mishap.at_s + mishap.for_s for mishap in self.mishaps]
        planned += [at_s for at_s, _ in self.timed]
        planned += [worker.begins_s for worker in self.workers if worker.begins_at_an_instant]
        return max([0.0, *planned])


def dice_of(seed: int, what: str) -> random.Random:
    """Randomness of its own for each part of a run: a new draw in one does not change the others."""
    return random.Random(f"{seed} {what}")
