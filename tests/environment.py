"""What the environment says of an installation, and how a test is rid of it."""

import os

import pytest

_OURS = ("DATABASE_", "MEXC_", "PANEL_", "REDIS_", "SNIPER_", "TEMPORAL_")


def forget_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every variable that the product reads goes, until `monkeypatch` brings it back."""
    for name in [name for name in os.environ if name.startswith(_OURS)]:
        monkeypatch.delenv(name)
