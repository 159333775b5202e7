"""Market data over REST, the announcements, and what the website shows, in stepped time."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from simulator.control.scenario import Scenario
from simulator.engine.identifiers import coin_id
from simulator.server import SimulatorServer
from tests.simulator.conftest import API_KEY, SECRET, Client

START_MS = 1_767_225_600_000  # 2026-01-01 00:00 UTC, a whole minute, hour and day
BUY = {"symbol": "NEWUSDT", "side": "BUY", "type": "LIMIT", "quantity": "100", "price": "0.0501"}
STILL = {"name": "flat", "volatility": 0, "takers_per_s": 0, "tick_ms": 60_000, "capped_for_s": 0}


class Stepped(Client):
    """A client in a venue whose time stands still until it is stepped."""

    def signed_query(self, **parameters: object) -> str:
        """Signed at the venue's own time."""
        return super().signed_query(**{"timestamp": self.now_ms, **parameters})

    now_ms = START_MS

    async def step(self, seconds: float) -> None:
        """Let venue time pass at once."""
        self.now_ms = (await self.control("POST", "clock", step_ms=round(seconds * 1000)))["now_ms"]

    async def buy(self, price: str = "0.0501", quantity: str = "100") -> None:
        """A trade at the best ask, or above."""
        assert (await self.signed("POST", "order", **{**BUY, "price": price, "quantity": quantity})).status == 200


@pytest.fixture
async def stepped() -> AsyncIterator[Stepped]:
    """At a frozen venue with NEWUSDT open, quotes around 0.05, and a client with money."""
    scenario = {
        "clock": {"start_ms": START_MS, "scale": 0},
        "settings": {"ip_weight": 0, "orders_per_s": 0, "announcements_per_2_s": 0},
        "accounts": [{"name": "tester", "api_key": API_KEY, "secret": SECRET, "balances": {"USDT": "1000000"}}],
        "listings": [{"symbol": "NEWUSDT", "opens_at": "-1s", "script": STILL}],
    }
    venue = SimulatorServer(Scenario.model_validate(scenario), seed=7)
    await venue.start()
    async with aiohttp.ClientSession() as http:
        client = Stepped(http, venue.rest_url)
        await client.step(0)
        yield client
    await venue.stop()


async def test_candles_open_close_and_join(stepped: Stepped) -> None:
    """Three minutes of trades as 1 and 5 minute candles, the times as the venue gives them."""
    for price in ("0.0501", "0.0505", "0.0502"):
        await stepped.buy(price)
        await stepped.step(60)
    minutes = (await stepped.get("klines", symbol="NEWUSDT", interval="1m")).body
    fives = (await stepped.get("klines", symbol="NEWUSDT", interval="5m")).body
    part = (
        await stepped.get(
            "klines", symbol="NEWUSDT", interval="1m", startTime=START_MS + 60_000, endTime=START_MS + 120_000
        )
    ).body

    assert [row[0] for row in minutes] == [START_MS, START_MS + 60_000, START_MS + 120_000]
    assert [row[6] - row[0] for row in minutes] == [60_000] * 3
    (five,) = fives
    assert five[0] == START_MS
    assert five[1] == minutes[0][1]
    assert five[4] == minutes[2][4]
    assert float(five[5]) == pytest.approx(sum(float(row[5]) for row in minutes))
    assert [row[5] for row in minutes[1:]] == ["100", "100"]
    assert float(five[7]) == pytest.approx(sum(float(row[7]) for row in minutes))
    assert [row[0] for row in part] == [START_MS + 60_000]


@pytest.mark.parametrize("interval", ["1m", "5m", "15m", "30m", "60m", "4h", "8h", "1d", "1W", "1M"])
async def test_every_documented_interval_is_served(stepped: Stepped, interval: str) -> None:
    """The one candle covers the instant of the trade."""
    await stepped.buy()
    ((opens_ms, *_, closes_ms, _),) = (await stepped.get("klines", symbol="NEWUSDT", interval=interval)).body

    assert opens_ms <= START_MS < closes_ms


async def test_aggregated_trades_are_cut_to_the_second(stepped: Stepped) -> None:
    """Newest first, and a window takes both ends to the second. The opening itself was a trade."""
    await stepped.step(2.4)
    await stepped.buy()
    await stepped.step(1)
    await stepped.buy()
    everything = (await stepped.get("aggTrades", symbol="NEWUSDT")).body
    window = {"startTime": START_MS + 2900, "endTime": START_MS + 2999}
    first = (await stepped.get("aggTrades", symbol="NEWUSDT", **window)).body

    assert [trade["T"] for trade in everything] == [START_MS + 3000, START_MS + 2000, START_MS]
    assert [trade["T"] for trade in first] == [START_MS + 2000]
    assert {"a": None, "m": False, "M": True}.items() <= everything[0].items()


