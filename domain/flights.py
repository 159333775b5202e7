"""What a journal tells of each shot's way: planned, sent, answered, known for certain; and all of them together.

Lengths are whole microseconds. None always means that nothing is on record, never that it was zero.
Not here: words for people (ui/flights.py).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from domain.events import Event, IntentCommitted, OrderAbsent, OrderSeen, ShotAnswered, ShotSent, ShotSettled
from domain.ids import Leg
from domain.money import NO_BASE, Base, Price
from domain.orders import OrderIntent

BUCKETS_US: tuple[int, ...] = (20, 50, *(step * 10**power for power in range(2, 6) for step in (1, 2, 5)), 1_000_000)
"""Upper ends of a histogram's buckets, inclusive; fixed, so that two sessions' records can be laid side by side."""


@dataclass(frozen=True, slots=True)
class FlightRecord:
    """One shot that was sent.

    leg, shot: what it was for, shot counted from 0 within the leg; None: its intent is not among the events.
    planned_at: exchange time at which it was to arrive; None: it was not aimed at an instant but left at once, as
    sales do. sent_at: exchange time at which it left, best estimate. leave_at: on the same clock, when it had to
    leave so as to arrive as planned, or as shortly after as is known; None: not aimed. lateness_us: between that and
    sent_at; negative: early; None: not aimed. clock_bound_us: how well the exchange's clock was
    known, half-width. one_way_us: the way it was aimed with. connection: counted from 0.
    first_byte_us, parsed_us: from its leaving until the answer's first byte was here, and until the answer was read
    and understood. gave_up_us: from its leaving until a clear answer was given up on, because none came or because one
    came that says nothing of the order, such as a 503; None: a clear one came.
    known_us: from its leaving until it was certain what became of it. executed: base units, certain.
    answer: accepted, refused, try again or unknown. code, text: what the venue or the line said with it.
    """

    client_order_id: str
    leg: Leg | None
    shot: int | None
    price: Price
    quantity: Base
    planned_at: datetime | None
    sent_at: datetime
    leave_at: datetime | None
    lateness_us: int | None
    clock_bound_us: int | None
    one_way_us: int | None
    connection: int | None
    first_byte_us: int | None
    parsed_us: int | None
    gave_up_us: int | None
    known_us: int | None
    executed: Base | None
    answer: str | None
    code: int | None
    text: str

    @property
    def aimed(self) -> bool:
        """Whether there was an instant at which it should arrive."""
        return self.planned_at is not None


@dataclass(frozen=True, slots=True)
class Bucket:
    """up_to_us: inclusive; None: everything longer than the bucket before."""

    up_to_us: int | None
    count: int


@dataclass(frozen=True, slots=True)
class Spread:
    """How one length is distributed over the shots that have it on record; percentiles are values that occurred.

    recorded, missing: how many shots have it, and how many of those that could have it do not.
    """

    recorded: int
    missing: int
    min_us: int | None
    p50_us: int | None
    p90_us: int | None
    max_us: int | None
    histogram: tuple[Bucket, ...]


@dataclass(frozen=True, slots=True)
class FlightSummary:
    """All shots of one session. answers: how many by answer, the most frequent first; "" counts those without one.

    clock_bound_us: the widest of those on record; None: none is.
    """

    sent: int
    answers: dict[str, int]
    clock_bound_us: int | None
    lateness: Spread
    first_byte: Spread
    answer: Spread
    known: Spread


def flights(events: Iterable[Event]) -> tuple[FlightRecord, ...]:
    """One record for every shot that was sent, in the order in which they left; the events may come in any order."""
    intents: dict[str, OrderIntent] = {}
    sent: dict[str, ShotSent] = {}
    answered: dict[str, ShotAnswered] = {}
    settled: dict[str, ShotSettled] = {}
    seen: dict[str, Base | None] = {}
    absent: set[str] = set()
    for event in events:
        match event:
            case IntentCommitted():
                intents[event.intent.client_order_id] = event.intent
            case ShotSent():
                sent[event.client_order_id] = event
            case ShotAnswered():
                answered[event.client_order_id] = event
            case ShotSettled():
                settled[event.client_order_id] = event
            case OrderSeen(order) if order.client_order_id is not None:
                final = order.executed if order.status.final else None
                seen[order.client_order_id] = final if final is not None else seen.get(order.client_order_id)
            case OrderAbsent():
                absent.add(event.client_order_id)
            case _:
                pass
    return tuple(
        _record(
            one,
            intents.get(name),
            answered.get(name),
            settled.get(name),
            seen.get(name, NO_BASE if name in absent else None),
            taken=name in seen,
        )
        for name, one in sorted(sent.items(), key=lambda item: (item[1].sent_at, item[0]))
    )


def summary(records: Sequence[FlightRecord]) -> FlightSummary:
    """What these shots have in common."""
    bounds = [one.clock_bound_us for one in records if one.clock_bound_us is not None]
    return FlightSummary(
        sent=len(records),
        answers=dict(Counter(one.answer or "" for one in records).most_common()),
        clock_bound_us=max(bounds, default=None),
        lateness=spread([one.lateness_us for one in records if one.aimed]),
        first_byte=spread([one.first_byte_us for one in records]),
        answer=spread([one.parsed_us for one in records]),
        known=spread([one.known_us for one in records]),
    )


def spread(lengths_us: Iterable[int | None]) -> Spread:
    """The distribution of what is on record."""
    every = list(lengths_us)
    found = sorted(one for one in every if one is not None)
    return Spread(
        recorded=len(found),
        missing=len(every) - len(found),
        min_us=_percentile(found, 0),
        p50_us=_percentile(found, 50),
        p90_us=_percentile(found, 90),
        max_us=_percentile(found, 100),
        histogram=_histogram(found),
    )


def _record(
    sent: ShotSent,
    intent: OrderIntent | None,
    answered: ShotAnswered | None,
    settled: ShotSettled | None,
    executed: Base | None,
    *,
    taken: bool,
) -> FlightRecord:
    aimed = intent is None or intent.leg is Leg.ENTRY
    known_us = None
    if answered is not None and settled is not None:
        known_us = answered.after_us + settled.after_us
    elif answered is not None and answered.left_no_order and not taken:
        known_us, executed = answered.after_us, NO_BASE
    came = answered is not None and answered.answer != "unknown"
    return FlightRecord(
        client_order_id=sent.client_order_id,
        leg=None if intent is None else intent.leg,
        shot=None if intent is None else intent.shot,
        price=sent.price,
        quantity=sent.quantity,
        planned_at=sent.planned_at if aimed else None,
        sent_at=sent.sent_at,
        leave_at=sent.sent_at - timedelta(microseconds=sent.late_us) if aimed else None,
        lateness_us=sent.late_us if aimed else None,
        clock_bound_us=sent.bound_us,
        one_way_us=sent.one_way_us,
        connection=None if sent.bound_us is None else sent.line,  # both are kept since the same day
        first_byte_us=None if answered is None else answered.first_byte_us,
        parsed_us=answered.after_us if answered is not None and came else None,
        gave_up_us=answered.after_us if answered is not None and not came else None,
        known_us=known_us,
        executed=executed if settled is None else settled.executed,
        answer=None if answered is None else answered.answer,
        code=None if answered is None else answered.code,
        text="" if answered is None else answered.text,
    )


def _percentile(ascending: Sequence[int], percent: int) -> int | None:
    """The smallest value that at least `percent` of all do not exceed."""
    if not ascending:
        return None
    return ascending[max(ceil(len(ascending) * percent / 100) - 1, 0)]


def _histogram(lengths_us: Iterable[int]) -> tuple[Bucket, ...]:
    counts = Counter(next((end for end in BUCKETS_US if length <= end), None) for length in lengths_us)
    return tuple(Bucket(end, counts[end]) for end in (*BUCKETS_US, None))
