"""The venue as a process."""

import json
import signal
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


class Process:
    """A started venue. `url` is what it said when it was ready."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "simulator", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        word, _, self.url = self.process.stdout.readline().strip().partition(" ")
        assert word == "ready"

    def end(self, number: signal.Signals) -> int:
        """Send the signal and return the exit code."""
        self.process.send_signal(number)
        self.process.communicate(timeout=5)
        return self.process.returncode


@pytest.fixture
def venue() -> Iterator[Process]:
    """A venue with the default stage."""
    process = Process("--port", "0", "--seed", "5")
    yield process
    if process.process.poll() is None:
        process.end(signal.SIGKILL)


def read(url: str, context: ssl.SSLContext | None = None) -> object:
    """The decoded body of a GET."""
    with urllib.request.urlopen(url, timeout=5, context=context) as answer:  # noqa: S310  # our own local server
        return json.loads(answer.read())


def test_it_says_where_it_is_ready_and_has_a_live_market(venue: Process) -> None:
    """One line on stdout, and BTCUSDT with both sides of a book."""
    depth = read(f"{venue.url}/api/v3/depth?symbol=BTCUSDT&limit=5")

    assert venue.url.startswith("http://127.0.0.1:")
    assert isinstance(depth, dict)
    assert len(depth["bids"]) == len(depth["asks"]) == 5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once_and_cleanly(venue: Process, number: signal.Signals) -> None:
    """Exit code 0."""
    assert venue.end(number) == 0


def test_a_taken_port_is_one_line_and_exit_code_one(venue: Process) -> None:
    """The line names the port, what was expected, and what to do."""
    port = venue.url.rpartition(":")[2]
    second = subprocess.run(
        [sys.executable, "-m", "simulator", "--port", port], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert second.returncode == 1
    assert len(second.stderr.strip().splitlines()) == 1
    assert port in second.stderr
    assert "choose another" in second.stderr


def test_a_scenario_that_cannot_be_used_is_one_line_and_exit_code_one(tmp_path: Path) -> None:
    """The line says where the mistake is."""
    file = tmp_path / "bad.yaml"
    file.write_text("listings:\n  - symbol: NEWUSDT\n    opens_at: +5s\n    script: moon\n")
    ended = subprocess.run(
        [sys.executable, "-m", "simulator", "--scenario", str(file)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert ended.returncode == 1
    assert "moon" in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


def test_the_example_scenario_can_be_used() -> None:
    """It starts, and its listings are there."""
    process = Process("--scenario", str(ROOT / "simulator" / "scenarios" / "opening-pump.yaml"))
    listings = read(f"{process.url}/_sim/listings")
    process.end(signal.SIGTERM)

    assert isinstance(listings, dict)
    assert [one["symbol"] for one in listings["listings"]] == ["BTCUSDT", "NEWUSDT", "LATEUSDT"]


def test_it_serves_tls_with_its_own_certificate() -> None:
    """The certificate's path is told on stderr, and trusting it is enough."""
    process = Process("--tls")
    assert process.process.stderr is not None
    certificate = process.process.stderr.readline().strip().removeprefix("certificate ")
    context = ssl.create_default_context(cafile=certificate)
    answer = read(f"{process.url}/api/v3/ping", context)
    process.end(signal.SIGTERM)

    assert process.url.startswith("https://")
    assert answer == {}
