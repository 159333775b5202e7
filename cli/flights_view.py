"""The flight record of a session's shots on the terminal: tables, summary, histograms. Words: ui/flights.py."""

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

from cli.output import write_line, write_table
from domain.flights import FlightRecord, FlightSummary, flights, summary
from domain.ids import SessionKey
from domain.money import plain
from ui.flights import (
    LEAVE_AT_IN_WORDS,
    NO_SHOTS,
    NOT_RECORDED,
    answer,
    answered,
    bars,
    bound,
    clock_known,
    connection,
    counts,
    exact_clock,
    executed,
    first_byte,
    late,
    leave,
    length,
    planned,
    said,
    shot_name,
    spread_row,
)
from ui.reading import SessionReader, find_session, journal
from ui.wording import Units, day_and_clock

COLUMNS = 80
"""What the tables fit into where no terminal says how wide it is: many narrow ones, so that no id and no instant is
broken on a terminal of that width."""


def show(reader: SessionReader, name: str) -> None:
    """Every shot that has left so far."""
    line = find_session(reader, name)
    records = _records(reader, line.key)
    if not records:
        write_line(f"session {line.key} of {line.symbol}, {line.phase}: {NO_SHOTS}")
        return
    found = summary(records)
    write_line(f"session {line.key} of {line.symbol}, {line.phase}")
    write_line(f"opens {day_and_clock(line.opens_at)} UTC; {clock_known(found)}")
    _orders(records, Units.of(line.symbol))
    _leaving(records)
    _way(records)
    _answers(records)
    _together(found)


def as_document(reader: SessionReader, name: str) -> dict[str, Any]:
    """Everything, for programs. Lengths are microseconds; null: not on record."""
    line = find_session(reader, name)
    records = _records(reader, line.key)
    return {"session": line, "shots": records, "summary": summary(records)}


def _records(reader: SessionReader, key: SessionKey) -> tuple[FlightRecord, ...]:
    return flights(entry.event for entry in journal(reader, key))


def _orders(records: Sequence[FlightRecord], units: Units) -> None:
    write_line(f"prices in {units.quote}/{units.base}, quantities in {units.base}")
    rows = [(shot_name(one), one.client_order_id, plain(one.price), plain(one.quantity)) for one in records]
    _table(("Shot", "Client order id", "Price", "Quantity"), rows)


def _leaving(records: Sequence[FlightRecord]) -> None:
    rows = [(shot_name(one), planned(one), leave(one), exact_clock(one.sent_at), late(one)) for one in records]
    _table(("Shot", "Planned (UTC)", "Leave at (UTC)", "Sent (UTC)", "Late"), rows)
    for line in wrap(LEAVE_AT_IN_WORDS, COLUMNS):
        write_line(line)


def _way(records: Sequence[FlightRecord]) -> None:
    rows = [
        (
            shot_name(one),
            bound(one.clock_bound_us),
            length(one.one_way_us),
            connection(one),
            first_byte(one),
            answered(one),
            length(one.known_us),
        )
        for one in records
    ]
    _table(("Shot", "Clock", "One way", "Connection", "First byte", "Answered", "Known"), rows)


def _answers(records: Sequence[FlightRecord]) -> None:
    rows = [(shot_name(one), executed(one), answer(one), said(one)) for one in records]
    _table(("Shot", "Executed", "Answer", "Venue said"), rows)


def _together(found: FlightSummary) -> None:
    write_line(counts(found))
    rows = (
        spread_row("lateness", found.lateness),
        spread_row("first byte", found.first_byte),
        spread_row("answered", found.answer),
        spread_row("known", found.known),
    )
    _table(("Length", "Recorded", "Min", "p50", "p90", "Max"), rows)
    for title, spread in (("lateness", found.lateness), ("answered", found.answer)):
        write_line(f"{title}:")
        for bar in bars(spread) or [f"{NOT_RECORDED:>15}"]:
            write_line(bar)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    write_table(columns, rows, empty=NO_SHOTS, width=COLUMNS)
