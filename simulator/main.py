"""The venue as a process: starts, says so in one line, runs until it is told to end."""

import argparse
import asyncio
import errno
import logging
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import uvloop

from simulator.certificate import NoCertificate, make_certificate
from simulator.control.control_error import ControlError
from simulator.control.scenario import load_scenario
from simulator.server import SimulatorServer


def run(port: int, scenario: Path | None, seed: int, tls: bool, announce: Callable[[str], None] | None = None) -> int:
    """Serve until SIGTERM or SIGINT and return the exit code: 0 ended on request, 1 could not start.

    announce: called once with the base address; None: one line `ready ADDRESS` on stdout. port: 0 takes a free one.
    scenario: None for the default stage. What prevents the start is one line on stderr.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    with tempfile.TemporaryDirectory(prefix="simulator-") as folder:
        try:
            context = None
            if tls:
                context, certificate = make_certificate(Path(folder))
                sys.stderr.write(f"certificate {certificate}\n")
            server = SimulatorServer(load_scenario(scenario), seed, context)
            return uvloop.run(_serve(server, port, announce or _say_ready))
        except (ControlError, NoCertificate) as error:
            sys.stderr.write(f"{error}\n")
        except OSError as error:
            reason = "already taken" if error.errno == errno.EADDRINUSE else (error.strerror or str(error))
            sys.stderr.write(f"--port: got {port}, expected a free port ({reason}); choose another one, or 0 for any\n")
        return 1


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line of `python -m simulator`."""
    parser = argparse.ArgumentParser(prog="python -m simulator", description="A MEXC spot venue on this machine.")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    parser.add_argument(
        "--scenario",
        type=Path,
        default=None,
        help="YAML file with the stage to begin with, or the name of a shipped one",
    )
    parser.add_argument("--seed", type=int, default=1, help="fixes what the background traders do")
    parser.add_argument("--tls", action="store_true", help="serve https and wss with an own certificate")
    given = parser.parse_args(arguments)
    return run(given.port, given.scenario, given.seed, given.tls)


def _say_ready(url: str) -> None:
    sys.stdout.write(f"ready {url}\n")
    sys.stdout.flush()


async def _serve(server: SimulatorServer, port: int, announce: Callable[[str], None]) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await server.start(port)
    announce(server.rest_url)
    await stop.wait()
    await server.stop()
    return 0
