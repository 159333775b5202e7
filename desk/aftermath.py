"""What became of the shots of an entry that the venue took, or may have taken."""

from datetime import datetime, timedelta

from desk.last_look import EntryGivenUp, LastLook
from desk.learning import absent_from
from desk.session_desk import SessionDesk
from desk.volley import Shot
from domain.entry import FIRE_WINDOW_S, EntryOver
from domain.errors import SniperError
from domain.events import ShotSettled
from domain.money import NO_BASE
from domain.orders import Order, OrderIntent, OrderKind
from domain.policy import EntryPolicy, EntryStrategy

GUARDED = (EntryStrategy.LIMIT, EntryStrategy.TRANCHE)
"""Strategies that go on buying for seconds after their first fill: meanwhile the entry watches stop and time stop."""
_RESTING_LOOK_S = 0.25


class Aftermath:
    """Of all lanes of one entry. bought: whether any of them bought something."""

    def __init__(self, desk: SessionDesk, policy: EntryPolicy, opens_at: datetime, look: LastLook) -> None:
        self._desk = desk
        self._policy = policy
        self._window_ends = opens_at + timedelta(seconds=policy.window_s)
        self._look = look
        self._bought_at: float | None = None

    @property
    def bought(self) -> bool:
        return self._bought_at is not None

    @property
    def bought_for_s(self) -> float:
        """Seconds since something was bought; below zero: nothing was."""
        return -1.0 if self._bought_at is None else self._desk.kit.clock.monotonic() - self._bought_at

    async def learn(self, shot: Shot) -> Order | EntryOver | None:
        """How its order ended, None: it never existed; or that its lane is over with it."""
        name = shot.request.client_order_id
        absent_at = absent_from(shot.stamp, self._policy.recv_window_ms)
        rests = shot.request.kind is OrderKind.LIMIT
        if rests:
            await self._rest(shot.intent, absent_at)
        if not await self._desk.learner.settle(shot.intent, absent_at, self._guard_is_due, ending=rests):
            return EntryOver("filled", f"what became of order {name} is asked on while the position is guarded")
        order = self._desk.ledger.orders.get(name)
        self._look.doubt.discard(name)
        executed = NO_BASE if order is None else order.executed
        after_us = round((self._desk.kit.clock.monotonic() - shot.answered) * 1e6)
        self._desk.journal.note(ShotSettled(name, executed, after_us))
        if executed:
            self._note_bought()
        if rests and shot.answer == "accepted":
            whole = order is not None and order.executed == order.quantity
            why = "filled" if whole else "the rest was taken off the book"
            return EntryOver("filled" if executed else "nothing", why)
        return order

    def _note_bought(self) -> float:
        """Since when something is bought: monotonic second."""
        if self._bought_at is None:
            self._bought_at = self._desk.kit.clock.monotonic()
        return self._bought_at

    def _guard_is_due(self) -> bool:
        """Whether something was bought whose exits are due, or may be, while an outcome is still asked for."""
        return bool(self._desk.ledger.position().bought) and self._exits_are_due(self._note_bought())

    def answer_is_overdue(self) -> bool:
        """Whether no answer is waited for any longer, for the same reason; memory only, on any thread."""
        return self._bought_at is not None and self._exits_are_due(self._bought_at)

    def _exits_are_due(self, bought_at: float) -> bool:
        try:
            self._look.still_wanted()
        except EntryGivenUp:
            return True
        now = self._desk.kit.clock.monotonic()
        return now > bought_at + FIRE_WINDOW_S and (self._policy.strategy not in GUARDED or self._window_is_over(now))

    def _window_is_over(self, now: float) -> bool:
        estimate = self._desk.kit.exchange_clock.estimate()
        return estimate is None or estimate.exchange_instant(now) > self._window_ends

    async def _rest(self, intent: OrderIntent, absent_at: datetime) -> None:
        """Let an order rest until it is filled, the window ends or the entry is given up; then it has to come off the
        book."""
        while not await self._desk.learner.ask(intent, absent_at):
            self._desk.keeper.check()
            try:
                self._look.still_wanted()
            except SniperError:
                break
            if await self._desk.exchange_now() >= self._window_ends:
                break
            await self._desk.learner.pause(_RESTING_LOOK_S)
