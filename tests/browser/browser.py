"""A real browser on a real panel, as a person uses it: links, fields by their labels, buttons by their words."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, BrowserContext, Locator, Page, async_playwright, expect

from adapters.local.panel_access import PanelAccess
from stack import Stack
from tests.browser.chromium import find_or_make

SWITCHES = (
    "--no-sandbox",  # as root there is none
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
PATIENCE_MS = 20_000.0


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Ends with the body."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(find_or_make()), args=list(SWITCHES))
        try:
            yield browser
        finally:
            await browser.close()


class Tab:
    """One tab on the panel."""

    def __init__(self, page: Page, base: str) -> None:
        self.page = page
        self.base = base
        page.set_default_timeout(PATIENCE_MS)

    @classmethod
    async def admitted(cls, context: BrowserContext, stack: Stack) -> "Tab":
        """The first tab of a browser: it comes with a link."""
        base = str(stack.state.panel_url)
        tab = cls(await context.new_page(), base)
        await tab.page.goto(PanelAccess(stack.options.home).link(base))
        await tab.ready()
        return tab

    async def another(self) -> "Tab":
        """A second tab of the same browser."""
        tab = Tab(await self.page.context.new_page(), self.base)
        await tab.open("/")
        return tab

    async def open(self, path: str) -> None:
        """One page of the panel."""
        await self.page.goto(self.base + path)
        await self.ready()

    async def ready(self) -> None:
        """The banner stands, and the page has something to show."""
        await expect(self.page.get_by_role("button", name="Halt").first).to_be_visible(timeout=PATIENCE_MS)

    async def turn_to(self, title: str) -> None:
        """Another page through the menu: the visit goes on."""
        await self.page.get_by_role("link", name=title).click()

    async def type(self, label: str, text: str) -> None:
        """Into one field; what stood there is replaced."""
        field = self.field(label)
        await field.click()
        await field.fill(text)

    def field(self, label: str) -> Locator:
        return self.page.get_by_label(label, exact=True)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    async def sees(self, text: str, within_ms: float = PATIENCE_MS) -> None:
        """Wait until the page says so."""
        await expect(self.page.get_by_text(text).first).to_be_visible(timeout=within_ms)

    async def sees_no(self, text: str, within_ms: float = PATIENCE_MS) -> None:
        """Wait until the page does not say so any more."""
        await expect(self.page.get_by_text(text)).to_have_count(0, timeout=within_ms)
