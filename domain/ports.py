"""What the inside asks of the outside. Each method says when it is called and what it may raise.

All of them raise only the families of domain.errors; anything else is a bug.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from domain import ages
from domain.commands import EntryReport, GuardReport, MovedOpening, NewSession
from domain.errors import OutcomeUnknown
from domain.events import Event
from domain.exchange_time import ClockEstimate, ClockSample
from domain.ids import ListingKey, SessionKey
from domain.lease import LeaseGrant
from domain.listings import Listing
from domain.money import Base, Quote, SymbolRules
from domain.order_book import OrderBook, PublicTrade
from domain.orders import Fill, Order, OrderIntent, OrderRequest
from domain.quotes import TopOfBook
from domain.session import LooseEnds, SessionRecord


class Clock(Protocol):
    """Everything that waits, waits here, so that tests and the simulator can scale time."""

    def now(self) -> datetime:
        """Local wall time, aware UTC."""

    def monotonic(self) -> float:
        """Seconds that never jump; comparable within one process only."""

    def boottime(self) -> float:
        """Seconds that also count while the machine is suspended; for leases."""

    async def sleep(self, seconds: float) -> None:
        """Wait without blocking others; zero or less yields once."""


class ExchangeClock(Protocol):
    """The exchange's time as far as we know it."""

    async def synchronise(self) -> ClockEstimate:
        """Called while arming and every few seconds afterwards. Raises TryAgain or OutcomeUnknown without an answer."""

    def estimate(self) -> ClockEstimate | None:
        """The latest estimate; None before the first synchronisation, and after the machine was suspended."""

    def now(self) -> datetime:
        """Exchange time, aware UTC. Raises TryAgain while there is no estimate."""

    def monotonic_at(self, instant: datetime) -> float:
        """Local monotonic seconds at which the exchange's clock reads `instant`."""

    def learn(self, order: ClockSample) -> None:
        """Called with every acknowledged order: `server` is when the exchange took it. Of use from the next
        measurement on."""


@dataclass(frozen=True, slots=True)
class SignedOrder:
    """A request ready to leave. body: exact bytes for the venue; `timestamp`: exchange time written into it."""

    client_order_id: str
    request: OrderRequest
    timestamp: datetime
    body: bytes


@dataclass(frozen=True, slots=True)
class Ack:
    """The venue took the order; it says nothing about fills.

    received: local monotonic seconds. taken_at: exchange time at which it was taken, None when that was not said.
    """

    client_order_id: str
    order_id: str
    received: float
    taken_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Balance:
    """Of one asset, in its own units."""

    free: Base
    locked: Base


class Exchange(Protocol):
    """One account on one venue, the slow path: learning, cancelling, and sends that need not be in the first
    millisecond."""

    async def rules(self, symbol: str, at_most_s: float = ages.RULES_S, *, urgent: bool = False) -> SymbolRules | None:
        """Called when preparing, arming and guarding. None: the venue does not list the symbol.

        at_most_s: how long ago the venue may have said so. urgent: a position waits for it."""

    async def balance(self, asset: str, at_most_s: float = ages.FRESH_S, *, urgent: bool = False) -> Balance:
        """Called when preparing, before the entry and on doubt; zeros for an asset the account never held.

        at_most_s: how long ago the venue may have said so. urgent: a position waits for it."""

    async def top_of_book(self, symbol: str) -> TopOfBook:
        """Called when no stream tells the price."""

    async def find_order(self, symbol: str, client_order_id: str) -> Order | None:
        """Called on every doubt. None: not known now, which is no proof that it never will be."""

    async def open_orders(self, symbol: str) -> tuple[Order, ...]:
        """Called at every start of a desk; also foreign orders."""

    async def fills(self, symbol: str, order_id: str) -> tuple[Fill, ...]:
        """Called until the fills sum to an order's executed quantity; they may lag behind it."""

    def sign(self, request: OrderRequest, timestamp: datetime, recv_window_ms: int) -> SignedOrder:
        """Called before the lease check; no I/O."""

    async def send(self, order: SignedOrder) -> Ack:
        """Called once per id; may wait a fraction of a second for its turn. Accepted is not filled. Raises Refused on a
        definite no, TryAgain when the venue did not look at it, OutcomeUnknown when unclear."""

    async def cancel(self, symbol: str, client_order_id: str) -> None:
        """Called on abort and exits. Idempotent: a finished or unknown order is no error; look afterwards."""


