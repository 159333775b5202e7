"""Actions with a stand-in for Temporal, and pages that read from memory."""

from collections.abc import AsyncIterator, Iterator

import pytest
import streamlit as st

from adapters.postgres.database import Database
from adapters.postgres.reader import Reader
from tests.ui.pages import StandInHands
from tests.ui.stand_ins import HASTE, NOW, Installation, StandInReader, StandInTemporal
from ui.actions import Actions
from ui.sources import PanelSource


@pytest.fixture
async def installation(database_url: str) -> AsyncIterator[Installation]:
    async with Database(database_url, name="test") as database:
        with Reader(database_url) as reader:
            temporal = StandInTemporal()
            actions = Actions(database, reader, temporal.connect, account="main", patience=HASTE, now=lambda: NOW)
            yield Installation(database, reader, temporal, actions)


@pytest.fixture
def panel(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[StandInReader, StandInHands]]:
    """Pages read from memory and act on a stand-in; every look asks anew."""
    reader, hands = StandInReader(), StandInHands()
    monkeypatch.setattr("ui.latest.FRESH_S", 0.0)
    monkeypatch.setattr("ui.widgets.open_source", lambda: PanelSource(reader))
    monkeypatch.setattr("ui.widgets.Hands", lambda _: hands)
    st.cache_resource.clear()
    yield reader, hands
    st.cache_resource.clear()
