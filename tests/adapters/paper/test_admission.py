"""What the paper venue says no to."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from adapters.paper.admission import admit, check_funds, check_opponent, comes_to_nothing, reference_price
from domain.errors import ClockRefused, NotTradable, OrderRejected, PriceRefused, Refused
from domain.money import Base, Price, Quote, SymbolRules
from domain.orders import OrderKind, OrderRequest, Side, check_meant
from tests.adapters.paper.market import MARKET_RULES, a_book, a_market_buy, a_request, after
from tests.builders import RULES, T0

OPENS_MS = int(T0.timestamp() * 1000)


def admitted(
    request: OrderRequest | None = None,
    *,
    rules: SymbolRules | None = RULES,
    timestamp: datetime = T0,
    server: datetime = T0,
    reference: Price | None = None,
) -> SymbolRules:
    return admit(
        request or a_request(),
        timestamp=timestamp,
        recv_window_ms=500,
        server=server,
        rules=rules,
        reference=reference,
    )


@pytest.mark.parametrize(("off_ms", "fits"), [(999, True), (1000, False), (-500, True), (-501, False)])
def test_an_order_has_to_arrive_inside_its_window(off_ms: int, fits: bool) -> None:
    """Less than a second ahead of the venue's clock, at most its window behind it."""
    stamp = T0 + timedelta(milliseconds=off_ms)

    if fits:
        assert admitted(timestamp=stamp) == RULES
    else:
        with pytest.raises(ClockRefused):
            admitted(timestamp=stamp)


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        (None, 10007),
        (replace(RULES, api_allowed=False), 30001),
        (replace(RULES, opens_at_ms=OPENS_MS + 1), 30001),
    ],
)
def test_what_is_not_open_is_not_tradable(rules: SymbolRules | None, code: int) -> None:
    """Not listed, closed to the API, or opening a millisecond later."""
    with pytest.raises(NotTradable) as refused:
        admitted(rules=rules)

    assert refused.value.code == code


def test_from_its_opening_instant_on_a_symbol_is_tradable() -> None:
    """Not later."""
    rules = replace(RULES, opens_at_ms=OPENS_MS)

    assert admitted(rules=rules) == rules


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"quantity": "100.001"}, 400),
        ({"price": "0.050001"}, 400),
        ({"quantity": "0"}, 400),
        ({"quantity": "19"}, 30002),
        ({"quantity": "40000000.02"}, 30003),
    ],
)
def test_form_and_size_are_the_symbols(changes: dict[str, Any], code: int) -> None:
    """Steps, smallest and largest order."""
    with pytest.raises(OrderRejected) as refused:
        admitted(a_request(**changes))

    assert refused.value.code == code


def test_the_smallest_quantity_counts_too() -> None:
    """Where the venue states one."""
    with pytest.raises(OrderRejected, match="at least 200"):
        admitted(rules=replace(RULES, min_quantity=Base(Decimal(200))))


@pytest.mark.parametrize(
    ("side", "price", "fits"),
    [
        (Side.BUY, "0.06", True),
        (Side.BUY, "0.06001", False),
        (Side.BUY, "0.03", True),
        (Side.SELL, "0.04", True),
        (Side.SELL, "0.03999", False),
        (Side.SELL, "0.09", True),
    ],
)
def test_a_price_has_to_lie_inside_the_band(side: Side, price: str, fits: bool) -> None:
    """20 % around 0.05, on the side where it hurts."""
    request = a_request(side=side, price=price)

    if fits:
        assert admitted(request, reference=Price(Decimal("0.05"))) == RULES
    else:
        with pytest.raises(PriceRefused):
            admitted(request, reference=Price(Decimal("0.05")))


def test_without_a_price_or_a_band_any_price_is_taken() -> None:
    """As before the first trade at the venue."""
    dear = a_request(price="9")

    assert admitted(dear) == RULES
    without = replace(RULES, band_up=None)
    assert admitted(dear, rules=without, reference=Price(Decimal("0.05"))) == without


def test_in_the_first_minute_there_is_no_band() -> None:
    """A generous bound is what an entry has; afterwards the band holds."""
    rules = replace(RULES, opens_at_ms=OPENS_MS)
    dear, reference = a_request(price="0.09"), Price(Decimal("0.05"))

    assert admitted(dear, rules=rules, timestamp=after(59), server=after(59), reference=reference) == rules
    with pytest.raises(PriceRefused):
        admitted(dear, rules=rules, timestamp=after(60), server=after(60), reference=reference)


