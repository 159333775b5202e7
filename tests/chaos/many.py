"""Many runs in several processes, and what they add up to."""

import multiprocessing
import queue
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from multiprocessing.context import SpawnProcess
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Literal

from domain.events import EntryEnded, LeaseTaken, ShotAnswered
from tests.chaos.draw import draw
from tests.chaos.draw_kill import SCALE as KILL_SCALE
from tests.chaos.draw_kill import draw_kill
from tests.chaos.evidence import Evidence
from tests.chaos.ground import SCALE, Ground
from tests.chaos.judge import complaints, left_to_a_human
from tests.chaos.life import Life
from tests.chaos.plan import Plan
from tests.chaos.process_life import ProcessLife
from tests.chaos.run import carry_out
from tests.chaos.story import Story
from tests.chaos.surroundings import LifeMaker

SWITCH_S = 0.0005
"""How long one thread may keep the interpreter: the usual 5 ms are an eighth of a second of scaled time."""
_RUNS_PER_GROUND = 500
"""Then a new Postgres, and new threads: nothing grows for ever."""
_ANSWERS_WITHIN_S = 300.0
"""A process that tells nothing for so long hangs: real seconds."""

Kind = Literal["threads", "processes"]


@dataclass(frozen=True, slots=True)
class KindOfRun:
    """How one kind of run is drawn and lived."""

    draw: Callable[[int], Plan]
    make_life: LifeMaker
    scale: float


KINDS: dict[Kind, KindOfRun] = {
    "threads": KindOfRun(draw, Life, SCALE),
    "processes": KindOfRun(draw_kill, ProcessLife, KILL_SCALE),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one run. complaints: by law; empty: it kept them all. counts: what happened in it. took_s: real seconds."""

    seed: int
    complaints: dict[str, list[str]]
    counts: dict[str, int]
    took_s: float
    story: tuple[str, ...] = ()


@dataclass
class Tally:
    """What all outcomes so far add up to."""

    runs: int = 0
    broken: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    bad_seeds: list[int] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        self.runs += 1
        self.broken.update(dict.fromkeys(outcome.complaints, 1))
        self.counts.update(outcome.counts)
        if outcome.complaints:
            self.bad_seeds.append(outcome.seed)


def run_one(ground: Ground, seed: int, kind: Kind = "threads") -> Outcome:
    """Draw, carry out, judge."""
    how = KINDS[kind]
    plan = how.draw(seed)
    began = time.monotonic()
    story = Story(ground.scale)
    with story.listening():
        evidence = carry_out(ground, plan, story, make_life=how.make_life)
    found = complaints(evidence)
    told = (str(plan), *story.told(evidence))
    return Outcome(seed, found, _counts(evidence), time.monotonic() - began, told)


def run_many(seeds: Sequence[int], kind: Kind = "threads", *, processes: int = 2) -> Iterator[Outcome]:
    """Outcomes as they come. Raises RuntimeError when a process ends early or hangs."""
    context = multiprocessing.get_context("spawn")
    outcomes: Queue[Outcome | None] = context.Queue()
    waiting: Queue[int | None] = context.Queue()
    waiting.cancel_join_thread()  # seeds that nobody takes any more keep nobody from ending
    workers = [context.Process(target=_work, args=(waiting, kind, outcomes)) for _ in range(min(processes, len(seeds)))]
    for worker in workers:
        worker.start()
    for seed in (*seeds, *(None for _ in workers)):
        waiting.put(seed)
    working = len(workers)
    try:
        while working:
            outcome = _next(outcomes, workers)
            if outcome is None:
                working -= 1
            else:
                yield outcome
    finally:
        for worker in workers:
            if working:  # something went wrong, or nobody wants the rest
                worker.terminate()
            worker.join()


def _work(waiting: "Queue[int | None]", kind: Kind, outcomes: "Queue[Outcome | None]") -> None:
    sys.setswitchinterval(SWITCH_S)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all at once, and the parent ends this one
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that its Postgres ends with it
    seeds = iter(waiting.get, None)
    for first in seeds:
        with tempfile.TemporaryDirectory() as home, Ground.open(Path(home), KINDS[kind].scale) as ground:
            for seed in chain((first,), islice(seeds, _RUNS_PER_GROUND - 1)):
                outcome = run_one(ground, seed, kind)
                outcomes.put(outcome if outcome.complaints else replace(outcome, story=()))
    outcomes.put(None)


def _next(outcomes: "Queue[Outcome | None]", workers: Sequence[SpawnProcess]) -> Outcome | None:
    deadline = time.monotonic() + _ANSWERS_WITHIN_S
    while time.monotonic() < deadline:
        with suppress(queue.Empty):
            return outcomes.get(timeout=1.0)
        if any(worker.exitcode for worker in workers):
            raise RuntimeError("a process that carries out runs has failed")
    raise RuntimeError(f"no run ended within {_ANSWERS_WITHIN_S:g} s")


def _counts(evidence: Evidence) -> dict[str, int]:
    """What shows that something happened at all."""
    events = [entry.event for entry in evidence.journal]
    return {
        "bought": int(any(fill.booked.side == "buy" for fill in evidence.fills)),
        "orders": len(evidence.sent),
        "unknown_outcomes": sum(isinstance(event, ShotAnswered) and event.answer == "unknown" for event in events),
        "leases": sum(isinstance(event, LeaseTaken) for event in events),
        "deaths_of_holders": sum(isinstance(event, LeaseTaken) and not event.clean for event in events),
        "missed": sum(isinstance(event, EntryEnded) and event.result == "missed" for event in events),
        "left_to_a_human": int(left_to_a_human(evidence)),
    }
