"""The panel as a process: `python -m ui.serve --port 8501`. Streamlit behind the gate; the pages are in pages.py."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from starlette.middleware import Middleware
from streamlit.starlette import App

from adapters.local.panel_access import PanelAccess
from adapters.settings import read_settings
from domain.errors import SniperError
from ui.gate import Gate

PAGES = Path(__file__).parent / "pages.py"
LOOPBACK = "127.0.0.1"
OPTIONS = {
    "server.headless": True,
    "server.fileWatcherType": "none",
    "runner.postScriptGC": False,  # a full collection after each refresh costs more than the page
    "browser.gatherUsageStats": False,
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",  # tracebacks go to the log
    "client.showErrorLinks": False,
    "logger.enableRich": False,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until ended; 1 with one line when the settings cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m ui.serve", description="The sniper's panel.")
    parser.add_argument("--port", type=int, default=8501)
    parser.add_argument("--address", default=LOOPBACK, help="what to listen on")
    given = parser.parse_args(arguments)
    try:
        settings = read_settings()
    except SniperError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    app = App(PAGES, middleware=[Middleware(Gate, access=PanelAccess(settings.sniper_home))])
    app.run(config={**OPTIONS, "server.port": given.port, "server.address": given.address})
    return 0


if __name__ == "__main__":
    sys.exit(main())
