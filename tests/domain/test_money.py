"""Rounding never spends more than the budget, pays more than the bound or sells more than is held."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InvalidInput
from domain.money import Base, Price, Quote, SymbolRules, parse_amount, plain
from tests.builders import RULES

amounts = st.decimals("0.00000001", "1000000", places=8)
steps = st.sampled_from([Decimal(text) for text in ("0.00000001", "0.001", "0.5", "1", "1000")])
fees = st.decimals("0", "0.01", places=4)


@st.composite
def symbol_rules(draw: st.DrawFn) -> SymbolRules:
    return replace(
        RULES,
        price_step=draw(steps),
        quantity_step=draw(steps),
        min_quantity=Base(draw(st.decimals("0", "10", places=2))),
        min_notional=Quote(draw(st.decimals("0", "10", places=2))),
        max_notional=draw(st.none() | st.decimals("10", "1000", places=2).map(Quote)),
        taker_fee=draw(fees),
    )


@given(symbol_rules(), amounts, amounts)
def test_what_is_affordable_never_costs_more_than_the_budget(rules: SymbolRules, budget: Decimal, at: Decimal) -> None:
    """Fee included, at the price asked for."""
    quantity = rules.affordable(Quote(budget), Price(at))

    assert quantity * at * (1 + rules.taker_fee) <= budget
    assert quantity % rules.quantity_step == 0
    assert quantity == 0 or quantity * at >= rules.min_notional
    assert rules.max_notional is None or quantity * at <= rules.max_notional


@given(symbol_rules(), amounts)
def test_prices_are_rounded_to_the_safe_side(rules: SymbolRules, price: Decimal) -> None:
    """A buy never pays more and a sell never takes less than meant, by less than one step."""
    down, up = rules.price_down(price), rules.price_up(price)

    assert down <= price <= up
    assert up - down <= rules.price_step
    assert down % rules.price_step == 0 == up % rules.price_step


@given(symbol_rules(), amounts, amounts)
def test_what_is_sellable_is_never_more_than_held(rules: SymbolRules, held: Decimal, price: Decimal) -> None:
    """Rounded down to the venue's steps, and dust is nothing."""
    quantity = rules.sellable(Base(held), Price(price))

    assert 0 <= quantity <= held
    assert quantity == 0 or quantity >= rules.min_quantity
    assert quantity == 0 or quantity * price >= rules.min_notional
    assert rules.max_notional is None or quantity * price <= rules.max_notional


def test_rules_that_size_alike_may_differ_in_the_rest() -> None:
    """A pair that opens is sized as before; one whose steps change is not."""
    assert replace(RULES, api_allowed=not RULES.api_allowed, opens_at_ms=1).sizes_as(RULES)
    assert not replace(RULES, quantity_step=RULES.quantity_step * 10).sizes_as(RULES)
    assert not replace(RULES, max_notional=None).sizes_as(RULES)
    assert not replace(RULES, max_market_notional=Quote(Decimal(200))).sizes_as(RULES)


@given(st.decimals("-1000000", "1000000", places=8))
def test_a_plain_amount_reads_back_as_itself(value: Decimal) -> None:
    """No exponent, no trailing zero, no loss."""
    text = plain(value)

    assert Decimal(text) == value
    assert "E" not in text.upper()
    assert "." not in text or not text.endswith(("0", "."))


@pytest.mark.parametrize("text", ["", "abc", "NaN", "Infinity", "-Infinity", "0", "-1", "1,5"])
def test_an_amount_that_cannot_be_used_is_refused_with_a_remedy(text: str) -> None:
    """Value, expectation and remedy stand in one line."""
    with pytest.raises(InvalidInput) as refused:
        parse_amount("budget", text)

    assert repr(text) in str(refused.value)
    assert "expected" in str(refused.value)


@pytest.mark.parametrize("price", ["0", "-1"])
def test_nothing_is_affordable_at_no_price(price: str) -> None:
    """Without a price bound no order is sized."""
    assert RULES.affordable(Quote(Decimal(50)), Price(Decimal(price))) == 0
