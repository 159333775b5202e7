"""What the probes of this machine see: home, ports, packages, processes, scheduling."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from importlib import metadata
from pathlib import Path

import pytest

from adapters.doctor.findings import Severity
from adapters.doctor.home import free_bytes, look_at_disk, look_at_home, look_at_stack
from adapters.doctor.installation import Installation
from adapters.doctor.packages import LOCK_FILE, locked_versions, look_at_versions
from adapters.doctor.ports import look_at_ports
from adapters.doctor.processes import listener_on, trouble_of
from adapters.doctor.realtime import look_at_realtime
from adapters.doctor.temporal_executable import look_at_temporal_executable
from adapters.local.ports import free_port
from adapters.local.state import STATE_FILE
from adapters.settings import Settings


@pytest.fixture
def nobody() -> Installation:
    """A home in a folder that is not there."""
    return Installation(Settings(sniper_home=Path("/nowhere-at-all/home")))


@pytest.fixture
def listener() -> Iterator[int]:
    """A port this process listens on."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


def _at(home: Path, *, pid: int | None = None) -> Installation:
    return Installation(Settings(sniper_home=home), stack_pid=pid)


def test_a_home_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """A doctor changes nothing."""
    verdict = look_at_home(_at(tmp_path / "new" / "home"))

    assert verdict.severity is Severity.OK
    assert "is not there yet" in verdict.found
    assert list(tmp_path.iterdir()) == []


def test_a_home_that_is_no_folder_is_an_error(tmp_path: Path) -> None:
    """Root may write anywhere but into a file."""
    (tmp_path / "home").write_text("")

    verdict = look_at_home(_at(tmp_path / "home"))

    assert verdict.severity is Severity.ERROR
    assert "set SNIPER_HOME to another folder" in verdict.remedy


def test_a_home_that_can_be_written_is_left_as_it_was(tmp_path: Path) -> None:
    """The attempt leaves no trace."""
    assert look_at_home(_at(tmp_path)).severity is Severity.OK
    assert list(tmp_path.iterdir()) == []


def test_room_is_measured_where_the_home_will_be(nobody: Installation) -> None:
    """The nearest folder that is there."""
    asked: list[Path] = []

    def free(path: Path) -> int:
        asked.append(path)
        return 1

    assert look_at_disk(nobody, free).severity is Severity.ERROR
    assert asked == [Path("/")]
    assert free_bytes(Path("/")) > 0


@pytest.mark.parametrize(
    ("mode", "severity"), [(0o600, Severity.WARNING), (0o644, Severity.ERROR), (0o620, Severity.ERROR)]
)
def test_a_left_over_file_is_told_and_a_readable_one_is_worse(tmp_path: Path, mode: int, severity: Severity) -> None:
    """No stack runs there."""
    file = tmp_path / STATE_FILE
    file.write_text("{}")
    file.chmod(mode)

    assert look_at_stack(_at(tmp_path)).severity is severity


def test_a_taken_port_is_told_with_who_has_it(tmp_path: Path, listener: int) -> None:
    """Only while no stack runs: a running one has its ports."""
    usual = {"simulator": listener, "panel": free_port()}

    verdict = look_at_ports(_at(tmp_path), usual)

    assert verdict.severity is Severity.WARNING
    assert verdict.found.startswith(f"{listener} (simulator) is taken by ")
    assert f"(process {os.getpid()})" in verdict.found
    assert "a free port is taken instead" in verdict.remedy
    assert look_at_ports(_at(tmp_path, pid=1), usual).severity is Severity.INFO


def test_nobody_listens_on_a_free_port() -> None:
    """And nobody is named."""
    assert listener_on(free_port()) == ""


def test_a_process_that_ended_cannot_work() -> None:
    """Also while its parent has not noticed."""
    with subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.DEVNULL) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert trouble_of(process.pid) == f"its process {process.pid} has ended"
    assert trouble_of(process.pid) == f"its process {process.pid} has ended"
    assert trouble_of(os.getpid()) == ""


def test_a_lock_file_may_name_a_package_twice() -> None:
    """For several Pythons; names are equal in any spelling."""
    text = (
        "numpy==2.4.6 ; python_full_version < '3.12' \\\n    --hash=sha256:0\n"
        "numpy==2.5.5 ; python_full_version >= '3.12' \\\n    --hash=sha256:1\n    # via pandas\n"
        "Import_Linter==2.16 \\\n    --hash=sha256:2\n"
    )

    assert locked_versions(text) == {"numpy": {"2.4.6", "2.5.5"}, "import-linter": {"2.16"}}


def test_the_lock_file_of_this_project_can_be_read() -> None:
    """It names what runs here."""
    locked = locked_versions(LOCK_FILE.read_text())

    assert metadata.version("temporalio") in locked["temporalio"]
    assert len(locked) > 50


def test_a_lock_file_that_is_not_there_is_no_fault(tmp_path: Path) -> None:
    """Not every installation has one."""
    assert look_at_versions(tmp_path / "requirements.lock").severity is Severity.INFO


def test_an_executable_that_is_none_is_named() -> None:
    """With what was expected of it; beside a server that runs already nobody asks for it."""
    environ = {"SNIPER_TEMPORAL_CLI": sys.executable, "PATH": ""}

    verdict = look_at_temporal_executable(environ)

    assert verdict.severity is Severity.ERROR
    assert verdict.found.startswith("SNIPER_TEMPORAL_CLI: got ")
    assert look_at_temporal_executable({**environ, "TEMPORAL_ADDRESS": "there:1"}).severity is Severity.INFO


def test_nothing_becomes_real_time_by_asking() -> None:
    """This thread is scheduled as before, on the same processors."""
    before = os.sched_getscheduler(0), os.sched_getaffinity(0)
    cpu = max(os.sched_getaffinity(0))

    verdict = look_at_realtime(cpu)

    assert verdict.severity in (Severity.OK, Severity.INFO)
    assert verdict.found.endswith(f"the sending thread keeps to number {cpu}")
    assert (os.sched_getscheduler(0), os.sched_getaffinity(0)) == before


def test_a_processor_that_is_not_there_is_told() -> None:
    """With what the kernel said of it."""
    verdict = look_at_realtime(10_000)

    assert verdict.severity is Severity.INFO
    assert "cannot be kept to one (Invalid argument)" in verdict.found
