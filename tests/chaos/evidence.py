"""What is known of one run when it is over: of the venue, of the journal, and of what the workers sent."""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import dict_row

from adapters.postgres.event_codec import event_of
from cli.demo_venue import STATUSES, booked_fill
from cli.ledger_check import Book, BookedFill, BookedOrder
from domain.events import AbortRequested, Event, IntentCommitted
from domain.ids import SessionKey
from domain.orders import OrderIntent
from tests.booked_rows import book_of_rows
from tests.chaos.wire import SentOrder


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order of ours at the venue. created_ms, updated_ms: venue time of its arrival and of its last change."""

    order_id: str
    client_order_id: str
    side: str
    price: Decimal
    quantity: Decimal
    executed: Decimal
    executed_quote: Decimal
    status: str
    created_ms: int
    updated_ms: int
    symbol: str = ""

    @property
    def final(self) -> bool:
        return self.status not in ("new", "partially_filled")


@dataclass(frozen=True, slots=True)
class VenueFill:
    """An execution of ours at the venue. at_ms: venue time."""

    order_id: str
    at_ms: int
    booked: BookedFill


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One event. committed_at: real wall clock, as Postgres tells it of the transaction."""

    event: Event
    committed_at: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """budget, bound: of the plan; the bound is the highest price that any part of it allows, None: no such thing.

    coins_before: of the new coin. refused_ms: venue time of the last refusal by client order id.
    coins, resting: at the venue when all was over. ended: whether some worker said that the session is over.
    broke: what ended a desk that no plan killed. scale: seconds per real second.
    """

    budget: Decimal
    bound: Decimal | None
    taker_fee: Decimal
    coins_before: Decimal = Decimal(0)
    coins: Decimal = Decimal(0)
    orders: tuple[VenueOrder, ...] = ()
    fills: tuple[VenueFill, ...] = ()
    refused_ms: dict[str, int] = field(default_factory=dict)
    sent: tuple[SentOrder, ...] = ()
    journal: tuple[JournalEntry, ...] = ()
    journal_book: Book = field(default_factory=Book)
    ended: bool = True
    broke: tuple[str, ...] = ()
    scale: float = 1.0

    def intents(self) -> dict[str, tuple[OrderIntent, float]]:
        """By client order id, each with the instant at which it was durable."""
        return {
            entry.event.intent.client_order_id: (entry.event.intent, entry.committed_at)
            for entry in self.journal
            if isinstance(entry.event, IntentCommitted)
        }

    def aborted_at(self) -> float | None:
        """Real wall clock of the first abort that was written."""
        asked = [entry.committed_at for entry in self.journal if isinstance(entry.event, AbortRequested)]
        return min(asked, default=None)

    def doubled(self) -> frozenset[str]:
        """Client order ids that the network delivered twice: what came of those is nobody's fault."""
        return frozenset(order.client_order_id for order in self.sent if order.fault == "duplicate")

    def booked_coins(self) -> Decimal:
        """What is left of the purchase, as the journal has it."""
        held = Decimal(0)
        for fill in self.journal_book.fills:
            held += fill.quantity if fill.side == "buy" else -fill.quantity
            held -= fill.fee if fill.symbol.startswith(fill.fee_asset) else 0
        return held

    def venue_book(self) -> Book:
        return Book(
            orders=tuple(
                BookedOrder(
                    order.client_order_id, order.symbol, order.side, order.executed, order.executed_quote, order.status
                )
                for order in self.orders
            ),
            fills=tuple(fill.booked for fill in self.fills),
        )


def venue_side(account: dict[str, Any], symbol: str) -> tuple[tuple[VenueOrder, ...], tuple[VenueFill, ...]]:
    """Orders and fills of one symbol from the venue's ledger."""
    orders = tuple(_order(order) for order in account["orders"] if order["symbol"] == symbol)
    fills = tuple(_fill(fill) for fill in account["fills"] if fill["symbol"] == symbol)
    return orders, fills


def refusals(requests: list[dict[str, Any]]) -> dict[str, int]:
    """Of placements: venue time of the last refusal by client order id."""
    return {
        request["client_order_id"]: request["arrival_ms"]
        for request in requests
        if request["method"] == "POST" and request["status"] not in (None, 200) and request["client_order_id"]
    }


def sent_twice(sent: tuple[SentOrder, ...]) -> dict[str, int]:
    """Client order ids that workers sent more than once."""
    return {name: times for name, times in Counter(order.client_order_id for order in sent).items() if times > 1}


def journal_side(url: str, key: SessionKey) -> tuple[tuple[JournalEntry, ...], Book]:
    """The events with the instants of their commits, and what the projections say."""
    with psycopg.connect(url, row_factory=dict_row, autocommit=True) as books:
        found = books.execute(
            "SELECT id FROM sessions WHERE account = %s AND listing = %s AND attempt = %s",
            (key.account, str(key.listing), key.attempt),
        ).fetchone()
        assert found is not None  # it was admitted
        number = (found["id"],)
        events = books.execute(
            """
            SELECT kind, payload, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 AS at
            FROM events WHERE session_id = %s ORDER BY seq
            """,
            number,
        ).fetchall()
        orders = books.execute("SELECT * FROM orders WHERE session_id = %s", number).fetchall()
        fills = books.execute("SELECT * FROM fills WHERE session_id = %s", number).fetchall()
    entries = tuple(JournalEntry(event_of(row["kind"], row["payload"]), row["at"]) for row in events)
    return entries, book_of_rows(orders, fills)


def _order(order: dict[str, Any]) -> VenueOrder:
    return VenueOrder(
        order_id=order["orderId"],
        client_order_id=order["clientOrderId"] or "",
        side=order["side"].lower(),
        price=Decimal(order["price"] or 0),
        quantity=Decimal(order["origQty"] or 0),
        executed=Decimal(order["executedQty"]),
        executed_quote=Decimal(order["cummulativeQuoteQty"]),
        status=STATUSES[order["status"]],
        created_ms=order["time"],
        updated_ms=order["updateTime"],
        symbol=order["symbol"],
    )


def _fill(fill: dict[str, Any]) -> VenueFill:
    return VenueFill(fill["orderId"], fill["time"], booked_fill(fill))
