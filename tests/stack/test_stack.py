"""What the whole stack promises. Postgres and Temporal are real; the product's own processes are stand-ins."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

import stack as stack_module
from adapters.local.options import Programs, StackOptions
from adapters.local.state import read_state, running_pid
from adapters.local.supervisor import ChildFailed
from adapters.venue_kind import VenueKind
from domain.errors import InvalidInput
from stack import Stack, stop_running
from tests.stack.helpers import eventually, is_alive

pytestmark = [pytest.mark.postgres, pytest.mark.server]

STAND_IN = Path(__file__).with_name("stand_in.py")
PARTS = {"postgres", "temporal", "simulator", "worker-control", "worker-fire", "worker-guard", "panel"}


@pytest.fixture
def options(tmp_path: Path) -> StackOptions:
    """A stack of stand-ins in a folder of its own, away from the usual ports."""
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MEXC_", "TEMPORAL_", "SNIPER_HOME", "DATABASE_URL"))
    }
    stated = StackOptions.from_environment({**environ, "SNIPER_HOME": str(tmp_path / "home")})
    return replace(stated, programs=_stand_ins(tmp_path))


def _stand_ins(folder: Path) -> Programs:
    def program(part: str) -> tuple[str, ...]:
        return (sys.executable, "-I", "-S", str(STAND_IN), part, str(folder))

    return Programs(simulator=program("simulator"), worker=program("worker"), panel=program("panel"))


def _children_of_this_process() -> set[int]:
    """Not theirs in turn: the tests' own Postgres is one of them, and its workers come and go."""
    return {child.pid for child in psutil.Process().children() if is_alive(child.pid)}


def _told(folder: Path, part: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / f"{part}.environment").read_text())
    return document


async def test_a_started_stack_says_where_everything_is(options: StackOptions) -> None:
    """The state file and the object agree, every part runs, and nothing is left afterwards."""
    before = _children_of_this_process()
    async with Stack(options) as stack:
        state = read_state(options.home)
        assert state == stack.state
        assert set(state.children) == PARTS
        assert all(is_alive(pid) for pid in state.children.values())
        assert stack.child("worker-fire").pid == state.children["worker-fire"]

    assert _children_of_this_process() == before
    assert read_state(options.home) is None


async def test_workers_are_told_everything_and_the_panel_no_venue_key(options: StackOptions, tmp_path: Path) -> None:
    """Addresses reach the children through the environment; a key of the operator's reaches nobody by accident."""
    mine = {**options.environ, "MEXC_API_KEY": "a real key", "MEXC_API_SECRET": "a real secret"}
    async with Stack(replace(options, environ=mine)) as stack:
        worker, panel, simulator = (_told(tmp_path, part) for part in ("worker", "panel", "simulator"))
        state = stack.state

    assert worker["DATABASE_URL"] == state.database_url
    assert worker["TEMPORAL_ADDRESS"] == state.temporal_address
    assert worker["TEMPORAL_NAMESPACE"] == "default"
    assert worker["MEXC_REST_URL"] == state.rest_url
    assert worker["MEXC_WS_URL"] == state.ws_url
    assert worker["MEXC_API_KEY"] == state.api_key
    assert worker["MEXC_API_SECRET"] == state.api_secret
    assert worker["SNIPER_HOME"] == str(options.home)
    assert "MEXC_CAPTURE_DIR" not in worker
    assert "MEXC_API_KEY" not in panel
    assert "MEXC_API_SECRET" not in panel
    assert not [name for name in simulator if name.startswith("MEXC_")]


async def test_workers_are_told_where_to_keep_what_the_venue_says(options: StackOptions, tmp_path: Path) -> None:
    """This variable of the operator's reaches them; a relative folder is meant from where the stack was started."""
    stated = StackOptions.from_environment({**options.environ, "MEXC_CAPTURE_DIR": "kept"})
    async with Stack(replace(options, environ=stated.environ, capture_dir=stated.capture_dir)):
        worker, simulator = _told(tmp_path, "worker"), _told(tmp_path, "simulator")

    assert worker["MEXC_CAPTURE_DIR"] == str(Path.cwd() / "kept")
    assert "MEXC_CAPTURE_DIR" not in simulator


