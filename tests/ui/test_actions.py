"""What arming, aborting and withdrawing promise, on a real database."""

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NoReturn

import psycopg
import pytest

from adapters.postgres.admission import PostgresSessions
from adapters.postgres.halts import PostgresHalts
from adapters.postgres.listing_book import PostgresListingBook
from adapters.postgres.session_store import PostgresSessionStore
from domain.commands import ChangePolicy, NewSession, Reschedule
from domain.errors import InvalidInput, StoreUnavailable, TryAgain
from domain.events import AbortRequested, BooksClosed, EntryEnded, PhaseEntered, RiskApproved, RiskRejected
from domain.halts import EVERYTHING, HaltScope, HaltVerb
from domain.ids import ListingKey, SessionKey
from domain.listings import Listing
from domain.money import NO_QUOTE
from domain.policy import LadderStep, PolicyChange
from domain.session import Outcome, Phase
from tests.builders import a_start
from tests.older_rows import an_old_target
from tests.ui.stand_ins import HASTE, NOW, OPENING, Installation, a_wish
from ui.actions import Actions
from ui.arm_request import Verdict
from ui.arming import Patience
from ui.reading import find_session, journal
from ui.refusal import ActionRefused

pytestmark = pytest.mark.postgres
NEW = ListingKey("mexc", "NEW", "USDT")
FIRST = SessionKey("main", NEW, 1)
SECOND = SessionKey("second", NEW, 1)


async def test_arming_a_known_opening_admits_the_session_and_starts_its_run(installation: Installation) -> None:
    """The row stands before the run exists."""
    armed = await installation.actions.arm(a_wish())

    start = installation.temporal.started["snipe/main/mexc:NEW:USDT/1"]
    detail = installation.reader.session(FIRST)
    assert armed.session == FIRST == start.key
    assert detail is not None
    assert (detail.line.opens_at, detail.line.policy) == (OPENING, start.policy)
    assert detail.line.target_id == armed.target


async def test_a_repeated_request_makes_no_second_session(installation: Installation) -> None:
    """Also when another process repeats it, and after the session has ended."""
    first = await installation.actions.arm(a_wish())
    second = await installation.actions.arm(a_wish())
    third = await _another_process(installation).arm(a_wish())
    await _close(installation, FIRST)

    fourth = await _another_process(installation).arm(a_wish())

    assert first == second == third
    assert (fourth.session, fourth.target) == (first.session, first.target)
    assert fourth.text == f"session {FIRST} is closed: cancelled"
    assert len(installation.reader.sessions()) == len(installation.reader.targets()) == 1


async def test_a_request_key_cannot_carry_another_wish(installation: Installation) -> None:
    """Neither in this process nor in another one; whoever asks must not believe that the other wish was armed."""
    await installation.actions.arm(a_wish())

    for actions in (installation.actions, _another_process(installation)):
        with pytest.raises(ActionRefused, match="a key that was not used for another wish"):
            await actions.arm(a_wish(budget=Decimal(60)))


async def test_arming_again_after_the_end_takes_the_next_attempt(installation: Installation) -> None:
    """An explicit act with a key of its own."""
    await installation.actions.arm(a_wish())
    await _close(installation, FIRST)

    armed = await installation.actions.arm(a_wish(request="wish-2"))

    assert armed.session == SessionKey("main", NEW, 2)


async def test_an_open_session_of_the_pair_is_not_doubled(installation: Installation) -> None:
    """Other terms need the open one to be aborted first."""
    await installation.actions.arm(a_wish())

    with pytest.raises(ActionRefused, match="abort it first"):
        await installation.actions.arm(a_wish(request="wish-2", budget=Decimal(60)))

    assert len(installation.reader.sessions()) == 1


async def test_without_an_opening_only_a_target_waits(installation: Installation) -> None:
    """The listing watch starts its session when a source names the opening."""
    armed = await installation.actions.arm(a_wish(opens_at=None))
    again = await _another_process(installation).arm(a_wish(opens_at=None))

    assert armed == again
    assert armed.session is None
    assert [(target.status, target.opens_at) for target in installation.reader.targets()] == [("waiting", None)]
    assert installation.temporal.starts == 0
    listing = Listing(NEW, "NEWUSDT", OPENING)
    assert [new.target_id for new in await PostgresListingBook(installation.database).wanted(listing)] == [armed.target]


