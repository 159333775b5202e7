"""Binary frames become domain values; damaged ones are Unreadable."""

import contextlib
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mexc import frames
from adapters.mexc.parse import Unreadable
from adapters.mexc.pb import push_pb2 as pb
from domain.money import Base, Price, Quote
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


def ticker_frame(**prices: str) -> bytes:
    ticker = pb.PublicAggreBookTickerV3Api(**prices)  # type: ignore[arg-type]  # values by name
    return pb.PushDataV3ApiWrapper(channel="c", symbol="NEWUSDT", publicAggreBookTicker=ticker).SerializeToString()


def test_a_recorded_order_frame_is_read() -> None:
    """A filled limit order, with what was executed."""
    order = frames.read(ORDER, NOW)

    assert order == Order(
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


def test_a_deal_is_a_fill_with_its_fee() -> None:
    """Amounts are quote, quantities base; an order placed without an id has none."""
    fill = frames.read(deal_frame(clientOrderId=""), NOW)

    assert isinstance(fill, Fill)
    assert (fill.trade_id, fill.order_id, fill.client_order_id) == ("728298455591530497X1", "C02__1", None)
    assert (fill.side, fill.price, fill.quantity) == (Side.SELL, Decimal("0.0421"), Decimal("12.5"))
    assert (fill.quote, fill.fee, fill.fee_asset) == (Decimal("0.52625"), Decimal("0.0002"), "USDT")
    assert fill.at == NOW


@pytest.mark.parametrize("empty", ["", "0", "0.0000"])
def test_an_empty_side_has_no_price(empty: str) -> None:
    """Unknown, never zero; the time is that of receipt."""
    quote = frames.read(ticker_frame(bidPrice=empty, askPrice="0.05"), NOW)

    assert quote == TopOfBook("NEWUSDT", None, Price(Decimal("0.05")), NOW)


def test_other_kinds_of_frames_are_passed_over() -> None:
    """A recorded frame of public deals, which nobody here asked for."""
    assert frames.read(DEALS, NOW) is None


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xff\xff",
        ORDER[:-5],
        deal_frame(tradeId=""),
        deal_frame(tradeType=3),
        deal_frame(price="1e5"),
        deal_frame(time=0),
        ticker_frame(bidPrice="x"),
    ],
)
def test_what_money_depends_on_is_not_guessed(frame: bytes) -> None:
    """A missing or strange member makes the frame unreadable."""
    with pytest.raises(Unreadable):
        frames.read(frame, NOW)


@given(
    st.sampled_from([ORDER, DEALS, deal_frame(), ticker_frame(bidPrice="1", askPrice="2")]),
    st.integers(0, 200),
    st.binary(max_size=8),
)
def test_damaged_frames_raise_nothing_but_unreadable(frame: bytes, at: int, damage: bytes) -> None:
    """A mutated frame is read, passed over or unreadable."""
    with contextlib.suppress(Unreadable):
        frames.read(frame[:at] + damage + frame[at + len(damage) :], NOW)