def test_the_band_is_measured_from_the_last_trade_else_from_the_best_price() -> None:
    """First of the side that the order would meet."""
    book = a_book(bids=[("0.04", "1")], asks=[("0.06", "1")])

    assert reference_price(Side.BUY, book, Price(Decimal("0.05"))) == Decimal("0.05")
    assert reference_price(Side.BUY, book, None) == Decimal("0.06")
    assert reference_price(Side.SELL, book, None) == Decimal("0.04")
    assert reference_price(Side.SELL, a_book(asks=[("0.06", "1")]), None) == Decimal("0.06")
    assert reference_price(Side.BUY, a_book(), None) is None
    assert reference_price(Side.BUY, None, None) is None


@pytest.mark.parametrize(("side", "code", "asset"), [(Side.BUY, 30004, "USDT"), (Side.SELL, 30005, "NEW")])
def test_what_is_lacking_is_named(side: Side, code: int, asset: str) -> None:
    """In what the order pays with."""
    check_funds(a_request(side=side), Quote(Decimal(0)), RULES)
    with pytest.raises(Refused, match=f"lacks 0.5 {asset}") as refused:
        check_funds(a_request(side=side), Decimal("0.5"), RULES)

    assert refused.value.code == code


def test_a_wrong_timestamp_is_told_before_anything_else() -> None:
    """As at the venue, whose door it is."""
    with pytest.raises(ClockRefused):
        admitted(a_request(quantity="0"), rules=None, timestamp=after(-60))


def test_a_market_purchase_is_refused_where_the_rules_have_none() -> None:
    """In the words of the venue, and before its amount is looked at."""
    with pytest.raises(OrderRejected) as refused:
        admitted(a_market_buy(quote="0.5"))

    assert refused.value.code == 30019
    assert admitted(a_market_buy(), rules=MARKET_RULES) == MARKET_RULES


@pytest.mark.parametrize(
    ("quote", "code"), [("0.999", 30002), ("2000000.01", 30003), ("5.000001", 400), ("0", 400), ("-1", 400)]
)
def test_a_market_purchase_is_measured_by_its_amount(quote: str, code: int) -> None:
    """Not by the price and the quantity it was sized by."""
    with pytest.raises(OrderRejected) as refused:
        admitted(a_market_buy(quote=quote), rules=MARKET_RULES)

    assert refused.value.code == code


def test_no_band_holds_a_market_purchase() -> None:
    """It has no price of its own."""
    assert admitted(a_market_buy(), rules=MARKET_RULES, reference=Price(Decimal("0.001"))) == MARKET_RULES


def test_a_market_purchase_needs_somebody_who_sells() -> None:
    """An empty side is refused; a book that is not known proves nothing, and other kinds wait or end by themselves."""
    empty = a_book(bids=[("0.05", "1")])

    check_opponent(a_market_buy(), None)
    check_opponent(a_market_buy(), a_book(asks=[("0.05", "1")]))
    check_opponent(a_request(), empty)
    with pytest.raises(NotTradable) as refused:
        check_opponent(a_market_buy(), empty)

    assert refused.value.code == 30025


def test_in_the_first_minute_a_market_purchase_comes_to_nothing() -> None:
    """As was reported of the venue; other orders do not, and nothing does later or long after an opening."""
    rules = replace(MARKET_RULES, opens_at_ms=OPENS_MS)

    assert comes_to_nothing(a_market_buy(), rules, after(59))
    assert not comes_to_nothing(a_request(), rules, after(59))
    assert not comes_to_nothing(a_market_buy(), rules, after(60))
    assert not comes_to_nothing(a_market_buy(), MARKET_RULES, after(0))


@pytest.mark.parametrize(
    "request_",
    [
        replace(a_market_buy(), side=Side.SELL),
        replace(a_market_buy(), quote=None),
        a_market_buy(quote="0"),
        replace(a_request(), quote=Quote(Decimal(5))),
        replace(a_request(), kind=OrderKind.MARKET),
    ],
)
def test_what_is_never_meant_is_a_bug(request_: OrderRequest) -> None:
    """A sale at market, a market purchase of nothing, an amount with another kind."""
    with pytest.raises(ValueError, match=r"market|quote"):
        check_meant(request_)