class HotLine(Protocol):
    """One warm connection with an order on it; from when it was handed out until it is given back it is the
    launchpad's thread's alone."""

    number: int
    """Which of the session's connections it is, counted from 0."""

    def ready(self) -> bool:
        """Called shortly before the instant: whether the connection still stands. Never waits."""

    def fire(self) -> float:
        """Called at the instant: one send call. Returns local monotonic seconds right after it. Nothing leaves when the
        venue has asked for rest since `ready` was asked: `hear` says so then.

        Raises OutcomeUnknown when the connection broke."""

    def hear(self) -> Ack | None:
        """Called again and again after `fire`; never waits. None: the answer is not complete. Raises as Exchange.send
        does. `first_byte` is set then, if there was one."""

    def rehearse(self, order: SignedOrder) -> None:
        """Called shortly before the instant: reads a refusal that never came and writes `order`, which never leaves, so
        that the code for both is near."""

    def give_up(self, reason: str) -> OutcomeUnknown:
        """Called instead of `hear` when the answer is not waited for any longer: what is then known."""

    first_byte: float | None
    """Local monotonic second at which the first byte of the answer was here."""

    def fileno(self) -> int:
        """Of what becomes readable when an answer comes; called after `fire`."""


class Battery(Protocol):
    """The warm connections of one session, and the places in the request budget that its next shots take."""

    async def load(self, order: SignedOrder) -> HotLine:
        """Called before the instant: the order is laid ready on a connection that answered lately, and has its place in
        the budget. Raises TryAgain, RateLimited among it; then nothing was sent."""

    def reload(self, order: SignedOrder, line: HotLine) -> HotLine:
        """Called on the launchpad's thread between an answer and the next shot: the order is laid ready on `line`, or
        on another one when that cannot carry it. Never waits.

        Raises RateLimited while there is no place for it in the budget, TryAgain when no connection stands."""

    def give_back(self, line: HotLine) -> None:
        """Called on the event loop when a line has nothing more to carry; what is laid on it never leaves."""

    async def restock(self, *, shots: bool) -> None:
        """Called on the event loop whenever something was heard: settles its accounts, and takes places for the next
        shots ahead, as far as there are any now. shots: False: no more follow, and what was taken is given back."""

    async def keep(self) -> None:
        """Keep idle connections warm, and replace them before the venue closes them, until cancelled."""

    async def close(self) -> None:
        """Called when the entry is over; idempotent."""


class HotLines(Protocol):
    """Where warm connections come from."""

    async def open(self, lines: int) -> Battery:
        """Called while arming. Raises TryAgain when the venue cannot be reached."""


@dataclass(frozen=True, slots=True)
class StreamGap:
    """Something may have been missed between the last item and now; ask over REST."""

    stream: str
    reason: str


class Streams(Protocol):
    """Live data. Both reconnect by themselves and yield a StreamGap after each interruption; they end only by leaving
    the context."""

    def quotes(self, symbol: str) -> AbstractAsyncContextManager[AsyncIterator[TopOfBook | StreamGap]]:
        """Called when a position may exist."""

    def account(self) -> AbstractAsyncContextManager[AsyncIterator[Order | Fill | StreamGap]]:
        """Called before the entry: every order and fill of the account, also foreign ones."""


class MarketStreams(Protocol):
    """Live public data of one market; reconnects and tells gaps as Streams does."""

    def book(self, symbol: str) -> AbstractAsyncContextManager[AsyncIterator[OrderBook | StreamGap]]:
        """Called by what needs more than the best price. Every book is whole: after a gap, or when the venue's
        versions do not follow each other, it is fetched anew before the next one is told. A consumer that falls
        behind sees the newest only."""

    def trades(self, symbol: str) -> AbstractAsyncContextManager[AsyncIterator[PublicTrade | StreamGap]]:
        """Called by what has to know what was traded, also at prices that were best for a moment only."""


class SessionStore(Protocol):
    """Sessions and their journal in Postgres; raises StoreUnavailable when it is away."""

    async def load(self, key: SessionKey) -> SessionRecord | None:
        """Called first by every attempt of every activity."""

    async def append(self, key: SessionKey, events: Sequence[Event], token: int | None = None) -> None:
        """Journal and projections in one transaction; an event whose key is there already is passed over.

        An IntentCommitted is durable when this returns: only then may the order leave.

        token: of the writing desk's lease; None: the writer is no desk. Raises LeaseLost when the lease has gone to a
        higher token and an event is new that needs it (domain.lease.needs_lease); then none of them is written."""

    async def intents(self, key: SessionKey) -> tuple[OrderIntent, ...]:
        """All committed intents of a session that were not withdrawn, by leg and shot; withdrawn ones' shot numbers
        are told by `next_shots`."""

    async def orders(self, key: SessionKey) -> tuple[Order, ...]:
        """Our orders as last seen at the venue."""

    async def fills(self, key: SessionKey) -> tuple[Fill, ...]:
        """All fills of a session's orders."""

    async def settled(self, key: SessionKey) -> frozenset[str]:
        """Client order ids that need no further question: refused or absent for certain, or final with all fills."""

    async def next_shot(self, key: SessionKey, leg: str) -> int:
        """The lowest shot number of the leg that was never committed, withdrawn ones included."""