async def test_a_worker_that_dies_is_back_under_a_new_process_id(options: StackOptions) -> None:
    """The state file follows, so that whoever reads it finds the living process."""
    async with Stack(options) as stack:
        first = stack.child("worker-guard").pid
        os.kill(first, signal.SIGKILL)

        def is_back() -> bool:
            state = read_state(options.home)
            return state is not None and state.children["worker-guard"] != first

        await eventually(is_back)
        state = read_state(options.home)
        assert state is not None
        assert is_alive(state.children["worker-guard"])


async def test_a_simulator_that_dies_gets_its_account_again(options: StackOptions, tmp_path: Path) -> None:
    """It keeps its state in memory: the same key works after a restart, because the account is made anew."""
    async with Stack(options) as stack:
        os.kill(stack.child("simulator").pid, signal.SIGKILL)
        accounts = tmp_path / "simulator.accounts"
        await eventually(lambda: len(accounts.read_text().splitlines()) == 2)

        made = [json.loads(line) for line in accounts.read_text().splitlines()]
        assert made[0] == made[1]
        assert made[0]["api_key"] == stack.state.api_key
        assert made[0]["secret"] == stack.state.api_secret


async def test_two_stacks_run_side_by_side(options: StackOptions, tmp_path: Path) -> None:
    """Two homes share neither ports nor databases."""
    other = replace(options, home=tmp_path / "other")
    async with Stack(options) as one, Stack(other) as two:
        assert one.state.database_url != two.state.database_url
        assert one.state.temporal_address != two.state.temporal_address
        assert one.state.rest_url != two.state.rest_url
        assert one.state.panel_url != two.state.panel_url


async def test_a_second_stack_in_the_same_home_is_refused(options: StackOptions) -> None:
    """The first one goes on, its state file included."""
    async with Stack(replace(options, only_infra=True)):
        with pytest.raises(InvalidInput, match=f"process {os.getpid()} runs one there"):
            async with Stack(options):
                pass
        assert read_state(options.home) is not None


async def test_a_part_that_does_not_start_leaves_nothing(options: StackOptions) -> None:
    """The error is the part's own, and everything started before it is gone."""
    before = _children_of_this_process()
    broken = replace(options.programs, worker=(sys.executable, "-c", "raise SystemExit('no such table')"))

    with pytest.raises(ChildFailed, match="no such table"):
        async with Stack(replace(options, programs=broken)):
            pass

    assert _children_of_this_process() == before
    assert running_pid(options.home) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda options: replace(options, database_url="postgresql://me@127.0.0.1:1/none"), "DATABASE_URL"),
        (lambda options: replace(options, temporal_address="127.0.0.1:1"), "TEMPORAL_ADDRESS"),
        (lambda options: replace(options, home=Path("/proc/no-such-home")), "SNIPER_HOME"),
        (lambda options: replace(options, panel_port=0), "port of panel"),
    ],
)
async def test_what_cannot_be_used_is_refused_before_anything_starts(
    options: StackOptions, change: Callable[[StackOptions], StackOptions], message: str
) -> None:
    """One line, and no process, no database folder."""
    before = _children_of_this_process()

    with pytest.raises(InvalidInput, match=message) as refused:
        async with Stack(change(options)):
            pass

    assert "\n" not in str(refused.value)
    assert _children_of_this_process() == before
    assert not (options.home / "postgres").exists()


async def test_a_port_that_was_asked_for_and_is_taken_is_refused(options: StackOptions) -> None:
    """The line names the part and the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        with pytest.raises(InvalidInput, match=f"port of simulator: got {taken}"):
            async with Stack(replace(options, simulator_port=taken)):
                pass


async def test_a_venue_of_ones_own_means_no_simulator(options: StackOptions, tmp_path: Path) -> None:
    """With MEXC_REST_URL the workers get the operator's venue and keys."""
    theirs = replace(options, rest_url="http://127.0.0.1:9", ws_url="ws://127.0.0.1:9", api_key="k", api_secret="s")
    async with Stack(theirs) as stack:
        assert "simulator" not in stack.state.children
        assert stack.state.api_key is None

    worker = _told(tmp_path, "worker")
    assert (worker["MEXC_REST_URL"], worker["MEXC_API_KEY"], worker["MEXC_API_SECRET"]) == (
        "http://127.0.0.1:9",
        "k",
        "s",
    )


