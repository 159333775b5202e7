"""What people type, as values: times, lengths of time, ladders, percentages, strategies.

Everything that cannot be used is an InvalidInput: the value, what was expected, what to do.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from domain.errors import InvalidInput
from domain.policy import EntryStrategy, LadderStep

_UNITS_S = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_PART = re.compile(r"([0-9]+)([dhms])")
_DURATION = re.compile(r"(?:[0-9]{1,9}[dhms])+")
_MILLISECONDS = re.compile(r"([+-]?[0-9]{1,9})(ms|s)")
_NO_LADDER = "none"
_LONGEST_S = 366 * 86_400
"""Nobody means more, and the calendar ends somewhere."""


def parse_duration(what: str, text: str) -> int:
    """Whole seconds of "90", "90s", "60m", "1h30m" or "2d". Raises InvalidInput."""
    clean = text.strip()
    if clean.isascii() and clean.isdigit() and len(clean) <= 9:
        seconds = int(clean)
    elif _DURATION.fullmatch(clean):
        seconds = sum(int(number) * _UNITS_S[unit] for number, unit in _PART.findall(clean))
    else:
        seconds = -1
    if not 0 <= seconds <= _LONGEST_S:
        raise InvalidInput(
            what,
            value=text,
            expected="whole seconds, or a length such as 90s, 60m or 1h30m, of at most a year",
            remedy="write it so",
        )
    return seconds


def parse_milliseconds(what: str, text: str) -> int:
    """Whole milliseconds of "50ms", "-20ms" or "1s"; the unit is not left out. Raises InvalidInput."""
    found = _MILLISECONDS.fullmatch(text.strip())
    if found is None:
        raise InvalidInput(
            what, value=text, expected="whole milliseconds with their unit, such as 50ms or -20ms", remedy="write it so"
        )
    number, unit = found.groups()
    return int(number) * (1000 if unit == "s" else 1)


def parse_count(what: str, text: str) -> int:
    """A whole number; whether it makes sense is judged by the policy. Raises InvalidInput."""
    clean = text.strip()
    if not (clean.isascii() and clean.removeprefix("-").isdigit() and len(clean) <= 9):
        raise InvalidInput(what, value=text, expected="a whole number such as 3", remedy="write it so")
    return int(clean)


def parse_strategy(text: str) -> EntryStrategy:
    """A strategy by its name, also written with hyphens. Raises InvalidInput."""
    try:
        return EntryStrategy(text.strip().lower().replace("-", "_"))
    except ValueError as exc:
        names = list(EntryStrategy)
        raise InvalidInput(
            "strategy", value=text, expected=f"{', '.join(names[:-1])} or {names[-1]}", remedy="choose one of them"
        ) from exc


def parse_opening(text: str, now: datetime) -> datetime:
    """An instant such as 2026-01-31T12:00:00Z, or a distance from `now` such as +30s. Raises InvalidInput."""
    clean = text.strip()
    try:
        if clean.startswith("+"):
            instant = now + timedelta(seconds=parse_duration("opening", clean[1:]))
            return instant.replace(microsecond=instant.microsecond // 1000 * 1000)  # exchanges open on milliseconds
        instant = datetime.fromisoformat(clean)
    except (InvalidInput, ValueError) as exc:
        raise InvalidInput(
            "opening",
            value=text,
            expected="a time such as 2026-01-31T12:00:00Z, or a distance from now such as +30s",
            remedy="write it so",
        ) from exc
    if instant.utcoffset() is None:
        raise InvalidInput("opening", value=text, expected="a time with its zone", remedy="append Z for UTC")
    return instant.astimezone(UTC)


def parse_ladder(text: str) -> tuple[LadderStep, ...]:
    """Steps of "5:25,10:25": gain and share in percent. "none" is an empty ladder. Raises InvalidInput."""
    if text.strip().lower() == _NO_LADDER:
        return ()
    steps = []
    for step in text.split(","):
        gain, colon, share = step.partition(":")
        if not colon:
            raise InvalidInput(
                "ladder",
                value=text,
                expected="gain:share pairs in percent, separated by commas",
                remedy='for example "5:25,10:25,15:25,25:25", or none',
            )
        steps.append(LadderStep(parse_percent("ladder gain", gain), parse_percent("ladder share", share)))
    return tuple(steps)


def parse_percent(what: str, text: str) -> Decimal:
    """A percentage, with or without its sign %. Raises InvalidInput."""
    return parse_number(what, text.strip().removesuffix("%"))


def parse_number(what: str, text: str) -> Decimal:
    """A decimal number; whether it makes sense is judged by the policy. Raises InvalidInput."""
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or abs(value.adjusted()) > 18:
        raise InvalidInput(what, value=text, expected="a plain decimal number such as 12.5", remedy="write it so")
    return value