class PriceLog(Protocol):
    """Prices for people's eyes; nothing is decided on what was kept here."""

    def note(self, key: SessionKey, quote: TopOfBook) -> None:
        """Called with every quote of a guarded session; no I/O. Most are thinned out, and all are while the store is
        away."""


class Desks(Protocol):
    """What activities see of the desk in their process."""

    async def fire(self, key: SessionKey) -> EntryReport:
        """Attach to the entry of a session until it has ended; leaving (cancellation) detaches and stops nothing."""

    async def guard(self, key: SessionKey) -> GuardReport:
        """Attach to the guarding of a session until it is flat or needs attention; leaving detaches."""

    async def abort(self, key: SessionKey) -> None:
        """Called when an activity was told to stop: buy nothing more, sell what is held. The attached call reports."""


class Leases(Protocol):
    """Fenced leases: one holder per session; see domain.lease."""

    async def acquire(self, key: SessionKey, holder: str, ttl_s: float) -> LeaseGrant | None:
        """Called until it succeeds, with the ttl of every holder. None: somebody else holds it, or may; the wish to
        take over is recorded."""

    async def renew(self, key: SessionKey, token: int, ttl_s: float) -> bool:
        """Called every second by the holder, never once its right has ended. True: somebody wishes to take over.
        Raises LeaseLost."""

    async def release(self, key: SessionKey, token: int) -> None:
        """Called when the holder lets go with nothing in flight; the next one need not wait. Idempotent."""


class Sessions(Protocol):
    """Admission: the transactional side of targets, reservations and halts; used by activities and by typed
    commands."""

    async def admit(self, new: NewSession) -> SessionRecord:
        """Insert target and session, or find the session that is there under this key. Raises InvalidInput when the
        key belongs to another workflow, or a target of the account waits for a new session's pair."""

    async def next_attempt(self, account: str, listing: ListingKey) -> int:
        """The attempt that arming this listing on this account would take now; counted from 1."""

    async def reserve(self, key: SessionKey, amount: Quote, free: Quote) -> Quote:
        """Set `amount` aside atomically when `free` minus the account's other reservations allows it.

        Returns the amount still free before this reservation; less than `amount` means: not reserved. A second call
        for one session changes nothing. Raises TryAgain when the account's house became full meanwhile: whoever asks
        `open_count` again hears it."""

    async def release(self, key: SessionKey) -> Quote:
        """Give the reservation back; returns what was reserved, zero the second time."""

    async def unclosed(self) -> tuple[SessionRecord, ...]:
        """All sessions that are not closed."""

    async def open_count(self, account: str, besides: SessionKey | None = None) -> int:
        """Unclosed sessions of an account that hold a reservation; `besides` is not counted."""

    async def loose_ends(self, key: SessionKey) -> LooseEnds:
        """Called before the books of a session are closed."""

    async def notify(self, key: SessionKey, severity: str, text: str) -> None:
        """A notice for people: one outbox row per session and text."""


class ListingSource(Protocol):
    """Where listings come from."""

    async def listings(self) -> tuple[Listing, ...]:
        """Everything the venue shows with an opening time now. Raises TryAgain when it cannot be asked."""


class ListingBook(Protocol):
    """Listings and what targets want of them, in Postgres."""

    async def sight(self, source: str, listings: Sequence[Listing]) -> None:
        """Record sightings; a changed opening time raises the listing's revision."""

    async def changes(self, after: int) -> tuple[tuple[Listing, ...], int]:
        """Listings new or changed since cursor `after`, and the next cursor."""

    async def wanted(self, listing: Listing) -> tuple[NewSession, ...]:
        """Sessions that waiting targets want of a listing and that do not exist yet."""

    async def upcoming(self) -> tuple[Listing, ...]:
        """Listings that open in the future, or opened so lately that somebody may still want to enter late."""

    async def sessions_of(self, listing: Listing) -> tuple[SessionRecord, ...]:
        """Unclosed sessions of a listing whose target left the opening time to the sources; an operator's own time
        stands."""


class RunningSnipes(Protocol):
    """What a workflow cannot do to another one."""

    async def runs(self, workflow_id: str) -> bool:
        """Whether somebody looks after a session; a run that reached its end counts, one that was terminated, failed
        or is unknown does not. Raises TryAgain when it cannot be asked."""

    async def reschedule(self, moved: MovedOpening) -> None:
        """Called once per changed opening; the same request counts once, and a session that has ended is no error."""


class Wakeups(Protocol):
    """Hears of changed session rows (abort, policy, halt) sooner than a poll would."""

    def watch(self, key: SessionKey, wake: Callable[[], None]) -> Callable[[], None]:
        """Calls `wake` on the event loop after each change of the session's row; returns how to stop watching."""
