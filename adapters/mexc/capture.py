"""Keeps what the venue really said, as fixtures: raw requests and answers, whole, named by endpoint and date.

A switch for finding out, not a log: each endpoint is kept a bounded number of times a day. Secrets never reach the
file: no key, no signature, no listen key, nobody's name or address.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import structlog

KEPT_A_DAY = 50
"""Of each endpoint and status: enough to see how answers differ, little enough to forget the switch is on."""
HIDDEN = "hidden"

_HIDDEN_MEMBERS = "signature|listenKey|accessKey|apiKey|secretKey|uid|email|ip|ipWhiteList|note"
_IN_QUERY = re.compile(rf"(?<![^?&])({_HIDDEN_MEMBERS})=[^&]*")
_IN_JSON = re.compile(rf'("(?:{_HIDDEN_MEMBERS})"\s*:\s*)(?:"(?:[^"\\]|\\.)*"|\[[^\]]*\]|[^,}}\]\s]+)')
_KEPT_HEADERS = frozenset({"content-type", "retry-after", "date", "server"})

log = structlog.get_logger(__name__)


class PayloadCapture:
    """Writes to `folder`, which is made when the first payload comes, on a thread of its own: no call waits for a file.

    secrets: texts that must not occur anywhere. Use until `close`.
    """

    def __init__(self, folder: Path, now: Callable[[], datetime], secrets: Iterable[str] = ()) -> None:
        self._folder = folder
        self._now = now
        self._secrets = tuple(secret for secret in secrets if secret)
        self._kept: Counter[tuple[str, str]] = Counter()
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="capture")

    def answer(
        self, method: str, target: str, status: int, headers: Iterable[tuple[str, str]], body: bytes, sent: str = ""
    ) -> None:
        """One request and its answer. target: path and query. sent: the request's body."""
        parts = urlsplit(target)
        kept_headers = {name: value for name, value in headers if name.lower() in _KEPT_HEADERS}

        def told() -> Mapping[str, object]:
            return {
                "request": {"method": method, "path": parts.path, "query": self._hide(parts.query), "body": sent},
                "answer": {
                    "status": status,
                    "headers": kept_headers,
                    "body": self._hide(body.decode("utf-8", errors="backslashreplace")),
                },
            }

        self._keep(f"{method}_{_plain(parts.path)}_{status}", told)

    def frame(self, topic: str, message: str | bytes) -> None:
        """One message of the push service: a text, or a frame as hexadecimal digits."""
        if isinstance(message, bytes) and any(secret.encode() in message for secret in self._secrets):
            return

        def told() -> Mapping[str, object]:
            return {"frame": message.hex()} if isinstance(message, bytes) else {"text": self._hide(message)}

        self._keep(f"WS_{_plain(topic)}", told)

    def close(self) -> None:
        """What was heard is written when this returns. Idempotent."""
        self._writer.shutdown()

    def _hide(self, text: str) -> str:
        text = _IN_QUERY.sub(rf"\1={HIDDEN}", _IN_JSON.sub(rf'\1"{HIDDEN}"', text))
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text

    def _keep(self, name: str, told: Callable[[], Mapping[str, object]]) -> None:
        now = self._now()
        day = f"{now:%Y-%m-%d}"
        if self._kept[day, name] < KEPT_A_DAY:
            self._kept[day, name] += 1
            self._writer.submit(self._write, name, now, told)

    def _write(self, name: str, now: datetime, told: Callable[[], Mapping[str, object]]) -> None:
        """A folder that cannot be written costs a warning, never a call."""
        path = self._folder / f"{name}_{now:%Y-%m-%dT%H-%M-%S-%f}.json"
        document = {"recorded_at": now.isoformat(timespec="milliseconds"), "name": name, **told()}
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
        except OSError as exc:
            log.warning("capture.not_written", path=str(path), reason=str(exc))


def _plain(text: str) -> str:
    return re.sub(r"[^0-9A-Za-z.@-]+", "-", text).strip("-")
