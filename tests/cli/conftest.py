"""An environment in which nothing is there."""

from pathlib import Path

import pytest

from tests.environment import forget_installation


@pytest.fixture
def lonely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An empty SNIPER_HOME, no Temporal, no venue, no database."""
    forget_installation(monkeypatch)
    monkeypatch.setenv("SNIPER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    return monkeypatch
