"""What a desk may still write once another one has taken its session, and in which order both reach the journal."""

import asyncio

import pytest

from adapters.postgres import journal
from domain.errors import LeaseLost
from domain.events import (
    AttentionNeeded,
    EntryEnded,
    Event,
    FillSeen,
    IntentCommitted,
    IntentWithdrawn,
    OrderAbsent,
    OrderSeen,
    PhaseEntered,
    PositionFlat,
    ShotAnswered,
    StoodDown,
)
from domain.money import NO_BASE, NO_QUOTE
from domain.session import Phase
from tests.adapters.postgres.conftest import Stores
from tests.adapters.postgres.makers import a_fill, a_new_session, an_intent, an_order
from tests.builders import KEY

pytestmark = pytest.mark.postgres

ID = an_intent().client_order_id
TTL_S = 30.0
LOOK_S = 0.3
"""Longer than a take-over or a write lasts that nothing holds up."""


@pytest.fixture
async def overtaken(stores: Stores) -> Stores:
    """A session with one intent under token 1, which token 2 has taken."""
    await stores.sessions.admit(a_new_session())
    await taken(stores, 1)
    await stores.store.append(KEY, (IntentCommitted(an_intent()),), 1)
    await stores.leases.release(KEY, 1)
    await taken(stores, 2)
    return stores


async def taken(stores: Stores, token: int) -> None:
    grant = await stores.leases.acquire(KEY, f"holder of {token}", TTL_S)
    assert grant is not None
    assert grant.token == token


@pytest.mark.parametrize(
    "event",
    [
        IntentCommitted(an_intent("sabcdeentry1", shot=1)),
        IntentWithdrawn(ID, "the entry is over"),
        OrderAbsent(ID),
        ShotAnswered(ID, "refused", 30001, "not open yet", 900),
        EntryEnded("nothing", "gave up"),
        PhaseEntered(Phase.WAITING),
        PositionFlat(NO_BASE, NO_QUOTE),
    ],
    ids=lambda event: type(event).__name__,
)
async def test_an_overtaken_desk_decides_nothing_any_more(overtaken: Stores, event: Event) -> None:
    """Nothing of what it wanted to write with it is there either, and the intent is still asked about."""
    before = await overtaken.store.load(KEY)

    with pytest.raises(LeaseLost, match="from token 1 to 2"):
        await overtaken.store.append(KEY, (AttentionNeeded("with it"), event), 1)

    assert await overtaken.store.load(KEY) == before
    assert [intent.client_order_id for intent in await overtaken.store.intents(KEY)] == [ID]
    assert await overtaken.store.settled(KEY) == frozenset()


async def test_what_an_overtaken_desk_saw_is_written(overtaken: Stores) -> None:
    """An order and its fill are as true as ever."""
    seen = (OrderSeen(an_order(executed="100")), FillSeen(a_fill()), StoodDown(1, "frozen"))
    await overtaken.store.append(KEY, seen, 1)

    assert await overtaken.store.orders(KEY) == (an_order(executed="100"),)
    assert await overtaken.store.fills(KEY) == (a_fill(),)


async def test_what_was_written_under_the_lease_is_no_offence_when_it_is_written_again(overtaken: Stores) -> None:
    """Its answer was lost, so that the desk repeats it: it is there, and passed over."""
    await overtaken.store.append(KEY, (IntentCommitted(an_intent()),), 1)

    assert len(await overtaken.store.intents(KEY)) == 1


async def test_the_holder_and_whoever_is_no_desk_write_everything(overtaken: Stores) -> None:
    """The newest token, and none."""
    await overtaken.store.append(KEY, (IntentWithdrawn(ID, "planned anew"),), 2)
    await overtaken.store.append(KEY, (PhaseEntered(Phase.WAITING),))
    record = await overtaken.store.load(KEY)

    assert await overtaken.store.intents(KEY) == ()
    assert record is not None
    assert record.phase is Phase.WAITING


async def test_a_lease_that_ended_still_writes_while_nobody_took_it(stores: Stores) -> None:
    """What its desk decided holds: nobody acted since."""
    await stores.sessions.admit(a_new_session())
    await taken(stores, 1)
    await stores.leases.release(KEY, 1)
    await stores.store.append(KEY, (EntryEnded("nothing", "gave up"),), 1)
    record = await stores.store.load(KEY)

    assert record is not None
    assert record.entry_ended


async def test_a_take_over_waits_for_a_write_that_has_begun(stores: Stores) -> None:
    """So that the next desk reads it before it acts."""
    await stores.sessions.admit(a_new_session())
    await taken(stores, 1)
    await stores.leases.release(KEY, 1)
    async with stores.database.transaction() as writing:
        await journal.append(writing, KEY, (EntryEnded("nothing", "gave up"),), 1)
        taking = asyncio.create_task(taken(stores, 2))
        done, _ = await asyncio.wait({taking}, timeout=LOOK_S)
    await taking

    assert not done


async def test_a_write_that_waited_for_a_take_over_is_refused(stores: Stores) -> None:
    """It asks for the token once the session's row is its own, not before."""
    await stores.sessions.admit(a_new_session())
    await taken(stores, 1)
    await stores.leases.release(KEY, 1)
    async with stores.database.transaction() as held_up:
        await journal.lock_session(held_up, KEY)
        taking = asyncio.create_task(taken(stores, 2))
        await asyncio.sleep(LOOK_S)
        writing = asyncio.create_task(stores.store.append(KEY, (EntryEnded("nothing", "late"),), 1))
        await asyncio.sleep(LOOK_S)
    await taking

    with pytest.raises(LeaseLost):
        await writing
