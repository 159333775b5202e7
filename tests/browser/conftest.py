"""One stack with its panel and one Chromium for all browser tests; each test has a browser profile of its own."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from stack import Stack
from tests.browser.browser import Tab, chromium
from tests.e2e.rehearsal import Rehearsal, options


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rehearsal]:
    """A running stack with its panel."""
    async with Stack(options(tmp_path_factory.mktemp("house") / "home", with_panel=True)) as stack:
        rehearsal = await Rehearsal.of(stack)
        yield rehearsal
        await rehearsal.close()


@pytest_asyncio.fixture(loop_scope="session")
async def tab(browser: Browser, house: Rehearsal) -> AsyncIterator[Tab]:
    """The first tab of somebody who was never here."""
    context = await browser.new_context(viewport={"width": 1280, "height": 1000})
    yield await Tab.admitted(context, house.stack)
    await context.close()
