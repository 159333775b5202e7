"""Every situation that the venue is known to refuse, and every code it is known to use, each provoked."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import ccxt
import pytest

from simulator.codes import DOCUMENTED
from simulator.server import SimulatorServer
from tests.simulator.conftest import API_KEY, SECRET, Answer, Client

BUY = {"symbol": "NEWUSDT", "side": "BUY", "type": "LIMIT", "quantity": "100", "price": "0.05"}
SELL = {**BUY, "side": "SELL"}
MARKET = {"symbol": "NEWUSDT", "side": "BUY", "type": "MARKET", "quoteOrderQty": "5"}
STILL = {"name": "flat", "volatility": 0, "takers_per_s": 0, "tick_ms": 60_000}
DAY_MS = 86_400_000


async def listed(client: Client, opens_at: str = "-1s", **script: object) -> None:
    """NEWUSDT with such a script."""
    await client.control("POST", "listings", symbol="NEWUSDT", opens_at=opens_at, script={**STILL, **script})


async def open_market(client: Client, **script: object) -> None:
    """NEWUSDT past its capped stage, with quotes around 0.05."""
    await listed(client, "-1s", **{"capped_for_s": 0, **script})


async def place(client: Client, **changes: object) -> Answer:
    """The usual buy with some members changed; None leaves one out."""
    return await client.signed("POST", "order", **{k: v for k, v in {**BUY, **changes}.items() if v is not None})


@dataclass(frozen=True)
class Situation:
    """provoke: sets the stage and makes the call. What it must answer: status, code, a part of the text."""

    name: str
    provoke: Callable[[Client], Awaitable[Answer]]
    code: int
    text: str
    status: int = 400


def order(**changes: object) -> Callable[[Client], Awaitable[Answer]]:
    """A changed order in an open market."""

    async def provoke(client: Client) -> Answer:
        await open_market(client)
        return await place(client, **changes)

    return provoke


def order_with(script: dict[str, object], opens_at: str = "-1s", **changes: object) -> Callable[..., Awaitable[Answer]]:
    """A changed order in a market with such a script."""

    async def provoke(client: Client) -> Answer:
        await listed(client, opens_at, **script)
        return await place(client, **changes)

    return provoke


def order_under(settings: dict[str, object], **changes: object) -> Callable[..., Awaitable[Answer]]:
    """A changed order in an open market of a venue with such settings."""

    async def provoke(client: Client) -> Answer:
        await open_market(client)
        await client.control("POST", "settings", **settings)
        return await place(client, **changes)

    return provoke


def call(method: str, path: str, *, signed: bool = True, **parameters: object) -> Callable[..., Awaitable[Answer]]:
    """Any call in an open market."""

    async def provoke(client: Client) -> Answer:
        await open_market(client)
        return await (client.signed(method, path, **parameters) if signed else client.get(path, **parameters))

    return provoke


def account_with(**members: object) -> Callable[..., Awaitable[Answer]]:
    """An order of a client who was changed before."""

    async def provoke(client: Client) -> Answer:
        await open_market(client)
        await client.control("POST", "accounts", name="tester", **members)
        return await place(client)

    return provoke


def key_with(**members: object) -> Callable[..., Awaitable[Answer]]:
    """An order with a key that was changed before."""

    async def provoke(client: Client) -> Answer:
        await open_market(client)
        await client.control("POST", "keys", account="tester", api_key=API_KEY, secret=SECRET, **members)
        return await place(client)

    return provoke


def lacking(path: str, code: str, method: str = "GET", **parameters: object) -> Callable[..., Awaitable[Answer]]:
    """A call with a key that allows everything but what it needs."""

    async def provoke(client: Client) -> Answer:
        await open_market(client)
        left = {"SPOT_ACCOUNT_R", "SPOT_ACCOUNT_W", "SPOT_DEAL_R", "SPOT_DEAL_W"} - {code}
        await client.control("POST", "settings", permission_refusals="701-704")
        await client.control("POST", "keys", account="tester", api_key=API_KEY, secret=SECRET, permissions=sorted(left))
        return await client.signed(method, path, **parameters)

    return provoke


def headers(method: str, **sent: str) -> Callable[..., Awaitable[Answer]]:
    """A signed order with these headers only."""

    async def provoke(client: Client) -> Answer:
        await open_market(client)
        return await client.send(method, f"/api/v3/order?{client.signed_query(**BUY)}", headers=sent)

    return provoke


async def halted(client: Client) -> Answer:
    await open_market(client)
    await client.control("POST", "state", symbol="NEWUSDT", state="halted")
    return await place(client)


async def delisted(client: Client) -> Answer:
    await open_market(client)
    await client.control("POST", "state", symbol="NEWUSDT", state="delisted")
    return await place(client)


async def emptied(client: Client) -> Answer:
    await listed(client, capped_for_s=0, quotes_lead_s=0, tick_ms=60_000)
    (row,) = (await client.control("GET", "listings"))["listings"]
    asks = (await client.control("GET", "books"))["books"][row["symbol"]]["SELL"]
    total = sum(float(ask["remaining"]) for ask in asks)
    await client.control("POST", "accounts", name="tester", balances={"USDT": "1000000"})
    if total:
        await place(client, quantity=str(total), price="0.06")
    return await place(client, **{**MARKET, "quantity": None, "price": None})


async def repeated(client: Client) -> Answer:
    await open_market(client)
    await place(client, price="0.04", newClientOrderId="one")
    return await place(client, price="0.04", newClientOrderId="one")


async def too_many_open(client: Client) -> Answer:
    await open_market(client)
    await client.control("POST", "settings", open_orders=1)
    await place(client, price="0.04")
    return await place(client, price="0.04")


async def outside_the_band(client: Client) -> Answer:
    await open_market(client)
    await place(client, price="0.055")  # a trade, from which the band is measured
    return await place(client, price="0.07")


async def twice_cancelled(client: Client) -> Answer:
    await open_market(client)
    placed = await place(client, price="0.04")
    await client.signed("DELETE", "order", symbol="NEWUSDT", orderId=placed.body["orderId"])
    return await client.signed("DELETE", "order", symbol="NEWUSDT", orderId=placed.body["orderId"])


async def wrongly_signed(client: Client) -> Answer:
    await open_market(client)
    return await client.send("GET", f"/api/v3/account?{client.signed_query()}0", headers={"X-MEXC-APIKEY": API_KEY})


async def unsigned(client: Client) -> Answer:
    return await client.send("GET", "/api/v3/account?timestamp=1", headers={"X-MEXC-APIKEY": API_KEY})


async def thirteenth(client: Client) -> Answer:
    await open_market(client)
    await client.control("POST", "settings", orders_per_s=12)
    answers = [await place(client, price="0.04") for _ in range(13)]
    assert [answer.status for answer in answers[:12]] == [200] * 12
    return answers[12]


async def banned(client: Client) -> Answer:
    await client.control("POST", "settings", ip_weight=1, ban_after=3)
    for _ in range(4):
        await client.get("time")
    return await client.get("time")


SITUATIONS = [
    Situation("market data of an unknown symbol", call("GET", "depth", signed=False, symbol="NO"), -1121, "Invalid"),
    Situation("an unknown candle length", call("GET", "klines", signed=False, symbol="NEWUSDT", interval="1h"),
              -1121, "Invalid interval."),
    Situation("too wide a window", call("GET", "aggTrades", signed=False, symbol="NEWUSDT", startTime=0,
              endTime=3_600_001), -1127, "More than 1 hours between startTime and endTime."),
    Situation("half a window", call("GET", "aggTrades", signed=False, symbol="NEWUSDT", startTime=0),
              -1128, "Combination of optional parameters invalid."),
    Situation("an order for an unknown symbol", order(symbol="NOUSDT"), 10007, "bad symbol"),
    Situation("the same under the documented code", order_under({"unknown_symbol_code": 30014}, symbol="NOUSDT"),
              30014, ""),
    Situation("not announced to the API", order_with({"listed_lead_s": 60, "pre_open_lead_s": 60}, "+100s"), 10007,
              "symbol not support api"),
    Situation("closed to the API", order_with({"pre_open_lead_s": 60}, "+100s"), 10007, "symbol not support api"),
    Situation("never open to the API", order_with({"never_api": True}), 10007, "symbol not support api"),
    Situation("before opening", order_with({}, "+100s"), 30001, "Order side not allowed"),
    Situation("before opening, by the other code",
              order_with({"pre_open_code": 10007, "pre_open_text": "symbol not support api"}, "+100s"), 10007, ""),
    Situation("one side only", order_with({"capped_for_s": 0, "trade_side_type": 3}), 30001, "Order side not allowed"),
    Situation("halted", halted, 30000, "suspended"),
    Situation("delisted", delisted, 30016, "trading disabled"),
    Situation("above the opening cap", order_with({"cap_price": "0.05"}, price="0.06"),
              30010, "Order price cannot exceed 0.05USDT"),
    Situation("outside the percent band", outside_the_band, 30087, "Order price exceeds allowed range"),
    Situation("MARKET where there is none", order_with({"capped_for_s": 0, "market_orders": False}, **MARKET),
              30019, "api market order is disabled"),
    Situation("MARKET into an empty book", emptied, 30025, "no opponent order"),
    Situation("too small", order(quantity="10"), 30002, "The minimum transaction volume cannot be less than:1USDT"),
    Situation("too large", order(quantity="100000000"), 30003, "cannot be greater than:2000000USDT"),
    Situation("a MARKET order too large", order(**{**MARKET, "quoteOrderQty": "100001", "quantity": None,
              "price": None}), 30003, "cannot be greater than:100000USDT"),
    Situation("too many decimals of quantity", order(quantity="100.001"), 400, " quantity scale is invalid"),
    Situation("too many decimals of price", order(price="0.0500001"), 400, " price scale is invalid"),
    Situation("too many decimals of a quote amount", order(**{**MARKET, "quoteOrderQty": "5.0000001",
              "quantity": None, "price": None}), 400, " amount scale is invalid"),
    *(Situation(f"quantity {text}", order(quantity=text), 700008,
                r"'quantity'; legal range is '^([0-9]{1,20})(\.[0-9]{1,20})?$'") for text in ("1e-3", "abc", "-1")),
    Situation("a type that cannot be placed", order(type="STOP_LOSS_LIMIT"), 500, "invalid type"),
    Situation("a buy without funds", order(quantity="30000"), 30004, "Insufficient position"),
    Situation("a sell of more than there is", order(side="SELL", quantity="1001", price="0.06"), 30005, "Oversold"),
    Situation("a price of zero", order(price="0"), 30010, "no valid"),
    Situation("a repeated client id", repeated, 400, "Duplicate newClientOrderId"),
    Situation("too many open orders", too_many_open, 30029, ""),
    *(Situation(f"no {name}", order(**{name: None}), 700004, f"Mandatory parameter '{name}'")
      for name in ("symbol", "side", "type", "quantity", "price")),
    Situation("no key", headers("POST", **{"Content-Type": "application/json"}), 400, "api key required"),
    Situation("an unknown key", headers("POST", **{"Content-Type": "application/json", "X-MEXC-APIKEY": "who"}),
              10072, "Api key info invalid"),
    Situation("a malformed key", headers("POST", **{"Content-Type": "application/json", "X-MEXC-APIKEY": "a b"}),
              700001, "API-key format invalid."),
    Situation("another content type", headers("POST", **{"Content-Type": "application/x-www-form-urlencoded",
              "X-MEXC-APIKEY": API_KEY}), 700013, "Invalid content Type."),
    Situation("a wrong signature", wrongly_signed, 700002, "Signature for this request is not valid."),
    Situation("no signature", unsigned, 700004, "Mandatory parameter 'signature' was not sent"),
    Situation("a stale timestamp", order(timestamp=1), 700003, "Timestamp for this request is outside"),
    Situation("too wide a receive window", order(recvWindow=60001), 700005, "recvWindow"),
    Situation("an expired key", key_with(valid_days=0), 402, "expired"),
    Situation("an address not on the list", key_with(ips=["10.1.1.1"]), 700006, "IP [127.0.0.1] not in the ip"),
    Situation("a key without the right", key_with(permissions=["SPOT_ACCOUNT_R"]), 700007, "No permission"),
    Situation("no account-read", lacking("account", "SPOT_ACCOUNT_R"), 701, "SPOT_ACCOUNT_R"),
    Situation("no account-write", lacking("mxDeduct/enable", "SPOT_ACCOUNT_W", "POST", mxDeductEnable="true"), 702, ""),
    Situation("no trade-read", lacking("openOrders", "SPOT_DEAL_R"), 703, "SPOT_DEAL_R"),
    Situation("no trade-write", lacking("order", "SPOT_DEAL_W", "POST", **BUY), 704, "SPOT_DEAL_W"),
    Situation("a frozen account", account_with(frozen=True), 60005, "Account abnormal"),
    Situation("a pair banned for the client", account_with(banned_symbols=["NEWUSDT"]), 70011, "Pair user ban trade"),
    Situation("a cancel of an unknown order", call("DELETE", "order", symbol="NEWUSDT", orderId="C02__1"),
              -2011, "Unknown order sent."),
    Situation("a cancel of a closed order", twice_cancelled, -2011, "Unknown order sent."),
    Situation("a query of an unknown order", call("GET", "order", symbol="NEWUSDT", origClientOrderId="no"),
              -2013, "Order does not exist."),
    Situation("a query of no order at all", call("GET", "order", symbol="NEWUSDT"),
              700004, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null"),
    Situation("orders of long ago", call("GET", "allOrders", symbol="NEWUSDT", startTime=1), 400, "Only 7 day's data"),
    Situation("trades of long ago", call("GET", "myTrades", symbol="NEWUSDT", startTime=1),
              400, "Exceeded the queryable time range"),
    Situation("a thirteenth order in a second", thirteenth, 429, "Too Many Requests", 429),
    Situation("a caller who goes on after refusals", banned, 418, "banned", 418),
    Situation("maintenance", order_under({"maintenance": True}), 604, "maintenance", 503),
]  # fmt: skip


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
async def test_the_situation_is_answered_as_the_venue_does(client: Client, situation: Situation) -> None:
    """Status, code and text, and no member more."""
    answer = await situation.provoke(client)

    assert (answer.status, answer.body["code"]) == (situation.status, situation.code), answer.body
    assert situation.text in answer.body["msg"]
    assert set(answer.body) == {"code", "msg"}


async def test_market_in_the_first_minute_is_accepted_and_comes_to_nothing(client: Client) -> None:
    """An order id, then CANCELED without a fill."""
    await listed(client)
    placed = await place(client, **{**MARKET, "quantity": None, "price": None})
    shown = await client.signed("GET", "order", symbol="NEWUSDT", orderId=placed.body["orderId"])

    assert (placed.status, shown.body["status"], shown.body["executedQty"]) == (200, "CANCELED", "0.00")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"type": "LIMIT_MAKER", "price": "0.06"}, "CANCELED"),
        ({"type": "FILL_OR_KILL", "quantity": "19000", "price": "0.0502"}, "CANCELED"),
        ({"type": "IMMEDIATE_OR_CANCEL", "price": "0.04"}, "CANCELED"),
        ({"type": "IMMEDIATE_OR_CANCEL", "quantity": "19000", "price": "0.0502"}, "PARTIALLY_CANCELED"),
    ],
)
async def test_orders_that_cannot_have_their_way_are_accepted_and_cancelled(
    client: Client, changes: dict[str, str], status: str
) -> None:
    """A maker that would take, a fill-or-kill too large, the rest of an immediate-or-cancel."""
    await open_market(client)
    placed = await place(client, **changes)
    shown = await client.signed("GET", "order", symbol="NEWUSDT", orderId=placed.body["orderId"])

    assert (placed.status, shown.body["status"]) == (200, status)


CCXT_CLASSES = {
    "BadSymbol": [-1121, 10007],
    "BadRequest": [
        -1128, -2011, 400, 513, 600, 601, 603, 10015, 10072, 10073, 10099, 10100, 10200, 10201, 10202, 10206, 10211,
        22222, 30019, 30021, 30026, 30051, 33333, 44444, 700004, 700006, 700008,
    ],
    "ExchangeError": [-1127, -2013, 26, 10103, 10203, 20001, 20002, 30000, 60005],
    "AuthenticationError": [401, 402, 602, 10001, 30020, 700001, 700002, 700007, 700013],
    "PermissionDenied": [403, 406, 511, 701, 702, 703, 704, 70011],
    "RateLimitExceeded": [429, 510],
    "OnMaintenance": [604, 801, 11444],
    "ExchangeNotAvailable": [503],
    "RequestTimeout": [504],
    "InvalidOrder": [
        10095, 10096, 10097, 10098, 10102, 30001, 30002, 30003, 30010, 30014, 30016, 30025, 30027, 30028, 30029, 30032,
        30041, 30087,
    ],
    "InsufficientFunds": [10101, 30004, 30005],
    "AccountSuspended": [30018],
    "InvalidNonce": [700003, 700005],
}  # fmt: skip
"""What the users of ccxt see, as the venue's codes are mapped there."""


