"""A desk that lost its session to another one leaves it alone: what it writes late hides nothing."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

import pytest

from desk.journal import SessionJournal
from desk.lease_keeper import LeaseKeeper
from domain.errors import LeaseLost
from domain.events import (
    EntryEnded,
    Event,
    IntentWithdrawn,
    LeaseTaken,
    OrderSeen,
    PhaseEntered,
    ShotAnswered,
    ShotSent,
    StoodDown,
)
from domain.ids import SessionKey
from domain.lease import LEASE_TTL_S
from domain.money import Price
from domain.policy import ExitPolicy
from domain.session import Phase
from tests.builders import KEY, a_policy, a_record, an_order
from tests.desk.floor import Floor, Life
from tests.fakes import FakeClock, FakeLeases, FakeStore

SEEN = OrderSeen(an_order("a"))
WITHDRAWN = IntentWithdrawn("a", "planned anew")
ENDED = EntryEnded("nothing", "gave up")


class Frozen:
    """Ports of a process that stands still from a certain write on, until it is continued."""

    def __init__(self, floor: Floor, begins_with: type[Event]) -> None:
        self._floor = floor
        self._begins_with = begins_with
        self.begun = asyncio.Event()
        self.continued = asyncio.Event()

    async def append(self, key: SessionKey, events: Sequence[Event], token: int | None = None) -> None:
        if any(isinstance(event, self._begins_with) for event in events):
            self.begun.set()
        await self._wait()
        await self._floor.store.append(key, events, token)

    def __getattr__(self, name: str) -> Any:
        port = self._floor.store if hasattr(self._floor.store, name) else self._floor.leases

        async def call(*given: object) -> Any:
            await self._wait()
            return await getattr(port, name)(*given)

        return call

    async def _wait(self) -> None:
        if self.begun.is_set():
            await self.continued.wait()


def a_floor(*, opens_in_s: float = 30.0, late_max_price: Price | None = None) -> Floor:
    policy = a_policy(exits=ExitPolicy(ladder=(), time_stop_s=5))
    entry = replace(policy.entry, late_entry_s=60, late_max_price=late_max_price)
    return Floor(a_record(policy=replace(policy, entry=entry)), opens_in_s=opens_in_s)


async def killed_after_its_shot(floor: Floor, holder: str) -> None:
    life = Life()
    trading = asyncio.create_task(floor.trade_dying(life, holder))
    while not floor.exchange.sent:
        await asyncio.sleep(0.001)
    life.ends_at = life.calls + 1
    await trading


async def a_holder() -> tuple[FakeStore, FakeLeases, LeaseKeeper, SessionJournal]:
    """A desk's journal under a lease that was just taken."""
    clock = FakeClock()
    leases = FakeLeases(clock)
    store = FakeStore(clock, a_record(), leases)
    keeper = LeaseKeeper(leases, clock, KEY, "fire")
    await keeper.take()
    return store, leases, keeper, SessionJournal(store, clock, KEY, keeper)


async def test_a_frozen_desk_does_not_withdraw_what_the_next_one_sent() -> None:
    """It stands still while it withdraws its intents; the next desk sends one of them and dies; the one after asks."""
    floor = a_floor()
    life = Life()
    desk = floor.desk("fire-frozen", life=life)
    frozen = Frozen(floor, IntentWithdrawn)
    desk._kit = replace(desk._kit, store=cast(Any, frozen), leases=cast(Any, frozen))
    before = asyncio.all_tasks()
    asyncio.create_task(floor.trade(desk))  # noqa: RUF006  # ended with all that it started
    await floor.at(-18.0, floor.store.change_plan)
    await frozen.begun.wait()
    await killed_after_its_shot(floor, "fire-next")
    frozen.continued.set()
    await asyncio.sleep(0.05)
    life.dead = True
    rest = asyncio.all_tasks() - before
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    await floor.trade_dying(Life(), "fire-last")

    assert floor.complaints() == []


@pytest.mark.parametrize("after_s", [0, 60])
@pytest.mark.parametrize("late_max_price", [None, "0.055"])
async def test_however_long_a_desk_is_dead_what_was_due_is_asked_about_and_not_sent_again(
    late_max_price: str | None, after_s: float
) -> None:
    """Also where a late entry has a bound of its own, so that what was not sent would be planned anew."""
    bound = None if late_max_price is None else Price(Decimal(late_max_price))
    floor = a_floor(opens_in_s=20.0, late_max_price=bound)
    await killed_after_its_shot(floor, "fire-dead")
    await asyncio.sleep(after_s)
    await floor.trade_dying(Life(), "fire-next")

    assert len(floor.exchange.bought_orders) == 1
    assert floor.complaints() == []


