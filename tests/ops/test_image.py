"""What ops/container/Dockerfile puts into our image, read without building it."""

import fnmatch
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.ops.composition import ROOT, our_services

DOCKERFILE = ROOT / "ops" / "container" / "Dockerfile"


def _instructions() -> list[tuple[str, str]]:
    """Every instruction with its text, continued lines joined, comments left out."""
    text = "\n".join(line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#"))
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines) if word]


def _values(instruction: str) -> list[str]:
    return [rest for word, rest in _instructions() if word == instruction]


def _copies() -> list[tuple[str, str]]:
    """Source and destination of everything that is copied from the checkout."""
    found = []
    for rest in _values("COPY"):
        if not rest.startswith("--from="):
            *sources, destination = rest.split()
            found += [(source, destination) for source in sources]
    return found


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder /app as the image has it."""
    folder = tmp_path_factory.mktemp("app")
    for source, destination in _copies():
        place = folder / destination
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        else:
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / source, place)
    return folder


def test_what_is_copied_exists_and_reaches_the_build() -> None:
    """.dockerignore lets it pass."""
    for source, _ in _copies():
        assert (ROOT / source).exists(), source
        assert not _ignored(source), source


@pytest.mark.parametrize("name", [".env", ".env.new", ".git", ".venv", ".sniper", "tests"])
def test_secrets_and_state_never_reach_the_build(name: str) -> None:
    """The folder of a checkout may hold all of these."""
    assert _ignored(name)


def test_every_package_of_the_project_is_copied() -> None:
    """A new top-level folder has to be named in the Dockerfile too."""
    tables = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    wanted = {package.partition(".")[0] for package in tables["packages"]} | {f"{m}.py" for m in tables["py-modules"]}

    assert wanted <= {source for source, _ in _copies()}


def test_the_commands_run_from_what_is_copied(app: Path) -> None:
    """Nothing of the checkout is imported beside it, and the command line is there too."""
    modules = sorted({service["command"][2] for service in our_services().values()} - {"simulator"})
    program = (
        f"import sys, importlib; [importlib.import_module(m) for m in {[*modules, 'simulator.main', 'cli.main']}]\n"
        "files = sorted(m.__file__ for m in sys.modules.values() if getattr(m, '__file__', None))\n"
        f"print(*(f for f in files if f.startswith({str(ROOT)!r}) and not f.startswith({str(ROOT / '.venv')!r})))"
    )

    told = subprocess.run([sys.executable, "-c", program], cwd=app, capture_output=True, text=True, check=False)

    assert (told.returncode, told.stdout.strip()) == (0, ""), told.stderr


def test_files_beside_the_code_come_along(app: Path) -> None:
    """Scenarios, migrations and the panel's looks are no modules."""
    for name in (
        "simulator/scenarios/opening-pump.yaml",
        "adapters/postgres/migrations/env.py",
        "ui/.streamlit/config.toml",
    ):
        assert (app / name).is_file(), name


def test_packages_are_the_locked_ones() -> None:
    """With hashes, as wheels; the project itself brings no further ones."""
    locked, project = (rest for rest in _values("RUN") if " install " in rest and "pip" in rest)

    assert {"--require-hashes", "--only-binary"} <= set(locked.split())
    assert {"--no-deps", "--no-build-isolation", "--editable"} <= set(project.split())


def test_both_stages_stand_on_one_pinned_python_that_the_project_takes() -> None:
    """Packages made for one Python do not serve another."""
    bases = {rest.split()[0] for rest in _values("FROM")}

    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-[a-z]+", bases.pop())
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"] == ">=3.11"


def test_the_image_runs_as_the_user_and_in_the_home_that_compose_names() -> None:
    """A volume takes over the owner of the folder in the image; another user could not write into it."""
    (user,) = _values("USER")
    (environment,) = _values("ENV")
    homes = {it["environment"]["SNIPER_HOME"] for it in our_services().values() if "volumes" in it}

    assert {service["user"] for service in our_services().values()} == {user}
    assert homes == {environment.rpartition("SNIPER_HOME=")[2]}
    assert any(f"--owner sniper --group sniper --mode 0700 {home}" in run for run in _values("RUN") for home in homes)
    assert _values("ENTRYPOINT") == []


def _ignored(path: str) -> bool:
    """As .dockerignore says: the last line that matches the path or a folder above it decides."""
    ignored = False
    parents = [path, *(str(parent) for parent in Path(path).parents if str(parent) != ".")]
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.removeprefix("!")
        if any(fnmatch.fnmatchcase(part, pattern) for part in parents):
            ignored = not line.startswith("!")
    return ignored
