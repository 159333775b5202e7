"""Stands in for a process of the product: `python stand_in.py PART FOLDER OPTIONS...`.

PART is simulator, worker or panel. FOLDER receives PART.environment, and simulator.accounts with one line per account.
Standard library only, so that a test of the stack does not wait for imports.
"""

import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

PART, FOLDER, OPTIONS = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]


class Answers(BaseHTTPRequestHandler):
    """Every request is fine; bodies are written down."""

    def do_GET(self) -> None:
        """A health question."""
        self.send_response(200)
        self.end_headers()

    def do_POST(self) -> None:
        """A new account."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with (FOLDER / "simulator.accounts").open("ab") as accounts:
            accounts.write(body + b"\n")
        self.do_GET()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class calls it so
        """Silence."""


def _option(name: str) -> str:
    return OPTIONS[OPTIONS.index(name) + 1]


def main() -> None:
    """Serve or sleep until killed."""
    (FOLDER / f"{PART}.environment").write_text(json.dumps(dict(os.environ)))
    if PART == "worker":
        sys.stdout.write(f"ready role={_option('--role')}\n")
        sys.stdout.flush()
        time.sleep(3600)
    port = int(_option("--port"))
    server = HTTPServer(("127.0.0.1", port), Answers)
    sys.stdout.write(f"ready http://127.0.0.1:{port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
