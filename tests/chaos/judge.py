"""The laws of a purchase, judged on what the venue's own ledger says. Pure: evidence in, complaints out.

What a network made of one order by delivering it twice is nobody's fault; such orders are left out where they matter.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal

from cli.ledger_check import Book, book_differences
from domain.events import AttentionNeeded, EntryEnded, PositionFlat
from tests.chaos.evidence import Evidence, VenueOrder, sent_twice
from tests.chaos.wire import SentOrder

_STOPS_WITHIN_S = 3.0
"""After an abort was written: a desk's copy of the row is at most two seconds old."""
_MACHINE_REAL_S = 0.4
"""How long this machine may leave a thread waiting between its last look and the wire: real seconds."""

Law = Callable[[Evidence], Iterator[str]]


def complaints(evidence: Evidence) -> dict[str, list[str]]:
    """What is wrong, by the law that was broken; empty: nothing."""
    found = {name: list(law(evidence)) for name, law in LAWS.items()}
    return {name: said for name, said in found.items() if said}


def overbought(evidence: Evidence) -> Iterator[str]:
    """What was bought costs no more than the plan, fees included."""
    doubled = evidence.doubled()
    cost = sum(
        (
            fill.booked.quote + (fill.booked.fee if _is_quote(fill.booked.fee_asset, fill.booked.symbol) else 0)
            for fill in evidence.fills
            if fill.booked.side == "buy" and fill.booked.client_order_id not in doubled
        ),
        Decimal(0),
    )
    if cost > evidence.budget:
        yield f"bought for {cost} of {evidence.budget}"


def exposed(evidence: Evidence) -> Iterator[str]:
    """When an entry order leaves, what was spent, what it may cost and what may still be filled stay within the plan.

    So nothing is bought a second time, also where there happened to be nothing to buy.
    """
    doubled = evidence.doubled()
    buys = [order for order in evidence.sent if order.side == "buy" and order.client_order_id not in doubled]
    for number, order in enumerate(buys):
        before = (_at_risk(other, order.at_ms, evidence) for other in buys[:number])
        risk = sum(before, _most(order, evidence))
        if risk > evidence.budget:
            yield f"{order.client_order_id} left while {risk} of {evidence.budget} was at risk with it"


def unknown_to_the_journal(evidence: Evidence) -> Iterator[str]:
    """Every order was a committed intent before it left."""
    intents = evidence.intents()
    for order in evidence.sent:
        if order.client_order_id not in intents:
            yield f"{order.client_order_id} of {order.worker} has no intent"
        elif intents[order.client_order_id][1] > order.at:
            late_ms = (intents[order.client_order_id][1] - order.at) * 1000
            yield f"{order.client_order_id} of {order.worker} left {late_ms:.2f} real ms before its intent was durable"
    for name in sorted({order.client_order_id for order in evidence.orders} - set(intents)):
        yield f"{name} is at the venue and has no intent"


def sent_again(evidence: Evidence) -> Iterator[str]:
    """No client order id leaves twice, whichever worker sends it."""
    for name, times in sent_twice(evidence.sent).items():
        by = [order.worker for order in evidence.sent if order.client_order_id == name]
        yield f"{name} was sent {times} times, by {', '.join(by)}"


def outside_its_bounds(evidence: Evidence) -> Iterator[str]:
    """No entry order asks for more, or for a higher price, than its intent and the plan allow."""
    intents = evidence.intents()
    for order in evidence.sent:
        if order.side != "buy" or order.client_order_id not in intents:
            continue
        intent, _ = intents[order.client_order_id]
        bound = min(intent.bound, evidence.bound or intent.bound)
        if order.price is not None and order.price > bound:
            yield f"{order.client_order_id} asks {order.price}, its bound is {bound}"
        if (most := _most(order, evidence)) > intent.budget:
            yield f"{order.client_order_id} may cost {most}, its slice is {intent.budget}"


def not_stopped(evidence: Evidence) -> Iterator[str]:
    """After an abort no entry order leaves."""
    asked_at = evidence.aborted_at()
    if asked_at is None:
        return
    for order in evidence.sent:
        after_s = (order.at - asked_at) * evidence.scale
        if order.side == "buy" and after_s > _STOPS_WITHIN_S + _MACHINE_REAL_S * evidence.scale:
            yield f"{order.client_order_id} left {after_s:.1f} s after the abort"