async def test_a_sighted_listing_needs_no_unlisted(installation: Installation) -> None:
    """The session takes the key by which sources know the listing."""
    known = ListingKey("mexc", "coin-7", "USDT")
    await PostgresListingBook(installation.database).sight("test", [Listing(known, "NEWUSDT", OPENING)])

    armed = await installation.actions.arm(a_wish(unlisted=False))

    assert armed.session == SessionKey("main", known, 1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"unlisted": False}, "symbol: got 'NEWUSDT', expected a coming listing"),
        ({"symbol": "NEW/EUR"}, "symbol: got 'NEW/EUR', expected"),
        ({"opens_at": NOW - timedelta(seconds=1)}, "a passed opening is not chased"),
        (
            {"opens_at": NOW - timedelta(seconds=61), "late_entry_s": 60},
            "not chased by more than the late entry of 60 s",
        ),
        ({"opens_at": datetime(2999, 1, 1)}, "append Z for UTC"),  # noqa: DTZ001 - the point of the test
        ({"budget": Decimal(0)}, "budget: got 0, expected more than 0 to 500"),
        ({"budget": Decimal("500.01")}, "budget: got 500.01, expected"),
        ({"max_price": Decimal(0)}, "max price: got 0, expected more than 0"),
        ({"burst_shots": 3}, "burst shots: got 3 for the strategy ioc_cap, expected it only for burst"),
        ({"late_max_price": Decimal(1)}, "late max price: got 1, expected it only where late entry is allowed"),
        ({"stop_percent": Decimal(0)}, "stop percent: got 0"),
        ({"time_stop_s": 0}, "time stop: got 0"),
        ({"arm_lead_s": 1}, "arm lead: got 1"),
        ({"ladder": (LadderStep(Decimal(5), Decimal(101)),)}, "ladder shares: got 101"),
        ({"account": "a/b"}, "account: got 'a/b'"),
        ({"account": "other"}, "account: got 'other', expected 'main', the one account of this installation; name"),
        ({"request": ""}, "request: got an empty key"),
    ],
)
async def test_a_bad_request_is_refused_and_writes_nothing(
    installation: Installation, changes: dict[str, Any], words: str
) -> None:
    """Value, expectation and remedy, in one line."""
    with pytest.raises(ActionRefused) as refusal:
        await installation.actions.arm(a_wish(**changes))

    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert installation.reader.targets() == ()
    assert installation.reader.sessions() == ()
    assert installation.temporal.starts == 0


async def test_every_reason_is_told_at_once(installation: Installation) -> None:
    """Nobody has to try five times."""
    with pytest.raises(ActionRefused) as refusal:
        await installation.actions.arm(a_wish(budget=Decimal(0), max_price=Decimal(0), opens_at=NOW))

    assert len(refusal.value.reasons) == 3


async def test_arming_without_temporal_writes_nothing(installation: Installation) -> None:
    """A session that nobody carries out must not stand there."""
    installation.temporal.away = True

    with pytest.raises(InvalidInput, match="TEMPORAL_ADDRESS"):
        await installation.actions.arm(a_wish())

    assert installation.reader.sessions() == ()


async def test_a_run_that_could_not_be_started_is_started_by_the_same_request(installation: Installation) -> None:
    """Temporal left between the row and the start."""
    installation.temporal.breaks = True
    with pytest.raises(TryAgain, match="repeat the same request"):
        await installation.actions.arm(a_wish())
    installation.temporal.breaks = False

    armed = await installation.actions.arm(a_wish())

    assert armed.session == FIRST
    assert list(installation.temporal.started) == [FIRST.workflow_id]
    assert len(installation.reader.sessions()) == 1


async def test_an_abort_is_told_to_the_run_under_its_request_key(installation: Installation) -> None:
    """The update's id is the request, so that a repeated one counts once."""
    await installation.actions.arm(a_wish())

    receipt = await installation.actions.abort("NEWUSDT", "wrong coin", "abort-1")

    told = installation.temporal.updates["abort-1"]
    assert (told[0], told[1], told[2].reason) == (FIRST.workflow_id, "abort", "wrong coin")
    assert receipt.request == "abort-1"


