"""One REST call as it arrived: raw texts for the signature, parameters for the handlers."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_plus

import orjson


@dataclass(slots=True)
class Call:
    """What a client sent.

    query, body: exactly as transmitted, still percent-encoded. headers: names are compared without case.
    parameters: decoded; a name in both query and body has the query's value.
    remote: the peer's address, for limits. arrival_us: monotonic microseconds; arrival_ms: venue time.
    """

    method: str
    path: str
    query: str
    body: str
    headers: Mapping[str, str]
    remote: str
    arrival_ms: int
    arrival_us: int
    parameters: dict[str, str]


def read_parameters(query: str, body: str) -> dict[str, str]:
    """The parameters of query and body, the latter judged by its content: an object if it starts with a brace.

    A body that is neither yields nothing.
    """
    parameters = _form(body) if not body.lstrip().startswith("{") else _object(body)
    parameters.update(_form(query))
    return parameters


def pairs(text: str) -> list[tuple[str, str]]:
    """The name=value pairs of a form or query text in transmitted order, decoded; pairs without a name are left out."""
    found = []
    for part in text.split("&"):
        name, _, value = part.partition("=")
        if name:
            found.append((_decode(name), _decode(value)))
    return found


def _form(text: str) -> dict[str, str]:
    return dict(pairs(text)) if text else {}


def _object(text: str) -> dict[str, str]:
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return as_texts(parsed) if isinstance(parsed, dict) else {}


def as_texts(members: Mapping[str, object]) -> dict[str, str]:
    """The members of a JSON object as parameters; those that are null are left out."""
    return {name: _text(value) for name, value in members.items() if value is not None}


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return orjson.dumps(value).decode()


def _decode(text: str) -> str:
    return unquote_plus(text) if "%" in text or "+" in text else text
