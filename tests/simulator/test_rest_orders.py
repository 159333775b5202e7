"""Orders over REST: what is accepted, what is refused and how, and how the answers look."""

import re
import time
from typing import Any

import pytest

BUY = {"symbol": "NEWUSDT", "side": "BUY", "type": "LIMIT", "quantity": "100", "price": "0.045"}


@pytest.fixture(autouse=True)
async def _market(quiet_market: str) -> None:
    """Every test here trades in the still market: best bid 0.049925, best ask 0.050075."""


async def test_an_accepted_order_is_only_acknowledged(client: Any) -> None:
    """The answer carries no status, no fills and no client id."""
    answer = await client.signed("POST", "order", **BUY, newClientOrderId="one")

    assert answer.status == 200
    assert set(answer.body) == {
        "symbol", "orderId", "orderListId", "price", "origQty", "type", "side", "stpMode", "transactTime",
    }  # fmt: skip
    assert re.fullmatch(r"C02__[0-9]{18,21}", answer.body["orderId"])
    assert (answer.body["price"], answer.body["origQty"], answer.body["orderListId"]) == ("0.045000", "100.00", -1)


async def test_an_order_can_be_queried_by_either_id(client: Any) -> None:
    """Venue id and client id lead to the same, complete object."""
    placed = await client.signed("POST", "order", **BUY, newClientOrderId="one")

    by_id = await client.signed("GET", "order", symbol="NEWUSDT", orderId=placed.body["orderId"])
    by_client_id = await client.signed("GET", "order", symbol="NEWUSDT", origClientOrderId="one")

    assert by_id.body == by_client_id.body
    order = by_id.body
    assert (order["status"], order["clientOrderId"], order["executedQty"]) == ("NEW", "one", "0.00")
    assert order["cummulativeQuoteQty"] == "0"
    assert order["time"] % 1000 == 0
    assert isinstance(order["updateTime"], int)


async def test_a_taking_order_shows_its_fills_in_my_trades(client: Any) -> None:
    """Fills, commissions and balances agree with each other."""
    await client.signed("POST", "order", **{**BUY, "price": "0.055"}, newClientOrderId="one")

    order = (await client.signed("GET", "order", symbol="NEWUSDT", origClientOrderId="one")).body
    (trade,) = (await client.signed("GET", "myTrades", symbol="NEWUSDT", orderId=order["orderId"])).body
    balances = {b["asset"]: b for b in (await client.signed("GET", "account")).body["balances"]}
    assert (order["status"], order["executedQty"]) == ("FILLED", "100.00")
    assert (trade["price"], trade["qty"], trade["quoteQty"]) == ("0.050075", "100.00", "5.0075")
    assert (trade["commission"], trade["commissionAsset"]) == ("0.00250375", "USDT")
    assert (trade["isBuyer"], trade["isMaker"], trade["clientOrderId"]) == (True, False, "one")
    assert balances["NEW"]["free"] == "1100"
    assert balances["USDT"] == {
        "asset": "USDT", "free": "994.98999625", "locked": "0", "available": "994.98999625",
    }  # fmt: skip


async def test_a_cancel_answers_with_the_status_before_it(client: Any) -> None:
    """The order is cancelled although the answer says NEW; a second cancel is refused."""
    await client.signed("POST", "order", **BUY, newClientOrderId="one")

    first = await client.signed("DELETE", "order", symbol="NEWUSDT", origClientOrderId="one")
    second = await client.signed("DELETE", "order", symbol="NEWUSDT", origClientOrderId="one")
    order = await client.signed("GET", "order", symbol="NEWUSDT", origClientOrderId="one")

    assert (first.status, first.body["status"]) == (200, "NEW")
    assert (second.status, second.body["code"], second.body["msg"]) == (400, -2011, "Unknown order sent.")
    assert order.body["status"] == "CANCELED"


