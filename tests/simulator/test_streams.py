"""The WebSocket side: control texts, public and private frames."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from adapters.mexc.pb.push_pb2 import PushDataV3ApiWrapper

TICKER = "spot@public.aggre.bookTicker.v3.api.pb@10ms@NEWUSDT"
DEALS = "spot@public.aggre.deals.v3.api.pb@10ms@NEWUSDT"
DEPTH = "spot@public.aggre.depth.v3.api.pb@10ms@NEWUSDT"
PRIVATE = [
    "spot@private.account.v3.api.pb",
    "spot@private.orders.v3.api.pb",
    "spot@private.deals.v3.api.pb",
]
SELL = {"symbol": "NEWUSDT", "side": "SELL", "type": "LIMIT", "quantity": "100", "price": "0.06"}


async def connect(client: Any, server: Any, *, private: bool = False) -> Any:
    """An open socket, on request with the account's listen key."""
    url = server.ws_url
    if private:
        url += f"?listenKey={(await client.signed('POST', 'userDataStream')).body['listenKey']}"
    return await client.http.ws_connect(url)


async def ask(socket: Any, method: str, params: list[str] | None = None, number: int | None = None) -> dict[str, Any]:
    """Send a control message and return the next control answer."""
    message: dict[str, object] = {"method": method}
    if params is not None:
        message["params"] = params
    if number is not None:
        message["id"] = number
    await socket.send_str(json.dumps(message))
    return await control(socket)


async def control(socket: Any) -> dict[str, Any]:
    """The next text message, decoded; data frames in between are skipped."""
    while True:
        message = await socket.receive(timeout=2)
        if message.type is aiohttp.WSMsgType.TEXT:
            decoded: dict[str, Any] = json.loads(message.data)
            return decoded


async def frame(socket: Any) -> PushDataV3ApiWrapper:
    """The next data frame."""
    message = await socket.receive(timeout=2)
    assert message.type is aiohttp.WSMsgType.BINARY, message
    return PushDataV3ApiWrapper.FromString(message.data)


async def frames_until_quiet(socket: Any) -> list[PushDataV3ApiWrapper]:
    """All data frames until nothing comes for a while."""
    found: list[PushDataV3ApiWrapper] = []
    while True:
        try:
            message = await socket.receive(timeout=0.3)
        except TimeoutError:
            return found
        found.append(PushDataV3ApiWrapper.FromString(message.data))


@pytest.fixture(autouse=True)
async def _market(quiet_market: str) -> None:
    """Every test here listens to the still market."""


async def test_a_subscription_is_acknowledged_with_its_topics(client: Any, server: Any) -> None:
    """Names joined by commas, the id echoed, 0 where none was given."""
    async with await connect(client, server) as socket:
        numbered = await ask(socket, "SUBSCRIPTION", [DEALS, DEPTH], 7)
        plain = await ask(socket, "unsubscription", [DEALS])

    assert numbered == {"id": 7, "code": 0, "msg": f"{DEALS},{DEPTH}"}
    assert plain == {"id": 0, "code": 0, "msg": DEALS}


async def test_a_refused_topic_is_named_in_the_text_under_code_zero(client: Any, server: Any) -> None:
    """Wrong names, unknown symbols, and private topics without a listen key; good ones of the same call stay."""
    bad = ["spot@public.aggre.deals.v3.api@100ms@NEWUSDT", "spot@public.aggre.deals.v3.api.pb@100ms@NOSUCHUSDT"]
    async with await connect(client, server) as socket:
        accepted = await ask(socket, "SUBSCRIPTION", [*bad, DEALS, PRIVATE[0]])
        refused = await control(socket)

    assert accepted["msg"] == DEALS
    listed = ",".join([*bad, PRIVATE[0]])
    assert refused == {"id": 0, "code": 0, "msg": f"Not Subscribed successfully! [{listed}].  Reason： Blocked! "}


