"""Entry chaos from the command line: `make chaos`, `make chaos RUNS=500`, `make chaos SEED=17`.

Purchases under seeded mishaps, each judged on the venue's ledger; docs/chaos.md says what is drawn and what is judged.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import Bar, begin, figure, say
from tests.chaos.ground import Ground
from tests.chaos.judge import LAWS
from tests.chaos.many import KINDS, SWITCH_S, Kind, Outcome, Tally, run_many, run_one

RUNS = 10_000
KILLS = 30
STORIES = Path("build/chaos")
_TOLD_EVERY_S = 30.0
_MOST_LINES = 5
"""Of one law and run."""


def run_all(tally: Tally, seeds: Sequence[int], kind: Kind, processes: int) -> None:
    """Every seed once, added to `tally`; progress is told, and each bad run."""
    began = told_at = time.monotonic()
    for outcome in run_many(seeds, kind, processes=processes):
        tally.add(outcome)
        if outcome.complaints:
            tell_bad(outcome, kind)
        now = time.monotonic()
        if now - told_at > _TOLD_EVERY_S:
            told_at = now
            left_s = (now - began) / tally.runs * (len(seeds) - tally.runs)
            say(f"{tally.runs} of {len(seeds)}, {len(tally.bad_seeds)} bad, about {left_s / 60:.0f} minutes left")


def tell_figures(name: str, tally: Tally, bar: int) -> None:
    """One line per law, and what happened in the runs."""
    figure(f"{name}.runs", tally.runs, "runs", Bar(">=", bar))
    for law in LAWS:
        figure(f"{name}.{law}", tally.broken[law], "runs", Bar("<=", 0))
    for what, count in sorted(tally.counts.items()):
        figure(f"{name}.{what}", count, "seen")


def run_told(seed: int, kind: Kind, times: int) -> bool:
    """One run with its whole story on the terminal; at most so many times, until a law is broken. Whether all were
    kept."""
    sys.setswitchinterval(SWITCH_S)
    with tempfile.TemporaryDirectory() as home, Ground.open(Path(home), KINDS[kind].scale) as ground:
        for _ in range(times):
            outcome = run_one(ground, seed, kind)
            if outcome.complaints:
                break
    for line in outcome.story:
        say(line)
    if outcome.complaints:
        tell_bad(outcome, kind)
    else:
        say(f"seed {seed} kept every law, in {outcome.took_s:.1f} s")
    return not outcome.complaints


def tell_bad(outcome: Outcome, kind: Kind) -> None:
    again = "SEED" if kind == "threads" else "KILL_SEED"
    seed = outcome.seed
    for law, said in outcome.complaints.items():
        for line in said[:_MOST_LINES]:
            say(f"bad {kind} seed {seed}: {law}: {line}")
        if (more := len(said) - _MOST_LINES) > 0:
            say(f"bad {kind} seed {seed}: {law}: and {more} more")
    STORIES.mkdir(parents=True, exist_ok=True)
    story = STORIES / f"{kind}-{seed}.txt"
    story.write_text("\n".join(outcome.story) + "\n", encoding="utf-8")
    say(f"bad {kind} seed {seed}: its story is {story}; again with `make chaos {again}={seed}`")


def main() -> int:
    """0 when every run was made and kept every law; the figures are told in any case."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: what was started is ended
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help="seeds 0 to RUNS - 1, desks as threads")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first seed")
    parser.add_argument(
        "--kills", type=int, default=KILLS, help="seeds whose desks are processes, killed by the kernel"
    )
    parser.add_argument("--processes", type=int, default=2, help="how many runs at once")
    parser.add_argument("--seed", type=int, help="this one alone, with its story")
    parser.add_argument("--kill-seed", type=int, help="this one alone of those with processes, with its story")
    parser.add_argument(
        "--times", type=int, default=1, help="repeat that one until it breaks a law: timing is not drawn"
    )
    given = parser.parse_args()
    if given.seed is not None or given.kill_seed is not None:
        kind: Kind = "threads" if given.seed is not None else "processes"
        kept = run_told(given.seed if given.seed is not None else given.kill_seed, kind, given.times)
        return 0 if kept else 1
    begin(__doc__)
    kills, runs = Tally(), Tally()
    stopped = False
    try:
        run_all(kills, range(given.first, given.first + given.kills), "processes", given.processes)
        run_all(runs, range(given.first, given.first + given.runs), "threads", given.processes)
    except KeyboardInterrupt:
        stopped = True
        say("stopped; these are the figures of the runs that ended")
    tell_figures("chaos.killed", kills, KILLS)
    tell_figures("chaos", runs, RUNS)
    return 1 if stopped or kills.bad_seeds or runs.bad_seeds else 0


if __name__ == "__main__":
    sys.exit(main())
