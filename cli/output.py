"""How commands speak: tables and lines for people, stable documents for programs."""

import dataclasses
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any

import typer

from domain.commands import Receipt
from domain.ids import ListingKey, SessionKey
from domain.money import plain

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
    """A table for people; `empty` when there is no row. Narrow terminals cut nothing: cells wrap.

    width: in characters, where there is no terminal that has its own.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = list(rows)
    if not shown:
        write_line(empty)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in shown:
        table.add_row(*(Text(cell) for cell in row))
    terminal = sys.stdout.isatty()
    Console(file=sys.stdout, width=None if terminal else width).print(table)
