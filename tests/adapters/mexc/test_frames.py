"""Binary frames become domain values; damaged ones are Unreadable."""

import contextlib
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mexc import frames
from adapters.mexc.depth import DepthChange
from adapters.mexc.members import Unreadable
from adapters.mexc.pb import push_pb2 as pb
from domain.money import Base, Price, Quote
from domain.order_book import PublicTrade
from domain.orders import Fill, Order, OrderKind, OrderStatus, Side
from domain.quotes import TopOfBook

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DEALS = bytes.fromhex(
    "0a2f73706f74407075626c69632e61676772652e6465616c732e76332e6170692e7062403130306d73404e4557555344541a074e45575553445430"
    "fbd0eab6b733d213420a170a06302e30343231120431322e35180120e4d0eab6b733122773706f74407075626c69632e61676772652e6465616c73"
    "2e76332e6170692e7062403130306d73"
)
ORDER = bytes.fromhex(
    "0a1d73706f7440707269766174652e6f72646572732e76332e6170692e70621a074e45575553445430fdd0eab6b7338213590a064330325f5f3112"
    "07736e6970652d311a06302e30343231220431322e352a07302e35323632353206302e30343231380140015201305a0130620431322e356a043132"
    "2e357207302e353236323578028001e4d0eab6b733"
)
DEPTH = bytes.fromhex(
    "0a2e73706f74407075626c69632e61676772652e64657074682e76332e6170692e70624031306d73404e4557555344541a074e45575553445430fc"
    "d0eab6b733ca134e0a0d0a06302e303432351203313030120b0a06302e303432301201301a2673706f74407075626c69632e61676772652e646570"
    "74682e76332e6170692e70624031306d7322033130312a03313033"
)


def depth_frame(**changes: object) -> bytes:
    values: dict[str, object] = {"fromVersion": "101", "toVersion": "103"}
    depths = pb.PublicAggreDepthsV3Api(**{**values, **changes})  # type: ignore[arg-type]  # values by name
    return pb.PushDataV3ApiWrapper(channel="c", symbol="NEWUSDT", publicAggreDepths=depths).SerializeToString()


def deal_frame(**changes: object) -> bytes:
    values: dict[str, object] = {
        "price": "0.0421",
        "quantity": "12.5",
        "amount": "0.52625",
        "tradeType": 2,
        "tradeId": "728298455591530497X1",
        "clientOrderId": "snipe-1",
        "orderId": "C02__1",
        "feeAmount": "0.0002",
        "feeCurrency": "USDT",
        "time": 1767225600000,
    }
    deal = pb.PrivateDealsV3Api(**{**values, **changes})  # type: ignore[arg-type]  # values by name
    return pb.PushDataV3ApiWrapper(channel="c", symbol="NEWUSDT", privateDeals=deal).SerializeToString()


def order_frame(**changes: object) -> bytes:
    """A market purchase that ended in part, as the venue's own frames show one: its bound as price, no amount."""
    values: dict[str, object] = {
        "id": "C02__1",
        "clientId": "snipe-1",
        "price": "0.0525",
        "quantity": "100",
        "amount": "0",
        "orderType": 5,
        "tradeType": 1,
        "cumulativeQuantity": "40",
        "cumulativeAmount": "2.01",
        "status": 5,
        "createTime": 1767225600000,
    }
    order = pb.PrivateOrdersV3Api(**{**values, **changes})  # type: ignore[arg-type]  # values by name
    return pb.PushDataV3ApiWrapper(channel="c", symbol="NEWUSDT", privateOrders=order).SerializeToString()


def ticker_frame(**prices: str) -> bytes:
    ticker = pb.PublicAggreBookTickerV3Api(**prices)  # type: ignore[arg-type]  # values by name
    return pb.PushDataV3ApiWrapper(channel="c", symbol="NEWUSDT", publicAggreBookTicker=ticker).SerializeToString()


def test_a_recorded_order_frame_is_read() -> None:
    """A filled limit order, with what was executed."""
    pushed = frames.read(ORDER, NOW)

    assert pushed.topic == "spot@private.orders.v3.api.pb"
    assert pushed.item == Order(
        order_id="C02__1",
        client_order_id="snipe-1",
        symbol="NEWUSDT",
        side=Side.BUY,
        kind=OrderKind.LIMIT,
        price=Price(Decimal("0.0421")),
        quantity=Base(Decimal("12.5")),
        executed=Base(Decimal("12.5")),
        executed_quote=Quote(Decimal("0.52625")),
        status=OrderStatus.FILLED,
    )


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (1, OrderKind.LIMIT),
        (2, OrderKind.LIMIT),
        (3, OrderKind.IMMEDIATE),
        (4, OrderKind.IMMEDIATE),
        (5, OrderKind.MARKET),
        (100, OrderKind.LIMIT),
    ],
)
def test_an_orders_kind_is_whether_it_can_rest_and_has_a_limit(number: int, kind: OrderKind) -> None:
    """Types that only foreign orders have are read as resting ones."""
    order = frames.read(order_frame(orderType=number), NOW).item

    assert isinstance(order, Order)
    assert order.kind is kind


