"""The words of the flight record."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.events import IntentCommitted, ShotAnswered, ShotSent, ShotSettled
from domain.flights import FlightRecord, flights, spread, summary
from domain.ids import Leg
from domain.money import Base, Price
from tests.builders import T0, an_intent
from ui.flights import NOT_RECORDED, bars, clock_known, counts, length, panel_row, spread_row, unsent_row
from ui.wording import Units

UNITS = Units("NEW", "USDT")
OLD = ShotSent("order-1", Price(Decimal("0.05")), Base(Decimal(800)), T0, T0 + timedelta(microseconds=123), 41)


def a_flight(sent: ShotSent, *rest: ShotAnswered | ShotSettled, leg: Leg = Leg.ENTRY) -> FlightRecord:
    (found,) = flights((IntentCommitted(an_intent(leg=leg)), sent, *rest))
    return found


@pytest.mark.parametrize(
    ("us", "words"),
    [
        (None, "not recorded"),
        (0, "0 µs"),
        (-12, "-12 µs"),
        (999, "999 µs"),
        (1000, "1.0 ms"),
        (1234, "1.2 ms"),
        (999_949, "999.9 ms"),
        (999_950, "1.00 s"),
        (2_000_000, "2.00 s"),
    ],
)
def test_a_length_is_told_in_the_unit_that_reads_best(us: int | None, words: str) -> None:
    """What is not on record is no zero."""
    assert length(us) == words


def test_what_an_older_record_lacks_is_not_recorded() -> None:
    """In every cell that depends on it."""
    row = panel_row(a_flight(OLD, ShotAnswered("order-1", "accepted", None, "order C02__1", 700)), UNITS)

    lacking = {title for title, cell in row.items() if cell == "not recorded"}
    assert lacking == {"Known", "Executed (NEW)", "Clock", "One way", "Connection", "First byte"}
    assert (row["Late"], row["Answered"], row["Sent (UTC)"]) == ("+41 µs", "700 µs", "12:00:00.000123")
    assert "0" not in {cell.split(" ")[0] for cell in row.values()}


def test_a_full_record_is_told_from_plan_to_certain_knowledge() -> None:
    """Connections are counted from 1."""
    sent = ShotSent("order-1", OLD.price, OLD.quantity, T0, OLD.sent_at, -7, 1234, 900, 2)
    answered = ShotAnswered("order-1", "refused", 30005, "oversold", 2400, 2300)

    row = panel_row(a_flight(sent, answered, ShotSettled("order-1", Base(Decimal(0)), 100)), UNITS)

    assert row == {
        "Shot": "entry 1",
        "Late": "-7 µs",
        "Answer": "refused",
        "Answered": "2.4 ms",
        "Known": "2.5 ms",
        "Executed (NEW)": "0",
        "Price (USDT)": "0.05",
        "Quantity (NEW)": "800",
        "Planned (UTC)": "12:00:00.000000",
        "Leave at (UTC)": "12:00:00.000130",
        "Sent (UTC)": "12:00:00.000123",
        "Clock": "±1.2 ms",
        "One way": "900 µs",
        "Connection": "3",
        "First byte": "2.3 ms",
        "Venue said": "code 30005: oversold",
        "Client order id": "order-1",
    }


@pytest.mark.parametrize(
    ("bound_us", "first_byte_us", "first_byte"),
    [(1234, None, "none"), (1234, 700, "700 µs"), (None, None, NOT_RECORDED)],
)
def test_without_a_clear_answer_nothing_is_said_to_have_been_answered(
    bound_us: int | None, first_byte_us: int | None, first_byte: str
) -> None:
    """Silence, a 503, and an older record that cannot tell them apart; with the time after which it was given up."""
    sent = replace(OLD, bound_us=bound_us)
    unknown = ShotAnswered("order-1", "unknown", None, "no answer", 2_000_000, first_byte_us)

    row = panel_row(a_flight(sent, unknown), UNITS)

    assert (row["First byte"], row["Answered"]) == (first_byte, "unclear")
    assert row["Venue said"] == "no clear answer after 2.00 s: no answer"


def test_a_sale_left_at_once() -> None:
    """It had no instant to be late for."""
    row = panel_row(a_flight(OLD, leg=Leg.EXIT), UNITS)

    assert (row["Shot"], row["Planned (UTC)"], row["Late"]) == ("exit 1", "at once", "not aimed")
    assert (row["Answer"], row["Answered"]) == ("not recorded", "not recorded")


def test_a_shot_that_has_not_left_fits_the_same_table() -> None:
    """Same columns in the same order, empty where something can only follow."""
    row = unsent_row(an_intent(shot=4), UNITS)

    assert list(row) == list(panel_row(a_flight(OLD), UNITS))
    assert (row["Shot"], row["Answer"], row["Late"], row["Known"]) == ("entry 5", "not sent", "", "")


def test_the_summary_says_how_well_the_clock_was_known() -> None:
    """Or that this is not on record."""
    sharp = ShotSent("order-1", OLD.price, OLD.quantity, T0, T0, 0, 1234, 900)

    assert clock_known(summary([a_flight(sharp)])) == "clock known to ±1.2 ms"
    assert clock_known(summary([a_flight(OLD)])) == "how well the clock was known is not recorded"
    assert counts(summary([a_flight(OLD)])) == "1 shot left: 1 with no answer on record"


def test_a_histogram_has_a_sign_for_every_shot() -> None:
    """From the first bucket that holds something to the last, those between included."""
    assert bars(spread([60, 70, 300, 2_000_000])) == [
        " <= 100 µs |## 2",
        " <= 200 µs | 0",
        " <= 500 µs |# 1",
        *(f"{label:>10} | 0" for label in ("<= 1 ms", "<= 2 ms", "<= 5 ms", "<= 10 ms", "<= 20 ms", "<= 50 ms")),
        *(f"{label:>10} | 0" for label in ("<= 100 ms", "<= 200 ms", "<= 500 ms", "<= 1 s")),
        "     > 1 s |# 1",
    ]
    assert bars(spread([None])) == []
    assert spread_row("known", spread([None, 5])) == ("known", "1 of 2", "5 µs", "5 µs", "5 µs", "5 µs")
    assert spread_row("known", spread([None]))[2:] == ("not recorded",) * 4


@given(st.lists(st.integers(0, 3_000_000), max_size=200))
def test_a_histogram_fits_its_width(values: list[int]) -> None:
    """However many shots there were; a bucket that holds one is never drawn empty."""
    for bar in bars(spread(values), widest=20):
        drawn, count = bar.partition("|")[2].split(" ")
        assert len(drawn) <= 20
        assert bool(drawn) == (count != "0")