async def test_open_orders_are_listed_and_cancelled_together(client: Any) -> None:
    """All of a symbol go in one call; with nothing open the answer is an empty list."""
    for number in range(3):
        await client.signed("POST", "order", **BUY, newClientOrderId=f"o{number}")

    before = await client.signed("GET", "openOrders", symbol="NEWUSDT")
    cancelled = await client.signed("DELETE", "openOrders", symbol="NEWUSDT")
    after = await client.signed("GET", "openOrders")

    assert [order["clientOrderId"] for order in before.body] == ["o2", "o1", "o0"]
    assert len(cancelled.body) == 3
    assert after.body == []
    assert (await client.signed("DELETE", "openOrders", symbol="NEWUSDT")).body == []


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"symbol": "NOSUCHUSDT"}, 10007, "bad symbol"),
        ({"quantity": "100.001"}, 400, " quantity scale is invalid"),
        ({"price": "0.0450001"}, 400, " price scale is invalid"),
        ({"quantity": "1e2"}, 700008, "Illegal characters found in parameter 'quantity'"),
        ({"price": "-1"}, 700008, "Illegal characters found in parameter 'price'"),
        ({"quantity": "10"}, 30002, "The minimum transaction volume cannot be less than:1USDT"),
        ({"quantity": "90000000"}, 30003, "The maximum transaction volume"),
        ({"quantity": "90000"}, 30004, "Insufficient position"),
        ({"side": "SELL", "price": "0.06", "quantity": "1000.01"}, 30005, "Oversold"),
        ({"type": "STOP_LOSS_LIMIT"}, 500, "invalid type"),
        ({"type": ""}, 700004, "Mandatory parameter 'type'"),
        ({"price": ""}, 700004, "Mandatory parameter 'price'"),
        ({"price": "0"}, 30010, "no valid trade price"),
        ({"side": "HOLD"}, 700004, "Mandatory parameter 'side'"),
    ],
)
async def test_a_bad_order_is_refused_with_the_venues_code(
    client: Any, changes: dict[str, str], code: int, message: str
) -> None:
    """Each mistake has its own code and text, with a 4xx status, and nothing is booked."""
    answer = await client.signed("POST", "order", **{**BUY, **changes})

    assert (answer.status, answer.body["code"]) == (400, code)
    assert answer.body["msg"].startswith(message)
    assert (await client.control("GET", "ledger"))["accounts"]["tester"]["orders"] == []


async def test_a_price_outside_the_band_around_the_last_trade_is_refused(client: Any) -> None:
    """Buys too high and sells too low, measured from the last price."""
    high = {**BUY, "type": "IMMEDIATE_OR_CANCEL", "price": "0.07"}
    low = {**BUY, "side": "SELL", "type": "IMMEDIATE_OR_CANCEL", "price": "0.03"}

    inside = (await client.signed("POST", "order", **{**high, "price": "0.059"})).status
    too_high = await client.signed("POST", "order", **high)
    too_low = await client.signed("POST", "order", **low)

    assert inside == 200
    assert (too_high.body["code"], too_low.body["code"]) == (30087, 30087)


async def test_a_repeated_client_id_is_refused_unless_the_venue_is_told_otherwise(client: Any) -> None:
    """Both behaviours exist, since nobody knows which is the real one."""
    await client.signed("POST", "order", **BUY, newClientOrderId="one")

    refused = await client.signed("POST", "order", **BUY, newClientOrderId="one")
    await client.control("POST", "settings", accept_repeated_ids=True)
    accepted = await client.signed("POST", "order", **BUY, newClientOrderId="one")

    assert (refused.status, refused.body) == (400, {"code": 400, "msg": "Duplicate newClientOrderId"})
    assert accepted.status == 200


async def test_no_more_open_orders_than_the_limit(client: Any) -> None:
    """One more than allowed is refused; an ended order makes room."""
    await client.control("POST", "settings", open_orders=2)
    for number in range(2):
        await client.signed("POST", "order", **BUY, newClientOrderId=f"o{number}")

    refused = await client.signed("POST", "order", **BUY)
    await client.signed("DELETE", "order", symbol="NEWUSDT", origClientOrderId="o0")
    accepted = await client.signed("POST", "order", **BUY)

    assert (refused.body["code"], accepted.status) == (30029, 200)


async def test_test_orders_are_checked_and_not_placed(client: Any) -> None:
    """An empty object for a good one, the usual refusal for a bad one."""
    good = await client.signed("POST", "order/test", **BUY)
    bad = await client.signed("POST", "order/test", **{**BUY, "quantity": "1"})

    assert (good.status, good.body) == (200, {})
    assert bad.body["code"] == 30002
    assert (await client.signed("GET", "openOrders")).body == []