async def test_average_and_daily_figures_follow_the_trades(stepped: Stepped) -> None:
    """The change is a share, not a percentage; after a day the old trades no longer count."""
    before = (await stepped.get("ticker/24hr", symbol="NEWUSDT")).body
    await stepped.buy("0.0505", "20000")
    last = (await stepped.get("trades", symbol="NEWUSDT")).body[0]["price"]
    average = (await stepped.get("avgPrice", symbol="NEWUSDT")).body
    day = (await stepped.get("ticker/24hr", symbol="NEWUSDT")).body
    await stepped.step(25 * 3600)
    later = (await stepped.get("ticker/24hr", symbol="NEWUSDT")).body

    opening = before["openPrice"]
    assert (before["lastPrice"], before["priceChange"]) == (opening, "0")
    assert (day["lastPrice"], day["highPrice"], day["openPrice"], day["lowPrice"]) == (last, last, opening, opening)
    assert float(day["volume"]) == pytest.approx(float(before["volume"]) + 20000)
    assert float(day["priceChangePercent"]) == pytest.approx(float(last) / float(opening) - 1, abs=1e-4)
    assert float(opening) < float(average["price"]) < float(last)
    assert average["mins"] == 5
    assert float(later["volume"]) < 20000


async def test_without_a_symbol_tickers_come_for_all(stepped: Stepped) -> None:
    """Lists of the same objects."""
    for path in ("ticker/24hr", "ticker/price", "ticker/bookTicker"):
        one = (await stepped.get(path, symbol="NEWUSDT")).body
        assert (await stepped.get(path)).body == [one]


async def test_halted_and_delisted_symbols_are_offline(stepped: Stepped) -> None:
    """State 2 while paused, 3 with the instant when delisted; the row in exchangeInfo tells the same."""
    await stepped.control("POST", "state", symbol="NEWUSDT", state="halted")
    paused = (await stepped.get("symbol/offline")).body
    paused_row = (await stepped.get("exchangeInfo", symbol="NEWUSDT")).body["symbols"][0]
    await stepped.control("POST", "state", symbol="NEWUSDT", state="resumed")
    resumed = (await stepped.get("symbol/offline")).body
    await stepped.control("POST", "state", symbol="NEWUSDT", state="delisted")
    gone = (await stepped.get("symbol/offline")).body
    gone_row = (await stepped.get("exchangeInfo", symbol="NEWUSDT")).body["symbols"][0]

    assert paused == {"data": [{"symbol": "NEWUSDT", "state": 2}]}
    assert resumed == {"data": []}
    assert gone == {"data": [{"symbol": "NEWUSDT", "state": 3, "offlineTime": stepped.now_ms}]}
    assert (paused_row["status"], gone_row["status"]) == ("2", "3")


async def test_announcements_tell_of_listings_in_pages(stepped: Stepped) -> None:
    """Newest first; sizes are multiples of five."""
    for number in range(7):
        await stepped.control("POST", "listings", symbol=f"A{number}USDT", opens_at="+1h")
    await stepped.control("POST", "listings", symbol="A6USDT", opens_at="+2h")
    first = (await stepped.get("announcements", language="en-US", page=1, limit=5)).body
    second = (await stepped.get("announcements", language="en-US", page=2, limit=5)).body
    odd = await stepped.get("announcements", limit=7)

    assert "postponed" in first["data"][0]["details"][0]["title"]
    assert "A6" in first["data"][0]["details"][1]["title"]
    assert [len(page["data"][0]["details"]) for page in (first, second)] == [5, 3]
    assert (first["code"], first["data"][0]["totalPage"], odd.status) == (0, 2, 400)


async def calendar(client: Stepped) -> dict[str, Any]:
    """What the website announces, by coin."""
    answer = await client.send("GET", f"/api/operation/new_coin_calendar?timestamp={client.now_ms}", headers={})
    return {coin["vcoinName"]: coin for coin in answer.body["data"]["newCoins"]}


async def symbols_v2(client: Stepped) -> dict[str, Any]:
    """The website's symbol table of USDT pairs, by coin."""
    answer = await client.send("GET", "/api/platform/spot/market-v2/web/symbolsV2", headers={})
    return {item["vn"]: item for item in answer.body["data"]["symbols"]["USDT"]}


