"""What the page Health says of an examination."""

from types import SimpleNamespace

import pytest

from adapters.doctor.findings import NOT_ASKED, Finding, Severity
from tests.ui.pages import StandInHands, opened, text_of
from tests.ui.stand_ins import StandInReader
from ui.latest import Seen

Panel = tuple[StandInReader, StandInHands]
WELL = Finding("database", Severity.OK, "answers", "", "", 3)
UNASKED = Finding("redis", Severity.INFO, f"{NOT_ASKED}REDIS_URL is not set", "", "", 0)
ILL = Finding("disk", Severity.WARNING, "1 GiB is free", "2 GiB", "make room", 1)


@pytest.mark.parametrize(
    ("findings", "kind", "words"),
    [
        ((WELL, WELL), "success", "All 2 checks passed."),
        ((WELL, UNASKED), "success", "Nothing wrong was found; 1 of 2 could not be asked."),
        ((WELL, UNASKED, ILL), "warning", "Nothing failed, 1 of 3 checks should be looked at."),
    ],
)
def test_what_was_not_asked_is_not_called_passed(
    panel: Panel, monkeypatch: pytest.MonkeyPatch, findings: tuple[Finding, ...], kind: str, words: str
) -> None:
    """Nobody knows about it."""
    seen = Seen(findings, 1.0, "")
    monkeypatch.setattr("ui.app_pages.health.vitals", lambda: SimpleNamespace(findings=lambda: seen))

    page = opened("health")

    assert text_of(getattr(page, kind)[0]) == words
