"""Desks that are broken on purpose, each in one way: chaos has to find every one of them.

They are broken at ports and constants that any desk has, so that they stay broken however its inside is written.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, cast

import desk.learning
from desk.kit import DeskKit
from domain.errors import LeaseLost, OutcomeUnknown, TryAgain
from domain.events import Event, FillSeen, IntentCommitted, PositionFlat
from domain.ids import SessionKey
from domain.lease import LeaseGrant
from domain.money import Price, Quote
from domain.ports import Ack, SignedOrder
from domain.session import SessionRecord
from tests.chaos.draw import OPEN_PRICE, draw
from tests.chaos.plan import Mishap, Plan, Worker
from tests.chaos.wire import WireFault

_TOO_LATE_S = 1.0
_FOR_EVER_S = 1e9


class Broken:
    """A port that does what the real one does, but for what a subclass changes."""

    def __init__(self, port: Any) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)


class _ForgetsFills(Broken):
    async def append(self, key: SessionKey, events: Sequence[Event], token: int | None = None) -> None:
        await self._port.append(key, [event for event in events if not isinstance(event, FillSeen)], token)


class _WritesLater(Broken):
    async def append(self, key: SessionKey, events: Sequence[Event], token: int | None = None) -> None:
        if any(isinstance(event, IntentCommitted) for event in events):
            self._writing = asyncio.create_task(self._later(key, events, token))
        else:
            await self._port.append(key, events, token)

    async def _later(self, key: SessionKey, events: Sequence[Event], token: int | None = None) -> None:
        await asyncio.sleep(8 * _TOO_LATE_S)
        await self._port.append(key, events, token)


class _Loses(Broken):
    async def append(self, key: SessionKey, events: Sequence[Event], token: int | None = None) -> None:
        await self._port.append(key, [event for event in events if not isinstance(event, IntentCommitted)], token)


class _NeverEnds(Broken):
    async def append(self, key: SessionKey, events: Sequence[Event], token: int | None = None) -> None:
        if any(isinstance(event, PositionFlat) for event in events):
            await asyncio.sleep(_FOR_EVER_S)
        await self._port.append(key, events, token)


class _Misreads(Broken):
    """Reads the session's row in a way of its own."""

    def __init__(self, port: Any, read: Callable[[SessionRecord], SessionRecord]) -> None:
        super().__init__(port)
        self._read = read

    async def load(self, key: SessionKey) -> SessionRecord | None:
        record = await self._port.load(key)
        return None if record is None else self._read(record)


class _HoldsForEver(Broken):
    """Takes a lease that it was not given, and never hears that it was lost."""

    async def acquire(self, key: SessionKey, holder: str, ttl_s: float) -> LeaseGrant:
        grant = await self._port.acquire(key, holder, ttl_s)
        return cast(LeaseGrant, grant) or LeaseGrant(10_000, 0.0, _FOR_EVER_S, clean=True)

    async def renew(self, key: SessionKey, token: int, ttl_s: float) -> bool:
        with suppress(LeaseLost):
            await self._port.renew(key, token, ttl_s)
        return False


class _TakesOverAtOnce(Broken):
    """As if no earlier holder could have anything in flight."""

    async def acquire(self, key: SessionKey, holder: str, ttl_s: float) -> LeaseGrant | None:
        grant = await self._port.acquire(key, holder, ttl_s)
        return None if grant is None else replace(grant, clean=True)


class _CallsUnknownFailed(Broken):
    async def send(self, order: SignedOrder) -> Ack:
        try:
            return cast(Ack, await self._port.send(order))
        except OutcomeUnknown as error:
            raise TryAgain(str(error)) from error


class _SendsAgain(Broken):
    async def send(self, order: SignedOrder) -> Ack:
        try:
            return cast(Ack, await self._port.send(order))
        except OutcomeUnknown:
            return cast(Ack, await self._port.send(order))


class _Stumbles(Broken):
    async def find_order(self, symbol: str, client_order_id: str) -> None:
        raise KeyError(client_order_id)


@contextmanager
def _believes_absence_at_once() -> Iterator[None]:
    """What cannot be found does not exist, whatever may still be under way: the next id is sent."""
    module: Any = desk.learning
    usual, module.SETTLE_MARGIN_S = module.SETTLE_MARGIN_S, -60.0
    try:
        yield
    finally:
        module.SETTLE_MARGIN_S = usual


@dataclass(frozen=True)
class BrokenDesk:
    """found_by: the law that must find it. plan: from a seed, where this weakness has something to do."""

    name: str
    found_by: str
    breakage: Callable[[DeskKit], DeskKit] = lambda kit: kit
    around: Callable[[], Any] = nullcontext
    plan: Callable[[int], Plan] = draw
    within_seeds: int = 10
    seeds_from: int = field(default=1000)


def _leases(broken: Callable[[Any], Any]) -> Callable[[DeskKit], DeskKit]:
    return lambda kit: replace(kit, leases=cast(Any, broken(kit.leases)))


def _store(broken: Callable[[Any], Any]) -> Callable[[DeskKit], DeskKit]:
    return lambda kit: replace(kit, store=cast(Any, broken(kit.store)))


