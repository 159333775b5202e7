"""What admission, reservations, targets and halts promise."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.postgres import admission
from adapters.postgres.admission import PostgresSessions
from adapters.postgres.database import Database
from adapters.postgres.halts import Released
from adapters.postgres.installation import installation
from adapters.postgres.reader import Reader
from domain.commands import NewSession
from domain.errors import InvalidInput, TryAgain
from domain.events import EntryEnded, Event, FillSeen, IntentCommitted, OrderAbsent, OrderSeen, PhaseEntered
from domain.halts import EVERYTHING, HaltScope, HaltVerb
from domain.ids import ListingKey, SessionKey
from domain.money import NO_QUOTE, Quote
from domain.orders import OrderStatus
from domain.risk import MAX_SESSIONS
from domain.session import LooseEnds, Phase
from tests.adapters.postgres.conftest import Stores
from tests.adapters.postgres.makers import a_fill, a_key, a_new_session, an_intent, an_order, of_another_pair
from tests.builders import KEY, LISTING, a_policy, a_start

pytestmark = pytest.mark.postgres


def quote(text: str) -> Quote:
    return Quote(Decimal(text))


async def test_admitting_twice_finds_the_same_row(stores: Stores, reader: Reader) -> None:
    """Also when many do so at once: one session, one target."""
    records = await asyncio.gather(*(stores.sessions.admit(a_new_session()) for _ in range(10)))

    assert {record.workflow_id for record in records} == {KEY.workflow_id}
    assert records[0].phase is Phase.PREPARING
    assert records[0].policy == a_policy()
    assert len(reader.sessions()) == len(reader.targets()) == 1
    assert reader.targets()[0].status == "taken"


async def test_a_key_that_belongs_to_another_workflow_is_refused(stores: Stores) -> None:
    """The remedy names the attempt that is free."""
    await stores.sessions.admit(a_new_session())

    with pytest.raises(InvalidInput, match="take attempt 2"):
        await stores.sessions.admit(NewSession(a_start(), "somebody-elses"))
    assert await stores.sessions.next_attempt("main", LISTING) == 2
    assert await stores.sessions.next_attempt("other", LISTING) == 1


async def test_a_workflow_belongs_to_one_session(stores: Stores, reader: Reader) -> None:
    """A second key under one workflow is refused, and leaves no target behind."""
    await stores.sessions.admit(a_new_session())
    other = replace(a_new_session(of_another_pair()), workflow_id=KEY.workflow_id)

    with pytest.raises(InvalidInput, match=other.start.key.workflow_id):
        await stores.sessions.admit(other)
    assert len(reader.targets()) == 1


async def test_a_reservation_is_made_once_and_given_back_once(stores: Stores) -> None:
    """A repeated call changes nothing, and a released one stays released."""
    await stores.sessions.admit(a_new_session())
    first = await stores.sessions.reserve(KEY, quote("60"), quote("100"))
    again = await stores.sessions.reserve(KEY, quote("60"), quote("30"))
    released = [await stores.sessions.release(KEY), await stores.sessions.release(KEY)]
    late = await stores.sessions.reserve(KEY, quote("60"), quote("100"))

    assert [first, again] == [quote("100"), quote("60")]
    assert released == [quote("60"), NO_QUOTE]
    assert late == NO_QUOTE


async def test_what_does_not_fit_is_not_reserved(stores: Stores) -> None:
    """The answer is what is free beside the other sessions of the account."""
    await _admit(stores, 3)
    await stores.sessions.reserve(KEY, quote("60"), quote("100"))
    refused = await stores.sessions.reserve(of_another_pair(), quote("60"), quote("100"))
    exact = await stores.sessions.reserve(of_another_pair(3), quote("40"), quote("100"))

    assert [refused, exact] == [quote("40"), quote("40")]
    assert await stores.sessions.release(of_another_pair()) == NO_QUOTE
    assert await stores.sessions.open_count("main") == 2
    assert await stores.sessions.open_count("main", besides=KEY) == 1


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    amounts=st.lists(st.decimals("0.01", "60", places=2), min_size=2, max_size=MAX_SESSIONS),
    free=st.decimals("0", "120", places=2),
    data=st.data(),
)
def test_concurrent_reservations_never_exceed_what_is_free(
    database_url: str, amounts: list[Decimal], free: Decimal, data: st.DataObject
) -> None:
    """However many sessions ask at once: what is held fits, and whoever was told it is reserved holds it."""
    account = f"a{data.draw(st.integers(0, 10**12), label='account')}"
    asyncio.run(_reserve_all(database_url, account, amounts, free))


async def _reserve_all(database_url: str, account: str, amounts: list[Decimal], free: Decimal) -> None:
    async with Database(database_url) as database:
        sessions = PostgresSessions(database)
        keys = [replace(of_another_pair(number), account=account) for number in range(len(amounts))]
        for key in keys:
            await sessions.admit(a_new_session(key))
        answers = await asyncio.gather(
            *(
                sessions.reserve(key, Quote(amount), Quote(free))
                for key, amount in zip(keys, amounts, strict=True)
                for _ in range(2)
            )
        )
        held = [await sessions.release(key) for key in keys]

    assert sum(held) <= free
    for number, amount in enumerate(amounts):
        assert held[number] in (NO_QUOTE, amount)
        assert (held[number] == amount) is any(answer >= amount for answer in answers[2 * number : 2 * number + 2])


async def test_sessions_reserved_at_once_take_no_more_than_the_places_there_are(stores: Stores) -> None:
    """Each of them saw a free place before; who comes too late asks again and hears that there is none."""
    await _admit(stores, MAX_SESSIONS + 2)
    keys = [of_another_pair(number) for number in range(1, MAX_SESSIONS + 3)]
    answers = await asyncio.gather(
        *(stores.sessions.reserve(key, quote("1"), quote("100")) for key in keys), return_exceptions=True
    )

    assert [type(answer) for answer in answers].count(TryAgain) == 2
    assert await stores.sessions.open_count("main") == MAX_SESSIONS


@pytest.mark.parametrize(
    ("events", "counts"),
    [
        ((), True),
        ((FillSeen(a_fill(quantity="1000")),), True),
        ((EntryEnded("filled", "bought"),), False),
        ((IntentCommitted(an_intent()), EntryEnded("filled", "bought")), True),
        ((IntentCommitted(an_intent()), OrderSeen(an_order()), EntryEnded("filled", "bought")), True),
        (
            (
                IntentCommitted(an_intent()),
                OrderSeen(an_order(status=OrderStatus.FILLED)),
                EntryEnded("filled", "bought"),
            ),
            False,
        ),
        ((IntentCommitted(an_intent()), OrderAbsent(an_intent().client_order_id), EntryEnded("nothing", "")), False),
    ],
)
async def test_a_reservation_counts_for_others_while_its_session_may_buy(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, events: tuple[Event, ...], counts: bool
) -> None:
    """Afterwards what was spent is gone from what is free already; the rest is not spent any more."""
    monkeypatch.setattr(admission, "SPENT_IS_SEEN_AFTER", timedelta(0))
    await _admit(stores, 2)
    await stores.sessions.reserve(KEY, quote("100"), quote("150"))
    await stores.store.append(KEY, events)

    found = await stores.sessions.reserve(of_another_pair(), quote("50"), quote("50"))

    assert found == (quote("-50") if counts else quote("50"))


async def test_a_reservation_counts_for_a_minute_after_its_entry(stores: Stores) -> None:
    """The balance that another session was prepared with may be from before the purchase."""
    await _admit(stores, 2)
    await stores.sessions.reserve(KEY, quote("100"), quote("150"))
    await stores.store.append(KEY, (EntryEnded("filled", "bought"),))

    assert await stores.sessions.reserve(of_another_pair(), quote("60"), quote("150")) == quote("50")


async def test_loose_ends_are_a_desk_that_has_not_let_go_and_what_was_set_aside(stores: Stores) -> None:
    """A lease that nobody renews counts too: only who takes it over knows that it has ended."""
    await _admit(stores, 1)
    before = await stores.sessions.loose_ends(KEY)
    await stores.sessions.reserve(KEY, quote("60"), quote("100"))
    grant = await stores.leases.acquire(KEY, "fire-1", 0.001)
    assert grant is not None
    during = await stores.sessions.loose_ends(KEY)
    await stores.leases.release(KEY, grant.token)
    await stores.sessions.release(KEY)

    assert before == LooseEnds(led=False, reserved=NO_QUOTE)
    assert during == LooseEnds(led=True, reserved=quote("60"), token=1)
    assert await stores.sessions.loose_ends(KEY) == LooseEnds(led=False, reserved=quote("60"), token=1)


async def test_sessions_are_unclosed_until_their_books_are_closed(stores: Stores) -> None:
    """Every session that may hold a position is found again at a start."""
    await _admit(stores, 2)
    await stores.store.append(KEY, (PhaseEntered(Phase.CLOSING), PhaseEntered(Phase.CLOSED)))

    assert [record.key for record in await stores.sessions.unclosed()] == [of_another_pair()]


@pytest.mark.parametrize("verb", HaltVerb)
async def test_a_halt_covers_its_scope_until_it_is_released(stores: Stores, reader: Reader, verb: HaltVerb) -> None:
    """Of one session, of an account, of everything."""
    ours, sibling, foreign = KEY, of_another_pair(), a_key(account="other")
    for key in (ours, sibling, foreign):
        await stores.sessions.admit(a_new_session(key))
    covered = []
    for scope in (HaltScope.of_session(ours), HaltScope.of_account("main"), EVERYTHING):
        await stores.halts.place(scope, verb, "test", str(scope))
        covered.append([(await stores.sessions.admit(a_new_session(key))).halted for key in (ours, sibling, foreign)])
        assert [halt.verb for halt in reader.halts()] == [verb]
        assert await stores.halts.release(scope, "over", str(scope)) == Released(1, new=True)

    assert covered == [[True, False, False], [True, True, False], [True, True, True]]
    assert [record.halted for record in await stores.sessions.unclosed()] == [False] * 3
    assert reader.halts() == ()


async def test_the_same_halt_is_placed_once(stores: Stores, reader: Reader) -> None:
    """Pressed twice at one instant, asked for again under its request, and asked for by somebody else meanwhile."""
    placed = await asyncio.gather(*(stores.halts.place(EVERYTHING, HaltVerb.HALT, "panic", "one") for _ in range(4)))
    by_another = await stores.halts.place(EVERYTHING, HaltVerb.HALT, "me too", "two")
    wider = await stores.halts.place(EVERYTHING, HaltVerb.FLATTEN, "and sell", "three")

    assert sorted(each.new for each in placed) == [False, False, False, True]
    assert {each.number for each in placed} == {by_another.number}
    assert (by_another.new, wider.new) == (False, True)
    assert [(halt.verb, halt.reason) for halt in reader.halts()] == [("flatten", "and sell"), ("halt", "panic")]


async def test_a_notice_is_left_once(stores: Stores, reader: Reader) -> None:
    """The same text for the same session is one notice, however long it is."""
    await stores.sessions.admit(a_new_session())
    for _ in range(2):
        await stores.sessions.notify(KEY, "critical", "x" * 10_000)
    await stores.sessions.notify(KEY, "info", "done")

    assert [(notice.session, notice.severity) for notice in reader.notices()] == [
        (str(KEY), "info"),
        (str(KEY), "critical"),
    ]
    with pytest.raises(InvalidInput):
        await stores.sessions.notify(a_key(9), "info", "nobody")


async def test_one_target_waits_per_account_and_listing(stores: Stores, reader: Reader) -> None:
    """A withdrawn one makes room; its session is no longer made."""
    target = await stores.targets.add("main", LISTING, "NEWUSDT", a_policy())
    with pytest.raises(InvalidInput, match="withdraw"):
        await stores.targets.add("main", LISTING, "NEWUSDT", a_policy())
    withdrawn = [await stores.targets.withdraw(target), await stores.targets.withdraw(target)]
    second = await stores.targets.add("main", LISTING, "NEWUSDT", a_policy())

    assert withdrawn == ["withdrawn", "withdrawn"]
    assert await stores.targets.withdraw(second + 100) is None
    with pytest.raises(TryAgain):
        await stores.sessions.admit(a_new_session(target_id=target))
    with pytest.raises(InvalidInput):
        await stores.sessions.admit(a_new_session(target_id=second + 100))
    assert reader.sessions() == ()
    assert [line.status for line in reader.targets()] == ["waiting", "withdrawn"]


@pytest.mark.parametrize("listing", [LISTING, ListingKey("mexc", "coin-7", "USDT")], ids=str)
async def test_no_session_of_its_own_is_admitted_beside_a_waiting_target(
    stores: Stores, reader: Reader, listing: ListingKey
) -> None:
    """Aborting the one would leave the other to buy; also where the target knows only the pair's name."""
    target = await stores.targets.add("main", LISTING, "NEWUSDT", a_policy())
    beside = NewSession(a_start(key=SessionKey("main", listing, 1)), "snipe/by-hand")

    with pytest.raises(InvalidInput, match=f"sniper targets --withdraw {target}"):
        await stores.sessions.admit(beside)
    assert reader.sessions() == ()

    await stores.targets.withdraw(target)
    assert (await stores.sessions.admit(beside)).key == beside.start.key


