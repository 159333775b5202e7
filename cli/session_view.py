"""One session on the terminal: its timeline, then orders, fills, position and result."""

import sys
import time
from typing import Any

from rich.console import Console

from adapters.postgres.read_models import SessionDetail, TimelineItem
from cli.narrator import Narrator, expectation
from cli.output import write_line, write_row, write_table
from domain.errors import StoreUnavailable
from domain.ids import SessionKey
from domain.session import Phase
from ui.reading import SessionReader, find_session, journal
from ui.timeline import checks_of, lines
from ui.wording import (
    Units,
    average,
    day_and_clock,
    kind_in_words,
    money,
    order_price,
    order_quantity,
    policy_in_words,
    price,
    signed,
)

LOOK_EVERY_S = 0.25


def show(reader: SessionReader, name: str) -> None:
    """Everything, once."""
    key = find_session(reader, name).key
    detail = _detail(reader, key)
    units = Units.of(detail.line.symbol)
    write_line(f"session {key} of {detail.line.symbol}")
    write_line(f"opens {day_and_clock(detail.line.opens_at)} UTC; {policy_in_words(detail.line.policy, units)}")
    entries = journal(reader, key)
    write_line("")
    write_table(
        ("Check", "Found", "Passed"),
        [(check.name, check.reason or check.found, "yes" if check.passed else "no") for check in checks_of(entries)],
        empty="no checks yet",
    )
    Narrator(_console()).tell(lines(entries, units), detail.line.opens_at)
    write_sums(detail, units)


def follow(reader: SessionReader, name: str) -> None:
    """The timeline until the session is closed, then the rest. A database that goes away is waited for."""
    line = find_session(reader, name)
    units = Units.of(line.symbol)
    narrator = Narrator(_console())
    last = 0
    with narrator.waiting("looking") as status:
        while True:
            try:
                detail = _detail(reader, line.key)
                told = lines(journal(reader, line.key, last), units)
            except StoreUnavailable as exc:
                status.show(f"{exc}; trying again")
                time.sleep(LOOK_EVERY_S)
                continue
            narrator.tell(told, detail.line.opens_at)
            last = max((one.last for one in told), default=last)
            if detail.line.phase is Phase.CLOSED:
                break
            status.show(expectation(detail.line.phase, detail.line.opens_at))
            time.sleep(LOOK_EVERY_S)
    write_sums(detail, units)


def follow_as_rows(reader: SessionReader, name: str) -> None:
    """Every event as one JSON line as it is written, until the session is closed; a last line with its sums."""
    key = find_session(reader, name).key
    after = 0
    while True:
        try:
            detail = _detail(reader, key)
            items = reader.timeline(key, after=after)
        except StoreUnavailable:
            time.sleep(LOOK_EVERY_S)
            continue
        for item in items:
            write_row(_event(item))
            after = item.id
        if items:
            continue
        if detail.line.phase is Phase.CLOSED:
            write_row({"session": detail.line, "position": detail.position})
            return
        time.sleep(LOOK_EVERY_S)


def as_document(reader: SessionReader, name: str) -> dict[str, Any]:
    """Everything, for programs. timeline: events with their kind and fields as they are stored."""
    key = find_session(reader, name).key
    detail = _detail(reader, key)
    items: list[TimelineItem] = []
    after = 0
    while page := reader.timeline(key, after=after):
        items += page
        after = page[-1].id
    return {
        "session": detail.line,
        "position": detail.position,
        "orders": detail.orders,
        "fills": detail.fills,
        "timeline": [_event(item) for item in items],
    }


def _event(item: TimelineItem) -> dict[str, Any]:
    return {"seq": item.seq, "at": item.at, "kind": item.kind, "payload": item.payload}


def write_sums(detail: SessionDetail, units: Units) -> None:
    """Orders, fills, position and result."""
    write_line("")
    write_table(
        ("Order", "Side", "Kind", "Price", "Quantity", "Executed", "Status"),
        [
            (
                order.client_order_id or "",
                str(order.side),
                kind_in_words(order.kind),
                order_price(order, units),
                order_quantity(order, units),
                money(order.executed, units.base),
                str(order.status),
            )
            for order in detail.orders
        ],
        empty="no orders",
    )
    write_table(
        ("Trade", "At (UTC)", "Side", "Price", "Quantity", "Value", "Fee"),
        [
            (
                fill.trade_id,
                day_and_clock(fill.at),
                str(fill.side),
                price(fill.price, units),
                money(fill.quantity, units.base),
                money(fill.quote, units.quote),
                money(fill.fee, fill.fee_asset),
            )
            for fill in detail.fills
        ],
        empty="no fills",
    )
    write_line(_position(detail, units))
    write_line(_result(detail, units))


def _detail(reader: SessionReader, key: SessionKey) -> SessionDetail:
    detail = reader.session(key)
    assert detail is not None  # sessions are never deleted
    return detail


def _position(detail: SessionDetail, units: Units) -> str:
    position = detail.position
    if position.average_entry is None:
        return "position: nothing was bought"
    return (
        f"position: bought {money(position.bought, units.base)} at {price(average(position.average_entry), units)} "
        f"on average, sold {money(position.sold, units.base)}, holds {money(position.held, units.base)}"
    )


def _result(detail: SessionDetail, units: Units) -> str:
    line = detail.line
    if line.outcome is None or line.result is None or line.spent is None or line.received is None:
        return f"result: open, {line.phase}" + (f"; needs attention: {line.attention}" if line.attention else "")
    spent, received = money(line.spent, units.quote), money(line.received, units.quote)
    gain = signed(line.result, units.quote)
    text = f"result: {line.outcome}, spent {spent} and received {received} before fees, {gain} after them"
    return text + (f"; {line.reason}" if line.reason else "")


def _console() -> Console:
    return Console(file=sys.stdout, highlight=False)