@pytest.mark.parametrize("trouble", ["away", "lost"])
async def test_an_abort_without_temporal_stands_in_the_sessions_row(installation: Installation, trouble: str) -> None:
    """Desks act on the row, and the receipt says so."""
    await installation.actions.arm(a_wish())
    setattr(installation.temporal, trouble, True)

    receipt = await installation.actions.abort(str(FIRST), "now", "abort-1")
    await installation.actions.abort(str(FIRST), "now", "abort-1")

    detail = installation.reader.session(FIRST)
    aborts = [entry.event for entry in journal(installation.reader, FIRST) if isinstance(entry.event, AbortRequested)]
    assert "Temporal does not answer" in receipt.text
    assert detail is not None
    assert detail.line.aborting
    assert aborts == [AbortRequested("now", "abort-1")]


async def test_an_ended_session_is_not_aborted(installation: Installation) -> None:
    """There is nothing to stop."""
    await installation.actions.arm(a_wish())
    await _close(installation, FIRST)

    with pytest.raises(ActionRefused, match=f"session: {FIRST} is closed.*there is nothing left to abort"):
        await installation.actions.abort(str(FIRST), "late", "abort-1")


@pytest.mark.parametrize("phase", [Phase.CLOSING, Phase.CLOSED])
async def test_an_abort_repeated_after_the_end_gets_a_receipt(installation: Installation, phase: Phase) -> None:
    """Whoever heard no answer asks again; the run is told nothing more, and another key is still refused."""
    await installation.actions.arm(a_wish())
    store = PostgresSessionStore(installation.database)
    await store.append(FIRST, (AbortRequested("wrong coin", "abort-1"), PhaseEntered(Phase.CLOSING)))
    if phase is Phase.CLOSED:
        await store.append(FIRST, (PhaseEntered(Phase.CLOSED),))

    receipt = await installation.actions.abort("NEWUSDT", "wrong coin", "abort-1")

    assert receipt.text == f"aborting: this request was carried out before, {FIRST} is {phase}"
    assert installation.temporal.updates == {}
    with pytest.raises(ActionRefused, match="nothing left to abort"):
        await installation.actions.abort("NEWUSDT", "wrong coin", "abort-2")


async def test_a_session_beside_a_waiting_target_of_the_pair_is_refused(installation: Installation) -> None:
    """Aborting the session would leave the target to buy."""
    target = (await installation.actions.arm(a_wish(opens_at=None))).target

    with pytest.raises(InvalidInput, match=f"target {target} does; withdraw that one first: sniper targets --withdraw"):
        await installation.actions.arm(a_wish(request="wish-2"))

    assert installation.reader.sessions() == ()
    assert installation.temporal.starts == 0


@pytest.mark.parametrize("trouble", ["", "away"])
async def test_an_abort_withdraws_what_waits_for_the_pair(installation: Installation, trouble: str) -> None:
    """By whatever name, with Temporal or without it; another pair's target waits on."""
    await installation.actions.arm(a_wish())
    beside = await an_old_target(installation.database, "main", ListingKey("mexc", "coin-7", "USDT"), "NEWUSDT")
    other = (await installation.actions.arm(a_wish(symbol="LATERUSDT", opens_at=None, request="wish-2"))).target
    if trouble:
        setattr(installation.temporal, trouble, True)

    with pytest.raises(ActionRefused, match="request: got an empty key"):
        await installation.actions.abort(str(FIRST), "wrong coin", "")
    assert installation.reader.targets()[1].status == "waiting"
    receipt = await installation.actions.abort(str(FIRST), "wrong coin", "abort-1")

    assert receipt.text.endswith(f"; target {beside} is withdrawn too")
    status = {target.id: target.status for target in installation.reader.targets()}
    assert (status[beside], status[other]) == ("withdrawn", "waiting")


async def test_an_abort_of_a_closed_session_still_withdraws_what_waits(installation: Installation) -> None:
    """The pair's name is what somebody in a hurry types."""
    await installation.actions.arm(a_wish())
    await _close(installation, FIRST)
    target = (await installation.actions.arm(a_wish(opens_at=None, request="wish-2"))).target

    receipt = await installation.actions.abort("NEWUSDT", "wrong coin", "abort-1")

    assert receipt.text == (
        f"{FIRST} is closed (cancelled); target {target} is withdrawn: nothing more of NEWUSDT is bought"
    )


