"""What the supervisor promises about the processes it keeps."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic

import pytest

from adapters.local import supervisor as supervisor_module
from adapters.local.supervisor import ChildFailed, Supervisor
from tests.stack.helpers import Heard, eventually, is_alive, python_child

SLEEPER = "import time\nprint('ready')\ntime.sleep(600)"
STUBBORN = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('ready')\ntime.sleep(600)"
PARENT = (
    "import subprocess, sys, time\n"
    "grandchild = subprocess.Popen([sys.executable, '-I', '-c', 'import time; time.sleep(600)'])\n"
    "print(grandchild.pid)\nprint('ready')\ntime.sleep(600)"
)


@pytest.fixture
def heard() -> Heard:
    """What the supervisor under test said."""
    return Heard()


@pytest.fixture
async def supervisor(heard: Heard) -> AsyncIterator[Supervisor]:
    """A supervisor that is stopped after the test."""
    made = heard.supervisor()
    yield made
    made.hurry()
    await made.stop()


async def test_start_returns_when_the_child_is_ready(supervisor: Supervisor, heard: Heard, tmp_path: Path) -> None:
    """A started child lives, is noted with its process id, and was announced with the time it took."""
    await supervisor.start(python_child("one", SLEEPER, tmp_path))

    pid = supervisor.run_of("one").pid
    assert is_alive(pid)
    assert heard.pids[-1] == {"one": pid}
    assert "one: ready after" in heard.text()


async def test_a_child_that_dies_is_named_and_started_again(
    supervisor: Supervisor, heard: Heard, tmp_path: Path
) -> None:
    """Its ending and its last log lines reach the terminal, and its new process id is noted."""
    await supervisor.start(python_child("one", f"print('last words')\n{SLEEPER}", tmp_path))
    first = supervisor.run_of("one").pid

    os.kill(first, signal.SIGKILL)
    await eventually(lambda: "ready again" in heard.text())

    second = supervisor.run_of("one").pid
    assert second != first
    assert is_alive(second)
    assert heard.pids[-1] == {"one": second}
    assert "one: ended with signal SIGKILL" in heard.text()
    assert "last words" in heard.text()


async def test_pauses_between_starts_grow(
    supervisor: Supervisor, heard: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child that keeps dying is started less and less often, up to the longest pause."""
    monkeypatch.setattr(supervisor_module, "FIRST_PAUSE_S", 0.1)
    monkeypatch.setattr(supervisor_module, "LONGEST_PAUSE_S", 0.4)
    source = "import time\nprint('ready')\ntime.sleep(0.2)"

    await supervisor.start(python_child("one", source, tmp_path))
    await eventually(lambda: heard.text().count("starting again") >= 4)

    pauses = [line.splitlines()[0].split("starting again in ")[1] for line in heard.lines if "starting again" in line]
    assert pauses[:4] == ["0.1 s", "0.2 s", "0.4 s", "0.4 s"]