async def test_every_documented_code_reaches_a_client(server: SimulatorServer, client: Client) -> None:
    """Each code of the catalogue comes with its text and status, whatever the call was."""
    wrong = []
    for code, text in DOCUMENTED.items():
        await client.control("POST", "faults", kind="refuse", params={"code": code})
        answer = await client.get("time")
        if (answer.body, 400 <= answer.status < 600) != ({"code": code, "msg": text}, True):
            wrong.append((code, answer))

    assert wrong == []
    assert len(DOCUMENTED) > 100


async def test_the_codes_become_the_classes_that_ccxt_users_catch(server: SimulatorServer, client: Client) -> None:
    """The client reads the code in the body, not the status."""
    exchange = ccxt.mexc({"enableRateLimit": False})
    answers = {}
    for code in (code for codes in CCXT_CLASSES.values() for code in codes):
        await client.control("POST", "faults", kind="refuse", params={"code": code})
        async with client.http.get(f"{client.url}/api/v3/time") as answer:
            answers[code] = (answer.status, answer.reason, await answer.text(), await answer.json())
    raised = {}
    for code, (status, reason, text, body) in answers.items():
        with pytest.raises(ccxt.BaseError) as caught:
            exchange.handle_errors(status, reason, "", "GET", {}, text, body, {}, "")
        raised[code] = type(caught.value).__name__

    assert raised == {code: name for name, codes in CCXT_CLASSES.items() for code in codes}


@pytest.mark.parametrize(
    ("status", "params", "content", "retry_after"),
    [
        (403, {}, "text/html", None),
        (418, {"retry_after_s": 120}, "application/json", "120"),
        (429, {"retry_after_s": 2}, "application/json", "2"),
        (429, {}, "application/json", None),
        (451, {}, "application/json", None),
        (500, {}, "application/json", None),
        (502, {}, "application/json", None),
        (503, {"when": "after"}, "application/json", None),
        (504, {"body": "<html>gateway</html>"}, "text/html", None),
    ],
)
async def test_every_status_can_be_provoked(
    client: Client, status: int, params: dict[str, object], content: str, retry_after: str | None
) -> None:
    """With the body that belongs to it; a page where the venue's shield would answer."""
    await client.control("POST", "faults", kind="status", params={"status": status, **params})
    async with client.http.get(f"{client.url}/api/v3/time") as answer:
        text = await answer.text()

    assert (answer.status, answer.content_type) == (status, content)
    assert answer.headers.get("Retry-After") == retry_after
    assert ("<html>" in text) is (content == "text/html")
