"""Events and policies as JSON: decimals as strings, times with their zone. Not here: what an event changes."""

import hashlib
import re
from functools import cache
from typing import Any, get_args

from psycopg.types.json import Jsonb
from pydantic import TypeAdapter

from domain.commands import StartSnipe
from domain.events import Event
from domain.policy import TradePolicy

LONGEST_KEY = 300
"""In characters. A longer one would not fit into an index page; its end is replaced by a digest."""

_START = TypeAdapter(StartSnipe)
_POLICY = TypeAdapter(TradePolicy)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""Signs a venue may send inside a text and Postgres refuses: NUL, and halves of surrogate pairs."""


def kind_of(event: Event) -> str:
    """The class name in snake_case."""
    return _kind(type(event).__name__)


def key_of(event: Event) -> str:
    """The event's key, short enough to be indexed."""
    key = storable(event.key)
    if len(key) <= LONGEST_KEY:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()
    return f"{key[: LONGEST_KEY - len(digest) - 1]}#{digest}"


def payload_of(event: Event) -> Jsonb:
    """The event's fields."""
    return Jsonb(_cleaned(_adapter(kind_of(event)).dump_python(event, mode="json")))


def event_of(kind: str, payload: object) -> Event:
    """The event back. Raises KeyError for a kind nobody knows, pydantic's ValidationError for fields it has not."""
    found: Event = _adapter(kind).validate_python(payload)
    return found


def policy_json(policy: TradePolicy) -> Jsonb:
    """A policy, to be stored."""
    return Jsonb(_POLICY.dump_python(policy, mode="json"))


def policy_of(payload: object) -> TradePolicy:
    """A stored policy."""
    return _POLICY.validate_python(payload)


def start_json(start: StartSnipe) -> Jsonb:
    """What a session was admitted with, to be stored."""
    return Jsonb(_cleaned(_START.dump_python(start, mode="json")))


def start_of(payload: object) -> StartSnipe:
    """What a session was admitted with."""
    return _START.validate_python(payload)


def storable(text: str) -> str:
    """The text with a replacement sign for everything Postgres does not take."""
    return _UNSTORABLE.sub("\ufffd", text)


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {name: _cleaned(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    return value


def _kind(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


@cache
def _adapter(kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(_CLASSES[kind])


_CLASSES: dict[str, type] = {_kind(event_class.__name__): event_class for event_class in get_args(Event)}
