"""Answers of the recorded shapes become domain values; everything else is Unreadable."""

import contextlib
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mexc import members, parse
from adapters.mexc.members import Unreadable
from domain.ids import ListingKey
from domain.money import Base
from domain.orders import OrderKind, OrderStatus, Side
from domain.ports import Balance

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NOW_MS = 1767225600000

METAL: dict[str, Any] = {
    "symbol": "METALUSDT",
    "status": "1",
    "baseAsset": "METAL",
    "baseAssetPrecision": 2,
    "quoteAsset": "USDT",
    "quotePrecision": 5,
    "quoteAssetPrecision": 5,
    "baseCommissionPrecision": 2,
    "quoteCommissionPrecision": 5,
    "orderTypes": ["LIMIT", "MARKET", "LIMIT_MAKER"],
    "isSpotTradingAllowed": True,
    "isMarginTradingAllowed": False,
    "quoteAmountPrecision": "1.000000000000000000000000000000",
    "baseSizePrecision": "0.1",
    "permissions": ["SPOT"],
    "filters": [{"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": "0.2", "askMultiplierDown": "0.2"}],
    "maxQuoteAmount": "2000000",
    "makerCommission": "0",
    "takerCommission": "0.0005",
    "quoteAmountPrecisionMarket": "1",
    "maxQuoteAmountMarket": "100000",
    "fullName": "Metal DAO",
    "tradeSideType": 1,
    "st": False,
}
ORDER: dict[str, Any] = {
    "symbol": "METALUSDT",
    "orderId": "C02__728298455591530497024",
    "orderListId": -1,
    "clientOrderId": None,
    "price": "0.5",
    "origQty": "10",
    "executedQty": "4",
    "cummulativeQuoteQty": "1.9",
    "status": "PARTIALLY_CANCELED",
    "timeInForce": None,
    "type": "IMMEDIATE_OR_CANCEL",
    "side": "BUY",
    "stopPrice": None,
    "icebergQty": None,
    "time": NOW_MS,
    "updateTime": None,
    "isWorking": True,
    "origQuoteOrderQty": "5",
}
TRADE: dict[str, Any] = {
    "symbol": "METALUSDT",
    "id": "505979017439002624X1",
    "orderId": "C02__505979017439002624115",
    "orderListId": -1,
    "price": "0.475",
    "qty": "4",
    "quoteQty": "1.9",
    "commission": "0.00095",
    "commissionAsset": "USDT",
    "time": NOW_MS,
    "isBuyer": True,
    "isMaker": False,
    "isBestMatch": True,
    "isSelfTrade": False,
    "clientOrderId": "mine",
}


def exchange_info(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"timezone": "CST", "serverTime": NOW_MS, "rateLimits": [], "exchangeFilters": [], "symbols": list(rows)}


def test_trading_rules_come_from_the_symbols_row() -> None:
    """Precisions become steps, the percent filter becomes the band, minimum and maximum are order values."""
    rules = parse.rules(exchange_info(METAL), "METALUSDT")

    assert rules is not None
    assert (rules.base_asset, rules.quote_asset) == ("METAL", "USDT")
    assert (rules.price_step, rules.quantity_step) == (Decimal("0.00001"), Decimal("0.01"))
    assert (rules.min_quantity, rules.min_notional) == (Decimal("0.1"), Decimal(1))
    assert (rules.max_notional, rules.max_market_notional) == (Decimal(2_000_000), Decimal(100_000))
    assert (rules.band_up, rules.band_down, rules.taker_fee) == (Decimal("0.2"), Decimal("0.2"), Decimal("0.0005"))
    assert rules.api_allowed
    assert rules.opens_at_ms is None


@pytest.mark.parametrize(
    "change", [{"status": "2"}, {"isSpotTradingAllowed": False}, {"isSpotTradingAllowed": "true"}, {"tradeSideType": 4}]
)
def test_a_paused_or_closed_symbol_is_not_allowed(change: dict[str, Any]) -> None:
    """Any one of the three switches closes it."""
    rules = parse.rules(exchange_info({**METAL, **change, "firstOpenTime": NOW_MS}), "METALUSDT")

    assert rules is not None
    assert not rules.api_allowed
    assert rules.opens_at_ms == NOW_MS


