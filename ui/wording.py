"""What happened, in plain words: one line for every kind of event a journal can hold.

Amounts carry their unit, times are exchange time in UTC. Not here: which events belong together (timeline.py).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Self, assert_never

from domain.errors import InvalidInput
from domain.events import (
    AbortRequested,
    AttentionNeeded,
    BooksClosed,
    ClockMeasured,
    CoinCounted,
    EntryEnded,
    Event,
    ExitDecided,
    FillSeen,
    IntentCommitted,
    IntentWithdrawn,
    LeaseTaken,
    OpeningMoved,
    OrderAbsent,
    OrderSeen,
    PhaseEntered,
    PolicyChanged,
    PositionFlat,
    RequestRefused,
    RiskApproved,
    RiskRejected,
    ShotAnswered,
    ShotSent,
    ShotSettled,
    StoodDown,
    StreamInterrupted,
)
from domain.ids import Leg, split_symbol
from domain.money import Price, plain
from domain.orders import Fill, Order, OrderIntent, OrderKind, OrderStatus, Side
from domain.policy import EntryPolicy, EntryStrategy, LadderStep, TradePolicy
from domain.session import Phase

_PHASES = {
    Phase.PREPARING: "preparing: rules, balance and risk are looked at",
    Phase.WAITING: "waiting: approved, the opening is still far away",
    Phase.ARMING: "arming: the desk takes the session over",
    Phase.ARMED: "armed: only the instant is missing",
    Phase.FIRING: "firing: orders go out",
    Phase.GUARDING: "guarding: a position is held and watched",
    Phase.CLOSING: "closing: the books are being closed",
    Phase.CLOSED: "closed",
    Phase.NEEDS_ATTENTION: "needs attention: somebody has to look",
}
_LEGS = {Leg.ENTRY: "entry", Leg.LADDER: "take-profit", Leg.EXIT: "sale at once"}
_STATUSES = {
    OrderStatus.NEW: "is on the book",
    OrderStatus.PARTIALLY_FILLED: "is partly filled",
    OrderStatus.FILLED: "is filled",
    OrderStatus.CANCELLED: "is cancelled",
    OrderStatus.PARTIALLY_CANCELLED: "is partly filled, the rest is cancelled",
}
_KINDS = {OrderKind.IMMEDIATE: "at once", OrderKind.LIMIT: "resting", OrderKind.MARKET: "market"}
_AVERAGE_DIGITS = Decimal("0.0000000001")
STRATEGIES = {
    EntryStrategy.IOC_CAP: "At once, inside the price",
    EntryStrategy.LIMIT: "One order that rests",
    EntryStrategy.MARKET: "Market order, price not guaranteed",
    EntryStrategy.BURST: "Several orders that overlap",
    EntryStrategy.TRANCHE: "Parts, one after the other in time",
}
"""Ways of buying, for people who choose one."""


@dataclass(frozen=True, slots=True)
class Units:
    """What amounts of a session are counted in."""

    base: str
    quote: str

    @classmethod
    def of(cls, symbol: str) -> Self:
        """The assets of a pair; general words for a symbol nobody could split."""
        try:
            return cls(*split_symbol(symbol))
        except InvalidInput:
            return cls("coins", "quote")


def in_words(event: Event, units: Units) -> str:
    """One line for people."""
    match event:
        case PhaseEntered():
            return _PHASES[event.phase] + (f" ({event.detail})" if event.detail else "")
        case RiskApproved():
            asked = money(event.requested, units.quote)
            return f"approved: {asked} asked for, {money(event.reserved, units.quote)} reserved"
        case RiskRejected():
            return "rejected: " + "; ".join(event.reasons)
        case LeaseTaken():
            before = "nothing of an earlier holder is in flight" if event.clean else "an earlier holder may have sent"
            return f"desk {event.holder} took the session (lease {event.token}; {before})"
        case StoodDown():
            return f"the desk let go (lease {event.token}): {event.reason}"
        case ClockMeasured():
            return f"exchange clock known to ±{event.bound * 1000:.2f} ms, one way {event.one_way * 1000:.2f} ms"
        case CoinCounted():
            return f"held before: {money(event.before, event.asset)}"
        case IntentCommitted():
            return f"{_LEGS[event.intent.leg]} {event.intent.shot + 1} committed: {terms(event.intent, units)}"
        case IntentWithdrawn():
            return f"shot {event.client_order_id} withdrawn unsent: {event.reason}"
        case ShotSent():
            late = f", {lateness(event.late_us)}" if event.sent_at != event.planned_at else ""
            what = f"{money(event.quantity, units.base)} at {price(event.price, units)}"
            if event.quote is not None:
                what = f"for {money(event.quote, units.quote)} at market, sized by {price(event.price, units)}"
            return f"order sent: {what}{late} ({event.client_order_id})"
        case ShotAnswered():
            return _answer(event)
        case ShotSettled():
            got = f"{money(event.executed, units.base)} bought" if event.executed else "nothing bought"
            return f"shot {event.client_order_id} settled: {got}, known {event.after_us / 1000:.1f} ms after its answer"
        case OrderSeen():
            return _order(event.order, units)
        case OrderAbsent():
            return f"order {event.client_order_id} never reached the venue and cannot any more"
        case FillSeen():
            return _fill(event.fill, units)
        case EntryEnded():
            return f"entry over, {event.result}" + (f": {event.reason}" if event.reason else "")
        case ExitDecided():
            seen = "no bid known" if event.bid is None else f"best bid {price(event.bid, units)}"
            return f"exit at once ({event.trigger}): {money(event.quantity, units.base)}, {seen}"
        case PolicyChanged():
            return f"policy revision {event.revision}: {policy_in_words(event.policy, units)}"
        case OpeningMoved():
            return f"the opening moved to {day_and_clock(event.opens_at)} UTC"
        case AbortRequested():
            return f"abort asked for: {event.reason or 'no reason given'}"
        case RequestRefused():
            return f"request {event.name} refused: {event.reason}"
        case StreamInterrupted():
            return f"stream {event.stream} had a gap, asked over REST instead: {event.reason}"
        case AttentionNeeded():
            return f"needs attention: {event.reason}"
        case PositionFlat():
            left = f", {money(event.dust, units.base)} left, too little to sell" if event.dust else ""
            return f"flat: result {signed(event.result, units.quote)}{left}"
        case BooksClosed():
            return _books(event, units)
        case _:
            assert_never(event)


def group_in_words(events: tuple[IntentCommitted, ...] | tuple[IntentWithdrawn, ...], units: Units) -> str:
    """One line for several intents of one kind in a row."""
    first = events[0]
    if len(events) == 1:
        return in_words(first, units)
    if isinstance(first, IntentWithdrawn):
        return f"{len(events)} shots withdrawn unsent: {first.reason}"
    if first.intent.leg is not Leg.ENTRY:
        return f"{len(events)} {_LEGS[first.intent.leg]} orders committed, the first: {terms(first.intent, units)}"
    slices = len({event.intent.not_before for event in events if isinstance(event, IntentCommitted)})
    parts = f" in {slices} slices" if slices > 1 else ""
    return f"{len(events)} shots committed{parts}, within a slice one after the other: {terms(first.intent, units)}"


def terms(intent: OrderIntent, units: Units) -> str:
    """What an intent allows."""
    if intent.side is Side.BUY and intent.kind is OrderKind.MARKET:
        return (
            f"buy for at most {money(intent.budget, units.quote)} at whatever is offered, "
            f"while the best ask is no more than {price(intent.bound, units)}"
        )
    if intent.side is Side.BUY:
        return (
            f"buy for at most {money(intent.budget, units.quote)}, {money(intent.quantity, units.base)} "
            f"at no more than {price(intent.bound, units)}"
        )
    return f"sell {money(intent.quantity, units.base)} at no less than {price(intent.bound, units)}"


def policy_in_words(policy: TradePolicy, units: Units) -> str:
    """Amount, way of buying, bound and exits."""
    return (
        f"budget {money(policy.budget_quote, units.quote)}, {entry_in_words(policy.entry, units)}, "
        f"take profit {ladder_in_words(policy.exits.ladder)}, stop {plain(policy.exits.stop_percent)} % below, "
        f"sold after {span(policy.exits.time_stop_s)}"
    )


def entry_in_words(entry: EntryPolicy, units: Units) -> str:
    """Strategy and price bound, shortly."""
    match entry.strategy:
        case EntryStrategy.IOC_CAP:
            how = "one order after the other"
        case EntryStrategy.LIMIT:
            how = f"one order that rests for {span(entry.window_s)}"
        case EntryStrategy.MARKET:
            return f"market order while the best ask is at most {_looked_for(entry, units)}, price not guaranteed"
        case EntryStrategy.BURST:
            how = f"{entry.burst_shots} overlapping orders {entry.burst_spacing_ms} ms apart"
        case EntryStrategy.TRANCHE:
            how = f"{entry.tranche_parts} parts {span(entry.tranche_every_s)} apart"
        case _:
            assert_never(entry.strategy)
    return f"{how}, at most {bound_in_words(entry, units)}"


def bound_in_words(entry: EntryPolicy, units: Units) -> str:
    """ "0.06 USDT/NEW", or "best ask + 10 %" where the operator gave no price."""
    usual = _bound(entry.max_price, entry, units)
    if entry.late_max_price is None:
        return usual
    return f"{usual}, late {price(entry.late_max_price, units)}"


def entry_steps(policy: TradePolicy, units: Units) -> tuple[str, ...]:
    """What the chosen way of buying will do, in sentences: how many orders, when, for how much, at what price."""
    entry = policy.entry
    whole = money(policy.budget_quote, units.quote)
    part = money(entry.slice_of(policy.budget_quote), units.quote)
    grace, window = span(entry.grace_s), span(entry.window_s)
    match entry.strategy:
        case EntryStrategy.IOC_CAP:
            how = (
                f"Sends one order after the other for what is left of {whole}; each buys at once what is offered or "
                f"nothing. Tries until {grace} after the opening, and for less than a second once something was bought."
            )
        case EntryStrategy.LIMIT:
            how = (
                f"Sends one order for {whole} that rests at its price until it is filled, at most until {window} after "
                "the opening; then the rest is cancelled."
            )
        case EntryStrategy.MARKET:
            how = (
                f"Looks at the best ask from the opening on, for {grace}, and sends a market order for {whole} once it "
                f"is at most {_looked_for(entry, units)}. The price is not guaranteed: it may be far "
                "above the ask that was seen."
            )
        case EntryStrategy.BURST:
            times = [entry.burst_first_ms + number * entry.burst_spacing_ms for number in range(entry.slices)]
            how = (
                f"Sends {entry.burst_shots} orders that overlap, each for its own slice of {part}, to arrive "
                f"{_listed([f'{at:+d}' if at else '0' for at in times])} ms from the opening. Each buys at once what "
                f"is offered or nothing, and is tried again until {grace} after the opening, or for less than a "
                "second once something was bought."
            )
        case EntryStrategy.TRANCHE:
            begins = [str(number * entry.tranche_every_s) for number in range(entry.slices)]
            how = (
                f"Buys in {entry.tranche_parts} parts of {part} each, beginning {_listed(begins)} s after the opening; "
                f"what was not bought {window} after the opening is left. From the second part on no order reaches "
                f"more than {plain(entry.markup_percent)} % above the best ask, where one is known."
            )
        case _:
            assert_never(entry.strategy)
    return (how, *_price_steps(entry, units))


def ladder_in_words(ladder: Iterable[LadderStep]) -> str:
    """ "+5 %: 25 %, +10 %: 25 %": gain, and the share sold there."""
    steps = [f"+{plain(step.gain_percent)} %: {plain(step.share_percent)} %" for step in ladder]
    return ", ".join(steps) or "none"


def money(amount: Decimal, unit: str) -> str:
    """An amount with its unit."""
    return f"{plain(amount)} {unit}"


def signed(amount: Decimal, unit: str) -> str:
    """A result, with its sign also when it is a gain."""
    return f"{'+' if amount > 0 else ''}{plain(amount)} {unit}"


def price(value: Decimal, units: Units) -> str:
    """A price with what it is counted in."""
    return f"{plain(value)} {units.quote}/{units.base}"


def kind_in_words(kind: OrderKind) -> str:
    """How an order behaves at the venue."""
    return _KINDS[kind]


def order_price(order: Order, units: Units) -> str:
    """What an order was to pay or take; of a market order, which names no price, what it did on average."""
    if order.kind is not OrderKind.MARKET:
        return price(order.price, units)
    return price(average(order.executed_quote / order.executed), units) if order.executed else "none"


def order_quantity(order: Order, units: Units) -> str:
    """What an order was for; of a market order, which may not tell it, what was executed."""
    return money(order.executed if order.kind is OrderKind.MARKET else order.quantity, units.base)


def average(value: Decimal) -> Decimal:
    """An average price for people: a quotient has no end."""
    return value.quantize(_AVERAGE_DIGITS, rounding=ROUND_HALF_EVEN)


def lateness(late_us: int) -> str:
    """How far something left from when it had to leave to arrive as planned."""
    return f"{abs(late_us):,} µs {'before' if late_us < 0 else 'after'} it had to leave"


def clock(at: datetime) -> str:
    """Time of day in UTC, to the millisecond."""
    return f"{at.astimezone(UTC):%H:%M:%S.%f}"[:-3]


def day_and_clock(at: datetime) -> str:
    """Date and time of day in UTC, to the millisecond."""
    return f"{at.astimezone(UTC):%Y-%m-%d} {clock(at)}"


def relative(at: datetime, opens_at: datetime) -> str:
    """Distance to the opening: "T-12.3 s" before, "T+0.004 s" after; milliseconds where they matter."""
    seconds = (at - opens_at).total_seconds()
    digits = 3 if abs(seconds) < 10 else 1
    return f"T{'-' if seconds < 0 else '+'}{abs(seconds):.{digits}f} s"


def span(seconds: float) -> str:
    """A length of time: "45 s", "12 min 5 s", "3 h 20 min", "2 d 4 h"."""
    whole = round(abs(seconds))
    for size, unit, smaller, lesser in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit}" + (f" {rest} {lesser}" if rest else "")
    return f"{whole} s"


def _price_steps(entry: EntryPolicy, units: Units) -> Iterator[str]:
    """What may be paid, as sentences; a market order's bound was told with what is not guaranteed about it."""
    if entry.max_price is None:
        yield (
            "No highest price: sends nothing before an ask is seen after the opening; the price bound then is that ask "
            f"plus {plain(entry.markup_percent)} %, and what was to leave earlier leaves then."
        )
    elif entry.strategy is not EntryStrategy.MARKET:
        yield f"Buys {units.base} at no more than {price(entry.max_price, units)}, fees included inside the budget."
    if entry.late_entry_s:
        late = _bound(entry.bound(late=True), entry, units)
        yield f"May begin up to {span(entry.late_entry_s)} late, then with the price bound {late}."