async def test_pings_are_answered_in_any_case(client: Any, server: Any) -> None:
    """Text pings as text; protocol pings by the protocol."""
    async with await connect(client, server) as socket:
        assert await ask(socket, "PING") == {"id": 0, "code": 0, "msg": "PONG"}
        assert await ask(socket, "ping") == {"id": 0, "code": 0, "msg": "PONG"}


async def test_nonsense_is_answered_as_such(client: Any, server: Any) -> None:
    """Anything that is no message of the protocol."""
    async with await connect(client, server) as socket:
        await socket.send_str("hello")
        assert await control(socket) == {"id": 0, "code": 0, "msg": "msg format invalid"}


async def test_the_thirty_first_subscription_is_refused(client: Any, server: Any) -> None:
    """The first thirty stay."""
    for number in range(31):
        await client.control("POST", "listings", symbol=f"N{number}USDT", opens_at="+30s")
    topics = [f"spot@public.aggre.deals.v3.api.pb@100ms@N{number}USDT" for number in range(31)]
    async with await connect(client, server) as socket:
        accepted = await ask(socket, "SUBSCRIPTION", topics)
        refused = await control(socket)

    assert accepted["msg"] == ",".join(topics[:30])
    assert topics[30] in refused["msg"]


async def test_the_book_ticker_comes_after_subscribing_and_after_each_change(client: Any, server: Any) -> None:
    """Quotes agree with REST, padded to the symbol's scales."""
    async with await connect(client, server) as socket:
        await ask(socket, "SUBSCRIPTION", [TICKER])
        first = await frame(socket)
        await client.control("POST", "price", symbol="NEWUSDT", price=0.08)
        second = await frame(socket)

    assert (first.channel, first.symbol) == (TICKER, "NEWUSDT")
    assert first.publicAggreBookTicker.askPrice == "0.050075"
    assert second.publicAggreBookTicker.bidPrice == "0.079880"
    assert first.sendTime > 0


async def test_a_trade_is_pushed_with_the_takers_side(client: Any, server: Any) -> None:
    """The deal a client causes reaches the public channel."""
    async with await connect(client, server) as socket:
        await ask(socket, "SUBSCRIPTION", [DEALS])
        await client.signed("POST", "order", **{**SELL, "price": "0.045"})
        pushed = await frame(socket)

    (deal,) = pushed.publicAggreDeals.deals
    assert (deal.price, deal.quantity, deal.tradeType) == ("0.049925", "100.00", 2)
    assert pushed.publicAggreDeals.eventType == "spot@public.aggre.deals.v3.api.pb@10ms"


async def test_depth_frames_continue_one_another_and_rebuild_the_book(client: Any, server: Any) -> None:
    """A snapshot plus all later frames equals a later snapshot."""
    async with await connect(client, server) as socket:
        await ask(socket, "SUBSCRIPTION", [DEPTH])
        snapshot = (await client.get("depth", symbol="NEWUSDT", limit=5000)).body
        for price in (0.051, 0.049, 0.052):
            await client.control("POST", "price", symbol="NEWUSDT", price=price)
            await asyncio.sleep(0.03)
        pushed = await frames_until_quiet(socket)
        later = (await client.get("depth", symbol="NEWUSDT", limit=5000)).body

    book = {"bids": dict(snapshot["bids"]), "asks": dict(snapshot["asks"])}
    version = int(snapshot["lastUpdateId"])
    assert len(pushed) >= 3
    for body in (one.publicAggreDepths for one in pushed):
        assert int(body.fromVersion) == version + 1
        version = int(body.toVersion)
        for name, items in (("bids", body.bids), ("asks", body.asks)):
            for item in items:
                book[name].pop(item.price, None)
                if float(item.quantity):
                    book[name][item.price] = item.quantity
    assert version == later["lastUpdateId"]
    assert book == {"bids": dict(later["bids"]), "asks": dict(later["asks"])}