async def test_on_paper_nobody_gets_to_see_a_key(options: StackOptions, tmp_path: Path) -> None:
    """Workers are told the venue and where its data come from; the state file and the ready line say it too."""
    theirs = replace(
        options,
        venue=VenueKind.PAPER,
        rest_url="https://api.mexc.com",
        ws_url="wss://wbs-api.mexc.com/ws",
        api_key="k",
        api_secret="s",
    )
    said: list[str] = []
    async with Stack(theirs, say=said.append) as stack:
        assert "simulator" not in stack.state.children
        state = read_state(options.home)

    worker = _told(tmp_path, "worker")
    assert (worker["SNIPER_VENUE"], worker["MEXC_REST_URL"]) == ("paper", "https://api.mexc.com")
    assert not {"MEXC_API_KEY", "MEXC_API_SECRET"} & worker.keys()
    assert state is not None
    assert state.venue is VenueKind.PAPER
    assert "on paper with the data of https://api.mexc.com" in said[-1]


def test_a_venue_that_does_not_exist_is_refused() -> None:
    """It is never taken for another one."""
    with pytest.raises(InvalidInput, match="SNIPER_VENUE"):
        StackOptions.from_environment({"SNIPER_VENUE": "papre"})


async def test_only_infra_runs_no_product(options: StackOptions) -> None:
    """Databases and venue, for tests and for workers started by hand."""
    async with Stack(replace(options, only_infra=True)) as stack:
        assert set(stack.state.children) == {"postgres", "temporal", "simulator"}


class TestAsAProcess:
    """The stack as `python -m stack` runs it, seen from outside."""

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    async def test_a_signal_stops_everything(self, options: StackOptions, number: signal.Signals) -> None:
        """Ctrl-C and SIGTERM end with exit code 0 and no process left."""
        process = await _started(options)
        children = _pids(options.home)

        process.send_signal(number)
        returncode = await process.wait()

        assert returncode == 0
        assert not [name for name, pid in children.items() if is_alive(pid)]
        assert not (options.home / "stack.json").exists()

    async def test_a_signal_while_it_starts_leaves_nothing(self, options: StackOptions) -> None:
        """Ctrl-C does not have to wait for the start."""
        process = await _launched(options)
        log = options.home / "logs" / "postgres.log"
        await eventually(log.exists)
        children = psutil.Process(process.pid).children(recursive=True)

        process.send_signal(signal.SIGINT)
        returncode = await process.wait()

        assert returncode == 0
        assert not [child for child in children if is_alive(child.pid)]

    async def test_stop_from_another_process(self, options: StackOptions) -> None:
        """`stop_running` returns when nothing is left, and says when nothing ran."""
        process = await _started(options)
        children = _pids(options.home)

        stopped = await asyncio.to_thread(stop_running, options.home)

        assert stopped
        assert not [name for name, pid in children.items() if is_alive(pid)]
        assert await process.wait() == 0
        assert not stop_running(options.home)

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
    async def test_a_killed_stack_leaves_no_process_and_starts_again(self, options: StackOptions) -> None:
        """kill -9 takes every child along; the next start finds the databases in order."""
        process = await _started(options)
        children = _pids(options.home)

        process.kill()
        await process.wait()
        await eventually(lambda: not [name for name, pid in children.items() if is_alive(pid)])

        async with Stack(options) as stack:
            assert set(stack.state.children) == PARTS


async def _launched(options: StackOptions) -> asyncio.subprocess.Process:
    """Start the stack of `options` as a process of its own."""
    source = (
        "import asyncio, os, sys\nfrom dataclasses import replace\nfrom pathlib import Path\n"
        "import stack\nfrom adapters.local.options import StackOptions\nfrom tests.stack.test_stack import _stand_ins\n"
        "options = StackOptions.from_environment(os.environ)\n"
        "asyncio.run(stack.run_stack(replace(options, programs=_stand_ins(Path(sys.argv[1])))))\n"
    )
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", source, str(options.home.parent)),
        env=options.environ,
        cwd=stack_module.ROOT,
        stdout=asyncio.subprocess.DEVNULL,
    )


async def _started(options: StackOptions) -> asyncio.subprocess.Process:
    process = await _launched(options)
    await eventually(lambda: read_state(options.home) is not None)
    return process


def _pids(home: Path) -> dict[str, int]:
    state = read_state(home)
    assert state is not None
    return dict(state.children)