def test_a_symbol_without_filters_has_no_band() -> None:
    """Most rows carry one; none is no error."""
    rules = parse.rules(exchange_info({**METAL, "filters": []}), "METALUSDT")

    assert rules is not None
    assert rules.band_up is rules.band_down is None
    assert parse.rules(exchange_info(METAL), "OTHERUSDT") is None


@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        ({}, True),
        ({"orderTypes": ["LIMIT", "LIMIT_MAKER"]}, False),
        ({"orderTypes": []}, False),
        ({"orderTypes": None}, False),
        ({"orderTypes": "MARKET"}, False),
        ({"orderTypes": {"MARKET": True}}, False),
        ({"orderTypes": [None, 1, ["MARKET"]]}, False),
    ],
)
def test_market_orders_are_taken_where_the_row_lists_them(change: dict[str, Any], allowed: bool) -> None:
    """A list that is missing or cannot be read lists nothing, and the rest of the row stands."""
    rules = parse.rules(exchange_info({**METAL, **change}), "METALUSDT")
    bare = parse.rules(exchange_info({name: METAL[name] for name in METAL if name != "orderTypes"}), "METALUSDT")

    assert rules is not None
    assert rules.market_orders is allowed
    assert bare is not None
    assert not bare.market_orders


def test_an_order_is_told_with_what_was_executed() -> None:
    """One placed without a client id has none; its id, price and state are the venue's."""
    order = parse.order(ORDER)

    assert order.client_order_id is None
    assert (order.side, order.kind, order.status) == (Side.BUY, OrderKind.IMMEDIATE, OrderStatus.PARTIALLY_CANCELLED)
    assert (order.price, order.quantity) == (Decimal("0.5"), Decimal(10))
    assert (order.executed, order.executed_quote) == (Decimal(4), Decimal("1.9"))


@pytest.mark.parametrize(
    ("told", "status", "final"),
    [
        ("NEW", OrderStatus.NEW, False),
        ("PARTIALLY_FILLED", OrderStatus.PARTIALLY_FILLED, False),
        ("FILLED", OrderStatus.FILLED, True),
        ("PARTIALLY_CANCELED", OrderStatus.PARTIALLY_CANCELLED, True),
    ],
)
def test_a_market_orders_state_is_told_as_any_others(told: str, status: OrderStatus, final: bool) -> None:
    """One that could not spend all of its amount is cancelled in part: nothing more is executed on it."""
    order = parse.order({**ORDER, "type": "MARKET", "status": told})

    assert (order.kind, order.status, order.status.final) == (OrderKind.MARKET, status, final)
    assert (order.executed, order.executed_quote) == (Decimal(4), Decimal("1.9"))


@pytest.mark.parametrize(
    ("change", "price", "quantity"),
    [
        ({"price": "0.525"}, "0.525", "10"),
        ({"price": "0", "origQty": "4"}, "0", "4"),
        ({"price": "0", "origQty": "0"}, "0", "4"),
        ({"price": None, "origQty": None}, "0", "4"),
    ],
)
def test_what_a_market_order_shows_as_price_and_quantity_may_vary(
    change: dict[str, Any], price: str, quantity: str
) -> None:
    """Its bound or nothing; what it would buy, what it bought, or nothing: never read as less than was executed."""
    order = parse.order({**ORDER, "type": "MARKET", **change})

    assert (order.price, order.quantity, order.executed) == (Decimal(price), Decimal(quantity), Decimal(4))
    with pytest.raises(Unreadable):
        parse.order({**ORDER, "origQty": None})


def test_a_market_order_that_came_to_nothing_is_cancelled() -> None:
    """As in an opening's first minute."""
    nothing = {"status": "CANCELED", "price": "0", "origQty": "0", "executedQty": "0", "cummulativeQuoteQty": "0"}

    order = parse.order({**ORDER, "type": "MARKET", **nothing})

    assert (order.status, order.quantity, order.executed) == (OrderStatus.CANCELLED, Decimal(0), Decimal(0))


def test_foreign_trigger_orders_do_not_hide_the_others() -> None:
    """Types nobody here places, and a missing price, are read as resting orders."""
    orders = parse.orders([{**ORDER, "type": "STOP_LIMIT", "price": None, "status": "NEW"}, ORDER])

    assert [order.kind for order in orders] == [OrderKind.LIMIT, OrderKind.IMMEDIATE]


