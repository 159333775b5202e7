"""The shots of one lane, from the first to the one that the venue took: shoot, hear, decide, shoot again.

All of it runs on the launchpad's thread, from memory: what a refusal means is decided in domain.entry, the next order
is signed and encrypted here, and what happened is kept for the event loop to write down.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from desk.launchpad import NEVER
from domain.entry import EntryOver, ShootAgain, Timing, after_refusal, request_for
from domain.errors import (
    ClockRefused,
    OutcomeUnknown,
    PriceRefused,
    RateLimited,
    Refused,
    SizeRefused,
    SniperError,
    TryAgain,
)
from domain.exchange_time import ClockEstimate
from domain.money import Price, Quote, SymbolRules
from domain.orders import OrderIntent, OrderKind, OrderRequest
from domain.ports import Ack, Battery, Clock, ExchangeClock, HotLine, SignedOrder

ANSWER_WITHIN_S = 5.0
_CHECK_BEFORE_S = 0.002
"""Before an instant: the connection is looked at, and a later order signed."""
_SPIN_FOR_S = 0.25
"""After a send: an answer that is not here by then is waited for, not spun for."""
_STILL_AWAITED_EVERY_S = 0.05
"""How often it is asked from then on whether it may be waited for."""
_STAMP_HOLDS_S = 0.05
"""An order that was kept back by no more leaves as it lies: to sign it anew could cost its connection, or its place."""
_PAUSES_HERE_S = 0.3
"""A longer pause is the event loop's to wait for: it hears meanwhile what ends the entry, or what others bought."""
_PLACE_AGAIN_S = 0.005
"""How often a place in the request budget is looked for while none was taken ahead."""


@dataclass(slots=True)
class Shot:
    """What became of one order that left, in local monotonic seconds where not said otherwise.

    aim: exchange time at which it was to arrive. at: when it was to leave. aimed_by: what was known of the exchange's
    clock then. stamp: exchange time that it bears, later than the aim when something kept it back. line: which
    connection carried it. answer: accepted, refused, try again or unknown.
    """

    intent: OrderIntent
    request: OrderRequest
    aim: datetime
    at: float
    aimed_by: ClockEstimate
    stamp: datetime
    line: int = 0
    sent: float = 0.0
    first_byte: float | None = None
    answered: float = 0.0
    answer: str = ""
    code: int | None = None
    text: str = ""
    taken_at: datetime | None = None


Ended = EntryOver | Shot | SniperError
"""How a volley ended: no shot follows in its lane; a shot that the venue took, or that nobody knows about; or what has
to be waited for, measured or connected first, with nothing in doubt."""


@dataclass(frozen=True, slots=True)
class Firing:
    """What the volleys of one entry share.

    sign: as Exchange.sign. last_look: called just before every send; raises what keeps it from leaving.
    leaves: called when nothing keeps a shot from leaving any more. doubted: called when nobody knows what became of it.
    bought: whether the entry bought anything so far. still_wanted: called while a shot waits for room in the request
    budget; raises what ends the entry. overdue: whether an answer is waited for no longer, since what was bought needs
    its guard. All of it is memory only.
    """

    clock: Clock
    exchange_clock: ExchangeClock
    battery: Battery
    sign: Callable[[OrderRequest, datetime, int], SignedOrder]
    last_look: Callable[[ClockEstimate], None]
    leaves: Callable[[Shot], None]
    doubted: Callable[[Shot], None]
    bought: Callable[[], bool]
    rules: SymbolRules
    still_wanted: Callable[[], None] = lambda: None
    overdue: Callable[[], bool] = lambda: False


class _Step(Enum):
    CHECK = "look at the connection of an order that lies ready"
    SIGN = "lay the next order ready"
    FIRE = "send it"
    HEAR = "await its answer"


