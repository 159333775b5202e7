"""What panel and command line are shown."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from psycopg.types.json import Jsonb

from adapters.postgres.reader import Reader
from adapters.postgres.reading import ReadingDatabase
from domain.errors import StoreUnavailable
from domain.events import FillSeen, IntentCommitted, OrderSeen, PhaseEntered, ShotAnswered, ShotSent, ShotSettled
from domain.flights import flights
from domain.ids import ListingKey
from domain.listings import Listing
from domain.money import Base, Price, Quote
from domain.orders import OrderStatus
from domain.session import Phase
from tests.adapters.postgres.conftest import Stores
from tests.adapters.postgres.makers import a_fill, a_key, a_new_session, an_intent, an_order, of_another_pair
from tests.builders import KEY, LISTING, T0, a_policy
from ui.reading import journal

pytestmark = pytest.mark.postgres
_OLD = {
    "shot_sent": {
        "client_order_id": "sx",
        "price": "0.05",
        "quantity": "100",
        "planned_at": "2026-01-01T12:00:01Z",
        "sent_at": "2026-01-01T12:00:01Z",
        "late_us": 7,
    },
    "shot_answered": {"client_order_id": "sx", "answer": "accepted", "code": None, "text": "order 2", "after_us": 600},
}
"""As the first journals wrote them."""


async def test_a_session_is_shown_with_everything_it_did(stores: Stores, reader: Reader) -> None:
    """Row, intents with their end, orders, fills, the position they make, and who holds the lease."""
    await stores.sessions.admit(a_new_session())
    await stores.sessions.reserve(KEY, Quote(Decimal(50)), Quote(Decimal(100)))
    await stores.leases.acquire(KEY, "fire@here:1", 30.0)
    order = an_order(status=OrderStatus.FILLED, executed="100", quote="5")
    await stores.store.append(
        KEY,
        (
            IntentCommitted(an_intent()),
            IntentCommitted(an_intent("sx", shot=1)),
            ShotAnswered("sx", "refused", 30005, "no", 1),
            OrderSeen(order),
            FillSeen(a_fill()),
        ),
    )
    detail = reader.session(KEY)

    assert detail is not None
    assert (detail.line.key, detail.line.phase, detail.line.reserved) == (KEY, Phase.PREPARING, Decimal(50))
    assert [(line.intent.client_order_id, line.settled_as) for line in detail.intents] == [
        ("sabcdeentry0", None),
        ("sx", "refused"),
    ]
    assert detail.orders == (order,)
    assert detail.fills == (a_fill(),)
    assert (detail.position.bought, detail.position.spent) == (Base(Decimal(100)), Quote(Decimal(5)))
    assert detail.lease is not None
    assert (detail.lease.token, detail.lease.holder, detail.lease.live) == (1, "fire@here:1", True)
    assert reader.session(a_key(2)) is None


async def test_a_timeline_goes_on_where_it_was_left(stores: Stores, reader: Reader) -> None:
    """The cursor is the last item's id; nothing is shown twice and nothing is left out."""
    await stores.sessions.admit(a_new_session())
    await stores.sessions.admit(a_new_session(of_another_pair()))
    for occurrence in range(5):
        for key in (KEY, of_another_pair()):
            await stores.store.append(key, (PhaseEntered(Phase.PREPARING, "again", str(occurrence)),))
    first = reader.timeline(KEY, limit=3)
    rest = reader.timeline(KEY, after=first[-1].id)

    assert [item.seq for item in (*first, *rest)] == [1, 2, 3, 4, 5]
    assert {item.kind for item in first} == {"phase_entered"}
    assert first[0].payload == {"phase": "preparing", "detail": "again", "occurrence": "0"}
    assert first[0].at.tzinfo is not None


