"""prepare_session approves with the budget reserved or rejects with every reason, however often it runs."""

from collections import deque
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest
from temporalio.testing import ActivityEnvironment

from activities.preparation import PreparationActivities
from domain.commands import Prepared, StartSnipe
from domain.errors import AccessDenied
from domain.events import RiskApproved, RiskRejected
from domain.ids import SessionKey
from domain.money import Quote
from domain.session import Phase
from tests.builders import LISTING, a_policy, a_record, a_start
from tests.fakes import FakeClock, FakeExchange, FakeExchangeClock, FakeSessions, FakeStore


@dataclass
class House:
    """What prepare_session stands in."""

    def __post_init__(self) -> None:
        clock = FakeClock()
        self.exchange = FakeExchange(clock)
        self.exchange_clock = FakeExchangeClock(clock)
        self.store = FakeStore(clock, a_record(phase=Phase.PREPARING))
        self.sessions = FakeSessions(self.store)

    async def prepare(self, start: StartSnipe | None = None) -> Prepared:
        activities = PreparationActivities("main", self.exchange, self.exchange_clock, self.sessions, self.store)
        return await ActivityEnvironment().run(activities.prepare_session, start or a_start())


async def test_an_approved_session_waits_with_its_budget_reserved() -> None:
    """The row says so, too."""
    house = House()

    prepared = await house.prepare()

    assert prepared.verdict == "approved"
    assert house.sessions.reserved == a_policy().budget_quote
    assert house.store.record.phase is Phase.WAITING
    assert len(house.store.of(RiskApproved)) == 1


async def test_a_session_of_another_account_is_rejected() -> None:
    """Whoever asks Temporal directly: its limits would be counted apart, with the same money."""
    house = House()

    prepared = await house.prepare(a_start(key=SessionKey("other", LISTING, 1)))

    assert prepared.verdict == "rejected"
    assert "account: got 'other', expected 'main', the one account of this installation" in prepared.reasons[0]
    assert not house.sessions.reserved


async def test_a_second_run_gives_the_same_answer_and_reserves_nothing_more() -> None:
    """An answer that was lost is asked for again."""
    house = House()
    house.exchange.free["USDT"] = Decimal(60)

    first, journal = await house.prepare(), dict(house.store.journal)
    second = await house.prepare()

    assert first == second
    assert house.sessions.reserved == a_policy().budget_quote
    assert house.store.journal == journal


async def test_a_rejection_tells_every_reason() -> None:
    """Funds, slots and halt together, and nothing is reserved."""
    house = House()
    house.exchange.free["USDT"] = Decimal(1)
    house.sessions.open_others = 5
    house.store.record = replace(house.store.record, halted=True)

    prepared = await house.prepare()

    assert prepared.verdict == "rejected"
    assert [reason.split(":")[0] for reason in prepared.reasons] == ["funds", "sessions", "halted"]
    assert house.sessions.reserved is None
    assert [event.reasons for event in house.store.of(RiskRejected)] == [prepared.reasons]


async def test_funds_that_others_reserved_are_not_there() -> None:
    """The reservation decides, not the balance."""
    house = House()
    house.exchange.free["USDT"] = Decimal(80)
    house.sessions.others = Quote(Decimal(40))

    prepared = await house.prepare()

    assert prepared.verdict == "rejected"
    assert "has 40 USDT beside the reservations" in prepared.reasons[0]


async def test_a_symbol_without_a_known_quote_is_rejected() -> None:
    """With the remedy of whoever reads it."""
    prepared = await House().prepare(replace(a_start(), symbol="NEWEUR"))

    assert prepared.verdict == "rejected"
    assert "for example NEWUSDT" in prepared.reasons[0]


async def test_a_symbol_that_is_not_the_listings_pair_is_rejected() -> None:
    """Else what is bought would not be what the session is named after."""
    prepared = await House().prepare(replace(a_start(), symbol="OTHERUSDT"))

    assert prepared == Prepared(
        "rejected",
        ("symbol: got 'OTHERUSDT', expected 'NEWUSDT', the pair of mexc:NEW:USDT; correct the one that is wrong",),
    )


async def test_a_closed_session_names_the_attempt_that_is_free() -> None:
    """A second start under its name does nothing, and must not look like the first one's result."""
    house = House()
    house.store.record = a_record(phase=Phase.CLOSED)

    prepared = await house.prepare()

    assert prepared.verdict == "closed"
    assert prepared.reasons[0].endswith("expected one that is new or open; take attempt 2, in the workflow id too")


async def test_a_refused_key_is_a_reason() -> None:
    """No retry mends it, and the books are closed."""
    house = House()
    house.exchange.refusals["balance"] = deque([AccessDenied("key expired")])

    prepared = await house.prepare()

    assert prepared.verdict == "rejected"
    assert "key expired" in prepared.reasons[0]


@pytest.mark.parametrize("phase", [Phase.ARMED, Phase.FIRING, Phase.GUARDING, Phase.CLOSING, Phase.NEEDS_ATTENTION])
async def test_past_arming_a_session_is_resumed_with_its_revision(phase: Phase) -> None:
    """An order may exist: nothing is looked at, nothing reserved."""
    house = House()
    house.store.record = a_record(phase=phase, revision=4)

    prepared = await house.prepare()

    assert prepared == Prepared("resume", revision=4)
    assert house.store.journal == {}
    assert house.sessions.reserved is None


async def test_a_session_that_is_arming_is_not_weighed_again() -> None:
    """Its run was lost and its desk goes on: what the desk has just spent is no reason to close its session."""
    house = House()
    house.store.record = a_record(phase=Phase.ARMING, revision=2)
    house.exchange.free["USDT"] = Decimal(0)

    assert await house.prepare() == Prepared("approved", revision=2)
    assert house.store.journal == {}
    assert house.exchange.questions == 0


@pytest.mark.parametrize(
    ("phase", "verdict"), [(Phase.ARMING, "approved"), (Phase.GUARDING, "resume"), (Phase.CLOSED, "closed")]
)
async def test_a_session_whose_desk_begins_while_it_is_weighed_is_not_rejected(phase: Phase, verdict: str) -> None:
    """The row is read once more before a no."""
    house = House()
    house.sessions.found = a_record(phase=Phase.WAITING)
    house.store.record = a_record(phase=phase)
    house.exchange.free["USDT"] = Decimal(0)

    assert (await house.prepare()).verdict == verdict
    assert house.store.of(RiskRejected) == []


async def test_a_session_aborted_while_nobody_ran_it_is_rejected_before_anything_is_reserved() -> None:
    """Its budget would be set aside until its arm lead."""
    house = House()
    house.store.record = replace(house.store.record, aborting=True)

    prepared = await house.prepare()

    assert prepared.verdict == "rejected"
    assert prepared.reasons[0].startswith("aborted:")
    assert house.sessions.reserved is None


async def test_a_closed_session_stays_closed() -> None:
    """There is nothing left to do."""
    house = House()
    house.store.record = a_record(phase=Phase.CLOSED)

    assert (await house.prepare()).verdict == "closed"
    assert house.store.journal == {}
