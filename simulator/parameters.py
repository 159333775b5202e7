"""Reading the parameters that many endpoints share. Everything here raises Refusal for what cannot be used."""

from collections.abc import Mapping

from simulator import errors


def text(parameters: Mapping[str, str], name: str) -> str:
    """A mandatory parameter."""
    value = parameters.get(name)
    if not value:
        raise errors.missing_parameter(name)
    return value


def whole(parameters: Mapping[str, str], name: str) -> int | None:
    """An optional number of digits; None when it was not sent."""
    given = parameters.get(name)
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and len(given) < 20):
        raise errors.missing_parameter(name)
    return int(given)


def limit(parameters: Mapping[str, str], default: int, most: int) -> int:
    """How many rows are wanted; more than `most` is cut, none is refused."""
    given = whole(parameters, "limit")
    if given is None:
        return default
    if not given:
        raise errors.missing_parameter("limit")
    return min(given, most)
