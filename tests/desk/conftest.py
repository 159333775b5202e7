"""Desk tests run on virtual time: hours pass in milliseconds, and the same way each time."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest
import structlog

from domain.money import SymbolRules
from tests.fakes import FakeExchange, VirtualLoop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Only the launchpad has a thread of its own, which needs real time."""
    if any(name in item.nodeid for name in ("test_launchpad", "test_hot_section")):
        return {"real": asyncio.SelectorEventLoop}
    return {"virtual": VirtualLoop}


@pytest.fixture(autouse=True)
def quiet_logs() -> Iterator[None]:
    """Log lines of a thousand sessions help nobody."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture
def asked_at(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """When the venue was asked for rules."""
    asked: list[datetime] = []
    rules = FakeExchange.rules

    async def noted(exchange: FakeExchange, *arguments: Any, **named: Any) -> SymbolRules | None:
        asked.append(exchange.clock.now())
        return await rules(exchange, *arguments, **named)

    monkeypatch.setattr(FakeExchange, "rules", noted)
    return asked
