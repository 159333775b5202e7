"""The shots of one entry, lane by lane: load, let the launchpad fly, learn what was bought, go on or end.

Lanes run beside each other; what one of them learns the others see before their next shot.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from desk.aftermath import GUARDED, Aftermath
from desk.entry_ask import ask_inside, best_ask
from desk.last_look import AimLost, Disarmed, EntryGivenUp, InDoubt, LastLook
from desk.session_desk import SessionDesk
from desk.shot_record import shot_record
from desk.stop_watch import until_stop, until_time_stop
from desk.volley import Firing, Shot, Volley
from desk.waiting import until_woken
from domain.entry import (
    FIRE_WINDOW_S,
    EntryOver,
    Lane,
    ShootAgain,
    Timing,
    after_order,
    after_refusal,
    again,
    at_once,
    cost,
    first_price,
)
from domain.errors import (
    ClockRefused,
    LeaseLost,
    OutcomeUnknown,
    RateLimited,
    Refused,
    SizeRefused,
    SniperError,
    TryAgain,
)
from domain.events import LEFT_NO_ORDER
from domain.exchange_time import ClockSample
from domain.money import Price, Quote, SymbolRules
from domain.policy import EntryStrategy
from domain.ports import Battery
from domain.session import SessionRecord

LOAD_BEFORE_S = 2.0
"""Before its instant an order is laid ready; the clock is not measured any more then."""
_RELOAD_BEFORE_S = 0.3
"""Of a further shot: whoever gives the entry up meanwhile does not wait for it."""
_MEASURE_EVERY_S = 5.0
_MEASURE_AGAIN_S = 0.5
_DOUBT_LOOK_S = 0.05


class Shooting:
    """Carries out the lanes of one entry under one lease."""

    def __init__(
        self,
        desk: SessionDesk,
        armed_for: SessionRecord,
        rules: SymbolRules,
        lanes: Sequence[Lane],
        battery: Battery,
        look: LastLook,
        *,
        late: bool,
    ) -> None:
        self._desk = desk
        self._kit = desk.kit
        self._policy = armed_for.policy.entry
        self._opens_at = armed_for.opens_at
        self._lanes = lanes
        self._battery = battery
        self._look = look
        self._late = late
        self._aftermath = Aftermath(desk, self._policy, self._opens_at, look)
        self._disarmed: Disarmed | None = None
        self._near: set[int] = set()  # lanes whose shots are about to leave
        self._heard = asyncio.Event()
        self._learnt = asyncio.Event()
        self._firing = Firing(
            clock=self._kit.clock,
            exchange_clock=self._kit.exchange_clock,
            battery=battery,
            sign=self._kit.exchange.sign,
            last_look=look,
            leaves=self._leaves,
            doubted=lambda shot: look.doubt.add(shot.request.client_order_id),
            bought=lambda: self._bought,
            rules=rules,
            still_wanted=look.may_wait,
            overdue=self._aftermath.answer_is_overdue,
        )

    async def run(self) -> EntryOver:
        """Until every lane is over; all that left is settled then. Raises LeaseLost, and Disarmed when nothing left."""
        helpers = [
            asyncio.create_task(self._restock(), name=f"places {self._desk.key}"),
            asyncio.create_task(self._battery.keep(), name=f"lines {self._desk.key}"),
            asyncio.create_task(self._keep_measuring(), name=f"entry clock {self._desk.key}"),
        ]
        if self._policy.strategy in GUARDED or self._span_s > FIRE_WINDOW_S:
            for reached, what in ((until_stop, "stop"), (until_time_stop, "time stop")):
                watching = self._watch(reached, what)
                helpers.append(asyncio.create_task(watching, name=f"entry {what} {self._desk.key}"))
        lanes = [
            asyncio.create_task(self._lane(lane), name=f"lane {lane.number} {self._desk.key}") for lane in self._lanes
        ]
        try:
            await self._all(lanes)
        finally:
            for task in (*lanes, *helpers):
                task.cancel()
            await asyncio.gather(*lanes, *helpers, return_exceptions=True)
            await self._battery.restock(shots=False)
        if self._disarmed is not None and not self._look.fired:
            raise self._disarmed
        return _together([lane.result() for lane in lanes], bought=self._bought)

    async def _all(self, lanes: Sequence[asyncio.Task[EntryOver]]) -> None:
        """Wait for all. What breaks one lane waits for the others, which may have something in flight to be learnt;
        only a lost lease does not: it is another desk's then."""
        pending = set(lanes)
        broken: BaseException | None = None
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                error = task.exception()
                if isinstance(error, LeaseLost):
                    raise error
                broken = broken or error
        if broken is not None:
            raise broken

    @property
    def _span_s(self) -> float:
        """From the first lane's beginning to the last one's."""
        return (self._lanes[-1].begins - self._lanes[0].begins).total_seconds()

    @property
    def _bought(self) -> bool:
        return self._aftermath.bought

    async def _lane(self, lane: Lane) -> EntryOver:
        try:
            return await self._fly(lane)
        except EntryGivenUp as reason:
            return EntryOver(reason.result, str(reason))
        except Disarmed as reason:  # armed anew only as a whole: what another lane fired meanwhile is learnt first
            self._disarmed = reason
            self._look.stopped = str(reason)
            return EntryOver("nothing", str(reason))
        finally:
            self._near.discard(lane.number)

    async def _fly(self, lane: Lane) -> EntryOver:
        await self._until_near(lane)
        ask = await self._reference(lane)
        if isinstance(ask, EntryOver):
            return ask
        aim = max(lane.begins, await self._exchange_now())
        timing = Timing(self._policy, self._opens_at, aim)
        price = first_price(self._policy, lane.intents[0].bound, ask)
        intents = deque(lane.intents)
        while True:
            volley = Volley(self._firing, timing, intents, price, self._left(lane), aim)
            step = await self._volley(volley, timing, lane)
            if isinstance(step, EntryOver):
                return step
            price = step.price
            again_at = await self._exchange_now() + timedelta(seconds=step.pause_s)
            await self._until_near(lane)  # a clock that was set back has the lane's beginning before it again
            if await self._others_bought_before(again_at - timedelta(seconds=_RELOAD_BEFORE_S)):
                if self._aftermath.bought_for_s > FIRE_WINDOW_S:
                    return EntryOver("filled", "what was bought needs its guard before the next shot would leave")
                again_at = await self._exchange_now()  # the market is open, so nothing has to be waited for
            if self._policy.strategy is EntryStrategy.MARKET:
                ask = await self._ask_inside(lane, timing.until(bought=self._bought))
                if isinstance(ask, EntryOver):
                    return ask
            aim = max(again_at, await self._exchange_now(), lane.begins)

    async def _volley(self, volley: Volley, timing: Timing, lane: Lane) -> ShootAgain | EntryOver:
        """Let it fly and learn what came of it."""
        self._look.still_wanted()
        try:
            signed = volley.first()
            if isinstance(signed, EntryOver):
                return signed
            volley.load(await self._battery.load(signed))
        except TryAgain as error:
            volley.put_back()
            return await self._waited_for(error, volley, timing)
        try:
            await self._kit.launchpad.fly(volley, lambda: self._told(volley))
        except InDoubt as doubt:
            volley.put_back()
            return await self._after_doubt(doubt, volley, timing)
        except AimLost as lost:
            volley.put_back()
            return await self._aim_anew(lost, volley, timing)
        finally:
            self._told(volley)
            if volley.line is not None:
                self._battery.give_back(volley.line)
        ended = volley.ended
        assert ended is not None
        if isinstance(ended, EntryOver):
            return ended
        if isinstance(ended, Shot):
            return await self._learn(ended, timing, lane)
        return await self._waited_for(ended, volley, timing)

    async def _waited_for(self, error: SniperError, volley: Volley, timing: Timing) -> ShootAgain | EntryOver:
        """What has to be done before a next shot, and whether there is one."""
        if isinstance(error, ClockRefused):
            with suppress(TryAgain, OutcomeUnknown):
                await self._kit.exchange_clock.synchronise()
        if isinstance(error, RateLimited):
            self._heard.set()
        changed = isinstance(error, SizeRefused) and await self._rules_changed(volley.rules)
        now = await self._desk.exchange_now()
        if changed:
            return again(volley.price, timing, now, str(error), bought=self._bought)
        return after_refusal(error, volley.price, timing, now, bought=self._bought)

    async def _after_doubt(self, doubt: InDoubt, volley: Volley, timing: Timing) -> ShootAgain | EntryOver:
        """Wait until every outcome is known, or no shot may go any more."""
        while self._look.doubt and await self._exchange_now() <= timing.until(bought=self._bought):
            self._look.still_wanted()
            await until_woken(self._learnt, _DOUBT_LOOK_S)
        return at_once(volley.price, timing, await self._exchange_now(), str(doubt), bought=self._bought)

    async def _aim_anew(self, lost: AimLost, volley: Volley, timing: Timing) -> ShootAgain | EntryOver:
        """Once the exchange's clock is known well enough, which is measured anew where it is not, or no shot may go any
        more."""
        now = await self._exchange_now()
        while not self._look.time_is_known() and now <= timing.until(bought=self._bought):
            self._look.may_wait()
            with suppress(TryAgain, OutcomeUnknown, Refused):
                await self._kit.exchange_clock.synchronise()
            if not self._look.time_is_known():
                await self._kit.clock.sleep(_MEASURE_AGAIN_S)
            now = await self._exchange_now()
        return at_once(volley.price, timing, now, str(lost), bought=self._bought)

    async def _rules_changed(self, sized_by: SymbolRules) -> bool:
        """Whether orders must now be sized otherwise than by those: what follows is. Another lane may have seen it."""
        if self._rules.sizes_as(sized_by):
            self._firing = replace(self._firing, rules=await self._desk.rules_anew(self._rules))
        return not self._rules.sizes_as(sized_by)

    @property
    def _rules(self) -> SymbolRules:
        return self._firing.rules

    async def _learn(self, shot: Shot, timing: Timing, lane: Lane) -> ShootAgain | EntryOver:
        """The venue took the shot, or nobody knows: find out how it ended."""
        known = await self._aftermath.learn(shot)
        self._learnt.set()
        if isinstance(known, EntryOver):
            return known
        left, now = self._left(lane), await self._desk.exchange_now()
        return after_order(shot.request.price, known, left, self._rules, timing, now, bought=self._bought)

    async def _until_near(self, lane: Lane) -> None:
        """Wait until the lane's first order has to be laid ready."""
        # A lane that follows others at a distance still hears what ends the entry until just before.
        follows = (lane.begins - self._lanes[0].begins).total_seconds() > FIRE_WINDOW_S
        await self._until(lane.begins - timedelta(seconds=_RELOAD_BEFORE_S if follows else LOAD_BEFORE_S))
        self._near.add(lane.number)

    async def _others_bought_before(self, instant: datetime) -> bool:
        """Wait for an exchange time, or for the burst's first purchase; whether that came first. After it pauses are
        waited for as before, or the lanes would use up their shots at an empty book. Parts of a tranche wait for their
        own time whatever others bought. Raises what ends the entry."""
        before = self._bought or self._policy.strategy is not EntryStrategy.BURST
        while (left_s := (instant - await self._exchange_now()).total_seconds()) > 0:
            if self._bought and not before:
                return True
            self._look.may_wait()
            await until_woken(self._learnt, min(left_s, 0.25))
        return False

    async def _until(self, instant: datetime) -> None:
        """Wait for an exchange time, as long as the entry is wanted. Raises what ends it."""
        while (left_s := (instant - await self._exchange_now()).total_seconds()) > 0:
            self._look.may_wait()
            await self._kit.clock.sleep(min(left_s, 0.25))

    async def _exchange_now(self) -> datetime:
        return await self._desk.exchange_now(self._look.still_wanted)

    async def _reference(self, lane: Lane) -> Price | EntryOver | None:
        """The best ask to reckon with; None: none is known, or none can be before the opening."""
        if self._policy.strategy is EntryStrategy.MARKET:
            return await self._ask_inside(
                lane, max(self._opens_at + timedelta(seconds=self._policy.grace_s), lane.begins)
            )
        if self._late or lane.begins > self._opens_at:
            return await best_ask(self._kit.exchange, self._rules.symbol)
        return None

    async def _ask_inside(self, lane: Lane, until: datetime) -> Price | EntryOver:
        return await ask_inside(self._desk, self._look, lane.intents[0].bound, self._opens_at, until)

    async def _restock(self) -> None:
        """Keep places in the request budget for the shots that may follow each other at once."""
        while True:
            if self._near:
                await self._battery.restock(shots=True)
            await self._heard.wait()
            self._heard.clear()

    async def _keep_measuring(self) -> None:
        """Sharpen the exchange's time while no shot is about to leave: a later one is aimed by it."""
        while True:
            await self._kit.clock.sleep(_MEASURE_EVERY_S)
            if not self._near:
                with suppress(TryAgain, OutcomeUnknown, Refused):
                    await self._kit.exchange_clock.synchronise()

    async def _watch(self, reached: Callable[[SessionDesk], Awaitable[None]], what: str) -> None:
        """End the entry when what it bought is to be sold already: the guard does that then."""
        await reached(self._desk)
        self._look.stopped = f"the position reached its {what} while the entry was still buying"

    def _leaves(self, shot: Shot) -> None:
        """On the launchpad's thread, just before the send: the account's stream may tell of it at once."""
        self._look.fired.add(shot.request.client_order_id)
        self._desk.ledger.unsent.discard(shot.request.client_order_id)

    def _told(self, volley: Volley) -> None:
        """Write down what happened on the launchpad; on the event loop."""
        while volley.news:
            shot = volley.news.popleft()
            self._desk.journal.note(*shot_record(shot))
            if shot.answer in LEFT_NO_ORDER:
                self._desk.ledger.settled.add(shot.request.client_order_id)
            if shot.taken_at is not None:
                self._kit.exchange_clock.learn(ClockSample(shot.sent, shot.answered, shot.taken_at.timestamp()))
        self._heard.set()

    def _left(self, lane: Lane) -> Quote:
        """What the lane's fills have left of its slice."""
        ledger = self._desk.ledger
        return Quote(lane.budget - cost(ledger.fills.values(), lane.intents, ledger.quote_asset))


def _together(ended: Sequence[EntryOver], *, bought: bool) -> EntryOver:
    reasons = dict.fromkeys(one.reason for one in ended)
    return EntryOver("filled" if bought else "nothing", "; ".join(reasons))