def not_booked(evidence: Evidence) -> Iterator[str]:
    """Orders and fills at the venue are in the journal, to the last unit, and no others."""
    doubled = evidence.doubled()
    yield from book_differences(_without(evidence.venue_book(), doubled), _without(evidence.journal_book, doubled))


def not_flat(evidence: Evidence) -> Iterator[str]:
    """In the end nothing rests at the venue, and what is held is what was held before and the dust that was told; or
    what the journal says, when a human was told that it cannot be sold."""
    doubled = evidence.doubled()
    for order in evidence.orders:
        if not order.final and order.client_order_id not in doubled:
            yield f"{order.client_order_id} still rests at the venue"
    dust = [entry.event.dust for entry in evidence.journal if isinstance(entry.event, PositionFlat)]
    told = dust[-1] if dust else Decimal(0)  # of several the last one holds
    left = evidence.booked_coins() if left_to_a_human(evidence) else told
    if evidence.coins != evidence.coins_before + left and not doubled:
        yield f"holds {evidence.coins}, had {evidence.coins_before} before and accounts for {left}"


def not_over(evidence: Evidence) -> Iterator[str]:
    """The session comes to an end that is written down, or a human is told why it cannot; where the network doubled
    an order, the venue may be in a state that has no end."""
    if left_to_a_human(evidence) or (evidence.doubled() and not evidence.ended):
        return
    if not any(isinstance(entry.event, EntryEnded) for entry in evidence.journal):
        yield "the end of the entry was never written"
    if not evidence.ended:
        yield "no worker came to the end of it"


def left_to_a_human(evidence: Evidence) -> bool:
    """Whether it has no end, and somebody was told why."""
    told = any(isinstance(entry.event, AttentionNeeded) for entry in evidence.journal)
    return told and not evidence.ended


def broke(evidence: Evidence) -> Iterator[str]:
    """No desk ends by an error that is none of the domain's."""
    yield from evidence.broke


LAWS: dict[str, Law] = {
    "overbought": overbought,
    "exposed": exposed,
    "unknown_to_the_journal": unknown_to_the_journal,
    "sent_again": sent_again,
    "outside_its_bounds": outside_its_bounds,
    "not_stopped": not_stopped,
    "not_booked": not_booked,
    "not_flat": not_flat,
    "not_over": not_over,
    "broke": broke,
}
"""By the name that its figure has."""


def _most(order: SentOrder, evidence: Evidence) -> Decimal:
    """The highest cost that an order can have."""
    if order.quote is not None:
        value = order.quote
    else:
        assert order.price is not None  # a purchase without an amount of quote has both
        assert order.quantity is not None
        value = order.price * order.quantity
    return value * (1 + evidence.taker_fee)


def _at_risk(order: SentOrder, at_ms: int, evidence: Evidence) -> Decimal:
    """What an earlier order had cost by then, and what it could still cost, as only the venue knew."""
    at_venue = [found for found in evidence.orders if found.client_order_id == order.client_order_id]
    if not at_venue:
        refused_ms = evidence.refused_ms.get(order.client_order_id)
        gone = at_ms > order.stamped_ms + order.window_ms or (refused_ms is not None and refused_ms <= at_ms)
        return Decimal(0) if gone else _most(order, evidence)
    return sum((_at_risk_at_venue(found, order, at_ms, evidence) for found in at_venue), Decimal(0))


def _at_risk_at_venue(found: VenueOrder, order: SentOrder, at_ms: int, evidence: Evidence) -> Decimal:
    fills = [fill for fill in evidence.fills if fill.order_id == found.order_id and fill.at_ms <= at_ms]
    cost = Decimal(0)
    executed = Decimal(0)
    for fill in fills:
        cost += fill.booked.quote + (fill.booked.fee if _is_quote(fill.booked.fee_asset, fill.booked.symbol) else 0)
        executed += fill.booked.quantity
    if found.final and found.updated_ms <= at_ms:
        return cost
    if order.quote is not None:
        return max(cost, _most(order, evidence))
    return cost + (found.quantity - executed) * found.price * (1 + evidence.taker_fee)


def _is_quote(asset: str, symbol: str) -> bool:
    return symbol.endswith(asset)


def _without(book: Book, names: frozenset[str]) -> Book:
    return Book(
        tuple(order for order in book.orders if order.client_order_id not in names),
        tuple(fill for fill in book.fills if fill.client_order_id not in names),
    )
