"""Activity tests with fakes run on virtual time; attachment beats in real time."""

import asyncio
from collections.abc import Callable, Mapping

import pytest

from tests.fakes import VirtualLoop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Half a second between heartbeats need not be skipped."""
    if "test_attachment" in item.nodeid:
        return {"real": asyncio.SelectorEventLoop}
    return {"virtual": VirtualLoop}