async def test_arming_tells_what_risk_said(installation: Installation) -> None:
    """Rejected, approved, or not judged yet: never that a session waits which does not."""
    pending = await installation.actions.arm(a_wish())
    store = PostgresSessionStore(installation.database)
    await store.append(FIRST, (RiskRejected(("halted: release it first", "funds: has none")),))

    rejected = await installation.actions.arm(a_wish())
    from_elsewhere = await _another_process(installation).arm(a_wish())

    assert (pending.verdict, rejected.verdict) == (Verdict.PENDING, Verdict.REJECTED)
    assert pending.text == f"session {FIRST} is accepted, risk has not judged it yet: sniper show {FIRST}"
    assert rejected.text == f"session {FIRST} is rejected: halted: release it first; funds: has none"
    assert from_elsewhere == rejected


async def test_arming_waits_for_risks_word(installation: Installation) -> None:
    """As long as it has patience; the worker needs a moment."""
    actions = Actions(
        installation.database,
        installation.reader,
        installation.temporal.connect,
        account="main",
        patience=Patience(named_s=0, judged_s=10),
        now=lambda: NOW,
    )

    async def approve() -> None:
        while not installation.temporal.started:
            await asyncio.sleep(0.01)
        store = PostgresSessionStore(installation.database)
        await store.append(FIRST, (RiskApproved(NO_QUOTE, NO_QUOTE), PhaseEntered(Phase.WAITING)))

    armed, _ = await asyncio.gather(actions.arm(a_wish()), approve())

    assert armed.verdict is Verdict.APPROVED
    assert armed.text.startswith(f"session {FIRST} waits for ")


async def test_a_pair_that_is_listed_while_somebody_arms_it_is_taken(installation: Installation) -> None:
    """The venue's list is read every few seconds: the pair may have been there already."""
    actions = Actions(
        installation.database,
        installation.reader,
        installation.temporal.connect,
        account="main",
        patience=Patience(named_s=10, judged_s=0),
        now=lambda: NOW,
    )

    async def list_it() -> None:
        await asyncio.sleep(0.2)
        await PostgresListingBook(installation.database).sight("test", [Listing(NEW, "NEWUSDT", OPENING)])

    armed, _ = await asyncio.gather(actions.arm(a_wish(unlisted=False, opens_at=None)), list_it())

    assert armed.text.startswith(f"target {armed.target} waits: NEWUSDT opens at ")


async def test_an_account_or_a_session_that_is_not_there_is_not_halted(installation: Installation) -> None:
    """Such a halt would stop nothing. One of an account that was renamed since can still be released."""
    await PostgresHalts(installation.database).place(HaltScope.of_account("old"), HaltVerb.HALT, "odd", "halt-0")

    with pytest.raises(InvalidInput, match="expected 'main', the one account of this installation"):
        await installation.actions.halt(HaltScope.of_account("nobody"), "odd prices", "halt-1")
    with pytest.raises(InvalidInput, match="there is none of this name"):
        await installation.actions.halt(HaltScope.of_session(FIRST), "odd prices", "halt-2")
    with pytest.raises(InvalidInput, match="expected 'main'"):
        await installation.actions.release(HaltScope.of_account("nobody"), "sane again", "release-1")

    released = await installation.actions.release(HaltScope.of_account("old"), "renamed", "release-2")
    assert released.text == "account old released (1 halt)"


async def test_a_moved_opening_and_other_exits_are_told_to_the_run(installation: Installation) -> None:
    """Each under its request key."""
    await installation.actions.arm(a_wish())
    later = OPENING + timedelta(hours=1)

    await installation.actions.reschedule("NEWUSDT", later, "move-1")
    await installation.actions.change_policy("NEWUSDT", PolicyChange(stop_percent=Decimal(8)), "exits-1")

    updates = installation.temporal.updates
    assert updates["move-1"][1:] == ("reschedule", Reschedule(later, "move-1"))
    assert updates["exits-1"][1:] == ("change_policy", ChangePolicy(PolicyChange(stop_percent=Decimal(8)), "exits-1"))