async def test_good_health_makes_the_next_pause_short_again(
    supervisor: Supervisor, heard: Heard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After long enough in good health a death is no longer part of the earlier crash loop."""
    monkeypatch.setattr(supervisor_module, "FIRST_PAUSE_S", 0.1)
    monkeypatch.setattr(supervisor_module, "HEALTHY_AFTER_S", 0.1)
    source = "import time\nprint('ready')\ntime.sleep(0.4)"

    await supervisor.start(python_child("one", source, tmp_path))
    await eventually(lambda: heard.text().count("starting again") >= 3)

    assert heard.text().count("starting again in 0.1 s") >= 3


async def test_a_child_that_ends_before_it_is_ready_fails_the_start(supervisor: Supervisor, tmp_path: Path) -> None:
    """The error names the exit code and shows what the child printed last."""
    child = python_child("one", "import sys\nprint('no such table')\nsys.exit(3)", tmp_path)

    with pytest.raises(ChildFailed, match="one: ended with exit code 3 before it was ready") as failure:
        await supervisor.start(child)

    assert "no such table" in str(failure.value)
    assert supervisor.pids() == {}


async def test_a_child_that_is_never_ready_is_killed(supervisor: Supervisor, tmp_path: Path) -> None:
    """Being late fails the start, and the late process does not stay behind."""
    source = "import os, time\nprint(os.getpid())\ntime.sleep(600)"

    with pytest.raises(ChildFailed, match="one: not ready after 1 s"):
        await supervisor.start(python_child("one", source, tmp_path, ready_within_s=1.0))

    assert not is_alive(int((tmp_path / "one.log").read_text()))


async def test_a_cancelled_start_leaves_no_process(supervisor: Supervisor, tmp_path: Path) -> None:
    """Ctrl-C while a child boots ends that child too."""
    log = tmp_path / "one.log"
    start = asyncio.create_task(
        supervisor.start(python_child("one", "import os, time\nprint(os.getpid())\ntime.sleep(600)", tmp_path))
    )
    await eventually(lambda: log.exists() and log.read_text().endswith("\n"))

    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start

    assert not is_alive(int(log.read_text()))


async def test_stopping_goes_from_the_highest_stage_down(supervisor: Supervisor, tmp_path: Path) -> None:
    """What uses a part is gone before the part is told to stop."""
    order = tmp_path / "order"
    source = (
        "import signal, sys, time\n"
        "def end(*_):\n"
        f"    open({str(order)!r}, 'a').write(NAME + ' ')\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\nprint('ready')\ntime.sleep(600)"
    )
    for name, stage in (("database", 0), ("venue", 1), ("worker", 2)):
        child = python_child(name, f"NAME = {name!r}\n{source}", tmp_path, stage=stage)
        await supervisor.start(child)

    await supervisor.stop()

    assert order.read_text().split() == ["worker", "venue", "database"]


async def test_a_child_that_ignores_the_stop_signal_is_killed(
    supervisor: Supervisor, heard: Heard, tmp_path: Path
) -> None:
    """After its grace a child goes the hard way, and that is said."""
    await supervisor.start(python_child("one", STUBBORN, tmp_path, grace_s=0.3))
    pid = supervisor.run_of("one").pid

    await supervisor.stop()

    assert not is_alive(pid)
    assert "one: killed, it had not stopped after 0.3 s" in heard.text()


async def test_hurry_ends_the_grace(supervisor: Supervisor, tmp_path: Path) -> None:
    """A second Ctrl-C does not wait for anybody."""
    await supervisor.start(python_child("one", STUBBORN, tmp_path, grace_s=60.0))
    pid = supervisor.run_of("one").pid

    stop = asyncio.create_task(supervisor.stop())
    supervisor.hurry()
    began = monotonic()
    await stop

    assert not is_alive(pid)
    assert monotonic() - began < 5.0


async def test_a_stopped_process_can_be_stopped(supervisor: Supervisor, heard: Heard, tmp_path: Path) -> None:
    """A child frozen by SIGSTOP is woken to act on its stop signal, and needs no killing."""
    await supervisor.start(python_child("one", SLEEPER, tmp_path))
    pid = supervisor.run_of("one").pid
    os.kill(pid, signal.SIGSTOP)

    await supervisor.stop()

    assert not is_alive(pid)
    assert "killed" not in heard.text()


async def test_the_processes_of_a_dead_child_go_with_it(supervisor: Supervisor, heard: Heard, tmp_path: Path) -> None:
    """What a killed child had started is ended before the child is started again."""
    await supervisor.start(python_child("one", PARENT, tmp_path))
    run = supervisor.run_of("one")
    grandchild = int(run.log_text().splitlines()[0])

    os.kill(run.pid, signal.SIGKILL)
    await eventually(lambda: "ready again" in heard.text())

    assert not is_alive(grandchild)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
async def test_nothing_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    """kill -9 of the process that keeps the children ends the children, also one that is frozen."""
    keeper = (
        "import asyncio, os, sys\n"
        "from pathlib import Path\n"
        "from adapters.local.supervisor import Supervisor\n"
        "from tests.stack.helpers import python_child\n"
        "async def main():\n"
        "    kept = Supervisor(say=lambda text: None, changed=lambda pids: None)\n"
        "    for name in ('one', 'two'):\n"
        f"        await kept.start(python_child(name, {SLEEPER!r}, Path({str(tmp_path)!r})))\n"
        "    print(*kept.pids().values(), flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", keeper, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    one, two = (int(pid) for pid in (await process.stdout.readline()).split())
    os.kill(two, signal.SIGSTOP)

    process.kill()
    await process.wait()

    await eventually(lambda: not is_alive(one) and not is_alive(two))


async def test_a_child_keeps_its_log_over_its_lives(supervisor: Supervisor, heard: Heard, tmp_path: Path) -> None:
    """The log is appended, and a new life's readiness is read from its own part only."""
    await supervisor.start(python_child("one", SLEEPER, tmp_path))
    os.kill(supervisor.run_of("one").pid, signal.SIGKILL)
    await eventually(lambda: "ready again" in heard.text())

    assert (tmp_path / "one.log").read_text().splitlines() == ["ready", "ready"]
    assert supervisor.run_of("one").log_text().splitlines() == ["ready"]
