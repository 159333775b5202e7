"""The panel in a real browser: armed, watched, stopped; pressed twice, in two tabs, and with its database away."""

import asyncio
from typing import cast

import psutil
import pytest
from playwright.async_api import Browser, expect

from domain.ids import SessionKey
from tests.browser.browser import Tab
from tests.e2e.agreement import assert_ended_well
from tests.e2e.rehearsal import Handle, Rehearsal, Session

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(150)]


async def arm(tab: Tab, symbol: str, opens_in: str = "+14s", *, time_stop: str = "5s") -> None:
    """Everything a person types, up to the press."""
    await tab.turn_to("Arm")
    await tab.type("Pair", symbol)
    await tab.type("Opens at (UTC)", opens_in)
    await tab.type("Budget, fees included", "50")
    await tab.type("Highest price", "0.06")
    await tab.type("Time stop", time_stop)
    await tab.page.get_by_text("More", exact=True).click()
    await tab.type("Arm lead", "8s")
    await tab.page.get_by_text("Take it though no source has named it").click()
    await tab.sees("Reserves 50 USDT")


async def test_what_was_opened_stays_open_when_a_listing_becomes_known(house: Rehearsal, tab: Tab) -> None:
    """The page grows above the form while somebody works in it, and nothing closes."""
    await tab.turn_to("Arm")
    await tab.page.get_by_text("More", exact=True).click()
    await expect(tab.field("Arm lead")).to_be_visible()
    await house.announce("GROWUSDT", 3000)
    for price in range(1, 90):  # each letter typed asks again what is coming
        await tab.type("Highest price", f"0.{price}")
        if await tab.page.get_by_text("GROWUSDT").count():
            break
        await asyncio.sleep(0.5)
    await tab.sees("GROWUSDT")

    await expect(tab.field("Arm lead")).to_be_visible()


def session_of(house: Rehearsal, symbol: str) -> Session:
    """As the other tests know sessions."""
    rows = house.books.execute("SELECT * FROM sessions WHERE symbol = %s ORDER BY id", (symbol,)).fetchall()
    assert len(rows) == 1, rows
    row = rows[0]
    key = SessionKey.parse(f"{row['account']}/{row['listing']}/{row['attempt']}")
    return Session(key, symbol, row["opens_at"], cast(Handle, house.client.get_workflow_handle(row["workflow_id"])))


async def test_a_listing_is_armed_in_the_panel_and_seen_to_close(house: Rehearsal, tab: Tab) -> None:
    """From the form over the live page to the result; the venue's books agree."""
    await house.announce("PANELUSDT", 14)
    await arm(tab, "PANELUSDT")
    await tab.button("Arm").click()
    await tab.sees("session main/mexc:PANEL:USDT/1 waits for")
    await tab.page.get_by_role("link", name="Open main/mexc:PANEL:USDT/1").click()
    await tab.sees("guarding", within_ms=40_000)
    await tab.sees("completed", within_ms=40_000)
    await expect(tab.page.get_by_text("Result (USDT)", exact=True)).to_be_visible()
    await tab.page.get_by_role("tab", name="Checks").click()
    await tab.sees("needs 50 USDT, has")

    await assert_ended_well(house, session_of(house, "PANELUSDT"), bought=True)


async def test_a_double_press_arms_once(house: Rehearsal, tab: Tab) -> None:
    """And aborting it ends it unbought."""
    await arm(tab, "TWICEUSDT", "+1h")
    await tab.button("Arm").dblclick()
    await tab.sees("session main/mexc:TWICE:USDT/1 waits for")
    session = session_of(house, "TWICEUSDT")
    await tab.open(f"/session?id={session.key}")
    await tab.button("Abort").click()
    await tab.button("Abort TWICEUSDT now").dblclick()
    await tab.sees("cancelled", within_ms=30_000)

    kinds = [event["kind"] for event in house.events(session)]
    assert kinds.count("abort_requested") == 1
    assert await house.requests(session) == []


async def test_an_abort_sells_a_position_at_once(house: Rehearsal, tab: Tab) -> None:
    """While it is guarded, from the list of sessions."""
    await house.announce("HELDUSDT", 14)
    await arm(tab, "HELDUSDT", time_stop="60m")
    await tab.button("Arm").click()
    await tab.turn_to("Sessions")
    await tab.sees("guarding", within_ms=40_000)
    await tab.button("Abort").click()
    await tab.button("Abort HELDUSDT now").click()
    await tab.sees("aborting: nothing more is bought")
    session = session_of(house, "HELDUSDT")
    await house.until_phase(session, "closed")

    await assert_ended_well(house, session, bought=True)


async def test_two_tabs_see_the_same_and_cannot_double_a_session(house: Rehearsal, tab: Tab) -> None:
    """What one tab halts the other one shows; what both arm exists once."""
    other = await tab.another()
    await tab.button("Halt everything").click()
    await other.sees("everything halted")
    await other.turn_to("Halts")
    await other.button("Release").click()
    await other.type("Why is it safe again?", "only a test")
    await other.button("Release everything").click()
    await other.sees("everything released")
    await tab.sees_no("everything halted: button in the panel")
    await arm(tab, "TABSUSDT", "+1h")
    await arm(other, "TABSUSDT", "+2h")
    await tab.button("Arm").click()
    await tab.sees("session main/mexc:TABS:USDT/1 waits for")
    await other.button("Arm").click()
    await other.sees("abort it first")

    assert session_of(house, "TABSUSDT").key.attempt == 1


async def test_a_browser_without_a_link_sees_nothing(house: Rehearsal, browser: Browser) -> None:
    """And is told how to get one."""
    context = await browser.new_context()
    page = await context.new_page()
    answer = await page.goto(str(house.stack.state.panel_url))

    assert answer is not None
    assert answer.status == 401
    await expect(page.get_by_text("sniper panel")).to_be_visible()
    await context.close()


async def test_while_the_database_is_away_the_page_says_so_and_keeps_what_was_typed(house: Rehearsal, tab: Tab) -> None:
    """It goes on by itself, and the press that was not answered is repeated as the same request."""
    await tab.turn_to("Sessions")
    await tab.sees("Data is 0 s old")
    await arm(tab, "AWAYUSDT", "+1h")
    server = psutil.Process(house.pid("postgres"))
    everyone = [server, *server.children(recursive=True)]  # each backend leads a process group of its own
    for process in everyone:
        process.suspend()
    try:
        await tab.button("Arm").click()
        await tab.sees("not answered")
        typed = await tab.field("Pair").input_value()
        await tab.turn_to("Sessions")
        await tab.sees("The page goes on by itself as soon as it answers.")
    finally:
        for process in everyone:
            process.resume()
    await tab.sees("Data is 0 s old")
    await tab.turn_to("Arm")
    await tab.button("Arm").click()
    await tab.sees("session main/mexc:AWAY:USDT/1 waits for", within_ms=40_000)
    await tab.turn_to("Sessions")
    await tab.sees("AWAYUSDT")

    assert typed == "AWAYUSDT"
    assert session_of(house, "AWAYUSDT").key.attempt == 1
