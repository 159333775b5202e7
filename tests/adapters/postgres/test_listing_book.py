"""What the book of listings promises to targets and to running sessions."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.commands import NewSession
from domain.events import PhaseEntered
from domain.ids import ListingKey
from domain.listings import Listing
from domain.session import Phase
from tests.adapters.postgres.conftest import Stores
from tests.adapters.postgres.makers import a_key, a_new_session
from tests.builders import KEY, LISTING, a_policy, a_start
from tests.older_rows import an_old_target

pytestmark = pytest.mark.postgres

SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
NEW = Listing(LISTING, "NEWUSDT", SOON)


async def test_a_sighting_is_a_change_once(stores: Stores) -> None:
    """Seen again it is nothing new; moved it is a change with a higher revision."""
    await stores.book.sight("a", [NEW])
    first, cursor = await stores.book.changes(0)
    await stores.book.sight("a", [NEW])
    nothing, same = await stores.book.changes(cursor)
    await stores.book.sight("a", [replace(NEW, opens_at=SOON + timedelta(hours=1))])
    moved, later = await stores.book.changes(same)

    assert first == (replace(NEW, revision=1),)
    assert (nothing, same) == ((), cursor)
    assert moved == (replace(NEW, revision=2, opens_at=SOON + timedelta(hours=1)),)
    assert later > cursor


async def test_no_change_is_missed_between_concurrent_sources(stores: Stores) -> None:
    """A cursor that is read all the time sees every listing, whoever told it."""
    listings = [Listing(ListingKey("mexc", f"C{n}", "USDT"), f"C{n}USDT", SOON) for n in range(60)]
    seen: list[Listing] = []
    cursor = 0
    telling = asyncio.gather(*(stores.book.sight(f"s{n % 3}", listings[n : n + 3]) for n in range(0, 60, 3)))
    while not telling.done() or cursor == 0:
        found, cursor = await stores.book.changes(cursor)
        seen.extend(found)
    await telling
    found, cursor = await stores.book.changes(cursor)

    assert sorted(str(listing.key) for listing in (*seen, *found)) == sorted(str(one.key) for one in listings)


async def test_only_the_future_is_upcoming(stores: Stores) -> None:
    """Soonest first; what has opened is history."""
    past = Listing(ListingKey("mexc", "OLD", "USDT"), "OLDUSDT", SOON - timedelta(days=1))
    later = Listing(ListingKey("mexc", "LATER", "USDT"), "LATERUSDT", SOON + timedelta(days=1))
    await stores.book.sight("a", [later, past, NEW])

    assert [listing.symbol for listing in await stores.book.upcoming()] == ["NEWUSDT", "LATERUSDT"]


async def test_a_waiting_target_wants_one_session(stores: Stores) -> None:
    """At the source's opening time, with the next attempt; once it is admitted nothing more is wanted."""
    target = await stores.targets.add("main", LISTING, "NEWUSDT", a_policy())
    wanted = await stores.book.wanted(NEW)
    for new in wanted:
        await stores.sessions.admit(new)

    assert [(new.start.key, new.workflow_id, new.target_id) for new in wanted] == [(KEY, KEY.workflow_id, target)]
    assert wanted[0].start.opens_at == SOON
    assert wanted[0].start.policy == a_policy()
    assert await stores.book.wanted(NEW) == ()


async def test_a_target_finds_its_listing_by_the_pairs_name(stores: Stores) -> None:
    """The operator knew only the ticker, the source tells the coin's id; another exchange's pair is another pair."""
    await stores.targets.add("main", LISTING, "NEWUSDT", a_policy())
    with_id = Listing(ListingKey("mexc", "c0ffee", "USDT"), "NEWUSDT", SOON)
    elsewhere = Listing(ListingKey("other", "NEW", "USDT"), "NEWUSDT", SOON)

    assert [new.start.key for new in await stores.book.wanted(with_id)] == [KEY]
    assert await stores.book.wanted(elsewhere) == ()


async def test_a_target_waits_while_its_account_is_at_it_already(stores: Stores) -> None:
    """Nothing is bought twice at once; afterwards the next attempt is taken."""
    await stores.sessions.admit(a_new_session())
    await an_old_target(stores.database, "main", LISTING, "NEWUSDT")
    held_back = await stores.book.wanted(NEW)
    await stores.store.append(KEY, (PhaseEntered(Phase.CLOSING), PhaseEntered(Phase.CLOSED)))

    assert held_back == ()
    assert [new.start.key.attempt for new in await stores.book.wanted(NEW)] == [2]


async def test_a_wish_leaves_out_an_attempt_whose_workflow_was_used(stores: Stores) -> None:
    """Somebody ran attempt 1 under the id of attempt 2: the target gets attempt 3, not a refusal without end."""
    await stores.sessions.admit(NewSession(a_start(key=a_key(1)), a_key(2).workflow_id))
    await stores.store.append(a_key(1), (PhaseEntered(Phase.CLOSING), PhaseEntered(Phase.CLOSED)))
    await stores.targets.add("main", LISTING, "NEWUSDT", a_policy())

    (wish,) = await stores.book.wanted(NEW)
    admitted = await stores.sessions.admit(wish)

    assert admitted.key == a_key(3)


async def test_a_moved_opening_concerns_only_sessions_that_left_it_to_the_sources(stores: Stores) -> None:
    """An operator's own time stands."""
    await stores.sessions.admit(a_new_session(KEY))
    await stores.targets.add("other", LISTING, "NEWUSDT", a_policy())
    for new in await stores.book.wanted(NEW):
        await stores.sessions.admit(new)
    concerned = await stores.book.sessions_of(replace(NEW, key=ListingKey("mexc", "c0ffee", "USDT")))

    assert [record.key.account for record in concerned] == ["other"]
