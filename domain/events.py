"""What is written to a session's journal, in the past tense.

Each event has a `key`: within one session the same key is written once, so that a step that runs twice leaves one
record. Projections (session row, orders, fills) are derived from these and from nothing else.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain.checks import Check
from domain.money import Base, Price, Quote
from domain.orders import Fill, Order, OrderIntent
from domain.policy import TradePolicy
from domain.session import Outcome, Phase


@dataclass(frozen=True, slots=True)
class PhaseEntered:
    """occurrence: tells apart two entries into one phase, as arming again after a crash, or closing again after what an
    order bought after all; of the lease under which, or after which, it was entered."""

    phase: Phase
    detail: str = ""
    occurrence: str = "0"

    @property
    def key(self) -> str:
        return f"phase:{self.phase}:{self.occurrence}"


@dataclass(frozen=True, slots=True)
class RiskApproved:
    """requested: what the operator asked for; reserved: what is set aside, in quote. checks: everything asked."""

    requested: Quote
    reserved: Quote
    checks: tuple[Check, ...] = ()

    @property
    def key(self) -> str:
        return "risk"


@dataclass(frozen=True, slots=True)
class RiskRejected:
    """reasons: all of them. checks: everything asked, also what passed."""

    reasons: tuple[str, ...]
    checks: tuple[Check, ...] = ()

    @property
    def key(self) -> str:
        return "risk"


@dataclass(frozen=True, slots=True)
class LeaseTaken:
    """token: rises with each holder. holder: role, machine and process id."""

    token: int
    holder: str
    clean: bool

    @property
    def key(self) -> str:
        return f"lease:{self.token}"


@dataclass(frozen=True, slots=True)
class StoodDown:
    """A desk let go of the session; `reason` says why."""

    token: int
    reason: str

    @property
    def key(self) -> str:
        return f"stood-down:{self.token}"


@dataclass(frozen=True, slots=True)
class ClockMeasured:
    """All in seconds; see domain.exchange_time. token: of the lease under which it was measured."""

    token: int
    offset: float
    bound: float
    one_way: float

    @property
    def key(self) -> str:
        return f"clock:{self.token}"


@dataclass(frozen=True, slots=True)
class CoinCounted:
    """What the account held of the coin before the entry, free and locked; of several counts the last one holds.

    occurrence: tells counts apart; empty in records from when there was one.
    """

    asset: str
    before: Base
    occurrence: str = ""

    @property
    def key(self) -> str:
        return f"coin-before:{self.occurrence}" if self.occurrence else "coin-before"


@dataclass(frozen=True, slots=True)
class IntentCommitted:
    intent: OrderIntent

    @property
    def key(self) -> str:
        return f"intent:{self.intent.client_order_id}"


@dataclass(frozen=True, slots=True)
class IntentWithdrawn:
    """A committed intent that was never sent and never will be."""

    client_order_id: str
    reason: str

    @property
    def key(self) -> str:
        return f"withdrawn:{self.client_order_id}"


@dataclass(frozen=True, slots=True)
class ShotSent:
    """planned_at: exchange time at which it was to arrive. sent_at: exchange time at which it left, best estimate.

    late_us: microseconds between the local instant it was to leave at and the one it left at.
    bound_us: how well the exchange's clock was known, half-width. one_way_us: the way it was aimed with; both None in
    records from before they were kept. line: which of the session's connections carried it, counted from 0.
    quote: the amount of a market purchase, which left instead of price and quantity; those are what it was sized by.

    Written after the answer, or when none came: the hot path writes nothing.
    """

    client_order_id: str
    price: Price
    quantity: Base
    planned_at: datetime
    sent_at: datetime
    late_us: int
    bound_us: int | None = None
    one_way_us: int | None = None
    line: int = 0
    quote: Quote | None = None

    @property
    def key(self) -> str:
        return f"sent:{self.client_order_id}"


LEFT_NO_ORDER = ("refused", "try again")
"""With these answers a shot's end is known: the venue did not take it."""


@dataclass(frozen=True, slots=True)
class ShotAnswered:
    """answer: accepted, refused, try again or unknown. code: the venue's, None when there was none.

    after_us: from its leaving until the answer was read and understood. first_byte_us: from its leaving until the
    answer's first byte was here; None: there was none, or the record is from before it was kept.
    """

    client_order_id: str
    answer: str
    code: int | None
    text: str
    after_us: int
    first_byte_us: int | None = None

    @property
    def key(self) -> str:
        return f"answered:{self.client_order_id}"

    @property
    def left_no_order(self) -> bool:
        """Whether the answer says for certain that the venue has no order of this id."""
        return self.answer in LEFT_NO_ORDER


