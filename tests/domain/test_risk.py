"""A session is approved, or rejected with every reason."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from domain.checks import reasons_of
from domain.money import Base, Quote
from domain.risk import MAX_SESSIONS, RiskSnapshot, assess
from tests.builders import RULES, T0, a_start


def seen() -> RiskSnapshot:
    return RiskSnapshot(RULES, "USDT", Quote(Decimal(1000)), open_sessions=0, halted=False, now=T0)


def test_an_ordinary_session_is_approved() -> None:
    """No reason is an approval, also while the venue does not show the symbol yet."""
    asked = assess(a_start(), seen())
    unlisted = assess(a_start(), replace(seen(), rules=None))

    assert [check.name for check in asked] == ["policy", "opening", "funds", "smallest order", "sessions", "halts"]
    assert all(check.passed and check.found for check in (*asked, *unlisted))


def test_all_reasons_are_told_together() -> None:
    """Opening, funds, smallest order, slots and halt at once."""
    rules = replace(RULES, min_quantity=Base(Decimal(10**9)))
    bad = RiskSnapshot(
        rules, "USDT", Quote(Decimal(1)), open_sessions=MAX_SESSIONS, halted=True, now=T0 + timedelta(hours=3)
    )

    reasons = reasons_of(assess(a_start(), bad))

    assert [reason.split(":")[0] for reason in reasons] == ["opening", "funds", "budget", "sessions", "halted"]


def test_a_passed_opening_is_allowed_as_long_as_late_entry_is() -> None:
    """The operator's late entry moves the limit, to the second."""
    start = a_start(opens_in=timedelta(seconds=-10))
    entry = replace(start.policy.entry, late_entry_s=10)
    late = replace(start, policy=replace(start.policy, entry=entry))

    assert reasons_of(assess(late, seen())) == ()
    assert len(reasons_of(assess(late, replace(seen(), now=T0 + timedelta(seconds=1))))) == 1
