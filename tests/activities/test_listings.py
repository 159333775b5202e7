"""next_listings waits until there is something to start or to move, and admits before it answers."""

from dataclasses import replace
from datetime import timedelta

from temporalio.testing import ActivityEnvironment

from activities.listings import ASK_EVERY_S, ListingActivities
from domain.commands import ListingNews, MovedOpening, NewSession, NextListings, Reschedule
from domain.errors import AccessDenied, InvalidInput, TryAgain
from domain.listings import Listing
from domain.requests import move_of
from domain.session import Phase, SessionRecord
from tests.builders import KEY, LISTING, T0, a_record, a_start
from tests.fakes import FakeClock, FakeListings, FakeSessions, FakeStore

NEW = Listing(LISTING, "NEWUSDT", T0 + timedelta(hours=2), revision=3)
WISH = NewSession(a_start(), KEY.workflow_id)


OTHER = replace(LISTING, coin="OTHER")


class Refusing(FakeListings):
    """Its source answers with a refusal."""

    async def listings(self) -> tuple[Listing, ...]:
        raise AccessDenied("not from your country")


class Mute(FakeListings):
    """Temporal cannot be asked."""

    async def runs(self, workflow_id: str) -> bool:
        raise TryAgain("no answer")


class Picky(FakeSessions):
    """The wish of LISTING cannot be admitted."""

    async def admit(self, new: NewSession) -> SessionRecord:
        if new == WISH:
            raise InvalidInput("workflow", value=new.workflow_id, expected="a free one", remedy="take another")
        return await super().admit(new)


class House:
    """What next_listings stands in."""

    def __init__(self, listings: FakeListings) -> None:
        self.clock = FakeClock()
        self.sessions = FakeSessions(FakeStore(self.clock, a_record()))
        self.listings = listings
        self.activities = ListingActivities(listings, "exchangeInfo", listings, self.sessions, listings, self.clock)

    async def ask(self, cursor: int = 0) -> ListingNews:
        return await ActivityEnvironment().run(self.activities.next_listings, NextListings(cursor))


async def test_a_wanted_listing_is_admitted_and_told() -> None:
    """Admission comes first, so that a lost answer starts nothing twice."""
    house = House(FakeListings((NEW,), {LISTING: WISH}))

    news = await house.ask()

    assert news.start == (WISH,)
    assert house.sessions.admitted == [WISH]
    assert house.listings.sighted == [NEW]
    assert news.cursor == 1


async def test_a_moved_opening_is_told_with_the_listings_revision() -> None:
    """So that the same move counts once."""
    house = House(FakeListings((NEW,), running=(a_record(),)))

    news = await house.ask()

    assert news.moved == (MovedOpening(KEY.workflow_id, move_of(NEW)),)


async def test_an_opening_that_stands_is_not_told() -> None:
    """A session that knows it already is left alone; the poll ends empty-handed after a while."""
    house = House(FakeListings((NEW,), running=(a_record(opens_at=NEW.opens_at),)))
    asked_at = house.clock.monotonic()

    news = await house.ask()

    assert (news.start, news.moved) == ((), ())
    assert 50 < house.clock.monotonic() - asked_at < 60


async def test_a_silent_source_is_asked_again() -> None:
    """Nothing is lost by a source that fails twice."""
    house = House(FakeListings((NEW,), {LISTING: WISH}, silent=2))

    assert (await house.ask()).start == (WISH,)


async def test_a_source_that_fails_keeps_nothing_waiting_that_is_known() -> None:
    """Silent or refusing: wanted sessions of known listings start, and lost runs are found."""
    silent = House(FakeListings((NEW,), {LISTING: WISH}, silent=1000))
    refusing = House(Refusing((NEW,), lost=(KEY.workflow_id,)))

    assert (await silent.ask()).start == (WISH,)
    assert silent.listings.silent == 999
    assert [new.workflow_id for new in (await refusing.ask()).start] == [KEY.workflow_id]


async def test_a_wish_that_cannot_be_admitted_keeps_no_other_waiting() -> None:
    """It is not started, and the answer is no failure."""
    other = NewSession(a_start(key=replace(KEY, attempt=2)), "snipe/other")
    house = House(FakeListings((NEW, replace(NEW, key=OTHER)), {LISTING: WISH, OTHER: other}))
    house.activities = replace(house.activities, sessions=Picky(house.sessions.store))

    assert (await house.ask()).start == (other,)


async def test_a_run_that_cannot_be_asked_about_keeps_no_other_waiting() -> None:
    """It counts as looked after until the answer is known."""
    house = House(Mute((NEW,), {LISTING: WISH}))

    assert (await house.ask()).start == (WISH,)


async def test_a_session_that_nobody_runs_is_told_when_it_was_seen_twice() -> None:
    """Once is not enough: its start may be under way."""
    house = House(FakeListings(lost=(KEY.workflow_id,)))
    house.sessions.store.record = a_record(phase=Phase.GUARDING)
    asked_at = house.clock.monotonic()

    news = await house.ask()

    assert [new.workflow_id for new in news.start] == [KEY.workflow_id]
    assert house.clock.monotonic() - asked_at >= ASK_EVERY_S


async def test_every_unclosed_session_is_known_with_its_present_plan() -> None:
    """A lost Temporal database loses no position."""
    house = House(FakeListings())
    house.sessions.store.record = replace(a_record(phase=Phase.GUARDING), opens_at=NEW.opens_at)

    found = await ActivityEnvironment().run(house.activities.unclosed_sessions)

    assert [(new.workflow_id, new.start.opens_at) for new in found] == [(KEY.workflow_id, NEW.opens_at)]


async def test_a_moved_opening_is_passed_on() -> None:
    """Once per call."""
    house = House(FakeListings())
    moved = MovedOpening(KEY.workflow_id, Reschedule(T0, "listing-revision-4"))

    await ActivityEnvironment().run(house.activities.move_opening, moved)

    assert house.listings.told == [moved]


async def test_a_session_that_closed_is_told_of_no_opening() -> None:
    """Nobody is there to hear it, and nobody tries for ever."""
    house = House(FakeListings())
    house.sessions.store.record = a_record(phase=Phase.CLOSED)
    moved = MovedOpening(KEY.workflow_id, Reschedule(T0, "listing-revision-4"))

    await ActivityEnvironment().run(house.activities.move_opening, moved)

    assert house.listings.told == []
