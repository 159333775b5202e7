"""How old an answer may be."""

from datetime import UTC, datetime, timedelta

import pytest

from domain import ages

T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before_s", "at_most_s"),
    [
        (86_400, ages.RULES_S),
        (301, ages.RULES_S),
        (300, 0.0),  # five minutes before, everything kept is too old
        (299, 1.0),
        (30, 270.0),
        (0, 0.0),  # and once more at the opening
        (-1, 1.0),
        (-3600, ages.RULES_S),
    ],
)
def test_rules_are_asked_for_anew_five_minutes_before_an_opening_and_at_it(before_s: int, at_most_s: float) -> None:
    """Between those moments half an hour is fresh enough."""
    assert ages.rules_s(T0, T0 - timedelta(seconds=before_s)) == at_most_s
