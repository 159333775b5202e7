"""Lease rules, the table of moves between phases, and the keys of events."""

import typing
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import events
from domain.events import (
    AttentionNeeded,
    Event,
    FillSeen,
    IntentCommitted,
    OrderSeen,
    PhaseEntered,
    PositionFlat,
    ShotAnswered,
    StreamInterrupted,
)
from domain.lease import (
    LEASE_TTL_S,
    SETTLE_MARGIN_S,
    LeaseGrant,
    has_run_out,
    may_have_left,
    needs_lease,
    quiet_for_s,
)
from domain.money import NO_BASE, NO_QUOTE, Base
from domain.orders import OrderStatus
from domain.session import MOVES, Outcome, Phase, may_move, outcome_of, past_arming
from tests.builders import T0, a_fill, an_intent, an_order


@given(st.integers(1, 1000))
def test_an_unclean_take_over_is_quiet_only_after_window_and_margin_from_the_grant(window: int) -> None:
    """The earlier holder's last order may have left just before it; nothing says that it left sooner."""
    quiet = quiet_for_s(LeaseGrant(2, 0.0, 5.0, clean=False), window)

    assert quiet == window / 1000 + SETTLE_MARGIN_S


def test_a_clean_hand_over_needs_no_waiting() -> None:
    """Nothing was in flight, and nothing can have left."""
    grant = LeaseGrant(2, 0.0, 5.0, clean=True)

    assert quiet_for_s(grant, 1000) == 0
    assert not may_have_left(grant, T0, T0 + timedelta(days=1), fired=True)


def test_an_intent_may_have_left_when_its_time_came_before_the_grant() -> None:
    """However long ago the earlier holder is said to have ended: only what is not due yet is known to be unsent."""
    grant = LeaseGrant(2, 0.0, 5.0, clean=False)

    assert may_have_left(grant, T0, T0, fired=False)
    assert may_have_left(grant, T0, T0 + timedelta(hours=1), fired=False)
    assert not may_have_left(grant, T0, T0 - timedelta(milliseconds=1), fired=False)


def test_after_somebody_was_about_to_shoot_no_clock_says_that_an_intent_is_unsent() -> None:
    grant = LeaseGrant(2, 0.0, 5.0, clean=False)

    assert may_have_left(grant, T0, T0 - timedelta(hours=1), fired=True)


def test_a_lease_has_run_out_for_whoever_saw_it_stand_still_for_longer_than_it_lasts() -> None:
    """By a margin, since the holder counts on a clock of its own."""
    assert not has_run_out(LEASE_TTL_S, LEASE_TTL_S)
    assert has_run_out(LEASE_TTL_S + 0.1, LEASE_TTL_S)


def test_what_a_desk_did_or_heard_is_written_by_anybody_and_what_it_decided_by_the_holder_alone() -> None:
    """A class that is not named here needs the lease: a new one is fenced until somebody says that it is a fact."""
    others = [kind for kind in typing.get_args(Event) if kind is not ShotAnswered]  # that one depends on its answer
    facts = {kind.__name__ for kind in others if not needs_lease(object.__new__(kind))}

    assert facts == {
        *("AttentionNeeded", "ClockMeasured", "FillSeen", "LeaseTaken", "OrderSeen", "ShotSent"),
        *("StoodDown", "StreamInterrupted"),
    }


@pytest.mark.parametrize(
    ("answer", "needs"), [("accepted", False), ("unknown", False), ("refused", True), ("try again", True)]
)
def test_an_answer_needs_the_lease_where_it_settles_its_id(answer: str, needs: bool) -> None:
    """Nobody asks about an id again that was refused."""
    assert needs_lease(ShotAnswered("a", answer, None, "", 0)) is needs