async def test_the_website_learns_late_of_everything(stepped: Stepped) -> None:
    """Of a listing, of its postponement and of its withdrawal, each after the lag."""
    script = {**STILL, "calendar_lag_s": 30}
    await stepped.control("POST", "listings", symbol="LATEUSDT", opens_at="+1h", script=script)
    unknown = await calendar(stepped)
    await stepped.step(30)
    known = await calendar(stepped)
    await stepped.control("POST", "listings", symbol="LATEUSDT", opens_at=START_MS + 7_200_000)
    stale = await calendar(stepped)
    await stepped.step(30)
    moved = await calendar(stepped)
    await stepped.control("POST", "state", symbol="LATEUSDT", state="withdrawn")
    still = await calendar(stepped)
    await stepped.step(30)

    assert "LATE" not in unknown
    assert known["LATE"]["firstOpenTime"] == stale["LATE"]["firstOpenTime"] == START_MS + 3_600_000
    assert known["LATE"]["vcoinId"] == coin_id("LATE")
    assert moved["LATE"]["firstOpenTime"] == START_MS + 7_200_000
    assert "LATE" in still
    assert "LATE" not in await calendar(stepped)


async def test_the_symbol_table_ripens_before_the_opening(stepped: Stepped) -> None:
    """1/1/1, then 2/1/1, then 2/2/4 at the leads of the script; its ids are those of the calendar."""
    script = {**STILL, "web_listed_lead_s": 2000, "web_ready_lead_s": 1000}
    await stepped.control("POST", "listings", symbol="RIPEUSDT", opens_at="+1h", script=script)
    seen = []
    for _ in range(3):
        item = (await symbols_v2(stepped))["RIPE"]
        seen.append((item["sts"], item["st"], item["tt"]))
        await stepped.step(1600)

    assert seen == [(1, 1, 1), (2, 1, 1), (2, 2, 4)]
    assert item["cd"] == coin_id("RIPE")
    assert item["mcd"] == "128f589271cb4951b03e71e6323eb7be"
    assert item["ot"] == START_MS + 3_600_000


async def test_the_website_may_want_to_see_a_browser(stepped: Stepped) -> None:
    """An HTML page for anybody else; what a browser sends gets the data."""
    await stepped.control("POST", "settings", website_wants_browser=True)
    url = f"{stepped.url}/api/operation/new_coin_calendar"
    looks = {
        "User-Agent": "Mozilla/5.0",
        "Accept-Language": "en",
        "Referer": "https://example.org",
    }
    async with stepped.http.get(url) as refused, stepped.http.get(url, headers=looks) as answered:
        assert (refused.status, refused.content_type) == (403, "text/html")
        assert (answered.status, answered.content_type) == (200, "application/json")


async def test_a_listing_moves_pauses_and_ends_by_its_script(stepped: Stepped) -> None:
    """Postponed by a minute just before it opens, halted for ten seconds, sold only, delisted."""
    script = {
        **STILL,
        "moves": [[-5, 60]],
        "halts": [{"at_s": 20, "for_s": 10}],
        "trade_sides": [[40, 3]],
        "delist_at_s": 50,
    }
    await stepped.control("POST", "listings", symbol="LIFEUSDT", opens_at="+10s", script=script)
    answers = {}
    for after_s in (0, 11, 69, 71, 91, 101, 111, 121):  # LIFEUSDT opens at 70 s in the end
        await stepped.step(after_s - (stepped.now_ms - START_MS) / 1000)
        answer = await stepped.signed("POST", "order", **{**BUY, "symbol": "LIFEUSDT", "price": "0.0503"})
        answers[after_s] = answer.body.get("code", "taken")

    assert answers == {
        0: 30001,
        11: 30001,
        69: 30001,
        71: "taken",
        91: 30000,
        101: "taken",
        111: 30001,
        121: 30016,
    }


async def test_a_withdrawal_gives_back_what_open_orders_hold(stepped: Stepped) -> None:
    """Every open order in the symbol is cancelled, and the money free again."""
    await stepped.signed("POST", "order", **{**BUY, "price": "0.04"})
    await stepped.control("POST", "state", symbol="NEWUSDT", state="withdrawn")
    tester = (await stepped.control("GET", "ledger"))["accounts"]["tester"]

    assert [order["status"] for order in tester["orders"]] == ["CANCELED"]
    assert tester["balances"]["USDT"] == {"free": "1000000", "locked": "0"}
    assert (await stepped.get("depth", symbol="NEWUSDT")).body["code"] == -1121
