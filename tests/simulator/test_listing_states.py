"""A listing's way from announcement to open trading, as clients see it."""

import asyncio
from typing import Any

import pytest

BUY = {"symbol": "NEWUSDT", "side": "BUY", "type": "IMMEDIATE_OR_CANCEL", "quantity": "1800", "price": "0.055"}
LEADS = {"listed_lead_s": 100, "pre_open_lead_s": 50, "quotes_lead_s": 20}


async def listing(client: Any, opens_at: str, **script: object) -> dict[str, Any]:
    """A listing with short leads, unless changed."""
    view: dict[str, Any] = await client.control(
        "POST", "listings", symbol="NEWUSDT", opens_at=opens_at, script={**LEADS, **script}
    )
    return view


async def refusal(client: Any, **changes: str) -> tuple[int, str]:
    """Code and text with which an order is refused now."""
    answer = await client.signed("POST", "order", **{**BUY, **changes})
    assert answer.status == 400, answer.body
    return answer.body["code"], answer.body["msg"]


async def test_an_announced_listing_is_unknown_to_the_api(client: Any) -> None:
    """Neither market data nor orders know the symbol."""
    view = await listing(client, "+200s")

    assert view["state"] == "ANNOUNCED"
    assert (await client.get("exchangeInfo", symbol="NEWUSDT")).body["code"] == -1121
    assert (await refusal(client))[0] == 10007


async def test_a_listing_closed_to_the_api_shows_its_row(client: Any) -> None:
    """Online but not allowed, with its opening time; no book yet."""
    view = await listing(client, "+80s")

    row = (await client.get("exchangeInfo", symbol="NEWUSDT")).body["symbols"][0]
    assert (row["status"], row["isSpotTradingAllowed"], row["firstOpenTime"]) == ("1", False, view["opens_at"])
    assert await refusal(client) == (10007, "symbol not support api")
    assert "NEWUSDT" not in (await client.get("defaultSymbols")).body["data"]
    assert (await client.get("depth", symbol="NEWUSDT")).body["asks"] == []


async def test_before_opening_quotes_stand_but_orders_are_refused(client: Any) -> None:
    """The makers' quotes are visible, uncrossed, and nothing has traded."""
    await listing(client, "+10s")

    row = (await client.get("exchangeInfo", symbols="NEWUSDT,NOSUCHUSDT")).body["symbols"][0]
    depth = (await client.get("depth", symbol="NEWUSDT")).body
    assert row["isSpotTradingAllowed"] is True
    assert (await refusal(client))[0] == 30001
    assert float(depth["bids"][0][0]) < float(depth["asks"][0][0])
    assert "NEWUSDT" in (await client.get("defaultSymbols")).body["data"]
    assert (await client.get("ticker/price", symbol="NEWUSDT")).body["price"] == "0"


async def test_codes_before_opening_can_be_chosen(client: Any) -> None:
    """The real ones are disputed, so a script decides."""
    await listing(client, "+10s", pre_open_code=30016, pre_open_text="trading disabled")

    assert await refusal(client) == (30016, "trading disabled")


async def test_the_first_accepted_buy_fills_inside_its_bound(client: Any) -> None:
    """Ten percent above the opening price is enough for 100 USDT."""
    view = await listing(client, "+300ms", name="pump")
    answer = await client.signed("POST", "order", **BUY)
    while answer.status != 200:
        assert answer.body["code"] == 30001
        answer = await client.signed("POST", "order", **BUY)

    (order,) = (await client.control("GET", "ledger"))["accounts"]["tester"]["orders"]
    assert order["status"] == "FILLED"
    assert order["time"] >= view["opens_at"]


async def test_a_late_opening_goes_on_refusing(client: Any) -> None:
    """The published instant passes and orders are still refused."""
    await listing(client, "-1s", opens_late_ms=60_000)

    assert (await refusal(client))[0] == 30001