async def test_private_frames_tell_an_orders_life(client: Any, server: Any) -> None:
    """Reserved and visible, then cancelled and released, in the venue's sequence."""
    async with await connect(client, server, private=True) as socket:
        await ask(socket, "SUBSCRIPTION", PRIVATE)
        await client.signed("POST", "order", **SELL, newClientOrderId="one")
        await client.signed("DELETE", "order", symbol="NEWUSDT", origClientOrderId="one")
        placed, new, cancelled, released = [await frame(socket) for _ in range(4)]

    assert (placed.privateAccount.type, placed.privateAccount.vcoinName) == ("ENTRUST_PLACE", "NEW")
    assert (placed.privateAccount.balanceAmount, placed.privateAccount.frozenAmount) == ("900", "100")
    assert (placed.privateAccount.balanceAmountChange, placed.privateAccount.frozenAmountChange) == ("-100", "100")
    assert not placed.HasField("symbol")
    assert (new.symbol, new.privateOrders.status, new.privateOrders.clientId) == ("NEWUSDT", 1, "one")
    assert (new.privateOrders.orderType, new.privateOrders.tradeType) == (1, 2)
    assert cancelled.privateOrders.status == 4
    assert (released.privateAccount.type, released.privateAccount.balanceAmount) == ("ENTRUST_CANCEL", "1000")


async def test_private_frames_tell_a_fill(client: Any, server: Any) -> None:
    """Per fill: the deal, the order, the balances, the fee."""
    async with await connect(client, server, private=True) as socket:
        await ask(socket, "SUBSCRIPTION", PRIVATE)
        answer = await client.signed("POST", "order", **{**SELL, "price": "0.045"}, newClientOrderId="one")
        pushed = await frames_until_quiet(socket)

    kinds = [one.WhichOneof("body") for one in pushed]
    assert kinds == [
        "privateAccount", "privateOrders", "privateDeals", "privateOrders",
        "privateAccount", "privateAccount", "privateAccount",
    ]  # fmt: skip
    deal, order = pushed[2].privateDeals, pushed[3].privateOrders
    assert (deal.orderId, deal.clientOrderId) == (answer.body["orderId"], "one")
    assert (deal.price, deal.quantity, deal.amount) == ("0.049925", "100.00", "4.9925")
    assert (deal.feeAmount, deal.feeCurrency, deal.isMaker) == ("0.00249625", "USDT", False)
    assert (order.status, order.cumulativeQuantity, order.cumulativeAmount) == (2, "100", "4.9925")
    assert [one.privateAccount.type for one in pushed[4:]] == ["ENTRUST", "ENTRUST", "TRADE_FEE"]


async def test_an_unknown_listen_key_is_told_and_closed(client: Any, server: Any) -> None:
    """A plain text, then the end."""
    async with client.http.ws_connect(f"{server.ws_url}?listenKey={'x' * 64}") as socket:
        message = await socket.receive(timeout=2)
        after = await socket.receive(timeout=2)

    assert message.data == "Invalid listen key"
    assert after.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)


async def test_listen_keys_live_and_die(client: Any, server: Any) -> None:
    """Created, listed, prolonged, deleted; a deleted one opens nothing."""
    key = (await client.signed("POST", "userDataStream")).body["listenKey"]
    listed = (await client.signed("GET", "userDataStream")).body
    prolonged = await client.signed("PUT", "userDataStream", listenKey=key)
    deleted = await client.signed("DELETE", "userDataStream", listenKey=key)

    assert len(key) == 64
    assert (listed["listenKey"], listed["total"], listed["available"]) == ([key], 60, 59)
    assert (prolonged.body, deleted.body) == ({"listenKey": key}, {"listenKey": key})
    assert (await client.signed("PUT", "userDataStream", listenKey=key)).status == 400


async def test_a_listen_key_ends_after_an_hour(client: Any, server: Any) -> None:
    """The venue's clock decides."""
    key = (await client.signed("POST", "userDataStream")).body["listenKey"]
    await client.control("POST", "clock", offset_ms=61 * 60 * 1000)

    async with client.http.ws_connect(f"{server.ws_url}?listenKey={key}") as socket:
        assert (await socket.receive(timeout=2)).data == "Invalid listen key"
