"""The database fixtures of the panel's tests, and an environment in which nothing but that database is there."""

import os
from pathlib import Path

import pytest

from tests.ui.conftest import database_url, numbers, server

__all__ = ["database_url", "lonely", "numbers", "server"]


@pytest.fixture
def lonely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An empty SNIPER_HOME, no Temporal, no venue, no database."""
    for name in [name for name in os.environ if name.startswith(("MEXC_", "SNIPER_", "DATABASE_", "TEMPORAL_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SNIPER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    return monkeypatch
