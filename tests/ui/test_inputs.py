"""What people type becomes values, or one line that says what is wrong."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from domain.errors import InvalidInput
from domain.policy import EntryStrategy, LadderStep
from ui.inputs import (
    parse_count,
    parse_duration,
    parse_ladder,
    parse_milliseconds,
    parse_number,
    parse_opening,
    parse_percent,
    parse_strategy,
)

NOW = datetime(2026, 1, 31, 11, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("90", 90), ("90s", 90), ("60m", 3600), ("1h30m", 5400), ("2d", 172_800), (" 5m ", 300)],
)
def test_a_length_of_time_is_read_in_seconds(text: str, seconds: int) -> None:
    """Plain seconds and the units d, h, m and s, also together."""
    assert parse_duration("time stop", text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5", "1.5h", "5 m", "10x", "s", "９s", "999999999d", "1e3"])
def test_a_length_of_time_that_is_none_is_refused_with_its_value(text: str) -> None:
    """The refusal names what, value, expectation and remedy."""
    with pytest.raises(InvalidInput) as refusal:
        parse_duration("time stop", text)

    assert refusal.value.what == "time stop"
    assert refusal.value.value == text
    assert "90s" in refusal.value.expected


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T13:00:00+01:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00.250Z", datetime(2026, 1, 31, 12, microsecond=250_000, tzinfo=UTC)),
        ("+30s", NOW + timedelta(seconds=30)),
        ("+1h", NOW + timedelta(hours=1)),
    ],
)
def test_an_opening_is_an_instant_or_a_distance_from_now(text: str, instant: datetime) -> None:
    """Any zone is read; the value is UTC."""
    found = parse_opening(text, NOW)

    assert found == instant
    assert found.utcoffset() == timedelta(0)


def test_an_opening_without_a_zone_is_refused() -> None:
    """Guessing the zone would be hours wrong for somebody."""
    with pytest.raises(InvalidInput, match="append Z for UTC"):
        parse_opening("2026-01-31T12:00:00", NOW)


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-13-01T00:00:00Z", "30s", "+", "+-30s", "1769860800000"])
def test_an_opening_that_is_no_time_is_refused(text: str) -> None:
    """One line, with an example of what works."""
    with pytest.raises(InvalidInput, match="opening: got"):
        parse_opening(text, NOW)


def test_a_ladder_is_pairs_of_gain_and_share() -> None:
    """Spaces and percent signs do no harm."""
    assert parse_ladder("5:25, 10.5%:75%") == (
        LadderStep(Decimal(5), Decimal(25)),
        LadderStep(Decimal("10.5"), Decimal(75)),
    )
    assert parse_ladder("none") == ()


@pytest.mark.parametrize("text", ["", "5", "5:", ":25", "5:25,", "5-25", "a:b", "5:25:1"])
def test_a_ladder_that_is_none_is_refused(text: str) -> None:
    """Half a step is not guessed."""
    with pytest.raises(InvalidInput, match="ladder"):
        parse_ladder(text)


@pytest.mark.parametrize("text", ["", "many", "NaN", "Infinity", "1e99", "1,5", "--5"])
def test_a_number_that_is_none_is_refused(text: str) -> None:
    """Also what Python takes for a number and no person means."""
    with pytest.raises(InvalidInput, match="budget: got"):
        parse_number("budget", text)


def test_a_percentage_may_carry_its_sign() -> None:
    """5 and 5% are the same."""
    assert parse_percent("stop", "5%") == parse_percent("stop", "5") == Decimal(5)


@pytest.mark.parametrize(
    ("text", "milliseconds"), [("50ms", 50), ("0ms", 0), ("-20ms", -20), ("+5ms", 5), ("1s", 1000), (" 7ms ", 7)]
)
def test_milliseconds_are_read_with_their_unit(text: str, milliseconds: int) -> None:
    """Also before the opening."""
    assert parse_milliseconds("burst start", text) == milliseconds


@pytest.mark.parametrize("text", ["", "50", "0", "1.5ms", "5 ms", "ms", "5m", "--5ms", "９ms", "9999999999ms"])
def test_milliseconds_without_their_unit_are_refused(text: str) -> None:
    """A bare number is seconds everywhere else."""
    with pytest.raises(InvalidInput, match="such as 50ms or -20ms; write it so"):
        parse_milliseconds("burst start", text)


@pytest.mark.parametrize(("text", "count"), [("3", 3), (" 10 ", 10), ("-1", -1), ("0", 0)])
def test_a_count_is_a_whole_number(text: str, count: int) -> None:
    """Whether it makes sense is judged by the policy."""
    assert parse_count("burst shots", text) == count


@pytest.mark.parametrize("text", ["", "many", "2.5", "1e3", "-", "３", "1_000", "9999999999"])
def test_a_count_that_is_none_is_refused_with_its_value(text: str) -> None:
    """One line that says what to write."""
    with pytest.raises(InvalidInput, match=r"burst shots: got .*, expected a whole number such as 3; write it so"):
        parse_count("burst shots", text)


@pytest.mark.parametrize("strategy", EntryStrategy)
def test_a_strategy_is_read_by_its_name(strategy: EntryStrategy) -> None:
    """Also with hyphens and in capitals."""
    assert parse_strategy(str(strategy)) is parse_strategy(strategy.upper().replace("_", "-")) is strategy


@pytest.mark.parametrize("text", ["", "ioc", "fast", "market!"])
def test_an_unknown_strategy_is_refused_with_all_that_there_are(text: str) -> None:
    """Nobody has to look them up."""
    with pytest.raises(InvalidInput, match="expected ioc_cap, limit, market, burst or tranche; choose one"):
        parse_strategy(text)
