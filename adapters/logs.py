"""Where log lines go and what they look like: event name and fields, UTC times, no secrets.

Libraries that log through the standard library (temporalio, httpx) pass through the same processors.
"""

import logging
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

MASK = "***"
_OURS = "sniper"
"""The name of our handler, so that a second call finds and replaces it."""
_SECRET_NAMES = frozenset(
    {"api_key", "api_secret", "secret", "signature", "listen_key", "listenkey", "password", "token", "x-mexc-apikey"}
)
_SECRET_TEXT = re.compile(
    r"(?i)((?:signature|listenkey|api[-_]?key|api[-_]?secret|password)['\"]?\s*[=:]\s*['\"]?)[^\s&'\",)}\]]+"
)
_URL_PASSWORD = re.compile(r"(://[^\s/:@]*:)[^\s/@]+@")
_SHORTEST_SECRET = 6
"""A shorter text would be found in harmless words."""


class Masking:
    """A processor that hides values of telling names, in fields and inside texts, and every occurrence of `secrets`."""

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        self._secrets = tuple(secret for secret in secrets if len(secret) >= _SHORTEST_SECRET)

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        return {name: self._masked(name, value) for name, value in event.items()}

    def _masked(self, name: str, value: object) -> object:
        if name.startswith("_"):  # structlog's own passengers; they are not rendered
            return value
        if name.lower() in _SECRET_NAMES:
            return MASK
        if isinstance(value, str):
            return self._clean(value)
        if isinstance(value, dict):
            return {str(key): self._masked(str(key), item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._masked("", item) for item in value]
        if value is None or isinstance(value, int | float):
            return value
        return self._clean(str(value))

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return _URL_PASSWORD.sub(rf"\1{MASK}@", _SECRET_TEXT.sub(rf"\1{MASK}", text))


def configure(
    *, level: str = "INFO", file: Path | None = None, console: bool = False, secrets: Sequence[str] = ()
) -> None:
    """Called once by a composition root; a second call replaces the first.

    level: of our own lines; libraries speak from WARNING, temporalio from INFO. file: appended to as JSON lines; None:
    standard error. console: coloured lines for people instead of JSON. secrets: values that must appear nowhere.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        Masking(secrets),
    ]
    render: Processor = (
        structlog.dev.ConsoleRenderer(timestamp_key="at", colors=file is None and sys.stderr.isatty())
        if console
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.PositionalArgumentsFormatter(), structlog.stdlib.ExtraAdder(), *shared],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
    )
    _install(formatter, level, file)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,  # loggers are made at import, before this
    )


def _install(formatter: logging.Formatter, level: str, file: Path | None) -> None:
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.StreamHandler(sys.stderr) if file is None else logging.FileHandler(file, encoding="utf-8")
    handler.set_name(_OURS)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for old in [old for old in root.handlers if old.name == _OURS]:
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(level)
    for noisy in ("httpx", "httpcore", "websockets", "asyncio", "aiohttp", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)  # httpx tells every URL at INFO
