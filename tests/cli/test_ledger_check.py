"""Every way in which venue and journal can differ is found and named."""

from dataclasses import replace
from decimal import Decimal

import pytest

from cli.ledger_check import Book, BookedFill, BookedOrder, balance_differences, book_differences, movements

BUY = BookedOrder("s1", "NEWUSDT", "buy", Decimal(900), Decimal("45.9"), "filled")
SELL = BookedOrder("s2", "NEWUSDT", "sell", Decimal(900), Decimal("54"), "filled")
BOUGHT = BookedFill(
    "t1", "s1", "NEWUSDT", "buy", Decimal("0.051"), Decimal(900), Decimal("45.9"), Decimal("0.02295"), "USDT"
)
SOLD = BookedFill("t2", "s2", "NEWUSDT", "sell", Decimal("0.06"), Decimal(900), Decimal(54), Decimal("0.027"), "USDT")
BOOK = Book((BUY, SELL), (BOUGHT, SOLD))
BEFORE = {"USDT": Decimal(10000)}
AFTER = {"USDT": Decimal("10008.05005"), "NEW": Decimal(0)}


def test_equal_books_have_no_difference() -> None:
    """Trailing zeros and the order of entries do not matter."""
    journal = Book((SELL, replace(BUY, executed=Decimal("900.00"))), (SOLD, BOUGHT))

    assert book_differences(BOOK, journal) == []


def test_an_order_the_journal_does_not_know_is_found() -> None:
    """A forgotten order is the worst difference of all."""
    found = book_differences(BOOK, replace(BOOK, orders=(BUY,)))

    assert "order s2: the venue knows it, the journal does not" in found


def test_an_order_the_venue_does_not_know_is_found() -> None:
    """An invented order is a difference too."""
    found = book_differences(replace(BOOK, orders=(BUY,)), BOOK)

    assert "order s2: the journal knows it, the venue does not" in found


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("executed", Decimal(899), "executed is 900 at the venue, 899 in the journal"),
        ("executed_quote", Decimal("45.91"), "executed quote is 45.9 at the venue, 45.91 in the journal"),
        ("status", "cancelled", "status is filled at the venue, cancelled in the journal"),
        ("side", "sell", "side is buy at the venue, sell in the journal"),
        ("symbol", "OLDUSDT", "symbol is NEWUSDT at the venue, OLDUSDT in the journal"),
    ],
)
def test_an_order_told_differently_is_found(field: str, value: object, words: str) -> None:
    """Each member of an order is compared."""
    journal = Book((replace(BUY, **{field: value}), SELL), BOOK.fills)  # type: ignore[arg-type]  # by name, on purpose

    assert f"order s1: {words}" in book_differences(BOOK, journal)


@pytest.mark.parametrize("missing", ["venue", "journal"])
def test_a_fill_only_one_side_knows_is_found(missing: str) -> None:
    """Whichever side lacks it."""
    short = replace(BOOK, fills=(BOUGHT,))

    found = book_differences(short, BOOK) if missing == "venue" else book_differences(BOOK, short)

    assert any(line.startswith("fill t2: ") and line.endswith(f"the {missing} does not") for line in found)
    assert any(line.startswith("order s2: executed 900, but its fills") for line in found)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("price", Decimal("0.0511")),
        ("quantity", Decimal("899.99")),
        ("quote", Decimal("45.8")),
        ("fee", Decimal("0.02296")),
        ("fee_asset", "MX"),
        ("client_order_id", "s2"),
    ],
)
def test_a_fill_told_differently_is_found(field: str, value: object) -> None:
    """Each member of a fill is compared, to the last unit."""
    journal = Book(BOOK.orders, (replace(BOUGHT, **{field: value}), SOLD))  # type: ignore[arg-type]  # by name

    assert any(line.startswith(f"fill t1: {field.replace('_', ' ')} is ") for line in book_differences(BOOK, journal))


def test_a_trade_written_twice_is_found() -> None:
    """A repeated fill would count money twice."""
    journal = Book(BOOK.orders, (BOUGHT, BOUGHT, SOLD))

    assert "fill t1: written 2 times in the journal's book" in book_differences(BOOK, journal)


def test_balances_that_moved_by_the_fills_have_no_difference() -> None:
    """Bought and sold the same: only the quote asset has changed, fees included."""
    assert balance_differences(BEFORE, AFTER, BOOK.fills) == []


def test_a_balance_that_moved_otherwise_is_found() -> None:
    """A hundred-thousandth is enough."""
    found = balance_differences(BEFORE, {**AFTER, "USDT": Decimal("10008.05006")}, BOOK.fills)

    assert found == ["balance of USDT: changed by 8.05006 at the venue, the fills explain 8.05005"]


def test_a_coin_left_behind_is_found() -> None:
    """What was not sold stands in the balance of the coin."""
    found = balance_differences(BEFORE, {**AFTER, "NEW": Decimal("0.5")}, BOOK.fills)

    assert found == ["balance of NEW: changed by 0.5 at the venue, the fills explain 0"]


def test_fees_in_the_coin_reduce_the_coin() -> None:
    """A fee belongs to the asset it was taken in."""
    paid_in_coin = replace(BOUGHT, fee=Decimal("0.45"), fee_asset="NEW")

    assert movements([paid_in_coin]) == {"NEW": Decimal("899.55"), "USDT": Decimal("-45.9")}