async def test_what_cannot_be_changed_is_refused_before_anybody_is_asked(installation: Installation) -> None:
    """A passed opening, and a stop that is none."""
    await installation.actions.arm(a_wish())

    with pytest.raises(ActionRefused, match="abort the session instead"):
        await installation.actions.reschedule("NEWUSDT", NOW - timedelta(hours=1), "move-1")
    with pytest.raises(ActionRefused, match="stop percent: got 80"):
        await installation.actions.change_policy("NEWUSDT", PolicyChange(stop_percent=Decimal(80)), "exits-1")
    assert installation.temporal.updates == {}


async def test_a_change_without_temporal_changes_nothing_and_can_be_repeated(installation: Installation) -> None:
    """Only an abort has another way: everything else needs the run."""
    await installation.actions.arm(a_wish())
    installation.temporal.away = True

    with pytest.raises(TryAgain, match="repeat the same request"):
        await installation.actions.change_policy("NEWUSDT", PolicyChange(stop_percent=Decimal(8)), "exits-1")

    detail = installation.reader.session(FIRST)
    assert detail is not None
    assert detail.line.policy_revision == 0


async def test_a_halt_needs_no_temporal_and_holds_until_it_is_released(installation: Installation) -> None:
    """Pressing twice makes one; releasing tells what is still halted."""
    installation.temporal.away = True
    actions = installation.actions
    account = HaltScope.of_account("main")

    placed = await actions.halt(EVERYTHING, " odd   prices ", "halt-1")
    again = await actions.halt(EVERYTHING, "odd prices", "halt-1")
    await actions.halt(account, "key change", "halt-2")
    released = await actions.release(EVERYTHING, "sane again", "release-1")
    nothing = await actions.release(EVERYTHING, "sane again", "release-2")

    assert "everything halted (halt 1)" in placed.text
    assert "everything was halted already (halt 1)" in again.text
    assert released.text == "everything released (1 halt); still halted: account main"
    assert "nothing was released" in nothing.text
    assert [(halt.scope, halt.reason) for halt in installation.reader.halts()] == [("account", "key change")]
    assert [halt.released_because for halt in installation.reader.past_halts()] == ["sane again"]


async def test_a_halt_says_which_sessions_it_ends_and_which_wait_on(installation: Installation) -> None:
    """A release does not bring back what has ended, so its reader must know before."""
    nothing_open = await installation.actions.halt(EVERYTHING, "odd prices", "halt-0")
    await installation.actions.release(EVERYTHING, "sane again", "release-0")
    await installation.actions.arm(a_wish())
    await installation.actions.arm(a_wish(request="wish-2", symbol="OTHERUSDT"))
    arming = SessionKey("main", ListingKey("mexc", "OTHER", "USDT"), 1)
    store = PostgresSessionStore(installation.database)
    await store.append(FIRST, (PhaseEntered(Phase.WAITING),))
    await store.append(arming, (PhaseEntered(Phase.WAITING), PhaseEntered(Phase.ARMING)))

    everything = await installation.actions.halt(EVERYTHING, "odd prices", "halt-1")
    await store.append(arming, (EntryEnded("filled", ""), PhaseEntered(Phase.GUARDING)))
    guarded = await installation.actions.halt(HaltScope.of_session(arming), "odd prices", "halt-2")

    assert everything.text.partition("until it is released; ")[2] == (
        f"1 session ({arming}) buys no more and ends by it; 1 session ({FIRST}) waits on, and ends if it still holds "
        "30 s before the opening; a release does not bring back what has ended"
    )
    assert nothing_open.text.endswith("until it is released; no open session is affected")
    assert guarded.text.endswith(f"1 session ({arming}) goes on: the entry is over, any position is guarded")


async def test_a_session_that_ended_before_a_halt_is_not_shown_as_halted(installation: Installation) -> None:
    """Nothing of it is held back."""
    await installation.actions.arm(a_wish())
    await installation.actions.halt(EVERYTHING, "odd prices", "halt-1")
    running = find_session(installation.reader, "NEWUSDT").halted
    await _close(installation, FIRST)

    assert (running, find_session(installation.reader, "NEWUSDT").halted) == (True, False)


async def test_a_halt_repeated_after_its_release_says_that_nothing_is_halted(installation: Installation) -> None:
    """It was carried out once; whoever reads the receipt must not feel safe."""
    await installation.actions.halt(EVERYTHING, "odd prices", "halt-1")
    await installation.actions.release(EVERYTHING, "sane again", "release-1")

    again = await installation.actions.halt(EVERYTHING, "odd prices", "halt-1")

    assert again.text.startswith("everything is not halted: this request was carried out before (halt 1)")
    assert installation.reader.halts() == ()


