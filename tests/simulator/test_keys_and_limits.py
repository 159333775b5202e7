"""Keys with their rights, the account's small endpoints, weights, quotas and bans."""

import json
from typing import Any

import pytest

from simulator.errors import Refusal
from simulator.exchange.settings import Settings
from simulator.rest.admission import Admission
from simulator.rest.endpoints import Endpoint
from simulator.rest.gateway import ENDPOINTS
from tests.simulator.conftest import API_KEY, Client

BUY = {"symbol": "NEWUSDT", "side": "BUY", "type": "LIMIT", "quantity": "100", "price": "0.055"}
WEIGHTS = {
    "GET ping": 1, "GET time": 1, "GET defaultSymbols": 1, "GET exchangeInfo": 25, "GET symbol/offline": 10,
    "GET depth": 3, "GET trades": 5, "GET aggTrades": 1, "GET klines": 1, "GET avgPrice": 1, "GET ticker/24hr": 25,
    "GET ticker/price": 10, "GET ticker/bookTicker": 10, "GET capital/config/getall": 10, "POST order": 1,
    "POST order/test": 1, "POST batchOrders": 1, "DELETE order": 1, "DELETE openOrders": 1, "DELETE order/all": 1,
    "GET order": 2, "GET openOrders": 3, "GET allOrders": 10, "GET account": 10, "GET myTrades": 10,
    "GET tradeFee": 20, "GET selfSymbols": 1, "GET kyc/status": 1, "GET uid": 1, "POST userDataStream": 1,
}  # fmt: skip
SECOND_US = 1_000_000


def test_endpoints_weigh_what_the_venue_documents() -> None:
    """Each of the documented ones, and the order bucket where it applies."""
    served = {f"{method} {path.removeprefix('/api/v3/')}": endpoint for (method, path), endpoint in ENDPOINTS.items()}

    assert {name: served[name].weight for name in WEIGHTS} == WEIGHTS
    assert {name for name, endpoint in served.items() if endpoint.uses_order_bucket} == {
        "POST order", "POST order/test", "POST batchOrders", "DELETE order", "DELETE openOrders", "DELETE order/all",
    }  # fmt: skip


def refused(admission: Admission, endpoint: Endpoint, settings: Settings, at_s: float) -> Refusal | None:
    """The refusal of one call from one address; None when it was admitted."""
    try:
        admission.check_address("here", round(at_s * SECOND_US))
        admission.admit(endpoint, "here", None, settings, round(at_s * SECOND_US))
    except Refusal as refusal:
        return refusal
    return None


def test_bans_double_up_to_three_days() -> None:
    """120 s, 240 s and so on; while banned nothing is counted."""
    admission, endpoint = Admission(), Endpoint(lambda _: None, 2)
    settings = Settings(ip_weight=1, ban_after=2)
    now_s, lengths = 0.0, []
    for _ in range(13):
        assert refused(admission, endpoint, settings, now_s) is not None
        assert refused(admission, endpoint, settings, now_s + 1) is not None
        ban = refused(admission, endpoint, settings, now_s + 1)
        assert ban is not None
        assert ban.status == 418
        assert ban.retry_after_s is not None
        lengths.append(ban.retry_after_s)
        now_s += 1 + ban.retry_after_s

    assert lengths[:3] == [120, 240, 480]
    assert lengths[-1] == 3 * 24 * 3600


def test_refusals_far_apart_do_not_ban() -> None:
    """Whoever waits after a refusal starts anew."""
    admission, endpoint = Admission(), Endpoint(lambda _: None, 2)
    settings = Settings(ip_weight=1, ban_after=2)
    answers = [refused(admission, endpoint, settings, 11.0 * number) for number in range(5)]

    assert [answer.status for answer in answers if answer is not None] == [429] * 5


@pytest.mark.parametrize(("path", "admitted"), [("batchOrders", 2), ("announcements", 5)])
async def test_some_endpoints_have_a_quota_of_their_own(client: Client, path: str, admitted: int) -> None:
    """Two batches a second, five looks at the announcements in two."""
    await client.control("POST", "settings", batches_per_s=2, announcements_per_2_s=5, ban_after=0)
    if path == "batchOrders":
        answers = [await client.signed("POST", path, batchOrders="[]") for _ in range(8)]
    else:
        answers = [await client.get(path) for _ in range(8)]

    assert [answer.status == 429 for answer in answers] == [False] * admitted + [True] * (8 - admitted)
    assert answers[-1].headers["Retry-After"].isdigit()


async def test_a_key_tells_what_it_may(client: Client) -> None:
    """Rights, addresses, days left; its secret it does not tell."""
    await client.control(
        "POST",
        "keys",
        account="tester",
        api_key="second",
        secret="s",
        permissions=["SPOT_DEAL_R"],
        ips=["127.0.0.1"],
        valid_days=90,
        note="reads",
    )
    first = (await client.signed("GET", "apiKeyInfo", accessKey=API_KEY)).body
    second = (await client.signed("GET", "apiKeyInfo", accessKey="second")).body
    strange = (await client.signed("GET", "apiKeyInfo", accessKey="nobody")).body

    assert (first["remainingValidity"], first["permissions"].count(",")) == (-999, 3)
    assert second["permissions"] == "SPOT_DEAL_R"
    assert (second["ipWhiteList"], second["note"], second["status"]) == ("127.0.0.1", "reads", "VALID")
    assert second["remainingValidity"] in (89, 90)
    assert "s" not in second.values()
    assert strange["code"] == 10072