def _bound(bound: Price | None, entry: EntryPolicy, units: Units) -> str:
    return f"best ask + {plain(entry.markup_percent)} %" if bound is None else price(bound, units)


def _looked_for(entry: EntryPolicy, units: Units) -> str:
    """The best ask at which a market order may leave."""
    if entry.max_price is None:
        return f"the first one seen + {plain(entry.markup_percent)} %"
    return price(entry.max_price, units)


def _listed(words: Sequence[str]) -> str:
    """ "0, 50 and 100"."""
    return " and ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else "".join(words)


def _answer(event: ShotAnswered) -> str:
    code = "" if event.code is None else f" (code {event.code})"
    text = f": {event.text}" if event.text else ""
    return f"venue's answer after {event.after_us / 1000:.1f} ms: {event.answer}{code}{text}"


def _order(order: Order, units: Units) -> str:
    kind = kind_in_words(order.kind)
    if order.kind is OrderKind.MARKET:  # neither price nor quantity was asked for
        got = (
            f"{money(order.executed, units.base)} for {money(order.executed_quote, units.quote)}, "
            f"{order_price(order, units)} on average"
            if order.executed
            else "nothing executed"
        )
        return f"{order.side} order ({kind}) {_STATUSES[order.status]}: {got}"
    done = f", {money(order.executed, units.base)} executed" if order.executed else ""
    return (
        f"{order.side} order ({kind}) {_STATUSES[order.status]}: {money(order.quantity, units.base)} "
        f"at {price(order.price, units)}{done}"
    )


def _fill(fill: Fill, units: Units) -> str:
    verb = "bought" if fill.side is Side.BUY else "sold"
    fee = f", fee {money(fill.fee, fill.fee_asset)}" if fill.fee else ", no fee"
    return (
        f"{verb} {money(fill.quantity, units.base)} at {price(fill.price, units)} "
        f"= {money(fill.quote, units.quote)}{fee}"
    )


def _books(event: BooksClosed, units: Units) -> str:
    fees = money(event.fees, units.quote)
    if event.fee_coin:
        fees += f" and {money(event.fee_coin, units.base)}"
    return (
        f"{event.outcome}: spent {money(event.spent, units.quote)}, received {money(event.received, units.quote)}, "
        f"fees {fees}, result {signed(event.result, units.quote)}" + (f"; {event.reason}" if event.reason else "")
    )
