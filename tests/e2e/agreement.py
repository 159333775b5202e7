"""What must hold for a session that has ended, whatever was done to it meanwhile."""

from decimal import Decimal
from typing import Any

from cli.demo_venue import booked_fill, booked_order
from cli.ledger_check import Book, book_differences
from tests.booked_rows import book_of_rows
from tests.e2e.rehearsal import BUDGET, Rehearsal, Session


async def assert_ended_well(rehearsal: Rehearsal, session: Session, *, bought: bool | None = None) -> None:
    """Closed, flat, at most one entry inside the budget, and both ledgers agree to the last unit.

    bought: whether it must have bought; None: either will do.
    """
    venue = venue_book(await rehearsal.ledger(), session.symbol)
    entries = [order for order in venue.orders if order.side == "buy" and order.executed > 0]
    bought_base = sum((fill.quantity for fill in venue.fills if fill.side == "buy"), Decimal(0))
    sold_base = sum((fill.quantity for fill in venue.fills if fill.side == "sell"), Decimal(0))
    cost = sum((fill.quote + fill.fee for fill in venue.fills if fill.side == "buy"), Decimal(0))

    assert rehearsal.row(session)["phase"] == "closed"
    assert len(entries) <= 1
    assert bought is None or bool(entries) is bought
    assert cost <= BUDGET
    assert bought_base == sold_base
    assert book_differences(venue, journal_book(rehearsal, session)) == []


def venue_book(account: dict[str, Any], symbol: str) -> Book:
    return Book(
        orders=tuple(booked_order(order) for order in account["orders"] if order["symbol"] == symbol),
        fills=tuple(booked_fill(fill) for fill in account["fills"] if fill["symbol"] == symbol),
    )


def journal_book(rehearsal: Rehearsal, session: Session) -> Book:
    """From the projections, which follow from the journal's events alone."""
    number = rehearsal.row(session)["id"]
    orders = rehearsal.books.execute("SELECT * FROM orders WHERE session_id = %s", (number,)).fetchall()
    fills = rehearsal.books.execute("SELECT * FROM fills WHERE session_id = %s", (number,)).fetchall()
    return book_of_rows(orders, fills)