def _exchange(broken: Callable[[Any], Any]) -> Callable[[DeskKit], DeskKit]:
    return lambda kit: replace(kit, exchange=cast(Any, broken(kit.exchange)))


def _generous(record: SessionRecord) -> SessionRecord:
    return replace(record, policy=replace(record.policy, budget_quote=Quote(record.policy.budget_quote * 2)))


def _expensive(record: SessionRecord) -> SessionRecord:
    entry = replace(record.policy.entry, max_price=Price(OPEN_PRICE * 3), late_max_price=None)
    return replace(record, policy=replace(record.policy, entry=entry))


def _deaf(record: SessionRecord) -> SessionRecord:
    return replace(record, aborting=False)


def _undisturbed(seed: int, **changed: Any) -> Plan:
    """An ordinary listing that is bought and sold, with nothing but what is given."""
    plan = draw(seed)
    entry = replace(plan.policy.entry, max_price=Price(OPEN_PRICE * Decimal("1.5")), grace_s=30, window_s=30)
    script = {"name": "flat", "open_price": str(OPEN_PRICE), "depth_quote": 4000, "tick_ms": 200}
    return Plan(
        seed=seed,
        policy=replace(plan.policy, entry=replace(entry, late_entry_s=60, recv_window_ms=1000)),
        patience_s=100.0,
        **{"script": script, "settings": {"accept_repeated_ids": True}, **changed},
    )


def _slow_order(seed: int) -> Plan:
    """The connection breaks, and the order arrives after its desk has asked for it."""
    return _undisturbed(seed, wire_faults=(WireFault(0, "late_unanswered", 0.5),))


def _two_at_once(seed: int) -> Plan:
    """The second begins when the first has taken the lease and still has to wait."""
    workers = (Worker("fire-0", begins_s=-10.0), Worker("fire-1", begins_s=-6.0))
    return _undisturbed(seed, workers=workers, opens_in_s=10.0)


def _aborted(seed: int) -> Plan:
    script = {"name": "flat", "open_price": str(OPEN_PRICE), "never_api": True}
    return _undisturbed(seed, script=script, mishaps=(Mishap(0.5, "abort"),))


def _lost_sale(seed: int) -> Plan:
    """Sold at once, before any other desk takes over; coins from before could be sold as well."""
    match = {"method": "POST", "path": "/api/v3/order", "side": "SELL"}
    faults = ({"match": match, "kind": "lose_answer", "times": 1},)
    workers = (Worker("fire-0", begins_s=-6.0), Worker("guard-0", may_fire=False, begins_s=60.0))
    plan = _undisturbed(seed, faults=faults, workers=workers, coins_before=Decimal(100_000))
    exits = replace(plan.policy.exits, ladder=(), time_stop_s=1)
    return replace(plan, policy=replace(plan.policy, exits=exits))


def _killed_after_its_shot(seed: int) -> Plan:
    """Its order is filled, and it dies before it hears of that."""
    match = {"method": "POST", "path": "/api/v3/order", "side": "BUY"}
    faults = ({"match": match, "kind": "late_answer", "params": {"ms": 3000}},)
    workers = (Worker("fire-0", begins_s=-6.0), Worker("fire-1", begins_s=0.5))
    return _undisturbed(seed, faults=faults, workers=workers, mishaps=(Mishap(0.3, "kill", "fire-0"),))


BROKEN = (
    BrokenDesk(
        "sends a fresh id after an unknown outcome",
        "exposed",
        around=_believes_absence_at_once,
        plan=_slow_order,
    ),
    BrokenDesk(
        "trades without the lease",
        "sent_again",
        _leases(_HoldsForEver),
        plan=_two_at_once,
    ),
    BrokenDesk(
        "takes over without asking what was sent",
        "sent_again",
        _leases(_TakesOverAtOnce),
        plan=_killed_after_its_shot,
    ),
    BrokenDesk("calls an unknown sale failed", "not_flat", _exchange(_CallsUnknownFailed), plan=_lost_sale),
    BrokenDesk(
        "spends twice its budget", "overbought", _store(lambda store: _Misreads(store, _generous)), plan=_undisturbed
    ),
    BrokenDesk(
        "ignores the price bound",
        "outside_its_bounds",
        _store(lambda store: _Misreads(store, _expensive)),
        plan=_undisturbed,
    ),
    BrokenDesk("does not hear an abort", "not_stopped", _store(lambda store: _Misreads(store, _deaf)), plan=_aborted),
    BrokenDesk("sends before its intent is durable", "unknown_to_the_journal", _store(_WritesLater), plan=_undisturbed),
    BrokenDesk("writes no intents", "unknown_to_the_journal", _store(_Loses), plan=_undisturbed),
    BrokenDesk("forgets fills", "not_booked", _store(_ForgetsFills), plan=_undisturbed),
    BrokenDesk("sends the same order again", "sent_again", _exchange(_SendsAgain), plan=_lost_sale),
    BrokenDesk("never writes that it is flat", "not_over", _store(_NeverEnds), plan=_undisturbed),
    BrokenDesk("stumbles over a question", "broke", _exchange(_Stumbles), plan=_undisturbed),
)