def test_fills_come_oldest_first() -> None:
    """The answer is newest first."""
    newer = {**TRADE, "id": "505979017439002624X2"}

    fills = parse.fills([newer, TRADE])

    assert [fill.trade_id for fill in fills] == [TRADE["id"], newer["id"]]
    assert (fills[0].fee, fills[0].fee_asset, fills[0].at) == (Decimal("0.00095"), "USDT", NOW)


@pytest.mark.parametrize("told", ["-0.00095", "0", "0.00095"])
def test_a_makers_rebate_is_a_fee_below_zero(told: str) -> None:
    """A fill that could not be read would keep its order from ever being known."""
    (fill,) = parse.fills([{**TRADE, "commission": told}])

    assert fill.fee == Decimal(told)


@pytest.mark.parametrize("odd", ["NEW\x00USDT", "NEW\nUSDT", "NEW\ud800USDT"])
def test_a_symbol_that_cannot_be_stored_is_passed_over(odd: str) -> None:
    """The others of the list are told all the same."""
    rows = ({**METAL, "firstOpenTime": NOW_MS}, {**METAL, "symbol": odd, "firstOpenTime": NOW_MS})

    found, unreadable = parse.listings(exchange_info(*rows), timedelta(hours=1))

    assert [listing.symbol for listing in found] == ["METALUSDT"]
    assert unreadable == 1


def test_one_unreadable_balance_says_nothing_of_the_others() -> None:
    """It is named as unreadable; an asset that is not named was never held."""
    usdt = {"asset": "USDT", "free": "12.5", "locked": "0.25", "available": "12.5"}

    balances = parse.balances({"balances": [usdt, {"asset": "ODD", "free": "-1", "locked": "0"}]})

    assert balances == {"USDT": Balance(Base(Decimal("12.5")), Base(Decimal("0.25"))), "ODD": None}


def test_symbols_fees_and_calendar_are_read() -> None:
    """Fees come as JSON numbers; a calendar row that cannot be read is counted, the others stand."""
    coin = {"vcoinId": "0" * 32, "vcoinName": "NEW", "vcoinNameFull": "New", "firstOpenTime": NOW_MS, "zone": "NEW"}

    listings, unreadable = parse.calendar({"code": 0, "data": {"newCoins": [coin, {**coin, "firstOpenTime": "soon"}]}})

    assert parse.symbols({"code": 0, "data": ["BTCUSDT", "NEWUSDT"]}) == {"BTCUSDT", "NEWUSDT"}
    assert parse.fees({"data": {"makerCommission": 0, "takerCommission": 0.0005}}) == (Decimal(0), Decimal("0.0005"))
    assert [(listing.symbol, listing.opens_at) for listing in listings] == [("NEWUSDT", NOW)]
    assert unreadable == 1


def test_an_empty_side_of_the_book_has_no_price() -> None:
    """Unknown, never zero."""
    depth = {"lastUpdateId": 1, "bids": [], "asks": [["87900.00", "1.2"], ["87901.00", "3"]], "timestamp": NOW_MS}

    top = parse.top_of_book(depth, "BTCUSDT", NOW)

    assert top.bid is None
    assert top.ask == Decimal(87900)


def test_an_acknowledgement_is_about_the_order_that_was_sent() -> None:
    """It may leave our id out; another id means that answers were mixed up."""
    assert parse.acknowledged_id({"symbol": "A", "orderId": "C02__1"}, "mine") == "C02__1"
    assert parse.acknowledged_id({"orderId": "C02__1", "clientOrderId": "mine"}, "mine") == "C02__1"
    with pytest.raises(Unreadable):
        parse.acknowledged_id({"orderId": "C02__1", "clientOrderId": "other"}, "mine")
    with pytest.raises(Unreadable):
        parse.acknowledged_id({}, "mine")


@pytest.mark.parametrize(
    "at", [0, -1, NOW_MS * 1000, NOW_MS * 10**6, 2**63 - 1, 10**30, 1.5, "1767225600000", True, None]
)
def test_an_order_taken_at_no_possible_time_is_still_taken(at: object) -> None:
    """Only when is not known then."""
    assert parse.taken_at({"orderId": "C02__1", "transactTime": NOW_MS}) == NOW
    assert parse.taken_at({"orderId": "C02__1", "transactTime": at}) is None
    assert parse.taken_at({"orderId": "C02__1"}) is None
    assert parse.taken_at(None) is None


