"""Each law of the judge, kept and broken, on evidence written out by hand."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from cli.ledger_check import Book, BookedFill, BookedOrder
from domain.events import AbortRequested, AttentionNeeded, EntryEnded, FillSeen, IntentCommitted, PositionFlat
from domain.money import NO_BASE, NO_QUOTE, Base
from domain.orders import OrderIntent
from tests.builders import a_fill, an_intent
from tests.chaos.evidence import Evidence, JournalEntry, VenueFill, VenueOrder
from tests.chaos.judge import LAWS, complaints
from tests.chaos.wire import SentOrder

OPENED_MS = 1_000_000


def an_entry_intent(name: str = "a", *, shot: int = 0) -> OrderIntent:
    """For 1,000 coins at 0.05: 50 of quote, fee not counted."""
    return an_intent(name, shot=shot, quantity="1000")


def a_sent(name: str = "a", *, at_ms: int = OPENED_MS, worker: str = "fire-0", **changed: Any) -> SentOrder:
    sent = SentOrder(
        worker=worker,
        at=at_ms / 1000,
        at_ms=at_ms,
        client_order_id=name,
        symbol="NEWUSDT",
        side="buy",
        kind="IMMEDIATE_OR_CANCEL",
        price=Decimal("0.05"),
        quantity=Decimal(1000),
        quote=None,
        stamped_ms=at_ms,
        window_ms=1000,
    )
    return replace(sent, **changed)


def a_venue_order(name: str = "a", *, executed: str = "1000", at_ms: int = OPENED_MS + 5, **changed: Any) -> VenueOrder:
    order = VenueOrder(
        order_id=f"C-{name}",
        client_order_id=name,
        side="buy",
        price=Decimal("0.05"),
        quantity=Decimal(1000),
        executed=Decimal(executed),
        executed_quote=Decimal(executed) * Decimal("0.05"),
        status="filled" if executed == "1000" else "cancelled",
        created_ms=at_ms,
        updated_ms=at_ms,
    )
    return replace(order, **changed)


def a_booked(name: str = "a", *, side: str = "buy", quantity: str = "1000", trade: str = "1") -> BookedFill:
    quote = Decimal(quantity) * Decimal("0.05")
    return BookedFill(trade, name, "NEWUSDT", side, Decimal("0.05"), Decimal(quantity), quote, Decimal(0), "USDT")


def a_journal(*events: Any, at: float = 900.0) -> tuple[JournalEntry, ...]:
    return tuple(JournalEntry(event, at) for event in events)


def good_evidence(**changed: Any) -> Evidence:
    """One purchase and one sale, all of it written down."""
    bought, sold = a_booked(), a_booked("b", side="sell", trade="2")
    orders = (a_venue_order(), a_venue_order("b", side="sell", at_ms=OPENED_MS + 2000))
    sale = an_intent("b", quantity="1000")
    evidence = Evidence(
        budget=Decimal(50),
        bound=Decimal("0.05"),
        taker_fee=Decimal(0),
        orders=orders,
        fills=(VenueFill("C-a", OPENED_MS + 5, bought), VenueFill("C-b", OPENED_MS + 2000, sold)),
        sent=(a_sent(), a_sent("b", side="sell", at_ms=OPENED_MS + 2000)),
        journal=a_journal(
            IntentCommitted(an_entry_intent()),
            IntentCommitted(sale),
            EntryEnded("filled", ""),
            PositionFlat(NO_BASE, NO_QUOTE),
        ),
        journal_book=Book(
            orders=tuple(
                BookedOrder(order.client_order_id, "", order.side, order.executed, order.executed_quote, order.status)
                for order in orders
            ),
            fills=(bought, sold),
        ),
    )
    return replace(evidence, **changed)


def with_events(*events: Any, at: float = 900.0) -> tuple[JournalEntry, ...]:
    return (*good_evidence().journal, *a_journal(*events, at=at))


def without_events(*kinds: type) -> tuple[JournalEntry, ...]:
    return tuple(entry for entry in good_evidence().journal if not isinstance(entry.event, kinds))


def test_a_purchase_by_the_rules_is_not_complained_about() -> None:
    """Nothing is found where nothing is wrong."""
    assert complaints(good_evidence()) == {}


SECOND = a_sent("c", at_ms=OPENED_MS + 500)
SECOND_INTENT = with_events(IntentCommitted(an_entry_intent("c", shot=1)))
BROKEN: dict[str, tuple[str, Evidence]] = {
    "fills that cost more than the plan": ("overbought", good_evidence(budget=Decimal("49.99"))),
    "a fee that lifts the cost above the plan": (
        "overbought",
        good_evidence(fills=(VenueFill("C-a", OPENED_MS, replace(a_booked(), fee=Decimal("0.01"))),)),
    ),
    "a second order after the first was filled": (
        "exposed",
        good_evidence(sent=(a_sent(), SECOND), journal=SECOND_INTENT),
    ),
    "a second order while the first may still arrive": (
        "exposed",
        good_evidence(sent=(a_sent(), SECOND), orders=(), fills=(), journal=SECOND_INTENT),
    ),
    "a second order while the first rests": (
        "exposed",
        good_evidence(
            sent=(a_sent(), SECOND),
            orders=(a_venue_order(executed="0", status="new"),),
            fills=(),
            journal=SECOND_INTENT,
        ),
    ),
    "a market order too many": (
        "exposed",
        good_evidence(
            sent=(a_sent(), a_sent("c", at_ms=OPENED_MS + 500, price=None, quantity=None, quote=Decimal(1))),
            journal=SECOND_INTENT,
        ),
    ),
    "an order without an intent": ("unknown_to_the_journal", good_evidence(journal=without_events(IntentCommitted))),
    "an intent that was durable too late": (
        "unknown_to_the_journal",
        good_evidence(journal=a_journal(*(entry.event for entry in good_evidence().journal), at=1000.001)),
    ),
    "an id that left twice": ("sent_again", good_evidence(sent=(a_sent(), a_sent(worker="fire-1")))),
    "a price above the bound": ("outside_its_bounds", good_evidence(bound=Decimal("0.0499"))),
    "a slice that is exceeded": ("outside_its_bounds", good_evidence(taker_fee=Decimal("0.001"))),
    "an order after an abort": (
        "not_stopped",
        good_evidence(journal=with_events(AbortRequested("enough", "1"), at=OPENED_MS / 1000 - 3.5)),
    ),
    "a fill that nobody booked": ("not_booked", good_evidence(journal_book=Book())),
    "a fill that never was": (
        "not_booked",
        good_evidence(journal_book=Book(good_evidence().journal_book.orders, (a_booked(), a_booked("b", trade="3")))),
    ),
    "coins that are left over": ("not_flat", good_evidence(coins=Decimal(1))),
    "coins from before that were sold": ("not_flat", good_evidence(coins_before=Decimal(5), coins=Decimal(4))),
    "an order that rests for ever": (
        "not_flat",
        good_evidence(orders=(a_venue_order(), a_venue_order("b", side="sell", status="new"))),
    ),
    "an end that nobody came to": ("not_over", good_evidence(ended=False)),
    "an end that was not written": ("not_over", good_evidence(journal=without_events(EntryEnded))),
    "a desk that fell over": ("broke", good_evidence(broke=("fire-0: KeyError",))),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_breaks_a_law_is_found_by_that_law(case: str) -> None:
    """Every complaint comes with its reason."""
    law, evidence = BROKEN[case]

    assert law in complaints(evidence)


def test_every_law_has_something_that_breaks_it() -> None:
    """A law that cannot fail is none."""
    assert {law for law, _ in BROKEN.values()} == set(LAWS)


def test_a_second_order_is_right_once_the_first_can_bring_nothing_more() -> None:
    """Refused, ended without a fill, or past its window: then its budget is free again."""
    later = a_sent("c", at_ms=OPENED_MS + 1500)
    refused = good_evidence(sent=(a_sent(), SECOND), orders=(), fills=(), refused_ms={"a": OPENED_MS + 5})
    ended = good_evidence(sent=(a_sent(), SECOND), orders=(a_venue_order(executed="0"),), fills=())
    never_arrived = good_evidence(sent=(a_sent(), later), orders=(), fills=())

    assert [list(LAWS["exposed"](evidence)) for evidence in (refused, ended, never_arrived)] == [[], [], []]


def test_what_the_network_doubled_is_nobodys_fault() -> None:
    """One id, sent once and delivered twice, may fill twice."""
    evidence = good_evidence(
        sent=(a_sent(fault="duplicate"), *good_evidence().sent[1:]),
        orders=(*good_evidence().orders, a_venue_order(order_id="C-a2")),
        fills=(*good_evidence().fills, VenueFill("C-a2", OPENED_MS + 50, a_booked(trade="9"))),
        coins=Decimal(1000),
    )

    assert complaints(evidence) == {}


def test_a_position_that_a_human_was_told_of_is_accounted_for() -> None:
    """Without an end it is right to hold what the journal says, and nothing else."""
    held = good_evidence(
        ended=False,
        orders=(a_venue_order(),),
        fills=good_evidence().fills[:1],
        sent=(a_sent(),),
        coins=Decimal(1000),
        journal=(*without_events(PositionFlat), *a_journal(AttentionNeeded("no usable bid"))),
        journal_book=Book(good_evidence().journal_book.orders[:1], (a_booked(),)),
    )

    assert complaints(held) == {}
    assert "not_flat" in complaints(replace(held, coins=Decimal(999)))


def test_dust_that_was_told_may_be_held() -> None:
    """What is too small to sell stays, and is named."""
    flat = PositionFlat(Base(Decimal("0.5")), NO_QUOTE)
    journal = (*without_events(PositionFlat), *a_journal(flat, FillSeen(a_fill())))

    assert "not_flat" not in complaints(good_evidence(coins=Decimal("0.5"), journal=journal))


def test_dust_that_was_told_twice_is_held_once() -> None:
    """A desk that takes over what is flat already tells it again."""
    flat = Base(Decimal("0.5"))
    told = (PositionFlat(flat, NO_QUOTE, "1"), PositionFlat(flat, NO_QUOTE, "2"))
    journal = (*without_events(PositionFlat), *a_journal(*told))

    assert "not_flat" not in complaints(good_evidence(coins=Decimal("0.5"), journal=journal))