@pytest.mark.parametrize(
    ("changes", "price", "quantity"),
    [
        ({}, "0.0525", "100"),
        ({"price": "0", "quantity": "40"}, "0", "40"),
        ({"price": "0", "quantity": "0"}, "0", "40"),
        ({"price": "", "quantity": ""}, "0", "40"),
    ],
)
def test_a_market_orders_frame_is_read_whatever_it_shows_as_price_and_quantity(
    changes: dict[str, object], price: str, quantity: str
) -> None:
    """Cancelled in part is final; the quantity is never less than what was executed."""
    order = frames.read(order_frame(**changes), NOW).item

    assert isinstance(order, Order)
    assert (order.kind, order.status) == (OrderKind.MARKET, OrderStatus.PARTIALLY_CANCELLED)
    assert order.status.final
    assert (order.price, order.quantity) == (Decimal(price), Decimal(quantity))
    assert (order.executed, order.executed_quote) == (Decimal(40), Decimal("2.01"))


def test_a_deal_is_a_fill_with_its_fee() -> None:
    """Amounts are quote, quantities base; an order placed without an id has none."""
    fill = frames.read(deal_frame(clientOrderId=""), NOW).item

    assert isinstance(fill, Fill)
    assert (fill.trade_id, fill.order_id, fill.client_order_id) == ("728298455591530497X1", "C02__1", None)
    assert (fill.side, fill.price, fill.quantity) == (Side.SELL, Decimal("0.0421"), Decimal("12.5"))
    assert (fill.quote, fill.fee, fill.fee_asset) == (Decimal("0.52625"), Decimal("0.0002"), "USDT")
    assert fill.at == NOW


@pytest.mark.parametrize("empty", ["", "0", "0.0000"])
def test_an_empty_side_has_no_price(empty: str) -> None:
    """Unknown, never zero; the time is that of receipt."""
    quote = frames.read(ticker_frame(bidPrice=empty, askPrice="0.05"), NOW).item

    assert quote == TopOfBook("NEWUSDT", None, Price(Decimal("0.05")), NOW)


def test_recorded_deals_are_public_trades() -> None:
    """With the side that came to the market, and the exchange's time."""
    pushed = frames.read(DEALS, NOW)

    at = datetime(2026, 1, 1, microsecond=100_000, tzinfo=UTC)
    trade = PublicTrade("NEWUSDT", Price(Decimal("0.0421")), Base(Decimal("12.5")), Side.BUY, at)
    assert pushed == frames.Pushed("spot@public.aggre.deals.v3.api.pb@100ms@NEWUSDT", (trade,))


def test_a_recorded_change_of_depth_names_its_versions() -> None:
    """A quantity of zero is what is left of a level that is gone."""
    pushed = frames.read(DEPTH, NOW)

    assert pushed.topic == "spot@public.aggre.depth.v3.api.pb@10ms@NEWUSDT"
    assert pushed.item == DepthChange(
        symbol="NEWUSDT",
        first=101,
        last=103,
        bids=((Price(Decimal("0.0420")), Base(Decimal(0))),),
        asks=((Price(Decimal("0.0425")), Base(Decimal(100))),),
        at=NOW,
    )


def test_other_kinds_of_frames_are_passed_over() -> None:
    """Candles, which nobody here asked for."""
    frame = pb.PushDataV3ApiWrapper(channel="c", symbol="NEWUSDT", publicSpotKline=pb.PublicSpotKlineV3Api())

    assert frames.read(frame.SerializeToString(), NOW) == frames.Pushed("c", None)


@pytest.mark.parametrize(("frame", "topic"), [(b"\xff\xff", None), (b"", None), (deal_frame(tradeType=3), "c")])
def test_an_unreadable_frame_tells_whose_it_is_if_that_can_be_read(frame: bytes, topic: str | None) -> None:
    """One bad member concerns one topic, a frame that is no message may have been anybody's."""
    with pytest.raises(frames.UnreadableFrame) as caught:
        frames.read(frame, NOW)

    assert caught.value.topic == topic


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xff\xff",
        ORDER[:-5],
        deal_frame(tradeId=""),
        deal_frame(tradeType=3),
        deal_frame(price="1e5"),
        order_frame(price="x"),
        order_frame(orderType=1, price=""),
        order_frame(orderType=3, quantity=""),
        order_frame(status=6),
        deal_frame(time=0),
        deal_frame(time=2**63 - 1),
        deal_frame(time=-(2**63)),
        ticker_frame(bidPrice="x"),
        depth_frame(fromVersion="104"),
        depth_frame(toVersion=""),
        depth_frame(fromVersion="-1"),
        depth_frame(bids=[pb.PublicAggreDepthV3ApiItem(price="0", quantity="1")]),
        depth_frame(asks=[pb.PublicAggreDepthV3ApiItem(price="1", quantity="-1")]),
    ],
)
def test_what_money_depends_on_is_not_guessed(frame: bytes) -> None:
    """A missing or strange member makes the frame unreadable."""
    with pytest.raises(Unreadable):
        frames.read(frame, NOW)


@given(
    st.sampled_from([ORDER, DEALS, DEPTH, deal_frame(), order_frame(), ticker_frame(bidPrice="1", askPrice="2")]),
    st.integers(0, 200),
    st.binary(max_size=8),
)
def test_damaged_frames_raise_nothing_but_unreadable(frame: bytes, at: int, damage: bytes) -> None:
    """A mutated frame is read, passed over or unreadable."""
    with contextlib.suppress(Unreadable):
        frames.read(frame[:at] + damage + frame[at + len(damage) :], NOW)