async def test_a_repeated_release_lifts_no_later_halt(installation: Installation) -> None:
    """Also one that found nothing to lift when it was carried out; its receipt tells what holds."""
    actions = installation.actions
    await actions.release(EVERYTHING, "sane", "release-0")
    await actions.halt(EVERYTHING, "odd prices", "halt-1")
    await actions.release(EVERYTHING, "sane again", "release-1")
    await actions.halt(EVERYTHING, "odd once more", "halt-2")

    texts = [(await actions.release(EVERYTHING, "sane", request)).text for request in ("release-0", "release-1")]

    assert texts == [
        "everything: this request was carried out before (0 halts), nothing more now; still halted: everything",
        "everything: this request was carried out before (1 halt), nothing more now; still halted: everything",
    ]
    assert [halt.reason for halt in installation.reader.halts()] == ["odd once more"]


async def test_a_request_key_cannot_halt_or_release_another_scope(installation: Installation) -> None:
    """The receipt would be about the first one."""
    account = HaltScope.of_account("main")
    await installation.actions.halt(account, "key change", "key-1")
    await installation.actions.release(account, "changed", "key-1")

    with pytest.raises(InvalidInput, match="a key that was not used for another scope"):
        await installation.actions.halt(EVERYTHING, "odd prices", "key-1")
    with pytest.raises(InvalidInput, match="a key that was not used for another scope"):
        await installation.actions.release(EVERYTHING, "sane again", "key-1")


@pytest.mark.parametrize("reason", ["", "   ", "x" * 501])
async def test_a_halt_without_a_usable_reason_is_refused(installation: Installation, reason: str) -> None:
    """Whoever releases it has to know why it was placed."""
    with pytest.raises(InvalidInput, match="reason: got"):
        await installation.actions.halt(EVERYTHING, reason, "halt-1")
    with pytest.raises(InvalidInput, match="reason: got"):
        await installation.actions.release(EVERYTHING, reason, "release-1")

    assert installation.reader.halts() == ()


async def test_withdrawing_a_target_twice_is_withdrawing_it(installation: Installation) -> None:
    """Whoever heard no answer asks again and gets the same one."""
    armed = await installation.actions.arm(a_wish(opens_at=None))

    first = await installation.actions.withdraw(armed.target)
    second = await installation.actions.withdraw(armed.target)

    assert first == second
    assert installation.reader.targets()[0].status == "withdrawn"


async def test_a_target_that_does_not_wait_cannot_be_withdrawn(installation: Installation) -> None:
    """Neither one that has made its session, nor one that nobody knows."""
    armed = await installation.actions.arm(a_wish())

    with pytest.raises(ActionRefused, match="one that is taken, expected the number of one that waits"):
        await installation.actions.withdraw(armed.target)
    with pytest.raises(ActionRefused, match="one that is not there"):
        await installation.actions.withdraw(armed.target + 1)


async def test_a_session_is_found_by_any_of_its_names(installation: Installation) -> None:
    """Full name, pair, and pair with attempt."""
    await installation.actions.arm(a_wish())
    await _close(installation, FIRST)
    second = (await installation.actions.arm(a_wish(request="wish-2"))).session

    assert find_session(installation.reader, str(FIRST)).key == FIRST
    assert find_session(installation.reader, "NEWUSDT").key == second
    assert find_session(installation.reader, "newusdt/1").key == FIRST


@pytest.mark.parametrize("name", ["", "OLDUSDT", "NEWUSDT/9", "main/mexc:NEW:USDT/9", "a/b/c", "main/x/1"])
async def test_an_unknown_session_is_refused_with_its_name(installation: Installation, name: str) -> None:
    """What was typed, what is expected, where to look."""
    await installation.actions.arm(a_wish())

    with pytest.raises(InvalidInput, match=r"(session|listing): got"):
        find_session(installation.reader, name)


