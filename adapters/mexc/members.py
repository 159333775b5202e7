"""Single members of the venue's JSON, strictly: whatever has not the agreed shape is Unreadable, and names itself."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

_DECIMAL = re.compile(r"[0-9]{1,40}(?:\.[0-9]{1,40})?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = 4_102_444_800_000
"""The year 2100: a larger number is no time in milliseconds."""
_MOST_DECIMALS = 30


class Unreadable(Exception):
    """An answer or frame without the agreed shape. Its text names the member and what it holds."""


def decimal_of(what: str, value: object) -> Decimal:
    """A plain decimal that came as text: no sign, no exponent, never a JSON number, which may have been rounded."""
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        raise Unreadable(f"{what} is {shown(value)}, not a plain decimal in quotes")
    return Decimal(value)


def time_of(what: str, value: object) -> datetime:
    """An instant that came in milliseconds, aware UTC."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < _LAST_MS:
        raise Unreadable(f"{what} is {shown(value)}, not a time in milliseconds")
    return _EPOCH + timedelta(milliseconds=value)


def milliseconds(instant: datetime) -> int:
    """The venue's number for `instant`, rounded down."""
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def decimal(row: Mapping[str, object], name: str) -> Decimal:
    """A plain decimal in quotes."""
    return decimal_of(name, row.get(name))


def signed(row: Mapping[str, object], name: str) -> Decimal:
    """The same, below zero too."""
    value = row.get(name)
    if isinstance(value, str) and value.startswith("-"):
        return -decimal_of(name, value[1:])
    return decimal_of(name, value)


def share(row: Mapping[str, object], name: str) -> Decimal:
    """A JSON number from 0 to 1, as which fees come."""
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise Unreadable(f"{name} is {shown(value)}, not a share from 0 to 1")
    return Decimal(repr(value))


def step(row: Mapping[str, object], name: str) -> Decimal:
    """The smallest change of a value with so many decimals."""
    digits = row.get(name)
    if isinstance(digits, bool) or not isinstance(digits, int) or not 0 <= digits <= _MOST_DECIMALS:
        raise Unreadable(f"{name} is {shown(digits)}, not a number of decimals")
    return Decimal(1).scaleb(-digits)


def ms(row: Mapping[str, object], name: str) -> int:
    """A time in exchange milliseconds."""
    return milliseconds(time(row, name))


def time(row: Mapping[str, object], name: str) -> datetime:
    """A time, aware UTC."""
    return time_of(name, row.get(name))


def text(row: Mapping[str, object], name: str) -> str:
    """A text that is not empty."""
    value = row.get(name)
    if not isinstance(value, str) or not value:
        raise Unreadable(f"{name} is {shown(value)}, not a text")
    return value


def optional_text(row: Mapping[str, object], name: str) -> str | None:
    """The same, or None where it is missing, null or empty."""
    return text(row, name) if row.get(name) not in (None, "") else None


def identifier(row: Mapping[str, object], name: str) -> str:
    """Ids are texts; some documented samples show them as numbers."""
    value = row.get(name)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else text(row, name)


def rows(document: object, name: str) -> list[Mapping[str, object]]:
    """The objects in a list."""
    return [mapping(item, name) for item in sequence(mapping(document, name).get(name), name)]


def mapping(value: object, what: str) -> Mapping[str, object]:
    """`value`, if it is an object. what: how it is called in the error."""
    if not isinstance(value, dict):
        raise Unreadable(f"{what} is {shown(value)}, not an object")
    return value


def sequence(value: object, what: str) -> list[object]:
    """`value`, if it is a list. what: as for `mapping`."""
    if not isinstance(value, list):
        raise Unreadable(f"{what} is {shown(value)}, not a list")
    return value


def shown(value: object) -> str:
    """A value in an error's text, cut short."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
