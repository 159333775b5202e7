"""Random walks of one session through two processes, asked as the workflow asks: one that fires, one that guards.

On virtual time a walk takes hundredths of a second, so that thousands of them look where nobody thought of looking.
tests/chaos does the same on real parts, where a run takes half a second.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import Any

from desk.desk import Desk
from domain.commands import EntryReport
from domain.errors import ClockRefused, NotTradable, PriceRefused, RateLimited, SizeRefused, TryAgain
from domain.policy import EntryStrategy, ExitPolicy, LadderStep
from tests.builders import KEY, RULES, a_policy, a_record
from tests.desk.floor import Floor, Life
from tests.fakes import Fate, Lost

OVER_WITHIN_S = 120.0
"""After the opening. The longest receive windows, pauses and outages of a walk fit in."""
_FATES: tuple[Fate, ...] = (
    None,
    None,
    None,
    Lost(booked=True),
    Lost(booked=False),
    Lost(booked=True, after_s=0.8),
    NotTradable("not yet"),
    RateLimited("slow down", retry_after_s=2.0),
    PriceRefused("too high", cap=Decimal("0.052")),
    ClockRefused("outside the window"),
    SizeRefused("too small"),
    TryAgain("busy"),
)


@dataclass
class Walk:
    """One seed. story: what happened, for people. found: what must not be; empty: nothing."""

    seed: int
    story: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)
        self._floor = self._drawn_floor()
        self._deaths = {
            "fire": [self._dice.randrange(1, 200) for _ in range(self._dice.choice((0, 0, 1, 2)))],
            "guard": [self._dice.randrange(1, 150) for _ in range(self._dice.choice((0, 0, 1, 2)))],
        }
        self._processes: dict[str, tuple[Desk, Life, asyncio.Event]] = {}
        self._started = 0

    async def carry_out(self) -> None:
        """Everything as drawn, then the judgement."""
        timers = [asyncio.create_task(self._floor.at(at_s, act)) for at_s, act in self._drawn_events()]
        flow = asyncio.create_task(self._workflow())
        done, _ = await asyncio.wait({flow}, timeout=OVER_WITHIN_S + self._floor.opens_in_s)
        if done:
            flow.result()
            self._judge()
        else:
            self.found.append("never over")
        for _, life, _ in self._processes.values():
            life.dead = True
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in (*rest, *timers):
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    async def _workflow(self) -> None:
        entry: EntryReport = await self._ask("fire")
        while entry.result == "disarmed":
            entry = await self._ask("fire")
        self._tell(f"entry: {entry.result}, bought {entry.bought}, {entry.reason}")
        if entry.result == "filled":
            await self._ask("guard")
            self._tell("flat")

    async def _ask(self, kind: str) -> Any:
        """An activity, attempt after attempt; its process may die meanwhile, and another one is asked then."""
        while True:
            desk, life, over = self._process(kind)
            answering = asyncio.create_task(desk.fire(KEY) if kind == "fire" else desk.guard(KEY))
            dying = asyncio.create_task(over.wait())
            await asyncio.wait({answering, dying}, return_when=asyncio.FIRST_COMPLETED)
            dying.cancel()
            if life.dead:
                await self._bury(kind, answering)
                continue
            try:
                return answering.result()
            except TryAgain:
                await asyncio.sleep(0.2)

    def _process(self, kind: str) -> tuple[Desk, Life, asyncio.Event]:
        if kind not in self._processes:
            self._started += 1
            ends_at = self._deaths[kind].pop() if self._deaths[kind] else None
            life, over = Life(ends_at=ends_at, after=self._dice.random() < 0.5), asyncio.Event()
            life.on_death = over.set
            desk = self._floor.desk(f"{kind}-{self._started}", may_fire=kind == "fire", life=life)
            self._processes[kind] = desk, life, over
        return self._processes[kind]

    async def _bury(self, kind: str, answering: "asyncio.Task[Any]") -> None:
        desk, life, _ = self._processes.pop(kind)
        self._tell(f"{kind} died {life.died_at}")
        answering.cancel()
        with suppress(asyncio.CancelledError, TryAgain):
            await answering
        for run in desk._runs.values():
            if run._task is not None:
                run._task.cancel()
        await asyncio.sleep(0.3)

    def _judge(self) -> None:
        floor, found = self._floor, self.found
        if floor.exchange.spent > floor.record.policy.budget_quote:
            found.append(f"spent {floor.exchange.spent} of {floor.record.policy.budget_quote}")
        held = floor.exchange.free["NEW"] + floor.exchange._locked["NEW"]
        if held != floor.coins_before + floor.dust:
            found.append(f"holds {held}, had {floor.coins_before} and left {floor.dust}")
        if resting := [order for order in floor.exchange.orders if not order.status.final]:
            found.append(f"still at the venue: {resting}")
        if {fill.trade_id for _, fill in floor.exchange.trades} != set(floor.store.booked):
            found.append("fills not booked")
        names = [order.client_order_id for order in floor.exchange.orders]
        if len(names) != len(set(names)):
            found.append("one client order id was used twice")
        if unknown := [name for name in names if name not in floor.store.committed]:
            found.append(f"orders without an intent: {unknown}")

    def _told(self, what: str, act: Callable[[], object]) -> Callable[[], None]:
        def tell_and_act() -> None:
            self._tell(what)
            act()

        return tell_and_act

    def _tell(self, what: str) -> None:
        at_s = (self._floor.clock.now() - self._floor.record.opens_at).total_seconds()
        self.story.append(f"{at_s:+.2f} s {what}")

    def _drawn_floor(self) -> Floor:
        dice = self._dice
        strategy = dice.choice(tuple(EntryStrategy))
        ladder = dice.choice(((), (LadderStep(Decimal(10), Decimal(50)),)))
        policy = a_policy(exits=ExitPolicy(ladder=ladder, time_stop_s=dice.choice((2, 5, 12))))
        entry = replace(
            policy.entry,
            strategy=strategy,
            late_entry_s=dice.choice((0, 120)),
            grace_s=dice.choice((3, 30)),
            window_s=dice.choice((10, 25)),
            tranche_parts=3,
            tranche_every_s=3,
        )
        floor = Floor(
            a_record(policy=replace(policy, entry=entry)),
            opens_in_s=6.0,
            coins_before=Decimal(dice.choice((0, 0, 500))),
        )
        floor.exchange.rules_now = replace(RULES, market_orders=True)
        floor.exchange.fates.extend(dice.choice(_FATES) for _ in range(10))
        floor.exchange.fills_after_s = dice.choice((0.0, 0.0, 0.7, 4.0))
        floor.exchange.offers = dice.choice((None, None, Decimal(100), Decimal(300), Decimal(500)))
        self.story.append(f"{strategy}, {entry}, {list(floor.exchange.fates)}")
        return floor

    def _drawn_events(self) -> list[tuple[float, Callable[[], None]]]:
        """Second from the opening, and what happens then."""
        dice, floor = self._dice, self._floor
        exchange, store = floor.exchange, floor.store
        drawn: list[tuple[float, Callable[[], None]]] = []

        def once(chance: float, what: str, earliest: float, latest: float, act: Callable[[], object]) -> None:
            if dice.random() < chance:
                drawn.append((dice.uniform(earliest, latest), self._told(what, act)))

        def spell(chance: float, what: object, name: str, during: object, after: object, longest_s: float) -> None:
            if dice.random() < chance:
                begins = dice.uniform(-5, 8)
                ends = begins + dice.uniform(0.5, longest_s)
                for at_s, value in ((begins, during), (ends, after)):
                    drawn.append((at_s, self._told(f"{name}: {value}", partial(setattr, what, name, value))))

        once(0.35, "abort", -3, 12, lambda: store.change(aborting=True))
        once(0.15, "halt", -3, 12, lambda: store.change(halted=True))
        once(0.1, "new plan", -3, 1, store.change_plan)
        once(0.3, "more is offered", 1, 8, lambda: setattr(exchange, "offers", None))
        once(0.2, "thin book", -1, 0, lambda: exchange.set_asks(("0.05", "100"), ("0.051", "100"), ("0.052", "300")))
        once(0.3, "crash", 0.2, 8, lambda: exchange.set_bid("0.03"))
        once(0.3, "rise", 0.2, 8, lambda: exchange.set_bid("0.06"))
        once(0.15, "larger step", -1, 8, lambda: exchange.set_quantity_step("1"))
        once(0.15, "suspended", -5, 8, lambda: setattr(floor.clock, "suspended_s", floor.clock.suspended_s + 5))
        once(0.1, "lease stolen", -5, 8, floor.leases.steal)
        spell(0.25, store, "away", True, False, 7)
        spell(0.2, floor.leases, "away", True, False, 7)
        spell(0.2, exchange, "down", True, False, 7)
        spell(0.15, floor.exchange_clock, "away", True, False, 9)
        spell(0.15, exchange, "fills_told", 1, 100, 9)
        if dice.random() < 0.2:
            drawn.append((dice.uniform(1, 6), lambda: exchange.set_bid(None)))
            drawn.append((dice.uniform(6, 12), lambda: exchange.set_bid("0.05")))
        return drawn
