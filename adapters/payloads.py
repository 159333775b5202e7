"""What messages look like on their way through Temporal: our dataclasses as JSON, checked on arrival.

What people and automations write, the start of a session and what it can be told, is read twice: every field that it
names must exist. Our own messages may hold more than a worker knows, so that two versions of it understand each other.

An input of Snipe that cannot be read fails the run at once, with what is wrong, where it would otherwise be retried
for ever. Everything else that cannot be read stays an error of the workflow task, which a mended worker gets over: a
run that guards money must not end because two versions of a worker disagree about a field.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError

from domain.commands import OverfullStart, StartSnipe, Told
from domain.requests import why_unread

_JSON = b"json/plain"


class OurPayloads(PydanticPayloadConverter):
    """Pydantic's conversion. A start of a session that cannot be read is one clear refusal; `Told` never fails."""

    def from_payloads(self, payloads: Sequence[Payload], type_hints: list[type] | None = None) -> list[Any]:
        match type_hints, payloads:
            case [kind], [payload] if get_origin(kind) is Told:
                return [_told(payload, get_args(kind)[0])]
            case [kind], [payload] if kind is StartSnipe:
                return [_start(payload)]
        return super().from_payloads(payloads, type_hints)


DATA_CONVERTER = DataConverter(payload_converter_class=OurPayloads)
"""For every client, worker and replayer of this project."""


def _start(payload: Payload) -> StartSnipe:
    told = _told(payload, StartSnipe)
    start: StartSnipe | None = told.message
    if start is None:
        raise ApplicationError(str(why_unread("start", told.wrong)), type="InvalidInput", non_retryable=True)
    if not told.wrong:
        return start
    return OverfullStart(start.key, start.symbol, start.opens_at, start.policy, told.wrong)


def _told(payload: Payload, kind: type) -> Told[Any]:
    encoding = payload.metadata.get("encoding", b"")
    if encoding != _JSON:
        return Told(None, (f"input: got {encoding.decode(errors='replace') or 'no encoding'!r}, expected JSON",))
    try:
        return Told(_reader(kind).validate_json(payload.data, extra="forbid"))
    except ValidationError as exc:
        wrong = _complaints(exc)
    try:
        return Told(_reader(kind).validate_json(payload.data), wrong)
    except ValidationError:
        return Told(None, wrong)


@cache
def _reader(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _complaints(exc: ValidationError) -> tuple[str, ...]:
    """Every field that is wrong."""
    return tuple(_complaint(error) for error in exc.errors(include_url=False, include_context=False))


def _complaint(error: ErrorDetails) -> str:
    name = ".".join(str(part) for part in error["loc"]) or "input"
    if error["type"] == "unexpected_keyword_argument":
        return f"{name}: unknown field"
    got = error["input"]
    shown = f"got {got!r}, " if isinstance(got, str | int | float) and error["type"] != "missing" else ""
    return f"{name}: {shown}{error['msg'].lower()}"
