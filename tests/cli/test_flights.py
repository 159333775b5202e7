"""`sniper show --shots`: what each shot's flight was, for people and for programs."""

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import pytest

from adapters.postgres.admission import PostgresSessions
from adapters.postgres.database import Database
from adapters.postgres.session_store import PostgresSessionStore
from cli.main import run
from domain.commands import NewSession
from domain.events import Event, IntentCommitted, PhaseEntered, ShotAnswered, ShotSent, ShotSettled
from domain.money import Base, Price
from domain.session import Phase
from tests.builders import KEY, T0, a_start, an_intent

_NAMES = ("snipeentry00000000000000000000a1", "snipeentry00000000000000000000a2", "snipeentry00000000000000000000a3")
_SHOW = ["show", "NEWUSDT", "--shots"]


@pytest.fixture
def database(lonely: pytest.MonkeyPatch, database_url: str) -> str:
    lonely.setenv("DATABASE_URL", database_url)
    return database_url


@pytest.mark.postgres
def test_every_shot_is_shown_in_eighty_columns(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """No id, instant or length is broken; then what all have in common. Also while the session runs."""
    asyncio.run(_session(database, _three_shots()))

    assert run(_SHOW) == 0

    shown = capsys.readouterr().out
    assert f"session {KEY} of NEWUSDT, firing" in shown
    assert "clock known to ±1.2 ms" in shown
    for words in (
        *_NAMES,
        "12:00:00.000000   12:00:00.000109   12:00:00.000150   +41 µs",
        "late: sent less leave at",
        "code 30005: oversold",
        "no clear answer after 2.00 s",
    ):
        assert words in shown
    assert "3 shots left: 1 refused, 1 accepted, 1 unknown" in shown
    assert "<= 50 µs |### 3" in shown
    assert "not recorded" in shown
    assert max(len(line) for line in shown.splitlines()) <= 80


@pytest.mark.postgres
def test_the_document_holds_every_figure(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Null where nothing is on record."""
    asyncio.run(_session(database, _three_shots()))

    assert run([*_SHOW, "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    refused, accepted, unknown = found["shots"]
    assert found["session"]["key"] == str(KEY)
    assert (refused["client_order_id"], refused["leg"], refused["shot"]) == (_NAMES[0], "entry", 0)
    assert (refused["answer"], refused["code"], refused["known_us"], refused["executed"]) == (
        "refused",
        30005,
        700,
        "0",
    )
    assert (accepted["parsed_us"], accepted["known_us"], accepted["executed"]) == (2400, 7400, "100")
    assert (unknown["gave_up_us"], unknown["known_us"], unknown["executed"]) == (2_000_000, None, None)
    assert found["summary"]["answers"] == {"refused": 1, "accepted": 1, "unknown": 1}
    assert (found["summary"]["known"]["recorded"], found["summary"]["known"]["missing"]) == (2, 1)
    assert found["summary"]["lateness"]["histogram"][1] == {"up_to_us": 50, "count": 3}


@pytest.mark.postgres
def test_without_shots_one_line_says_so(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The document has an empty list."""
    asyncio.run(_session(database, _entered(Phase.ARMED)))

    assert run(_SHOW) == 0
    assert capsys.readouterr().out == f"session {KEY} of NEWUSDT, armed: no shot has left\n"
    assert run([*_SHOW, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["shots"], found["summary"]["sent"]) == ([], 0)


@pytest.mark.postgres
def test_an_older_journal_is_shown_without_zeros(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Clock, way, connection and the end were not kept then."""
    events: list[Event] = [
        IntentCommitted(an_intent(_NAMES[0])),
        _sent(_NAMES[0], bound_us=None),
        ShotAnswered(_NAMES[0], "accepted", None, "order 1", 700),
    ]
    asyncio.run(_session(database, events))

    assert run(_SHOW) == 0

    shown = capsys.readouterr().out
    assert "how well the clock was known is not recorded" in shown
    assert " 0 " not in shown.replace("0 of 1", "")
    assert max(len(line) for line in shown.splitlines()) <= 80


def test_shots_cannot_be_followed(lonely: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong usage, told before anything is asked."""
    assert run([*_SHOW, "--follow"]) == 2
    assert "leave --follow out" in capsys.readouterr().err


def _entered(*phases: Phase) -> list[Event]:
    """The way a session takes there."""
    return [PhaseEntered(phase) for phase in (Phase.WAITING, Phase.ARMING, *phases)]


def _sent(name: str, *, after_us: int = 150, bound_us: int | None = 1234) -> ShotSent:
    sent_at = T0 + timedelta(microseconds=after_us)
    way_us = None if bound_us is None else 900
    return ShotSent(name, Price(Decimal("0.05123")), Base(Decimal("166.66")), T0, sent_at, 41, bound_us, way_us)


def _three_shots() -> list[Event]:
    """Refused, accepted, and one of which nobody knows yet."""
    return [
        *_entered(Phase.ARMED, Phase.FIRING),
        *(IntentCommitted(an_intent(name, shot=shot)) for shot, name in enumerate(_NAMES)),
        _sent(_NAMES[0]),
        ShotAnswered(_NAMES[0], "refused", 30005, "oversold", 700, 650),
        _sent(_NAMES[1], after_us=1150),
        ShotAnswered(_NAMES[1], "accepted", None, "order C02__558127456012738561", 2400, 2300),
        ShotSettled(_NAMES[1], Base(Decimal(100)), 5000),
        _sent(_NAMES[2], after_us=4150),
        ShotAnswered(_NAMES[2], "unknown", None, "the line broke before an answer was complete", 2_000_000),
    ]


async def _session(database_url: str, events: Sequence[Event]) -> None:
    async with Database(database_url, name="test") as database:
        await PostgresSessions(database).admit(NewSession(a_start(), KEY.workflow_id))
        await PostgresSessionStore(database).append(KEY, events)
