"""Log lines are events with fields, from our code and from libraries alike, and never hold a secret."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from adapters import logs


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[Any]:
    """Configures the logs into a file; call it for the lines so far."""
    root = logging.getLogger()
    level = root.level
    file = tmp_path / "logs" / "sniper.log"
    logs.configure(file=file, secrets=("hunter2hunter2",))
    yield lambda: [json.loads(line) for line in file.read_text().splitlines()]
    for handler in [handler for handler in root.handlers if handler.name == "sniper"]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)
    structlog.reset_defaults()


def test_an_event_has_its_name_its_fields_and_its_time(lines: Any) -> None:
    """Times are UTC."""
    structlog.get_logger("desk").info("entry.sent", symbol="NEWUSDT", lag_ms=0.4)

    (line,) = lines()
    assert (line["event"], line["symbol"], line["lag_ms"]) == ("entry.sent", "NEWUSDT", 0.4)
    assert (line["level"], line["logger"]) == ("info", "desk")
    assert line["at"].endswith("Z")


def test_libraries_write_the_same_lines(lines: Any) -> None:
    """With their arguments filled in and their extra fields kept; chatter about requests is left out."""
    logging.getLogger("temporalio.worker").warning("lost %s", "contact", extra={"attempt": 3})
    logging.getLogger("httpx").info("HTTP Request: GET http://127.0.0.1/api")

    (line,) = lines()
    assert (line["event"], line["attempt"], line["logger"]) == ("lost contact", 3, "temporalio.worker")


def test_secrets_are_masked_wherever_they_stand(lines: Any) -> None:
    """In named fields, in texts, in nested values, in tracebacks."""
    log = structlog.get_logger()
    log.info(
        "a",
        api_secret="s3cret-value",
        signature="abcdef",
        nested={"listenKey": "k3y-value", "deep": ["hunter2hunter2"]},
    )
    log.info("GET /order?a=1&signature=0123abcd&b=2 for postgresql://user:passw0rd@host/db")
    try:
        raise ValueError("X-MEXC-APIKEY: leaked-key and hunter2hunter2")
    except ValueError:
        log.exception("broken")

    text = json.dumps(lines())
    assert not any(
        secret in text
        for secret in ("s3cret-value", "abcdef", "k3y-value", "hunter2", "0123abcd", "passw0rd", "leaked-key")
    )
    assert "a=1&signature=***&b=2" in text
    assert "ValueError" in text


def test_configuring_twice_writes_every_line_once(lines: Any, tmp_path: Path) -> None:
    """The second call replaces the first."""
    second = tmp_path / "second.log"
    logs.configure(file=second)

    structlog.get_logger().info("once")

    assert lines() == []
    assert len(second.read_text().splitlines()) == 1
