"""What happened in a run, told in one order: log lines of all processes, mishaps, orders on the wire, the journal."""

import logging
import threading
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog

from domain.events import IntentCommitted
from tests.chaos.evidence import Evidence
from tests.chaos.scaled_time import TimeScale

_MOST_LINES = 5_000


class Story:
    """Notes may be made on any thread. opens_at: the opening on the scaled wall clock, from which seconds count."""

    def __init__(self, scale: TimeScale) -> None:
        self._scale = scale
        self._lines: list[tuple[float, str, str]] = []
        self.opens_at = scale.wall()

    def note(self, what: str, detail: str = "") -> None:
        if len(self._lines) < _MOST_LINES:
            self._lines.append((self._scale.wall(), threading.current_thread().name, f"{what} {detail}".rstrip()))

    def told(self, evidence: Evidence) -> list[str]:
        """One line each: seconds from the opening, who, what."""
        lines = list(self._lines)
        for order in evidence.sent:
            what = f"{order.side} {order.quantity or order.quote} at {order.price} as {order.client_order_id}"
            lines.append((self._at(order.at), order.worker, f"-> wire: {what} {order.fault}".rstrip()))
        intents = 0
        for entry in evidence.journal:
            if isinstance(entry.event, IntentCommitted) and (intents := intents + 1) > 1:
                continue  # they come in long rows
            lines.append((self._at(entry.committed_at), "journal", str(entry.event)))
        return [f"{at - self.opens_at:+9.3f} s  {who:10} {what}" for at, who, what in sorted(lines)]

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear every log line, ours and of libraries from WARNING on; nothing is printed meanwhile."""
        usual = structlog.get_config()
        root = logging.getLogger()
        handlers, level = root.handlers[:], root.level
        structlog.configure(
            processors=[self._hear], wrapper_class=structlog.BoundLogger, cache_logger_on_first_use=False
        )
        root.handlers = [_ToStory(self)]
        root.setLevel(logging.WARNING)
        try:
            yield
        finally:
            structlog.configure(**usual)
            root.handlers = handlers
            root.setLevel(level)

    def _hear(self, _logger: object, method: str, event: MutableMapping[str, Any]) -> str:
        if method != "debug":
            what = event.pop("event", "")
            self.note(f"[{method}] {what}", " ".join(f"{name}={value}" for name, value in event.items()))
        raise structlog.DropEvent

    def _at(self, real: float) -> float:
        return self._scale.wall_zero + (real - self._scale.wall_zero) * self._scale.scale


class _ToStory(logging.Handler):
    def __init__(self, story: Story) -> None:
        super().__init__(logging.WARNING)
        self._story = story

    def emit(self, record: logging.LogRecord) -> None:
        self._story.note(f"[{record.levelname.lower()}] {record.name}", self.format(record))
