"""Our own books of one session, from the projections in Postgres: what follows from the journal's events alone."""

from collections.abc import Iterable, Mapping
from typing import Any

from cli.ledger_check import Book, BookedFill, BookedOrder


def book_of_rows(orders: Iterable[Mapping[str, Any]], fills: Iterable[Mapping[str, Any]]) -> Book:
    """Rows of the tables orders and fills, by column."""
    return Book(
        orders=tuple(
            BookedOrder(
                row["client_order_id"],
                row["symbol"],
                row["side"],
                row["executed"],
                row["executed_quote"],
                row["status"],
            )
            for row in orders
        ),
        fills=tuple(
            BookedFill(
                row["trade_id"],
                row["client_order_id"],
                row["symbol"],
                row["side"],
                row["price"],
                row["quantity"],
                row["quote"],
                row["fee"],
                row["fee_asset"],
            )
            for row in fills
        ),
    )