async def test_no_target_waits_beside_an_open_session(stores: Stores, reader: Reader) -> None:
    """The other way round; once the session is closed the pair may be wanted again."""
    await stores.sessions.admit(a_new_session())

    with pytest.raises(InvalidInput, match=f"{KEY} is; abort it first"):
        await stores.targets.add("main", LISTING, "NEWUSDT", a_policy())

    await stores.store.append(KEY, (PhaseEntered(Phase.CLOSING), PhaseEntered(Phase.CLOSED)))
    await stores.targets.add("main", LISTING, "NEWUSDT", a_policy())
    assert [line.status for line in reader.targets()] == ["waiting", "taken"]


@pytest.mark.parametrize("listing", [LISTING, ListingKey("mexc", "coin-7", "USDT")], ids=str)
async def test_no_second_session_of_a_pair_is_admitted_beside_an_open_one(
    stores: Stores, reader: Reader, listing: ListingKey
) -> None:
    """Whoever asks for it, also under another id of the coin; once the first one is closed it is."""
    await stores.sessions.admit(a_new_session())
    second = NewSession(a_start(key=a_key(2, listing=listing)), "snipe/by-hand")

    with pytest.raises(InvalidInput, match=f"NEWUSDT on main', .* {KEY} is; abort it first"):
        await stores.sessions.admit(second)
    assert len(reader.sessions()) == len(reader.targets()) == 1

    await stores.store.append(KEY, (PhaseEntered(Phase.CLOSING), PhaseEntered(Phase.CLOSED)))
    assert (await stores.sessions.admit(second)).key == second.start.key


