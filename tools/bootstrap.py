"""Makes .venv what requirements.lock and pyproject.toml ask for; does nothing when it is that already.

Run with the system's Python, standard library only. A stamp inside .venv says what was installed into it. While an
installation goes on there is a mark instead; one found at the next start means it was killed, and .venv is made anew.
"""

import sys

OLDEST_PYTHON = (3, 11)


def _require_python() -> None:
    """Before the other imports: an older Python stumbles over their syntax with a message nobody understands."""
    if sys.version_info < OLDEST_PYTHON:
        sys.exit(
            "Python: got %d.%d (%s), expected at least %d.%d; name another one: make PYTHON=python3.11"  # noqa: UP031
            % (sys.version_info[0], sys.version_info[1], sys.executable, OLDEST_PYTHON[0], OLDEST_PYTHON[1])
        )


_require_python()

import hashlib  # noqa: E402
import os  # noqa: E402
import shutil  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402
from pathlib import Path  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from adapters.local import locks  # noqa: E402
from adapters.local.progress import progress  # noqa: E402

LAST_LINES = 20
STAMP = "installed"
MARK = "installing"
LOCK = Path("build") / "bootstrap.lock"


class Failed(Exception):
    """The environment could not be made; the text is for the terminal."""


def wanted(root: Path) -> str:
    """What an environment of `root` must be made of: a digest of the lock file, the project file and this Python."""
    parts = [
        (root / "requirements.lock").read_bytes(),
        (root / "pyproject.toml").read_bytes(),
        sys.version.encode(),
        str(root).encode(),  # an environment holds absolute paths: a moved folder needs a new one
    ]
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def is_complete(root: Path) -> bool:
    """Is .venv what `wanted` asks for, and not the rest of an interrupted installation?"""
    environment = root / ".venv"
    stamp = environment / STAMP
    whole = stamp.exists() and not (environment / MARK).exists() and (environment / "bin" / "python").exists()
    return whole and stamp.read_text() == wanted(root)


def ensure(root: Path) -> None:
    """Make .venv complete. Raises Failed with the reason and the last lines of what failed."""
    if is_complete(root):
        return
    lock = root / LOCK
    lock.parent.mkdir(exist_ok=True)
    with locks.hold(lock, wait=True):
        if is_complete(root):  # somebody else made it while we waited
            return
        _make(root)


def _make(root: Path) -> None:
    environment = root / ".venv"
    if (environment / MARK).exists() or not _works(environment):
        shutil.rmtree(environment, ignore_errors=True)
        _run("creating .venv", [sys.executable, "-m", "venv", str(environment)], root, remedy=_VENV_REMEDY)
    (environment / STAMP).unlink(missing_ok=True)
    (environment / MARK).touch()
    try:
        _install(environment, root)
        unfinished = environment / f"{STAMP}.new"
        unfinished.write_text(wanted(root))
        unfinished.replace(environment / STAMP)
    except Failed:
        (environment / MARK).unlink()  # pip reported: it left nothing half done
        raise
    (environment / MARK).unlink()


def _install(environment: Path, root: Path) -> None:
    pip = [str(environment / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    _run(
        "installing the locked packages",
        [*pip, "--require-hashes", "-r", "requirements.lock"],
        root,
        remedy="check the connection to the package registry, then run make again",
    )
    _run(
        "installing the project",
        [*pip, "--no-deps", "--no-build-isolation", "-e", "."],
        root,
        remedy="check pyproject.toml, then run make again",
    )


_VENV_REMEDY = (
    "this Python cannot make virtual environments: install its venv package (on Debian: apt-get install python3-venv), "
    "or name another Python: make PYTHON=python3.12"
)


def _works(environment: Path) -> bool:
    """Does pip run there, under this very Python? Half a folder, or another version's, does not count."""
    question = "import pip, sys; print(sys.version)"
    try:
        answer = subprocess.run(
            [str(environment / "bin" / "python"), "-c", question], capture_output=True, text=True, check=False
        )
    except OSError:
        return False
    return answer.returncode == 0 and answer.stdout.strip() == sys.version.strip()


def _run(label: str, command: list[str], root: Path, *, remedy: str) -> None:
    with tempfile.TemporaryFile("w+", errors="replace") as log, progress(label):
        ended = subprocess.run(command, cwd=root, env=_clean(), stdout=log, stderr=log, check=False)
        if ended.returncode != 0:
            log.seek(0)
            lines = [f"    {line.rstrip()}" for line in log.readlines()[-LAST_LINES:]]
            raise Failed("\n".join([*lines, f"{label}: ended with exit code {ended.returncode}; {remedy}"]))


def _clean() -> dict[str, str]:
    """The environment without what would lead another Python, or an active environment, into ours."""
    return {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME", "PIP_TARGET"}}


def main() -> int:
    """Exit code 0 when .venv is complete, 1 with the reason when it could not be made."""
    try:
        ensure(ROOT)
    except Failed as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    except KeyboardInterrupt:
        return 130  # what a shell reports for Ctrl-C
    return 0


if __name__ == "__main__":
    sys.exit(main())
