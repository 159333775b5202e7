"""A stack of its own for every test that asks for one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stack import Stack
from tests.e2e.rehearsal import Rehearsal, options


@pytest.fixture
async def rehearsal(tmp_path: Path) -> AsyncIterator[Rehearsal]:
    """A running stack without a panel."""
    async with Stack(options(tmp_path / "home")) as stack:
        rehearsal = await Rehearsal.of(stack)
        yield rehearsal
        await rehearsal.close()
