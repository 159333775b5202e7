"""What the sessions page shows, and that it survives a database that goes away."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from adapters.postgres.read_models import TimelineItem
from domain.errors import StoreUnavailable
from domain.orders import Side
from domain.session import Outcome, Phase
from tests.ui.stand_ins import NOW, StandInReader, a_detail, a_fill, a_line
from ui.app_pages import sessions
from ui.sources import PanelSource

APP = str(Path(sessions.__file__).parents[1] / "app.py")


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInReader]:
    """The page reads from memory, and every look asks anew."""
    stand_in = StandInReader()
    monkeypatch.setattr("ui.latest.FRESH_S", 0.0)
    monkeypatch.setattr(sessions, "open_source", lambda: PanelSource(stand_in))
    st.cache_resource.clear()
    yield stand_in
    st.cache_resource.clear()


def test_without_sessions_the_page_says_how_to_make_one(reader: StandInReader) -> None:
    """An empty table would leave people alone."""
    page = _opened()

    assert "sniper arm" in page.info[0].value


def test_a_waiting_session_counts_down(reader: StandInReader) -> None:
    """Symbol, account, phase and the time to go."""
    reader.details = [a_detail(a_line())]

    row = _opened().dataframe[0].value.iloc[0]

    assert (row["Symbol"], row["Account"], row["Phase"]) == ("NEWUSDT", "main", "waiting")
    assert row["Opening"].startswith("in ")


def test_a_closed_session_shows_outcome_and_result(reader: StandInReader) -> None:
    """Gains carry their sign, amounts their unit."""
    closed = a_line(phase=Phase.CLOSED, outcome=Outcome.COMPLETED, result=Decimal("7.46"))
    reader.details = [a_detail(closed, a_fill(), a_fill(Side.SELL))]

    page = _opened()

    row = page.dataframe[0].value.iloc[0]
    assert (row["Outcome"], row["Result"]) == ("completed", "+7.46 USDT")
    assert {metric.label: metric.value for metric in page.metric}["Result"] == "+7.46 USDT"


def test_the_chosen_session_shows_timeline_orders_and_fills(reader: StandInReader) -> None:
    """Events in plain words, with the distance to the opening."""
    reader.details = [a_detail(a_line(), a_fill())]
    payload = {"phase": "waiting", "detail": "", "occurrence": "0"}
    reader.items = [TimelineItem(1, 1, NOW, "phase:waiting:0", "phase_entered", payload)]

    page = _opened()

    assert "T-3600.0 s" in page.code[0].value
    assert "waiting: approved" in page.code[0].value
    assert list(page.dataframe[1].value["Status"]) == ["filled"]
    assert list(page.dataframe[2].value["Fee"]) == ["0.02 USDT"]


def test_another_session_can_be_chosen_and_stays_chosen(reader: StandInReader) -> None:
    """Also when a newer one appears above it."""
    older, newer = a_line(), a_line(symbol="OLDUSDT", key=_key(2))
    reader.details = [a_detail(newer), a_detail(older)]
    page = _opened()

    page.selectbox[0].select(str(older.key)).run()
    reader.details = [a_detail(a_line(key=_key(3))), *reader.details]
    page.run()

    assert page.selectbox[0].value == str(older.key)


def test_a_session_that_needs_attention_says_why(reader: StandInReader) -> None:
    """It must not be overlooked."""
    reader.details = [a_detail(a_line(phase=Phase.NEEDS_ATTENTION, attention="no bid for 60 s"))]

    assert "no bid for 60 s" in _opened().warning[0].value


def test_while_the_database_is_away_the_last_data_stays_with_its_age(reader: StandInReader) -> None:
    """The page says what is wrong, and goes on by itself."""
    reader.details = [a_detail(a_line())]
    page = _opened()

    reader.trouble = StoreUnavailable("the database does not answer")
    page.run()

    assert "the database does not answer" in page.error[0].value
    assert "old" in page.error[0].value
    assert page.dataframe[0].value.iloc[0]["Symbol"] == "NEWUSDT"
    reader.trouble = None
    page.run()
    assert not page.error


def test_a_database_that_is_away_from_the_start_is_waited_for(
    reader: StandInReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The panel may be up sooner than its database."""

    def away() -> PanelSource:
        raise StoreUnavailable("the database does not answer")

    monkeypatch.setattr(sessions, "open_source", away)
    page = _opened()
    assert "does not answer" in page.error[0].value

    monkeypatch.setattr(sessions, "open_source", lambda: PanelSource(reader))
    page.run()

    assert not page.error
    assert page.info


def test_data_that_grows_old_is_marked(reader: StandInReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that stopped asking must not look alive."""
    reader.details = [a_detail(a_line(updated_at=NOW - timedelta(minutes=5)))]
    monkeypatch.setattr(sessions, "STALE_AFTER_S", -1.0)

    assert "old" in _opened().warning[0].value


def _opened() -> AppTest:
    page = AppTest.from_file(APP, default_timeout=30).run()
    assert not page.exception
    return page


def _key(attempt: int) -> object:
    line = a_line()
    return type(line.key)(line.key.account, line.key.listing, attempt)
