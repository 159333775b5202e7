"""Pictures of every page of the panel, wide and on a phone, and of a session's timeline on the terminal.

`python -m tests.browser.screenshots FOLDER` plays a session on a stack of its own and takes them while it runs.
"""

import asyncio
import sys
import tempfile
from io import StringIO
from pathlib import Path

from playwright.async_api import Browser
from rich.console import Console

from adapters.local.progress import progress
from adapters.postgres.reader import Reader
from cli.narrator import Narrator
from domain.ids import SessionKey
from stack import Stack
from tests.browser.browser import Tab, chromium
from tests.e2e.rehearsal import Rehearsal, options
from ui.reading import journal
from ui.timeline import lines
from ui.wording import Units

SIZES = {1280: 900, 375: 812}
_TALLEST = 2400
_SETTLED_MS = 1500.0
_TERMINAL_COLUMNS = 128
_PAPER = "body{margin:0;background:#0f151d}pre{margin:0;padding:18px;font:13px/1.45 'DejaVu Sans Mono',monospace}"


async def take(folder: Path) -> None:
    """Every picture, named PAGE-WIDTH.png, and timeline.png."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pictures-") as home:
        async with (
            Stack(options(Path(home), with_panel=True), say=lambda _: None) as stack,
            chromium() as browser,
        ):
            rehearsal = await Rehearsal.of(stack)
            await _play(rehearsal, browser, folder)
            await rehearsal.close()


async def _play(house: Rehearsal, browser: Browser, folder: Path) -> None:
    context = await browser.new_context(device_scale_factor=1)
    tab = await Tab.admitted(context, house.stack)
    ended = await house.snipe("FIRSTUSDT", 8, script="spike", arm_lead_s=6, time_stop_s=5)
    await house.until_phase(ended, "closed")
    await house.snipe("LATERUSDT", 3600)
    await _fill_in(tab)
    await _both(tab, folder, "arm")
    live = await house.snipe("NEWUSDT", 9, script="pump", arm_lead_s=7, time_stop_s=90)
    await house.until_phase(live, "guarding")
    await asyncio.sleep(9)  # something for the chart to show
    await _both(tab, folder, "session", f"/session?id={live.key}")
    await _both(tab, folder, "sessions", "/")
    await tab.open("/halts")
    await tab.page.get_by_text("One account").click()
    await tab.type("Reason", "the key is being changed")
    await tab.button("Halt").click()
    await tab.sees("account main halted")
    await _both(tab, folder, "halts")
    await _both(tab, folder, "health", "/health")
    await house.until_phase(live, "closed", within_s=120)
    await _timeline(house, live.key, browser, folder / "timeline.png")
    await context.close()


async def _fill_in(tab: Tab) -> None:
    await tab.turn_to("Arm")
    await tab.type("Pair", "NEWUSDT")
    await tab.type("Opens at (UTC)", "+1h")
    await tab.type("Budget, fees included", "50")
    await tab.type("Highest price", "0.06")
    await tab.page.get_by_text("Take it though no source has named it").click()
    await tab.sees("Reserves 50 USDT")


async def _both(tab: Tab, folder: Path, name: str, path: str | None = None) -> None:
    """One page in both widths. path: opened first; None: as it stands."""
    for width, height in SIZES.items():
        await tab.page.set_viewport_size({"width": width, "height": height})
        if path is not None:
            await tab.open(path)
        await tab.page.wait_for_timeout(_SETTLED_MS)
        needed = int(await tab.page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight"))
        await tab.page.set_viewport_size({"width": width, "height": min(max(height, needed), _TALLEST)})
        await tab.page.wait_for_timeout(_SETTLED_MS)
        await tab.page.screenshot(path=folder / f"{name}-{width}.png")


async def _timeline(house: Rehearsal, key: SessionKey, browser: Browser, file: Path) -> None:
    """What `sniper show` prints, as a terminal shows it."""
    console = Console(record=True, width=_TERMINAL_COLUMNS, force_terminal=True, highlight=False, file=StringIO())
    with Reader(house.stack.state.database_url) as reader:
        detail = reader.session(key)
        assert detail is not None
        told = lines(journal(reader, key), Units.of(detail.line.symbol))
        Narrator(console).tell(told, detail.line.opens_at)
    page = await browser.new_page(viewport={"width": 1100, "height": 600})
    body = console.export_html(inline_styles=True, code_format="<pre style='color:#d6deea'>{code}</pre>")
    await page.set_content(f"<style>{_PAPER}</style>{body}")
    await page.screenshot(path=file, full_page=True)
    await page.close()


def main() -> int:
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m tests.browser.screenshots FOLDER\n")
        return 2
    with progress("taking pictures of the panel"):
        asyncio.run(take(Path(sys.argv[1])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
