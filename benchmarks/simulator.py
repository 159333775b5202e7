"""How many signed orders the simulator takes, how fast, and at what cost. `python -m benchmarks.simulator`.

A venue in a process of its own, its limits off, one account; eight connections send orders that cross and orders that
rest, in turn. Steady: 1,000 a second for 20 s. Capacity: as fast as answers come, 10 s.
"""

import itertools
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.figures import Bar, begin, figure, percentile, say
from benchmarks.load import API_KEY, SECRET, drive, signed_order

RATE = 1000.0
STEADY_S = 20
SYMBOL = "LOADUSDT"  # like the pairs of the default stage, with a band wide enough for an hour
LINES = 8
CAPACITY_ORDERS = 30_000
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Venue:
    """A running simulator. cpu_s: processor seconds used so far."""

    def __init__(self, pid: int, port: int) -> None:
        self.pid = pid
        self.port = port

    @property
    def cpu_s(self) -> float:
        with open(f"/proc/{self.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S

    def post(self, path: str, document: object) -> None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/_sim/{path}",
            json.dumps(document).encode(),
            {"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310


@contextmanager
def venue() -> Iterator[Venue]:
    """Without limits, with a rich account. Ends with the body, also when that ends by SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with subprocess.Popen(
        [sys.executable, "-m", "simulator", "--port", "0", "--seed", "7"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().rpartition(":")[2])
        running = Venue(process.pid, port)
        running.post("settings", {"ip_weight": 0, "uid_weight": 0, "orders_per_s": 0, "open_orders": 1_000_000})
        running.post(
            "accounts",
            {"name": "load", "api_key": API_KEY, "secret": SECRET, "balances": {"USDT": "1e12", "LOAD": "1e9"}},
        )
        running.post("listings", {"symbol": SYMBOL, "opens_at": "-24h", "script": {"name": "steady", "band": "0.2"}})
        try:
            yield running
        finally:
            process.terminate()


def orders() -> Iterator[bytes]:
    """Immediate orders that cross the spread and limits that cannot be reached, in turn."""
    for number in itertools.count():
        if number % 2:
            yield signed_order(
                number, symbol=SYMBOL, side="BUY", kind="IMMEDIATE_OR_CANCEL", price="60250", quantity="0.001"
            )
        else:
            yield signed_order(number, symbol=SYMBOL, side="BUY", kind="FILL_OR_KILL", price="50000", quantity="0.001")


def main() -> int:
    begin(__doc__)
    with venue() as running:
        requests = orders()
        drive(running.port, requests, count=2_000, rate=None, lines=LINES)  # warm
        before = running.cpu_s
        steady = drive(running.port, requests, count=int(RATE * STEADY_S), rate=RATE, lines=LINES)
        share = (running.cpu_s - before) / steady.took_s
        flat_out = drive(running.port, requests, count=CAPACITY_ORDERS, rate=None, lines=LINES)
    if refusals := steady.refusals + flat_out.refusals:
        say(f"orders were refused: {refusals}")
        return 1
    figure("simulator.steady.rate", len(steady.seconds) / steady.took_s, "orders/s", Bar(">=", 0.99 * RATE))
    figure("simulator.steady.p50", percentile(steady.seconds, 0.5) * 1000, "ms")
    figure("simulator.steady.p99", percentile(steady.seconds, 0.99) * 1000, "ms", Bar("<", 10))
    figure("simulator.steady.core", share, "cores", Bar("<", 0.6))
    figure("simulator.capacity", len(flat_out.seconds) / flat_out.took_s, "orders/s", Bar(">=", 2000))
    return 0


if __name__ == "__main__":
    sys.exit(main())