async def test_a_form_body_under_the_json_content_type_is_understood(client: Any) -> None:
    """Bodies are judged by their content, as widely used clients need it."""
    text = client.signed_query(**BUY)
    answer = await client.send("POST", "/api/v3/order", data=text.encode())

    assert answer.status == 200


@pytest.mark.parametrize(
    ("headers", "code", "message"),
    [
        ({"Content-Type": "application/json"}, 400, "api key required"),
        ({"Content-Type": "application/json", "X-MEXC-APIKEY": "nobody"}, 10072, "Api key info invalid"),
        ({"Content-Type": "text/plain", "X-MEXC-APIKEY": "test-key"}, 700013, "Invalid content Type."),
    ],
)
async def test_a_caller_who_does_not_identify_is_refused(
    client: Any, headers: dict[str, str], code: int, message: str
) -> None:
    """Missing key, unknown key and wrong content type are told apart."""
    answer = await client.send("POST", f"/api/v3/order?{client.signed_query(**BUY)}", headers=headers)

    assert (answer.status, answer.body) == (400, {"code": code, "msg": message})


async def test_a_stale_order_is_refused(client: Any) -> None:
    """Bytes that arrive after their window do nothing."""
    stale = int(time.time() * 1000) - 1500
    answer = await client.signed("POST", "order", **BUY, recvWindow=1000, timestamp=stale)

    assert (answer.status, answer.body["code"]) == (400, 700003)


async def test_unknown_orders_have_their_own_codes(client: Any) -> None:
    """Query, cancel, and a call without any id."""
    query = await client.signed("GET", "order", symbol="NEWUSDT", origClientOrderId="none")
    cancel = await client.signed("DELETE", "order", symbol="NEWUSDT", orderId="C02__1")
    neither = await client.signed("GET", "order", symbol="NEWUSDT")

    assert query.body == {"code": -2013, "msg": "Order does not exist."}
    assert cancel.body == {"code": -2011, "msg": "Unknown order sent."}
    assert neither.body["code"] == 700004


async def test_a_resting_sell_trades_when_the_market_comes_to_it(client: Any) -> None:
    """The background makers cross a client's order like anybody else's."""
    await client.signed("POST", "order", symbol="NEWUSDT", side="SELL", type="LIMIT", quantity="200", price="0.055")

    await client.control("POST", "price", symbol="NEWUSDT", factor=1.2)

    (order,) = (await client.control("GET", "ledger"))["accounts"]["tester"]["orders"]
    assert (order["status"], order["executedQty"]) == ("FILLED", "200")


async def test_the_request_log_shows_refused_orders_too(client: Any) -> None:
    """What never became an order can still be proven to have arrived."""
    await client.signed("POST", "order", **{**BUY, "quantity": "1"}, newClientOrderId="small")

    (entry,) = (await client.control("GET", "requests?client_order_id=small"))["requests"]

    assert (entry["method"], entry["status"], entry["code"]) == ("POST", 400, 30002)
    assert abs(entry["arrival_ms"] - time.time() * 1000) < 5000


async def test_books_and_tickers_agree(client: Any) -> None:
    """Depth, book ticker and their padding to the symbol's scales."""
    depth = (await client.get("depth", symbol="NEWUSDT", limit=2)).body
    ticker = (await client.get("ticker/bookTicker", symbol="NEWUSDT")).body

    assert depth["bids"][0] == [ticker["bidPrice"], ticker["bidQty"]]
    assert depth["asks"][0] == [ticker["askPrice"], ticker["askQty"]]
    assert ticker["askPrice"] == "0.050075"
    assert len(depth["bids"]) == len(depth["asks"]) == 2
    assert depth["lastUpdateId"] < 10**12


async def test_market_data_of_an_unknown_symbol_is_refused(client: Any) -> None:
    """With the code that trading does not use for it."""
    answer = await client.get("depth", symbol="NOSUCHUSDT")

    assert (answer.status, answer.body) == (400, {"code": -1121, "msg": "Invalid symbol."})
