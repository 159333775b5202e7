"""One line that says how long something has been going on.

Standard library only: the bootstrap uses it before anything is installed.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

PLAIN_LINE_EVERY_S = 10.0  # a log file wants a sign of life, not a thousand lines
REDRAW_EVERY_S = 0.5


@contextmanager
def progress(label: str, *, stream: TextIO | None = None) -> Iterator[None]:
    """Show `label` with its elapsed seconds until the body ends, then how it ended.

    stream: None means standard error. On a terminal one line is redrawn; elsewhere a plain line appears every 10 s.
    A body that is over within the first redraw leaves a single line.
    """
    out = sys.stderr if stream is None else stream
    terminal = out.isatty()
    began = time.monotonic()
    over = threading.Event()

    def show(text: str) -> None:
        with suppress(OSError):  # nobody reads any more; the work goes on
            out.write(text)
            out.flush()

    def elapsed() -> str:
        return f"{time.monotonic() - began:.0f} s"

    def tick() -> None:
        while not over.wait(REDRAW_EVERY_S if terminal else PLAIN_LINE_EVERY_S):
            show(f"\r{label} ... {elapsed()}" if terminal else f"{label} ... {elapsed()}\n")

    def end(word: str) -> None:
        over.set()
        ticker.join()
        show(f"{chr(13) if terminal else ''}{label}: {word} after {elapsed()}\n")

    if not terminal:
        show(f"{label} ...\n")
    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    try:
        yield
    except BaseException:
        end("failed")
        raise
    end("done")