def test_every_phase_is_reached_and_none_is_a_dead_end() -> None:
    """From preparing each phase can be reached, and from each phase the end."""

    def reached(start: Phase) -> set[Phase]:
        found, new = {start}, {start}
        while new:
            new = {after for phase in new for after in MOVES[phase]} - found
            found |= new
        return found

    assert reached(Phase.PREPARING) == set(Phase)
    assert all(Phase.CLOSED in reached(phase) for phase in Phase)
    assert MOVES[Phase.CLOSED] == frozenset()


def test_a_phase_follows_itself_and_nothing_follows_the_end() -> None:
    """Every step may run twice; what is closed stays closed."""
    assert all(may_move(phase, phase) for phase in Phase)
    assert not any(may_move(Phase.CLOSED, phase) for phase in Phase if phase is not Phase.CLOSED)


def test_no_phase_past_arming_leads_back_to_a_purchase_but_by_taking_over_or_a_moved_opening() -> None:
    """Guarding and closing never fire again."""
    for phase in (Phase.GUARDING, Phase.CLOSING, Phase.NEEDS_ATTENTION):
        assert past_arming(phase)
        assert MOVES[phase].isdisjoint({Phase.WAITING, Phase.ARMING, Phase.ARMED, Phase.FIRING})


@pytest.mark.parametrize(
    ("bought", "aborting", "result", "sent", "outcome"),
    [
        (True, True, "nothing", True, Outcome.COMPLETED),
        (False, True, "rejected", False, Outcome.REJECTED),
        (False, True, "nothing", True, Outcome.CANCELLED),
        (False, False, "missed", True, Outcome.MISSED),
        (False, False, "nothing", True, Outcome.UNFILLED),
        (False, False, "nothing", False, Outcome.FAILED),
    ],
)
def test_an_outcome_says_what_happened(bought: bool, aborting: bool, result: str, sent: bool, outcome: Outcome) -> None:
    """Coins outweigh words."""
    assert outcome_of(bought=bought, aborting=aborting, entry_result=result, shots_sent=sent) is outcome


def test_every_event_has_a_key_and_is_part_of_the_union() -> None:
    """A class that is left out could be written and never read again."""
    classes = {
        value
        for value in vars(events).values()
        if isinstance(value, type) and value.__module__ == events.__name__ and hasattr(value, "key")
    }

    assert set(typing.get_args(Event)) == classes


def test_keys_tell_apart_what_must_be_written_twice() -> None:
    """And are the same for what must be written once."""
    distinct: list[Event] = [
        PhaseEntered(Phase.ARMING, occurrence="1"),
        PhaseEntered(Phase.ARMING, occurrence="2"),
        PhaseEntered(Phase.WAITING),
        IntentCommitted(an_intent("a")),
        IntentCommitted(an_intent("b")),
        OrderSeen(an_order("a")),
        OrderSeen(an_order("a", executed="1", status=OrderStatus.PARTIALLY_FILLED)),
        OrderSeen(an_order("a", executed="2", status=OrderStatus.PARTIALLY_FILLED)),
        FillSeen(a_fill("1")),
        FillSeen(a_fill("2")),
        StreamInterrupted(1, "quotes", "gone", 1),
        StreamInterrupted(1, "quotes", "gone", 2),
        AttentionNeeded("one"),
        AttentionNeeded("two"),
        PhaseEntered(Phase.CLOSING, occurrence="1"),
        PhaseEntered(Phase.CLOSING, occurrence="2"),
        PositionFlat(NO_BASE, NO_QUOTE),
        PositionFlat(NO_BASE, NO_QUOTE, "1"),
        PositionFlat(NO_BASE, NO_QUOTE, "2"),
    ]

    assert len({event.key for event in distinct}) == len(distinct)
    assert PhaseEntered(Phase.ARMING, "detail").key == PhaseEntered(Phase.ARMING).key
    assert PositionFlat(Base(Decimal(1)), NO_QUOTE, "1").key == PositionFlat(NO_BASE, NO_QUOTE, "1").key
    assert FillSeen(a_fill("1", quantity="3")).key == FillSeen(a_fill("1")).key