async def test_a_pair_of_two_accounts_needs_its_full_name(installation: Installation) -> None:
    """Stopping the wrong account's session would be worse than asking."""
    await installation.actions.arm(a_wish())
    await PostgresSessions(installation.database).admit(NewSession(a_start(key=SECOND), SECOND.workflow_id))

    with pytest.raises(InvalidInput, match="write its full name"):
        find_session(installation.reader, "NEWUSDT")


def _another_process(installation: Installation) -> Actions:
    return Actions(
        installation.database,
        installation.reader,
        installation.temporal.connect,
        account="main",
        patience=HASTE,
        now=lambda: NOW,
    )


async def _close(installation: Installation, key: SessionKey) -> None:
    nothing = (NO_QUOTE, NO_QUOTE, NO_QUOTE, Decimal(0), NO_QUOTE, NO_QUOTE)
    await PostgresSessionStore(installation.database).append(key, (BooksClosed(Outcome.CANCELLED, "", *nothing),))


async def test_an_abort_reaches_the_run_though_targets_cannot_be_written(
    installation: Installation, database_url: str
) -> None:
    """As while a standby answers. The receipt says what was not done."""
    await installation.actions.arm(a_wish())
    with psycopg.connect(database_url) as other:
        other.execute("LOCK TABLE targets IN EXCLUSIVE MODE")  # reads go on
        receipt = await installation.actions.abort("NEWUSDT", "wrong coin", "abort-1")
        other.rollback()

    assert "abort-1" in installation.temporal.updates
    assert "could not be withdrawn" in receipt.text


async def test_a_refused_abort_tells_of_the_target_it_withdrew(installation: Installation) -> None:
    """The session goes on, and the pair is bought once less than was armed."""
    await installation.actions.arm(a_wish())
    target = await an_old_target(installation.database, "main", NEW, "NEWUSDT")
    installation.temporal.refuses = True

    with pytest.raises(ActionRefused, match=rf"not now \| target {target} is withdrawn all the same"):
        await installation.actions.abort(str(FIRST), "wrong coin", "abort-1")
    assert [one.status for one in installation.reader.targets() if one.id == target] == ["withdrawn"]


async def test_a_session_that_stands_is_told_though_it_cannot_be_read(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was started and may buy: an error would say that nothing was armed."""

    def away(key: SessionKey) -> NoReturn:
        raise StoreUnavailable("the database does not answer")

    start_workflow = installation.temporal.start_workflow

    async def start_and_lose_the_store(*told: Any, **options: Any) -> None:
        await start_workflow(*told, **options)
        monkeypatch.setattr(installation.reader, "session", away)

    monkeypatch.setattr(installation.temporal, "start_workflow", start_and_lose_the_store)
    armed = await installation.actions.arm(a_wish())

    assert (armed.session, armed.verdict) == (FIRST, Verdict.PENDING)
    assert armed.text == (
        f"session {FIRST} stands; what risk said of it cannot be read (the database does not answer): "
        f"sniper show {FIRST}"
    )


async def test_a_repeated_abort_withdraws_no_later_target(installation: Installation) -> None:
    """It was armed after what the abort stopped."""
    await installation.actions.arm(a_wish())
    store = PostgresSessionStore(installation.database)
    await store.append(FIRST, (AbortRequested("wrong coin", "abort-1"),))
    await _close(installation, FIRST)
    target = await an_old_target(installation.database, "main", NEW, "NEWUSDT")

    receipt = await installation.actions.abort("NEWUSDT", "wrong coin", "abort-1")

    assert "was carried out before" in receipt.text
    assert [one.status for one in installation.reader.targets() if one.id == target] == ["waiting"]


async def test_an_account_of_another_name_that_has_something_open_can_be_halted(installation: Installation) -> None:
    """An installation that was renamed, or a terminal that does not know the name."""
    await an_old_target(installation.database, "second", NEW, "NEWUSDT")

    receipt = await installation.actions.halt(HaltScope.of_account("second"), "odd prices", "halt-1")

    assert "second halted" in receipt.text


async def test_a_halt_is_answered_while_sessions_cannot_be_read(installation: Installation, database_url: str) -> None:
    """It stands; what it reaches is read with `sniper sessions`."""
    with psycopg.connect(database_url) as other:
        other.execute("LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE")
        async with asyncio.timeout(4):
            receipt = await installation.actions.halt(EVERYTHING, "odd prices", "halt-1")
        other.rollback()

    assert "could not be read" in receipt.text
