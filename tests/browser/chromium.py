"""A Chromium for the panel's tests and pictures: found, installed by the system's packages, or Playwright's own.

`python -m tests.browser.chromium` makes sure there is one and says where.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from adapters.local.progress import progress
from domain.errors import InvalidInput, SniperError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_LAST_LINES = 5


def find_chromium(environ: Mapping[str, str]) -> Path | None:
    """SNIPER_CHROMIUM, then the PATH, then what Playwright downloaded. Raises InvalidInput for a wrong one."""
    stated = environ.get("SNIPER_CHROMIUM")
    if stated:
        if not os.access(stated, os.X_OK):
            raise InvalidInput(
                "SNIPER_CHROMIUM", value=stated, expected="an executable Chromium", remedy="correct it, or leave it out"
            )
        return Path(stated)
    for name in NAMES:
        if found := shutil.which(name, path=environ.get("PATH")):
            return Path(found)
    return _downloaded()


def make_chromium(environ: Mapping[str, str]) -> Path:
    """As root from the system's packages, otherwise by Playwright's download. Raises SniperError with the reason."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {**environ, "DEBIAN_FRONTEND": "noninteractive"}
        with progress("installing Chromium from the system's packages"):
            _run(["apt-get", "update", "-qq"], quiet)
            _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-dejavu-core"], quiet)
    else:
        with progress("downloading Chromium"):
            _run([sys.executable, "-m", "playwright", "install", "chromium"], environ)
    found = find_chromium(environ)
    if found is None:
        raise SniperError("Chromium: installed without an error, but it cannot be found; set SNIPER_CHROMIUM to it")
    return found


def find_or_make() -> Path:
    """Raises SniperError when none can be got."""
    return find_chromium(os.environ) or make_chromium(os.environ)


def _downloaded() -> Path | None:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:  # a development package: without it there is nothing to look for
        return None
    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return path if path.exists() else None


def _run(command: list[str], environ: Mapping[str, str]) -> None:
    done = subprocess.run(command, env=dict(environ), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = " ".join((done.stdout + done.stderr).split("\n")[-_LAST_LINES:])
        raise SniperError(
            f"Chromium: {command[0]} ended with exit code {done.returncode} ({' '.join(said.split())}); install a "
            "Chromium by hand, or set SNIPER_CHROMIUM to one"
        )


def main() -> int:
    """Exit code 0 when there is one, 1 with one line when none could be got."""
    try:
        found = find_or_make()
    except SniperError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"Chromium: {found}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
