"""How commands speak: tables and lines for people, stable documents for programs."""

import dataclasses
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from shutil import get_terminal_size
from textwrap import wrap
from typing import Annotated, Any

import typer

from domain.commands import Receipt
from domain.ids import ListingKey, SessionKey
from domain.money import plain

_WHOLE = 36
"""Characters that a cell keeps in one line: session names and times are shorter, remarks may be longer."""
_BETWEEN = 3
_INDENT = "  "

Json = Annotated[bool, typer.Option("--json", help="Print a JSON document instead of text.")]


def document(value: object) -> Any:
    """`value` as plain JSON: decimals are texts without exponent, times are ISO 8601 in UTC with a trailing Z."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, ListingKey | SessionKey):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: document(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(name): document(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [document(item) for item in value]
    return value


def write_json(value: object) -> None:
    """One document on standard output."""
    sys.stdout.write(json.dumps(document(value), indent=2) + "\n")
    sys.stdout.flush()


def write_row(value: object) -> None:
    """One document in one line: for what goes on, a line per event."""
    sys.stdout.write(json.dumps(document(value)) + "\n")
    sys.stdout.flush()


def write_receipt(receipt: Receipt, as_json: bool) -> None:
    """What a command that changed something answers."""
    if as_json:
        write_json(receipt)
    else:
        write_line(receipt.text)


def write_line(text: str) -> None:
    """One plain line on standard output, as it is: names in brackets are not markup."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def write_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, empty: str, width: int = 200) -> None:
    """A table for people; `empty` when there is no row. Nothing is cut, and no name or time is broken: where the table
    is too wide each row becomes a paragraph that begins with its first cell, so that a name can be copied.

    width: in characters, where there is no terminal that has its own.
    """
    shown = list(rows)
    if not shown:
        write_line(empty)
        return
    available = get_terminal_size().columns if sys.stdout.isatty() else width
    longest = [max(len(column), *(len(row[at]) for row in shown)) for at, column in enumerate(columns)]
    if sum(min(one, _WHOLE) for one in longest) + _BETWEEN * (len(columns) - 1) > available:
        for row in shown:
            write_line(row[0])
            _write_parts([f"{name} {cell}" for name, cell in zip(columns[1:], row[1:], strict=True) if cell], available)
        return
    _write_grid(columns, shown, longest, available)


def _write_grid(columns: Sequence[str], rows: Iterable[Sequence[str]], longest: Sequence[int], width: int) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column, length in zip(columns, longest, strict=True):
        table.add_column(column, overflow="fold", no_wrap=length <= _WHOLE, min_width=min(length, _WHOLE))
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else width).print(table)


def _write_parts(parts: Iterable[str], width: int) -> None:
    """As many to a line as fit; one that is longer than a line is wrapped between its words."""
    line = ""
    for part in parts:
        longer = f"{line} · {part}" if line else f"{_INDENT}{part}"
        if line and len(longer) > width:
            write_line(line)
            longer = f"{_INDENT}{part}"
        if len(longer) > width:
            wrapped = wrap(longer, width, subsequent_indent=_INDENT * 2, break_long_words=False, break_on_hyphens=False)
            *full, longer = wrapped
            for one in full:
                write_line(one)
        line = longer
    if line:
        write_line(line)
