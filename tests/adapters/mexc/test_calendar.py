"""The website's calendar as a source of listings."""

from datetime import timedelta

import httpx
import pytest

from adapters.clock import SystemClock
from adapters.mexc.calendar import CalendarListings
from adapters.mexc.governor import RequestGovernor
from adapters.mexc.members import milliseconds
from adapters.mexc.rest import Rest
from domain import ages
from domain.errors import TryAgain
from domain.ids import ListingKey
from tests.adapters.mexc.conftest import Control
from tests.adapters.mexc.still_clock import StillClock


async def test_the_simulators_website_tells_a_coming_coin(control: Control) -> None:
    """With the time it opens."""
    clock = SystemClock()
    await control.post("listings", symbol="COMINGUSDT", opens_at="+600s")
    rest = Rest(control.server.rest_url, clock=clock, governor=RequestGovernor(clock))
    try:
        listings = await CalendarListings(rest, clock).listings()
    finally:
        await rest.close()

    (coming,) = [listing for listing in listings if listing.symbol == "COMINGUSDT"]
    assert coming.key == ListingKey("mexc", "COMING", "USDT")
    assert timedelta(seconds=590) < coming.opens_at - clock.now() <= timedelta(seconds=601)


@pytest.mark.parametrize(("opens_in_s", "kept_s"), [(86_400, ages.CALENDAR_S), (1800, ages.CALENDAR_NEAR_OPENING_S)])
async def test_it_is_asked_more_often_near_an_opening(opens_in_s: int, kept_s: float) -> None:
    """Five minutes far from one, half a minute near it."""
    clock = StillClock()
    asked: list[float] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(clock.seconds)
        coin = {"vcoinName": "NEW", "firstOpenTime": milliseconds(clock.now()) + opens_in_s * 1000}
        return httpx.Response(200, json={"data": {"newCoins": [coin]}})

    rest = Rest("http://site", clock=clock, governor=RequestGovernor(clock), transport=httpx.MockTransport(answer))
    calendar = CalendarListings(rest, clock)
    for _ in range(int(kept_s) + 2):
        await calendar.listings()
        clock.seconds += 1

    assert asked == [0.0, kept_s + 1]


async def test_a_challenge_page_is_no_calendar() -> None:
    """The source is unavailable; nothing is taken for empty."""
    clock = StillClock()
    page = httpx.Response(403, html="<html>prove that you are human</html>")
    rest = Rest(
        "http://site",
        clock=clock,
        governor=RequestGovernor(clock),
        transport=httpx.MockTransport(lambda request: page),
    )

    with pytest.raises(TryAgain):
        await CalendarListings(rest, clock).listings()