def test_listings_are_rows_that_open_soon_or_opened_lately() -> None:
    """An unreadable row costs only itself, and rows without an opening time are long open."""
    hour = 3_600_000
    rows = [
        {**METAL, "symbol": "A1USDT", "baseAsset": "A1", "status": "2", "firstOpenTime": NOW_MS + hour},
        {**METAL, "symbol": "A2USDT", "baseAsset": "A2", "firstOpenTime": NOW_MS - hour + 1},
        {**METAL, "symbol": "A3USDT", "baseAsset": "A3", "firstOpenTime": NOW_MS - hour - 1},
        {**METAL, "symbol": "A4USDT", "baseAsset": "A:4", "firstOpenTime": NOW_MS},
        METAL,
    ]

    listings, unreadable = parse.listings(exchange_info(*rows), timedelta(hours=1))

    assert [listing.key for listing in listings] == [ListingKey("mexc", "A1", "USDT"), ListingKey("mexc", "A2", "USDT")]
    assert listings[0].opens_at == NOW + timedelta(hours=1)
    assert unreadable == 1


@pytest.mark.parametrize("value", ["1e-3", "-1", "", ".5", "1.", "NaN", "Infinity", " 1", "１", "9" * 41, 1, 1.5, None])
def test_a_decimal_is_plain_text_or_unreadable(value: object) -> None:
    """A JSON number may have been rounded on its way; nothing is guessed."""
    with pytest.raises(Unreadable):
        members.decimal_of("price", value)


@pytest.mark.parametrize("value", [0, -1, 10**15, 2**63 - 1, -(10**18), 10**30, 1.5, "1767225600000", True, None])
def test_a_time_is_in_milliseconds_or_unreadable(value: object) -> None:
    """Seconds, texts and nonsense are not times."""
    with pytest.raises(Unreadable):
        members.time_of("time", value)


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([]), st.just({}), st.just([[]])
)
READERS = [
    (lambda document: parse.rules(document, "METALUSDT"), exchange_info({**METAL, "firstOpenTime": NOW_MS})),
    (lambda document: parse.listings(document, timedelta(hours=1)), exchange_info({**METAL, "firstOpenTime": NOW_MS})),
    (parse.order, ORDER),
    (parse.orders, [ORDER, ORDER]),
    (parse.past_orders, [ORDER, ORDER]),
    (parse.fills, [TRADE]),
    (parse.balances, {"balances": [{"asset": "USDT", "free": "1", "locked": "0"}]}),
    (parse.symbols, {"code": 0, "data": ["BTCUSDT"]}),
    (parse.fees, {"data": {"makerCommission": 0, "takerCommission": 0.0005}}),
    (parse.calendar, {"data": {"newCoins": [{"vcoinName": "NEW", "firstOpenTime": NOW_MS}]}}),
    (lambda document: parse.top_of_book(document, "A", NOW), {"bids": [["1", "1"]], "asks": [["2", "1"]]}),
    (lambda document: parse.acknowledged_id(document, "x"), {"orderId": "1", "clientOrderId": "x"}),
    (parse.taken_at, {"orderId": "1", "transactTime": NOW_MS}),
    (parse.server_time_ms, {"serverTime": NOW_MS}),
    (parse.listen_key, {"listenKey": "abc"}),
]


@pytest.mark.parametrize(("reader", "document"), READERS)
@given(data=st.data())
def test_damaged_answers_raise_nothing_but_unreadable(reader: Any, document: Any, data: st.DataObject) -> None:
    """Whatever member is replaced by whatever value."""
    damaged = data.draw(_damaged(deepcopy(document)))
    with contextlib.suppress(Unreadable):
        reader(damaged)


@st.composite
def _damaged(draw: st.DrawFn, document: Any) -> Any:
    """The document with one of its members, at any depth, replaced or left out."""
    if not isinstance(document, dict | list) or not document or draw(st.integers(0, 4)) == 0:
        return draw(JUNK)
    key = draw(st.sampled_from(sorted(document) if isinstance(document, dict) else range(len(document))))
    if isinstance(document, dict) and draw(st.integers(0, 4)) == 0:
        del document[key]
    else:
        document[key] = draw(_damaged(document[key]))
    return document