async def test_a_buy_above_the_opening_cap_is_refused_with_the_cap(client: Any) -> None:
    """Only the text says how high one may go; sells are not concerned."""
    await listing(client, "-1s", cap_price="0.06")

    sell = await client.signed(
        "POST", "order", symbol="NEWUSDT", side="SELL", type="LIMIT", quantity="100", price="0.9"
    )
    assert await refusal(client, price="0.061") == (30010, "Order price cannot exceed 0.06USDT")
    assert (await client.signed("POST", "order", **{**BUY, "price": "0.06"})).status == 200
    assert sell.status == 200


async def test_a_market_order_in_the_capped_stage_is_accepted_and_comes_to_nothing(client: Any) -> None:
    """It has an id and is cancelled without a fill."""
    await listing(client, "-1s")

    answer = await client.signed(
        "POST", "order", symbol="NEWUSDT", side="BUY", type="MARKET", quoteOrderQty="50", newClientOrderId="m"
    )
    order = (await client.signed("GET", "order", symbol="NEWUSDT", origClientOrderId="m")).body
    account = (await client.control("GET", "ledger"))["accounts"]["tester"]
    assert answer.status == 200
    assert (order["status"], order["executedQty"]) == ("CANCELED", "0.00")
    assert account["balances"]["USDT"] == {"free": "1000", "locked": "0"}


async def test_after_the_capped_stage_market_orders_fill(client: Any) -> None:
    """The order shows its protection price, five percent beyond the best quote."""
    await listing(client, "-1s", capped_for_s=0, volatility=0, takers_per_s=0)

    await client.signed(
        "POST", "order", symbol="NEWUSDT", side="BUY", type="MARKET", quoteOrderQty="50", newClientOrderId="m"
    )
    order = (await client.signed("GET", "order", symbol="NEWUSDT", origClientOrderId="m")).body
    assert order["status"] == "FILLED"
    assert order["price"] == "0.052579"


async def test_posting_a_listing_again_moves_its_opening(client: Any) -> None:
    """Later and earlier, as long as it has not opened; afterwards the attempt is refused."""
    first = await listing(client, "+10s")
    later = await client.control("POST", "listings", symbol="NEWUSDT", opens_at="+40s")
    row = (await client.get("exchangeInfo", symbol="NEWUSDT")).body["symbols"][0]
    await client.control("POST", "listings", symbol="NEWUSDT", opens_at="+0s")

    async with client.http.post(f"{client.url}/_sim/listings", json={"symbol": "NEWUSDT", "opens_at": "+9s"}) as answer:
        refused = answer.status, await answer.json()
    assert later["opens_at"] > first["opens_at"] + 20_000
    assert row["firstOpenTime"] == later["opens_at"]
    assert refused[0] == 400
    assert refused[1]["error"]["value"] == "NEWUSDT"


async def test_a_withdrawn_listing_is_forgotten(client: Any) -> None:
    """By command, or when its script says so."""
    await listing(client, "+10s")
    await client.control("DELETE", "listings", symbol="NEWUSDT")

    assert (await client.get("depth", symbol="NEWUSDT")).body["code"] == -1121
    assert (await refusal(client))[0] == 10007
    view = await listing(client, "+10s", withdraw_at_s=-15)
    assert view["state"] == "WITHDRAWN"


async def test_a_symbol_without_market_orders_refuses_them(client: Any) -> None:
    """exchangeInfo leaves MARKET out, and an attempt has its own code."""
    await listing(client, "-1s", market_orders=False)

    row = (await client.get("exchangeInfo", symbol="NEWUSDT")).body["symbols"][0]
    assert "MARKET" not in row["orderTypes"]
    assert (await refusal(client, type="MARKET"))[0] == 30019


@pytest.mark.parametrize(("factor", "side"), [(0.5, "bid"), (1.5, "ask")])
async def test_the_price_can_be_forced(client: Any, factor: float, side: str) -> None:
    """Quotes and the last price follow at once."""
    await listing(client, "-1s", capped_for_s=0, volatility=0)
    await asyncio.sleep(0.1)

    view = await client.control("POST", "price", symbol="NEWUSDT", factor=factor)

    ticker = (await client.get("ticker/bookTicker", symbol="NEWUSDT")).body
    assert float(ticker[f"{side}Price"]) == pytest.approx(0.05 * factor, rel=0.01)
    assert float(view["last_price"]) == pytest.approx(0.05 * factor, rel=0.02)