class Volley:
    """Implements desk.launchpad.Flight.

    intents: what the lane may still send; each that leaves is taken from it. left: of the lane's slice.
    ended: how; None while it goes on. news: shots that were answered, for the event loop to take.
    """

    def __init__(
        self, firing: Firing, timing: Timing, intents: deque[OrderIntent], price: Price, left: Quote, aim: datetime
    ) -> None:
        self.due = NEVER
        self.over = False
        self.waits_at: int | None = None
        self.spins_until = 0.0
        self.ended: Ended | None = None
        self.news: deque[Shot] = deque()
        self.price = price
        self.line: HotLine | None = None
        self._firing = firing
        self._timing = timing
        self._intents = intents
        self._budget = left
        self._aim = aim
        self._shot: Shot | None = None
        self._step = _Step.CHECK

    def first(self) -> SignedOrder | EntryOver:
        """The first order, to be laid ready; on the event loop. Raises TryAgain without an estimate of the clock."""
        estimate = self._firing.exchange_clock.estimate()
        if estimate is None:
            raise TryAgain("the exchange's clock is not known")
        shot = self._next_shot(self._aim, estimate.send_at(self._aim.timestamp()), estimate)
        return shot if isinstance(shot, EntryOver) else self._signed(shot)

    def load(self, line: HotLine) -> None:
        """The first order lies ready on `line`; on the event loop, before the launchpad is given the volley."""
        assert self._shot is not None
        self.line = line
        self.due = self._shot.at - _CHECK_BEFORE_S

    def put_back(self) -> None:
        """The order that was to leave did not: it is the next one again."""
        if self._shot is not None:
            self._intents.appendleft(self._shot.intent)
            self._shot = None

    def act(self) -> None:
        if self._step is _Step.FIRE:
            self._fire()
        elif self._step is _Step.CHECK:
            self._check()
        elif self._step is _Step.SIGN:
            self._lay_ready()
        else:
            self._await()

    def give_up(self, why: str) -> None:
        """The answer is not waited for any longer; what became of the shot has to be asked."""
        self._understand(self._line.give_up(why))

    def listen(self) -> None:
        try:
            ack = self._line.hear()
        except (Refused, TryAgain, OutcomeUnknown) as error:
            self._understand(error)
            return
        except Exception as error:  # the order has left: a mistake in reading its answer must not lose it
            self.give_up(f"its answer could not be read: {error!r}")
            return
        if ack is not None:
            self._taken(ack)

    def rehearse(self) -> None:
        shot = self._shot
        if shot is not None and self._step is _Step.FIRE:
            refused = PriceRefused("", cap=shot.request.price)
            after_refusal(refused, self.price, self._timing, shot.aim, bought=False)
            request = request_for(shot.intent, self._firing.rules, self.price, self._budget)
            if request is not None:
                self._line.rehearse(self._firing.sign(request, shot.stamp, self._timing.policy.recv_window_ms))

    @property
    def rules(self) -> SymbolRules:
        """By which its orders are sized."""
        return self._firing.rules

    @property
    def fires(self) -> bool:
        """Whether its next act is a send."""
        return self._step is _Step.FIRE

    @property
    def _line(self) -> HotLine:
        assert self.line is not None
        return self.line

    @property
    def _now(self) -> float:
        return self._firing.clock.monotonic()

    def _check(self) -> None:
        """A connection that died since the order was laid ready is replaced by one that stands."""
        assert self._shot is not None
        holds_s = min(_STAMP_HOLDS_S, self._timing.policy.recv_window_ms / 4000)
        if self._line.ready() and self._now <= self._shot.at + holds_s:
            self._step, self.due = _Step.FIRE, self._shot.at
        else:
            self._lay_ready()

    def _lay_ready(self) -> None:
        """Sign the shot for when it will leave, and lay it on a connection."""
        shot = self._shot
        assert shot is not None
        if (late_s := self._now - shot.at) > 0:
            shot.stamp = shot.aim + timedelta(seconds=late_s)
        try:
            self.line = self._firing.battery.reload(self._signed(shot), self._line)
        except RateLimited:  # the event loop takes another one as soon as there is room
            if shot.stamp > self._timing.until(bought=self._firing.bought()):
                self._end(EntryOver("nothing", "the request budget allowed no further shot in time"))
                return
            self._firing.still_wanted()  # there may be no room for minutes
            self._step, self.due = _Step.SIGN, self._now + _PLACE_AGAIN_S
        except TryAgain as error:
            self._intents.appendleft(shot.intent)
            self._end(error)
        else:
            self._step, self.due = _Step.FIRE, shot.at
            if shot.at <= self._now:
                self._fire()

    def _fire(self) -> None:
        shot = self._shot
        assert shot is not None
        self._firing.last_look(shot.aimed_by)
        shot.line = self._line.number
        self._firing.leaves(shot)
        try:
            shot.sent = self._line.fire()
        except OutcomeUnknown as error:
            shot.sent = self._now
            self._understand(error)
            return
        self._step = _Step.HEAR
        self.due = self.spins_until = shot.sent + _SPIN_FOR_S
        self.waits_at = self._line.fileno()

    def _await(self) -> None:
        """Whether the answer can still be waited for. A position waits for its guard no longer than for a doubtful
        shot."""
        assert self._shot is not None
        until = self._shot.sent + ANSWER_WITHIN_S
        if self.due >= until:
            self.give_up(f"no answer within {ANSWER_WITHIN_S:g} s")
        elif self._firing.overdue():
            self.give_up("no answer yet, and what was bought needs its guard")
        else:
            self.due = min(self._now + _STILL_AWAITED_EVERY_S, until)

    def _taken(self, ack: Ack) -> None:
        shot = self._note("accepted", None, f"order {ack.order_id}", ack.received, ack.taken_at)
        self._end(shot)

    def _understand(self, error: Refused | TryAgain | OutcomeUnknown) -> None:
        """What the venue said, or did not say: decide, and shoot again at once where that is the decision."""
        if isinstance(error, OutcomeUnknown):
            shot = self._note("unknown", None, str(error), self._now)
            self._firing.doubted(shot)
            self._end(shot)
            return
        answer = "refused" if isinstance(error, Refused) else "try again"
        shot = self._note(answer, error.code if isinstance(error, Refused) else None, str(error), self._now)
        estimate = self._firing.exchange_clock.estimate()
        if isinstance(error, ClockRefused | SizeRefused | TryAgain) or estimate is None:
            self._end(error)
            return
        now = estimate.exchange_instant(self._now)
        step = after_refusal(error, shot.request.price, self._timing, now, bought=self._firing.bought())
        if isinstance(step, EntryOver):
            self._end(step)
        elif shot.request.kind is OrderKind.MARKET or step.pause_s > _PAUSES_HERE_S:
            self._end(error)  # the next market order never leaves without another look at the ask
        else:
            self._again(step, now, estimate)

    def _again(self, step: ShootAgain, now: datetime, estimate: ClockEstimate) -> None:
        self.price = step.price
        aim = now + timedelta(seconds=step.pause_s)
        at = max(self._now, estimate.send_at(aim.timestamp())) if step.pause_s else self._now
        shot = self._next_shot(aim, at, estimate)
        if isinstance(shot, EntryOver):
            self._end(shot)
            return
        self._step, self.due = _Step.SIGN, at - _CHECK_BEFORE_S
        if self.due <= self._now:
            self._lay_ready()

    def _next_shot(self, aim: datetime, at: float, estimate: ClockEstimate) -> Shot | EntryOver:
        if not self._intents:
            return EntryOver("nothing", "all committed shots are used up")
        request = request_for(self._intents[0], self._firing.rules, self.price, self._budget)
        if request is None:
            return EntryOver("nothing", f"no order fits what is left of the budget at {self.price}")
        self._shot = Shot(self._intents.popleft(), request, aim, at, estimate, stamp=aim)
        return self._shot

    def _signed(self, shot: Shot) -> SignedOrder:
        return self._firing.sign(shot.request, shot.stamp, self._timing.policy.recv_window_ms)

    def _note(self, answer: str, code: int | None, text: str, at: float, taken_at: datetime | None = None) -> Shot:
        shot = self._shot
        assert shot is not None
        shot.answer, shot.code, shot.text, shot.answered, shot.taken_at = answer, code, text, at, taken_at
        shot.first_byte = self._line.first_byte
        self.waits_at, self.due = None, NEVER
        self.news.append(shot)
        return shot

    def _end(self, ended: Ended) -> None:
        self.ended = ended
        self.over = True
        self.waits_at, self.due = None, NEVER
