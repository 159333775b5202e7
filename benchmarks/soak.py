"""Does the simulator stay as it is? `make soak`, or `python -m benchmarks.soak --minutes 60`.

A venue in a process of its own takes 100 signed orders a second for the whole time, half of them filled, while its
background traders trade; its resident memory is read once a minute. It must not grow once its histories are full, which
takes 22 minutes: the median of the last quarter is compared with that of the third.
"""

import argparse
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import Bar, begin, figure, percentile, say
from benchmarks.load import drive
from benchmarks.simulator import LINES, orders, venue

RATE = 100.0
MINUTE_S = 60
LEAST_MINUTES = 48


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when run to the end, whatever the figures; 1 when an order was refused."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--minutes", type=int, default=60, help=f"how long, at least {LEAST_MINUTES}")
    minutes = parser.parse_args(arguments).minutes
    if minutes < LEAST_MINUTES:
        parser.error(
            f"--minutes: got {minutes}, expected {LEAST_MINUTES} or more; its histories must be full by half of it"
        )
    begin(__doc__)
    resident_mb: list[float] = []
    seconds: list[float] = []
    with venue() as running:
        requests = orders()
        for minute in range(minutes):
            outcome = drive(running.port, requests, count=int(RATE * MINUTE_S), rate=RATE, lines=LINES)
            if outcome.refusals:
                say(f"orders were refused: {outcome.refusals}")
                return 1
            resident_mb.append(_resident_mb(running.pid))
            seconds.extend(outcome.seconds)
            say(f"minute {minute + 1}: {resident_mb[-1]:.1f} MB, p99 {percentile(outcome.seconds, 0.99) * 1000:.2f} ms")
    quarter = minutes // 4
    early = statistics.median(resident_mb[2 * quarter : 3 * quarter])
    late = statistics.median(resident_mb[-quarter:])
    figure("soak.memory.growth", late / early - 1, "share", Bar("<", 0.02))
    figure("soak.memory.last", late, "MB")
    figure("soak.p99", percentile(seconds, 0.99) * 1000, "ms", Bar("<", 10))
    return 0


def _resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    sys.exit(main())
