"""A trading floor: one venue, one store, one lease table, and desks that can die at any call to one of them."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any, cast

from desk.desk import Desk
from desk.kit import DeskKit
from domain.commands import EntryReport, GuardReport
from domain.errors import TryAgain
from domain.events import EntryEnded, PositionFlat
from domain.ids import Installation
from domain.orders import OrderStatus
from domain.ports import Battery, HotLine, SignedOrder
from domain.session import SessionRecord
from tests.builders import KEY, a_record
from tests.fakes import (
    FakeClock,
    FakeExchange,
    FakeExchangeClock,
    FakeHotLines,
    FakeLaunchpad,
    FakeLeases,
    FakePriceLog,
    FakeStore,
    FakeStreams,
    FakeWakeups,
)

INSTALLATION = Installation("test-installation", 0)


_NO_CALLS = (
    "estimate", "now", "monotonic_at", "learn", "sign", "quotes", "account",
    "ready", "hear", "give_up", "fileno", "give_back", "keep",
)  # fmt: skip
"""Memory and streams: nothing dies there that would not die at the call before or after."""


@dataclass
class Life:
    """One process. ends_at: number of the port call at which it dies; after: when that call has been carried out."""

    ends_at: int | None = None
    after: bool = False
    calls: int = 0
    dead: bool = False
    died_at: str = ""
    on_death: Callable[[], None] = lambda: None

    def begin(self, what: str) -> None:
        """Count one call. Raises CancelledError when the process is dead or dies now."""
        if self.dead:
            raise asyncio.CancelledError
        self.calls += 1
        if self.calls == self.ends_at and not self.after:
            self._die(f"before {what}")

    def end(self, what: str, number: int) -> None:
        if self.dead:
            raise asyncio.CancelledError
        if number == self.ends_at and self.after:
            self._die(f"after {what}")

    def _die(self, when: str) -> None:
        self.dead = True
        self.died_at = when
        self.on_death()
        raise asyncio.CancelledError


class Mortal:
    """A port as a process sees it that may die at any call."""

    def __init__(self, port: Any, life: Life) -> None:
        self._port = port
        self._life = life

    def __getattr__(self, name: str) -> Any:
        inner = getattr(self._port, name)
        if name in _NO_CALLS or not callable(inner):
            return inner
        what = f"{type(self._port).__name__}.{name}"
        if name in ("fire", "reload"):
            return lambda *arguments: self._call(what, inner, arguments)
        return lambda *arguments, **named: self._await(what, partial(inner, **named), arguments)

    def _call(self, what: str, inner: Callable[..., Any], arguments: tuple[object, ...]) -> Any:
        self._life.begin(what)
        number = self._life.calls
        result = inner(*arguments)
        self._life.end(what, number)
        return result

    async def _await(self, what: str, inner: Callable[..., Awaitable[Any]], arguments: tuple[object, ...]) -> Any:
        self._life.begin(what)
        number = self._life.calls
        result = await inner(*arguments)
        self._life.end(what, number)
        return result


class MortalLines:
    """Hot lines of a process that may die."""

    def __init__(self, lines: FakeHotLines, life: Life) -> None:
        self._lines = lines
        self._life = life

    async def open(self, lines: int) -> Battery:
        return MortalBattery(await self._lines.open(lines), self._life)


class MortalBattery(Mortal):
    """Connections of a process that may die."""

    async def load(self, order: SignedOrder) -> HotLine:
        line = await self._await("FakeBattery.load", self._port.load, (order,))
        return cast(HotLine, Mortal(line, self._life))

    def reload(self, order: SignedOrder, line: HotLine) -> HotLine:
        return cast(HotLine, Mortal(self._call("FakeBattery.reload", self._port.reload, (order, line)), self._life))


@dataclass
class Floor:
    """Everything outside the desks, and what became of it."""

    record: SessionRecord = field(default_factory=a_record)
    opens_in_s: float = 20.0
    coins_before: Decimal = Decimal(0)
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        opens_at = self.clock.now() + timedelta(seconds=self.opens_in_s)
        self.record = replace(self.record, opens_at=opens_at)
        self.exchange = FakeExchange(self.clock, opens_at=opens_at)
        self.exchange.free["NEW"] = self.coins_before
        self.leases = FakeLeases(self.clock)
        self.store = FakeStore(self.clock, self.record, self.leases)
        self.streams = FakeStreams(self.exchange)
        self.exchange_clock = FakeExchangeClock(self.clock)
        self.launchpad = FakeLaunchpad(self.clock)
        self.lines = FakeHotLines(self.exchange)
        self.prices = FakePriceLog()

    def desk(self, holder: str = "fire", *, may_fire: bool = True, life: Life | None = None) -> Desk:
        """A desk in a process of its own."""
        life = life or Life()
        kit = DeskKit(
            holder=holder,
            installation=INSTALLATION,
            clock=self.clock,
            exchange_clock=cast(Any, Mortal(self.exchange_clock, life)),
            exchange=cast(Any, Mortal(self.exchange, life)),
            lines=MortalLines(self.lines, life),
            streams=self.streams,
            store=cast(Any, Mortal(self.store, life)),
            leases=cast(Any, Mortal(self.leases, life)),
            wakeups=FakeWakeups(self.store),
            launchpad=self.launchpad,
            prices=self.prices,
        )
        return Desk(kit, may_fire=may_fire)

    async def trade(self, desk: Desk) -> tuple[EntryReport, GuardReport]:
        """A whole session as the workflow asks for it, attempt after attempt."""
        while True:
            try:
                entry = await desk.fire(KEY)
                if entry.result == "disarmed":
                    continue
                return entry, await desk.guard(KEY)
            except TryAgain:
                await self.clock.sleep(0.2)

    async def trade_dying(self, life: Life, holder: str = "fire-1") -> None:
        """Until the process dies or the session is over."""
        before = asyncio.all_tasks()
        over = asyncio.Event()
        life.on_death = over.set
        desk = self.desk(holder, life=life)
        trading = asyncio.create_task(self.trade(desk))
        dying = asyncio.create_task(over.wait())
        await asyncio.wait({trading, dying}, return_when=asyncio.FIRST_COMPLETED)
        if not life.dead:
            await desk.close()
        life.dead = True
        rest = asyncio.all_tasks() - before
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    async def at(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something so many seconds after the opening."""
        due = (self.record.opens_at - self.clock.now()).total_seconds() + seconds
        await self.clock.sleep(due)
        act()

    def complaints(self) -> list[str]:
        """What must never be true once a session is over, whatever happened to its desks."""
        found: list[str] = []
        names = [order.client_order_id for order in self.exchange.orders]
        budget = self.record.policy.budget_quote
        if self.exchange.spent > budget:
            found.append(f"spent {self.exchange.spent} of {budget}")
        whole = [order for order in self.exchange.bought_orders if order.status is OrderStatus.FILLED]
        if len(whole) > 1:
            found.append(f"{len(whole)} entries were filled")
        if len(names) != len(set(names)):
            found.append("one client order id was used twice")
        if unknown := [name for name in names if name not in self.store.committed]:
            found.append(f"orders without an intent: {unknown}")
        if early := [
            order.client_order_id
            for order, at in zip(self.exchange.orders, self.exchange.booked_at, strict=True)
            if order.client_order_id is None or at < self.store.written_at[f"intent:{order.client_order_id}"]
        ]:
            found.append(f"orders before their intent was durable: {early}")
        traded = {fill.trade_id for _, fill in self.exchange.trades}
        if traded != set(self.store.booked):
            found.append(f"fills not booked: {sorted(traded - set(self.store.booked))}")
        if resting := [order for order in self.exchange.orders if not order.status.final]:
            found.append(f"still at the venue: {resting}")
        if not self.store.of(EntryEnded):
            found.append("the entry never ended")
        if self.exchange.bought_orders and not self.store.of(PositionFlat):
            found.append("bought and never flat")
        if self.exchange.free["NEW"] != self.coins_before + self.dust:
            found.append(f"holds {self.exchange.free['NEW']}, had {self.coins_before} and left {self.dust}")
        return found

    @property
    def dust(self) -> Decimal:
        """What the last guard told of; an earlier one's is part of it."""
        told = self.store.of(PositionFlat)
        return told[-1].dust if told else Decimal(0)
