"""What a running session answers to requests it cannot carry out."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from domain.commands import Abort, ChangePolicy, Reschedule
from domain.listings import Listing
from domain.money import Price
from domain.policy import PolicyChange
from domain.requests import CANCELLED, KEYLESS, move_of, why_kept_key, why_no_abort, why_no_policy, why_no_reschedule
from domain.session import Phase
from tests.builders import LISTING, T0, a_policy

BEFORE = (Phase.PREPARING, Phase.WAITING, Phase.ARMING, Phase.ARMED)
OVER = (Phase.CLOSING, Phase.CLOSED)
LATER = T0 + timedelta(hours=1)


@pytest.mark.parametrize("phase", Phase)
def test_an_abort_is_possible_until_the_books_are_closed(phase: Phase) -> None:
    """A running session can always be stopped."""
    assert (why_no_abort(Abort("enough", "1"), phase) is None) == (phase not in OVER)


@pytest.mark.parametrize("phase", Phase)
def test_an_opening_moves_only_before_the_shot(phase: Phase) -> None:
    """Afterwards it has no meaning."""
    assert (why_no_reschedule(Reschedule(LATER, "1"), phase, T0) is None) == (phase in BEFORE)


def test_an_opening_must_lie_ahead_and_name_its_zone() -> None:
    """A time without zone could be any."""
    naive = Reschedule(LATER.replace(tzinfo=None), "1")

    assert "append Z" in (why_no_reschedule(naive, Phase.WAITING, T0) or "")
    assert "expected a time after" in (why_no_reschedule(Reschedule(T0, "1"), Phase.WAITING, T0) or "")


@pytest.mark.parametrize("phase", Phase)
def test_a_listing_may_have_opened_already(phase: Phase) -> None:
    """Its session must not sleep until the time that was told before; people are still refused."""
    opened = Listing(LISTING, "NEWUSDT", T0 - timedelta(seconds=3), revision=2)

    assert (why_no_reschedule(move_of(opened), phase, T0) is None) == (phase in BEFORE)
    assert why_no_reschedule(Reschedule(opened.opens_at, "mine"), phase, T0) is not None


def test_two_listings_of_one_pair_have_moves_of_their_own() -> None:
    """The coin's id became known: another listing, whose revisions count anew. The same move is the same request."""
    one = Listing(LISTING, "NEWUSDT", T0, revision=2)
    other = replace(one, key=replace(LISTING, coin="coin-7"))

    assert move_of(one).request != move_of(other).request
    assert move_of(one) == move_of(replace(one))
    assert move_of(one) != move_of(replace(one, revision=3))


@pytest.mark.parametrize("key", [CANCELLED, KEYLESS])
def test_a_key_that_stands_for_an_abort_is_an_aborts_alone(key: str) -> None:
    """Else a stop would be taken for another wish that was carried out already."""
    assert why_kept_key(Abort("enough", key)) is None
    assert "take another key" in (why_kept_key(Reschedule(LATER, key)) or "")
    assert "take another key" in (why_kept_key(ChangePolicy(PolicyChange(time_stop_s=9), key)) or "")
    assert why_kept_key(Reschedule(LATER, "mine")) is None


@pytest.mark.parametrize("phase", Phase)
def test_a_price_bound_changes_only_before_the_shot_and_exits_until_the_end(phase: Phase) -> None:
    """While a position is open, exits only."""
    bound = ChangePolicy(PolicyChange(max_price=Price(Decimal("0.07"))), "1")
    stop = ChangePolicy(PolicyChange(stop_percent=Decimal(7)), "1")

    assert (why_no_policy(bound, a_policy(), phase) is None) == (phase in BEFORE)
    assert (why_no_policy(stop, a_policy(), phase) is None) == (phase not in OVER)


def test_a_session_without_a_price_bound_can_be_given_one_that_is_a_number() -> None:
    """And its exits can change although it has none."""
    policy = a_policy()
    policy = replace(policy, entry=replace(policy.entry, max_price=None))
    bound = ChangePolicy(PolicyChange(max_price=Price(Decimal("0.07"))), "1")
    nothing = ChangePolicy(PolicyChange(max_price=Price(Decimal("NaN"))), "1")
    stop = ChangePolicy(PolicyChange(stop_percent=Decimal(7)), "1")

    assert why_no_policy(bound, policy, Phase.ARMED) is None
    assert why_no_policy(stop, policy, Phase.ARMED) is None
    assert "max price: got NaN" in (why_no_policy(nothing, policy, Phase.ARMED) or "")


def test_a_change_that_changes_nothing_or_breaks_a_rule_is_refused() -> None:
    """With the reason."""
    nothing = why_no_policy(ChangePolicy(PolicyChange(), "1"), a_policy(), Phase.WAITING)
    broken = why_no_policy(ChangePolicy(PolicyChange(stop_percent=Decimal(99)), "1"), a_policy(), Phase.WAITING)

    assert nothing is not None
    assert "no change" in nothing
    assert broken is not None
    assert "stop percent: got 99" in broken


def test_a_request_needs_a_key_of_its_own() -> None:
    """Else it could not be repeated safely."""
    assert why_no_abort(Abort("enough", ""), Phase.WAITING) is not None
    assert why_no_reschedule(Reschedule(LATER, ""), Phase.WAITING, T0) is not None
    assert why_no_policy(ChangePolicy(PolicyChange(time_stop_s=9), ""), a_policy(), Phase.WAITING) is not None