@dataclass(frozen=True, slots=True)
class ShotSettled:
    """What became of a shot that was accepted, or whose answer did not come, is known for certain.

    executed: base units. after_us: from its answer, or from giving up on it, until then.
    """

    client_order_id: str
    executed: Base
    after_us: int

    @property
    def key(self) -> str:
        return f"settled:{self.client_order_id}"


@dataclass(frozen=True, slots=True)
class OrderSeen:
    """What the venue said of an order of ours; a later word replaces an earlier one, a final one stays."""

    order: Order

    @property
    def key(self) -> str:
        return f"order:{self.order.client_order_id}:{self.order.status}:{self.order.executed}"


@dataclass(frozen=True, slots=True)
class OrderAbsent:
    """The venue knows no such order, and none can arrive any more."""

    client_order_id: str

    @property
    def key(self) -> str:
        return f"absent:{self.client_order_id}"


@dataclass(frozen=True, slots=True)
class FillSeen:
    fill: Fill

    @property
    def key(self) -> str:
        return f"fill:{self.fill.trade_id}"


@dataclass(frozen=True, slots=True)
class EntryEnded:
    """No further purchase in this session. result: filled, nothing, missed or unknown."""

    result: str
    reason: str

    @property
    def key(self) -> str:
        return "entry-ended"


@dataclass(frozen=True, slots=True)
class ExitDecided:
    """The desk sells at once. trigger: stop, time stop, abort. bid: best bid then, None when unknown.

    occurrence: counts decisions of a session, so that each leaves a record.
    """

    trigger: str
    bid: Price | None
    quantity: Base
    occurrence: int

    @property
    def key(self) -> str:
        return f"exit:{self.occurrence}"


@dataclass(frozen=True, slots=True)
class PolicyChanged:
    """revision: of the policy that holds from now on. request: the caller's idempotency key."""

    policy: TradePolicy
    revision: int
    request: str

    @property
    def key(self) -> str:
        return f"policy:{self.request}"


@dataclass(frozen=True, slots=True)
class OpeningMoved:
    opens_at: datetime
    revision: int
    request: str

    @property
    def key(self) -> str:
        return f"opening:{self.request}"


@dataclass(frozen=True, slots=True)
class AbortRequested:
    reason: str
    request: str

    @property
    def key(self) -> str:
        return f"abort:{self.request}"


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """A signal asked for something that cannot be done; updates answer their caller instead."""

    name: str
    reason: str
    request: str

    @property
    def key(self) -> str:
        return f"refused:{self.request}"


@dataclass(frozen=True, slots=True)
class StreamInterrupted:
    """A stream had a gap; what it may have hidden was asked for over REST. number: counts gaps under one lease."""

    token: int
    stream: str
    reason: str
    number: int

    @property
    def key(self) -> str:
        return f"gap:{self.token}:{self.stream}:{self.number}"


@dataclass(frozen=True, slots=True)
class AttentionNeeded:
    """A human has to look at this."""

    reason: str

    @property
    def key(self) -> str:
        return f"attention:{self.reason}"


@dataclass(frozen=True, slots=True)
class PositionFlat:
    """Nothing sellable is left; of several times the last one holds. dust: base units too small to sell, of the whole
    session; result: quote won or lost, after quote fees.

    occurrence: tells apart what guards left under different leases; empty in records from when the first one held.
    """

    dust: Base
    result: Quote
    occurrence: str = ""

    @property
    def key(self) -> str:
        return f"flat:{self.occurrence}" if self.occurrence else "flat"


@dataclass(frozen=True, slots=True)
class BooksClosed:
    """spent, received, fees: quote. fee_coin: fees taken in the coin. released: reservation given back."""

    outcome: Outcome
    reason: str
    spent: Quote
    received: Quote
    fees: Quote
    fee_coin: Decimal
    result: Quote
    released: Quote

    @property
    def key(self) -> str:
        return "books"


Event = (
    PhaseEntered
    | RiskApproved
    | RiskRejected
    | LeaseTaken
    | StoodDown
    | ClockMeasured
    | CoinCounted
    | IntentCommitted
    | IntentWithdrawn
    | ShotSent
    | ShotAnswered
    | ShotSettled
    | OrderSeen
    | OrderAbsent
    | FillSeen
    | EntryEnded
    | ExitDecided
    | PolicyChanged
    | OpeningMoved
    | AbortRequested
    | RequestRefused
    | StreamInterrupted
    | AttentionNeeded
    | PositionFlat
    | BooksClosed
)
"""Everything a journal can hold; the stored kind is the class name in snake_case."""
