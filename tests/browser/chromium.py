"""A Chromium for the panel's tests and pictures: found, installed by the system's packages, or Playwright's own.

`python -m tests.browser.chromium` makes sure there is one and says where.
"""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from adapters.local.progress import progress
from domain.errors import InvalidInput, SniperError
from tests.installed_programs import can_install, install, run, tell_where

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


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
    if can_install():
        install("Chromium", ["chromium", "fonts-dejavu-core"], environ)
    else:
        with progress("downloading Chromium"):
            run("Chromium", [sys.executable, "-m", "playwright", "install", "chromium"], environ)
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


if __name__ == "__main__":
    sys.exit(tell_where("Chromium", find_or_make))