async def test_two_sessions_of_a_pair_asked_for_at_once_leave_one(stores: Stores, reader: Reader) -> None:
    """Two operators at one instant, each with the attempt they saw as the next."""
    asked = await asyncio.gather(
        *(stores.sessions.admit(a_new_session(a_key(attempt))) for attempt in (1, 2)), return_exceptions=True
    )

    assert sum(isinstance(answer, InvalidInput) for answer in asked) == 1
    assert len(reader.sessions()) == 1


async def test_a_target_and_a_session_asked_for_at_once_leave_one_of_the_two(stores: Stores, reader: Reader) -> None:
    """Two terminals at one instant: the account's lock decides."""
    asked = await asyncio.gather(
        stores.sessions.admit(a_new_session()),
        stores.targets.add("main", LISTING, "NEWUSDT", a_policy()),
        return_exceptions=True,
    )

    assert sum(isinstance(answer, InvalidInput) for answer in asked) == 1
    assert len(reader.targets()) == 1


async def test_the_installation_has_one_name_for_ever(stores: Stores) -> None:
    """Whoever asks first makes it; all others find it."""
    named = await asyncio.gather(*(installation(stores.database) for _ in range(8)))

    assert len(set(named)) == 1
    assert named[0].epoch == 1
    assert len(named[0].identity) == 32


async def _admit(stores: Stores, pairs: int) -> None:
    for number in range(1, pairs + 1):
        await stores.sessions.admit(a_new_session(of_another_pair(number)))