async def test_thirty_keys_are_the_most(client: Client) -> None:
    """The thirty-first is refused with a reason; another account's key is not to be had."""
    for number in range(29):
        await client.control("POST", "keys", account="tester", api_key=f"k{number}", secret="s")
    async with client.http.post(
        f"{client.url}/_sim/keys", json={"account": "tester", "api_key": "k30", "secret": "s"}
    ) as answer:
        refused = (await answer.json())["error"]
    await client.control("POST", "accounts", name="other", api_key="other-key", secret="s")
    async with client.http.post(
        f"{client.url}/_sim/accounts", json={"name": "tester", "api_key": "other-key", "secret": "s"}
    ) as answer:
        taken = (await answer.json())["error"]

    assert "30 keys at most" in refused["expected"]
    assert "account 'other'" in taken["expected"]
    assert (await client.signed("GET", "account")).status == 200


async def test_the_small_endpoints_of_an_account(client: Client, quiet_market: str) -> None:
    """Numbers, levels, fees, coins and symbols of one's own."""
    await client.control("POST", "accounts", name="tester", kyc=3, banned_symbols=[])
    fee = (await client.signed("GET", "tradeFee", symbol=quiet_market)).body
    coins = (await client.signed("GET", "capital/config/getall")).body

    assert (await client.signed("GET", "uid")).body == {"uid": "1"}
    assert (await client.signed("GET", "kyc/status")).body == {"status": "3"}
    assert (await client.signed("GET", "selfSymbols")).body["data"] == [quiet_market]
    assert fee["data"] == {"makerCommission": 0.0, "takerCommission": 0.0005}
    assert fee["code"] == 0
    assert {coin["coin"] for coin in coins} == {"NEW", "USDT"}
    assert all(coin["networkList"][0]["withdrawEnable"] for coin in coins)


async def test_commissions_may_be_paid_in_mx(client: Client, quiet_market: str) -> None:
    """Once switched on and while there is MX; at its price; the fill says so."""
    await client.control("POST", "accounts", name="tester", balances={"MX": "0.01"})
    switched = (await client.signed("POST", "mxDeduct/enable", mxDeductEnable="true")).body
    first = (await client.signed("POST", "order", **BUY)).body
    large = (await client.signed("POST", "order", **{**BUY, "quantity": "10000"})).body
    fills = (await client.signed("GET", "myTrades", symbol=quiet_market)).body
    paid = {fill["orderId"]: fill["commissionAsset"] for fill in fills}

    assert switched["data"] == {"mxDeductEnable": True}
    assert (await client.signed("GET", "mxDeduct/enable")).body["data"] == {"mxDeductEnable": True}
    assert (paid[first["orderId"]], paid[large["orderId"]]) == ("MX", "USDT")
    mx = (await client.control("GET", "ledger"))["accounts"]["tester"]["balances"]["MX"]["free"]
    assert 0 < float(mx) < 0.01


async def test_a_batch_is_answered_one_by_one(client: Client, quiet_market: str) -> None:
    """Accepted and refused in their sequence; numbers may be numbers; more than twenty are too many."""
    orders: list[dict[str, Any]] = [
        {"symbol": quiet_market, "side": "BUY", "type": "LIMIT", "quantity": 100, "price": "0.04"},
        {
            "symbol": quiet_market,
            "side": "BUY",
            "type": "LIMIT",
            "quantity": "1",
            "price": "0.04",
            "newClientOrderId": 7,
        },
        {"symbol": quiet_market, "side": "BUY", "type": "MARKET", "quoteOrderQty": "5"},
    ]
    answer = await client.signed("POST", "batchOrders", batchOrders=json.dumps(orders))
    many = await client.signed("POST", "batchOrders", batchOrders=json.dumps(orders * 7))
    single_quoted = await client.signed("POST", "batchOrders", batchOrders=str(orders))

    assert [one.get("code", "taken") for one in answer.body] == ["taken", 30002, "taken"]
    assert answer.body[1]["newClientOrderId"] == "7"
    assert (answer.status, many.body["code"], single_quoted.body["code"]) == (200, 33333, 700004)


async def test_listen_keys_last_as_long_as_set(client: Client) -> None:
    """Prolonged by a keep-alive; forgotten at their end; no more than the limit."""
    await client.control("POST", "settings", listen_keys=2, listen_key_s=100)
    first = (await client.signed("POST", "userDataStream")).body["listenKey"]
    second = (await client.signed("POST", "userDataStream")).body["listenKey"]
    third = await client.signed("POST", "userDataStream")
    await client.control("POST", "clock", step_ms=60_000)
    await client.signed("PUT", "userDataStream", listenKey=first, timestamp=await venue_ms(client))
    await client.control("POST", "clock", step_ms=60_000)
    left = (await client.signed("GET", "userDataStream", timestamp=await venue_ms(client))).body

    assert (len(first), third.status) == (64, 400)
    assert left == {"listenKey": [first], "total": 2, "available": 1}
    assert second not in left["listenKey"]


async def venue_ms(client: Client) -> int:
    """The venue's time."""
    now: int = (await client.get("time")).body["serverTime"]
    return now
