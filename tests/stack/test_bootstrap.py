"""When the bootstrap acts and when it has nothing to do. The installing itself is replaced."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools import bootstrap


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project folder without an environment."""
    (tmp_path / "requirements.lock").write_text("one==1\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    return tmp_path


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The labels of what would have been run; creating the environment makes its folder."""
    labels: list[str] = []

    def run(label: str, command: list[str], root: Path, *, remedy: str) -> None:
        labels.append(label)
        python = root / ".venv" / "bin" / "python"
        if not python.exists():
            python.parent.mkdir(parents=True)
            python.symlink_to(sys.executable)

    monkeypatch.setattr(bootstrap, "_run", run)
    return labels


def test_a_fresh_folder_gets_everything_once(root: Path, commands: list[str]) -> None:
    """The second call finds the work done."""
    bootstrap.ensure(root)
    first = list(commands)
    bootstrap.ensure(root)

    assert first == ["creating .venv", "installing the locked packages", "installing the project"]
    assert commands == first
    assert bootstrap.is_complete(root)


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_changed_requirements_are_installed(root: Path, commands: list[str], name: str) -> None:
    """Both files that decide what is installed count."""
    bootstrap.ensure(root)
    commands.clear()
    (root / name).write_text("changed\n")

    bootstrap.ensure(root)

    assert "installing the locked packages" in commands


def test_another_python_makes_another_environment(
    root: Path, commands: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packages built for one version do not serve another."""
    bootstrap.ensure(root)
    commands.clear()
    monkeypatch.setattr(sys, "version", "3.99.0 (of the future)")

    bootstrap.ensure(root)

    assert commands[0] == "creating .venv"


def test_an_interrupted_installation_is_made_anew(root: Path, commands: list[str]) -> None:
    """What a killed installation left is not built upon, even with an old stamp beside it."""
    bootstrap.ensure(root)
    commands.clear()
    (root / ".venv" / bootstrap.MARK).touch()
    (root / ".venv" / "leftover").touch()

    bootstrap.ensure(root)

    assert commands[0] == "creating .venv"
    assert not (root / ".venv" / "leftover").exists()


def test_a_failure_shows_the_last_lines_and_is_tried_again(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The text has what the command said, its exit code and the remedy."""
    source = "import sys; print('no matching distribution'); sys.exit(7)"

    with pytest.raises(bootstrap.Failed) as failure:
        bootstrap._run("installing", [sys.executable, "-c", source], root, remedy="check the network")

    assert "no matching distribution" in str(failure.value)
    assert "installing: ended with exit code 7; check the network" in str(failure.value)
    assert "installing: failed" in capfd.readouterr().err
    assert not bootstrap.is_complete(root)


def test_the_bootstrap_needs_nothing_installed() -> None:
    """It runs on a bare Python: standard library and two files of ours that need no more."""
    source = (
        "import sys; sys.path.insert(0, sys.argv[1]); import tools.bootstrap; "
        "files = [getattr(module, '__file__', None) or '' for module in sys.modules.values()]; "
        "print([file for file in files if 'site-packages' in file])"
    )

    answer = subprocess.run(
        [sys.executable, "-I", "-S", "-c", source, str(bootstrap.ROOT)], capture_output=True, text=True, check=True
    )

    assert answer.stdout.strip() == "[]"
