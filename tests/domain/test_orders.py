"""A position is what the fills say, whatever their order and however often they are told."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from domain.orders import Fill, Side, position_of
from tests.builders import a_fill

quantities = st.decimals("0.01", "1000", places=2).map(str)
fills = st.lists(
    st.tuples(st.sampled_from(Side), quantities, quantities, st.sampled_from(["NEW", "USDT", "MX"])), max_size=12
).map(
    lambda rows: [
        a_fill(str(number), side=side, quantity=quantity, price=price, fee="0.01", fee_asset=asset)
        for number, (side, quantity, price, asset) in enumerate(rows)
    ]
)


@given(fills)
def test_a_position_does_not_depend_on_order_or_repetition(told: list[Fill]) -> None:
    """Duplicates count once."""
    again = [*told, *told[:3], *reversed(told)]

    assert position_of(again, "NEW", "USDT") == position_of(told, "NEW", "USDT")


@given(fills)
def test_coins_and_quote_are_conserved(told: list[Fill]) -> None:
    """What is held is what came minus what went minus fees in the coin; the same for quote."""
    position = position_of(told, "NEW", "USDT")

    signs = {Side.BUY: 1, Side.SELL: -1}
    coins = sum((signs[fill.side] * fill.quantity for fill in told), Decimal(0))
    quote = sum((-signs[fill.side] * fill.quote for fill in told), Decimal(0))
    coin_fees = sum((fill.fee for fill in told if fill.fee_asset == "NEW"), Decimal(0))
    quote_fees = sum((fill.fee for fill in told if fill.fee_asset == "USDT"), Decimal(0))
    assert position.held == coins - coin_fees
    assert position.realised_quote == quote - quote_fees


def test_an_empty_position_has_no_entry_price() -> None:
    """Nothing is divided by nothing."""
    position = position_of([], "NEW", "USDT")

    assert position.average_entry is None
    assert position.first_fill_at is None