async def test_a_flight_record_survives_the_journal(stores: Stores, reader: Reader) -> None:
    """Every figure of a new record comes back as it was; an older one has None where nothing was kept."""
    await stores.sessions.admit(a_new_session())
    price, quantity = Price(Decimal("0.05")), Base(Decimal(100))
    events = (
        IntentCommitted(an_intent()),
        IntentCommitted(an_intent("sx", shot=1)),
        ShotSent("sabcdeentry0", price, quantity, T0, T0, 41, 1200, 900, 2),
        ShotAnswered("sabcdeentry0", "accepted", None, "order 1", 2400, 2300),
        ShotSettled("sabcdeentry0", quantity, 5000),
    )
    await stores.store.append(KEY, events)
    async with stores.database.transaction() as connection:
        for kind, payload in _OLD.items():
            await connection.execute(
                """
                INSERT INTO events (session_id, seq, at, key, kind, payload)
                SELECT session_id, max(seq) + 1, now(), %s, %s, %s FROM events GROUP BY session_id
                """,
                (f"old:{kind}", kind, Jsonb(payload)),
            )

    new, old = flights(entry.event for entry in journal(reader, KEY))

    assert new == flights(events)[0]
    assert (new.connection, new.known_us, new.executed) == (2, 7400, quantity)
    assert (old.shot, old.lateness_us, old.parsed_us) == (1, 7, 600)
    assert (old.clock_bound_us, old.one_way_us, old.connection, old.first_byte_us, old.known_us) == (None,) * 5


async def test_lists_are_bounded_and_newest_first(stores: Stores, reader: Reader) -> None:
    """Of one account or of all; the unclosed ones oldest first."""
    keys = [KEY, of_another_pair(), a_key(account="other")]
    for key in keys:
        await stores.sessions.admit(a_new_session(key))
    waiting = await stores.targets.add("third", LISTING, "NEWUSDT", a_policy())
    soon = datetime.now(UTC) + timedelta(hours=1)
    await stores.book.sight("a", [Listing(LISTING, "NEWUSDT", soon)])

    assert [line.key for line in reader.sessions(limit=2)] == [keys[2], keys[1]]
    assert [line.key for line in reader.sessions(account="main")] == [keys[1], keys[0]]
    assert [line.key for line in reader.unclosed()] == keys
    assert [(line.id, line.opens_at, line.policy) for line in reader.targets(limit=1)] == [(waiting, None, a_policy())]
    assert [listing.opens_at for listing in reader.upcoming()] == [soon]


async def test_a_waiting_target_knows_that_its_opening_has_passed(stores: Stores, reader: Reader) -> None:
    """It was missed while nothing ran; one whose opening is ahead, or that waits no longer, was not."""
    now = datetime.now(UTC)
    passed, ahead = now - timedelta(minutes=20), now + timedelta(hours=1)
    names = {"NEW": passed, "SOON": ahead, "GONE": passed}
    for coin in names:
        await stores.targets.add("main", ListingKey("mexc", coin, "USDT"), f"{coin}USDT", a_policy())
    unseen = await stores.targets.add("main", ListingKey("mexc", "FAR", "USDT"), "FARUSDT", a_policy())
    coins = [ListingKey("mexc", f"coin-{number}", "USDT") for number in range(len(names))]
    await stores.book.sight(
        "a", [Listing(key, f"{coin}USDT", at) for key, (coin, at) in zip(coins, names.items(), strict=True)]
    )
    await stores.targets.withdraw(unseen - 1)

    targets = {line.symbol: line for line in reader.targets()}

    assert {symbol: line.missed(now) for symbol, line in targets.items()} == {
        **{"NEWUSDT": True, "SOONUSDT": False, "GONEUSDT": False, "FARUSDT": False}
    }
    assert (targets["NEWUSDT"].seen_opens_at, targets["FARUSDT"].seen_opens_at) == (passed, None)


def test_reading_changes_nothing(database_url: str) -> None:
    """A statement that writes is refused by the server."""
    database = ReadingDatabase(database_url, name="test", connections=1)
    database.open()
    try:
        with pytest.raises(StoreUnavailable, match="read-only"), database.snapshot() as connection:
            connection.execute("INSERT INTO accounts (name) VALUES ('x')")
    finally:
        database.close()
