"""The words of the flight record, for panel and command line: what is not on record says so and is never a zero."""

from datetime import UTC, datetime

from domain.flights import Bucket, FlightRecord, FlightSummary, Spread
from domain.money import plain
from domain.orders import OrderIntent
from ui.wording import Units

NOT_RECORDED = "not recorded"
NO_SHOTS = "no shot has left"
LEAVE_AT_IN_WORDS = (
    "planned: when it was to arrive; leave at: when it had to leave for that, or for as shortly after as is known of "
    "clock and way; late: sent less leave at"
)
_NEXT_UNIT_US = (999.5, 999_950)
"""From here on a length would round to a thousand of its unit."""


def length(us: int | None) -> str:
    """A length of time in the unit that reads best: "41 µs", "1.2 ms", "1.20 s"."""
    if us is None:
        return NOT_RECORDED
    if abs(us) < _NEXT_UNIT_US[0]:
        return f"{us} µs"
    if abs(us) < _NEXT_UNIT_US[1]:
        return f"{us / 1000:.1f} ms"
    return f"{us / 1_000_000:.2f} s"


def exact_clock(at: datetime) -> str:
    """Time of day in UTC, to the microsecond."""
    return f"{at.astimezone(UTC):%H:%M:%S.%f}"


def shot_name(one: FlightRecord) -> str:
    """What it was for, counted from 1: "entry 3"."""
    return NOT_RECORDED if one.leg is None or one.shot is None else f"{one.leg} {one.shot + 1}"


def planned(one: FlightRecord) -> str:
    """When it was to arrive."""
    return "at once" if one.planned_at is None else exact_clock(one.planned_at)


def leave(one: FlightRecord) -> str:
    """When it had to leave."""
    return "at once" if one.leave_at is None else exact_clock(one.leave_at)


def late(one: FlightRecord) -> str:
    """How late it left, with its sign; a shot that was not aimed at an instant cannot be late."""
    if not one.aimed:
        return "not aimed"
    if one.lateness_us is None:
        return NOT_RECORDED
    return f"{'+' if one.lateness_us >= 0 else ''}{length(one.lateness_us)}"


def bound(us: int | None) -> str:
    """How well the exchange's clock was known."""
    return NOT_RECORDED if us is None else f"±{length(us)}"


def connection(one: FlightRecord) -> str:
    """The connection that carried it, counted from 1."""
    return NOT_RECORDED if one.connection is None else str(one.connection + 1)


def first_byte(one: FlightRecord) -> str:
    """How long the answer's first byte took; none came where it was looked for and an answer was given up on."""
    kept = one.clock_bound_us is not None  # both are on record since the same day
    return "none" if kept and one.first_byte_us is None and one.gave_up_us is not None else length(one.first_byte_us)


def answered(one: FlightRecord) -> str:
    """How long the answer took. Unclear: none came, or one that says nothing of the order, such as a 503."""
    return "unclear" if one.gave_up_us is not None else length(one.parsed_us)


def answer(one: FlightRecord) -> str:
    """What the venue said, in one word."""
    return one.answer or NOT_RECORDED


def said(one: FlightRecord) -> str:
    """Code and text that came with it, and after how long it was sure that no clear answer comes."""
    code = "" if one.code is None else f"code {one.code}"
    waited = "" if one.gave_up_us is None else f"no clear answer after {length(one.gave_up_us)}"
    return ": ".join(part for part in (code, waited, one.text) if part)


def executed(one: FlightRecord) -> str:
    """Base units that are certain."""
    return NOT_RECORDED if one.executed is None else plain(one.executed)


def clock_known(found: FlightSummary) -> str:
    """How well the exchange's clock was known when these shots left."""
    if found.clock_bound_us is None:
        return "how well the clock was known is not recorded"
    return f"clock known to ±{length(found.clock_bound_us)}"


def counts(found: FlightSummary) -> str:
    """How many left and what was answered: "3 shots left: 2 refused, 1 accepted"."""
    answers = ", ".join(f"{count} {word or 'with no answer on record'}" for word, count in found.answers.items())
    return f"{found.sent} shot{'' if found.sent == 1 else 's'} left: {answers}"


def panel_row(one: FlightRecord, units: Units) -> dict[str, str]:
    """One shot in the panel: what is looked for first stands first, as a phone shows only that."""
    return _row(
        units,
        shot=shot_name(one),
        late=late(one),
        answer=answer(one),
        answered=answered(one),
        known=length(one.known_us),
        executed=executed(one),
        price=plain(one.price),
        quantity=plain(one.quantity),
        planned=planned(one),
        leave=leave(one),
        sent=exact_clock(one.sent_at),
        clock=bound(one.clock_bound_us),
        one_way=length(one.one_way_us),
        connection=connection(one),
        first_byte=first_byte(one),
        said=said(one),
        name=one.client_order_id,
    )


def unsent_row(intent: OrderIntent, units: Units) -> dict[str, str]:
    """One shot that is committed and has not left, for the same table: what can only follow is left empty."""
    return _row(
        units,
        shot=f"{intent.leg} {intent.shot + 1}",
        answer="not sent",
        price=plain(intent.bound),
        quantity=plain(intent.quantity),
        name=intent.client_order_id,
    )


def spread_row(name: str, found: Spread) -> tuple[str, ...]:
    """One length over all shots: how many have it, then smallest, median, nine of ten, largest."""
    return (
        name,
        f"{found.recorded} of {found.recorded + found.missing}",
        *(length(us) for us in (found.min_us, found.p50_us, found.p90_us, found.max_us)),
    )


def bars(found: Spread, *, widest: int = 50) -> list[str]:
    """A histogram of signs, from the first bucket that holds something to the last; empty when none does."""
    filled = [number for number, bucket in enumerate(found.histogram) if bucket.count]
    if not filled:
        return []
    most = max(bucket.count for bucket in found.histogram)
    return [
        f"{_reach(found.histogram, number):>10} |{'#' * -(-bucket.count * widest // max(most, widest))} {bucket.count}"
        for number, bucket in enumerate(found.histogram)
        if filled[0] <= number <= filled[-1]
    ]


def _reach(buckets: tuple[Bucket, ...], number: int) -> str:
    end = buckets[number].up_to_us
    if end is None:
        return f"> {_end(buckets[number - 1].up_to_us)}"
    return f"<= {_end(end)}"


def _end(us: int | None) -> str:
    """A bucket's end is a round number: without decimals."""
    assert us is not None  # only the last bucket has none
    for size, unit in ((1_000_000, "s"), (1_000, "ms")):
        if us >= size:
            return f"{us // size} {unit}"
    return f"{us} µs"


def _row(units: Units, **cells: str) -> dict[str, str]:
    columns = {
        "shot": "Shot",
        "late": "Late",
        "answer": "Answer",
        "answered": "Answered",
        "known": "Known",
        "executed": f"Executed ({units.base})",
        "price": f"Price ({units.quote})",
        "quantity": f"Quantity ({units.base})",
        "planned": "Planned (UTC)",
        "leave": "Leave at (UTC)",
        "sent": "Sent (UTC)",
        "clock": "Clock",
        "one_way": "One way",
        "connection": "Connection",
        "first_byte": "First byte",
        "said": "Venue said",
        "name": "Client order id",
    }
    return {title: cells.get(name, "") for name, title in columns.items()}