async def test_a_refused_batch_leaves_its_facts_and_ends_the_right_to_send() -> None:
    """What was seen is written, what was decided is not, and its desk stands down."""
    store, leases, keeper, journal = await a_holder()
    journal.note(SEEN, WITHDRAWN)
    leases.steal()
    with pytest.raises(LeaseLost):
        await journal.write(ENDED)

    assert list(store.journal.values()) == [SEEN]
    with pytest.raises(LeaseLost, match="not the lease's any more"):
        keeper.check()


async def test_everybody_who_waits_for_a_refused_batch_is_told() -> None:
    """One writer's batch carries what the others queued: none of them takes that for durable."""
    store, leases, _, journal = await a_holder()
    leases.steal()
    answers = await asyncio.gather(
        journal.write(WITHDRAWN), journal.write_patiently(ENDED), journal.write(SEEN), return_exceptions=True
    )

    assert [type(answer) for answer in answers] == [LeaseLost] * 3
    assert list(store.journal.values()) == [SEEN]


async def test_the_background_writer_goes_on_with_facts_after_a_refusal() -> None:
    """It drops what was refused instead of offering it again and again."""
    store, leases, _, journal = await a_holder()
    keeping = asyncio.create_task(journal.keep())
    leases.steal()
    journal.note(WITHDRAWN)
    await asyncio.sleep(1)
    journal.note(StoodDown(1, "overtaken"))
    await asyncio.sleep(1)
    keeping.cancel()

    assert list(store.journal.values()) == [StoodDown(1, "overtaken")]


async def test_a_patient_write_ends_with_the_lease() -> None:
    """A store that stays away longer is not waited for: by then another desk may have the session."""
    store, leases, keeper, journal = await a_holder()
    keeping = asyncio.create_task(keeper.keep())
    store.away = leases.away = True
    began = asyncio.get_running_loop().time()
    with pytest.raises(LeaseLost):
        await journal.write_patiently(ENDED)
    waited_s = asyncio.get_running_loop().time() - began
    await asyncio.gather(keeping, return_exceptions=True)

    assert LEASE_TTL_S - 1 < waited_s < LEASE_TTL_S + 1


async def test_a_patient_write_of_whoever_has_no_lease_waits_as_long_as_it_takes() -> None:
    """An abort is not given up."""
    clock = FakeClock()
    store = FakeStore(clock, a_record())
    store.away = True
    writing = asyncio.create_task(SessionJournal(store, clock, KEY).write_patiently(ENDED))
    await asyncio.sleep(3600)
    store.away = False
    await writing

    assert store.of(EntryEnded) == [ENDED]


@pytest.mark.parametrize("overtaken", [False, True])
async def test_what_is_left_when_the_lease_is_over_is_written_when_the_store_is_back(overtaken: bool) -> None:
    """All of it while nobody took the session; then only what is true whoever has it."""
    store, leases, _, journal = await a_holder()
    store.away = True
    journal.note(WITHDRAWN)
    writing = asyncio.create_task(journal.write_last(SEEN))
    await asyncio.sleep(60)
    if overtaken:
        leases.steal()
    store.away = False
    await writing

    assert list(store.journal.values()) == ([SEEN] if overtaken else [WITHDRAWN, SEEN])


async def test_a_store_that_is_away_over_the_purchase_costs_no_record_and_no_time() -> None:
    """Longer than a lease: the desk writes what it knows before it takes the session anew, and need not ask again."""
    floor = a_floor(opens_in_s=8.0)
    desk = floor.desk()
    trading = asyncio.create_task(floor.trade(desk))
    await floor.at(-0.1, lambda: setattr(floor.store, "away", True))
    floor.leases.away = True
    await floor.at(20.0, lambda: setattr(floor.store, "away", False))
    floor.leases.away = False
    back = floor.clock.now()
    await trading
    await desk.close()
    entry = floor.exchange.bought_orders[0].client_order_id
    guarding = [event for event in floor.store.of(PhaseEntered) if event.phase is Phase.GUARDING][-1]

    assert [event.client_order_id for event in floor.store.of(ShotSent)][:1] == [entry]
    assert [event.client_order_id for event in floor.store.of(ShotAnswered)][:1] == [entry]
    assert (floor.store.written_at[guarding.key] - back).total_seconds() < 2
    assert [event.clean for event in floor.store.of(LeaseTaken)] == [True, False]
    assert floor.complaints() == []


async def test_a_holder_never_revives_a_lease_that_has_ended() -> None:
    """Whoever was frozen takes it anew, although nobody else did: what it knew is old."""
    clock = FakeClock()
    leases = FakeLeases(clock)
    keeper = LeaseKeeper(leases, clock, KEY, "fire")
    await keeper.take()
    keeping = asyncio.create_task(keeper.keep())
    await asyncio.sleep(0.5)
    clock.suspended_s += LEASE_TTL_S
    with pytest.raises(LeaseLost):
        await keeping
    with pytest.raises(LeaseLost):
        keeper.check()

    assert leases.token == 1
