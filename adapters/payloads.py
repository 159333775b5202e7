"""What messages look like on their way through Temporal: our dataclasses as JSON, checked on arrival.

An input of Snipe that cannot be read fails the run at once, with what is missing, where it would otherwise be retried
for ever. Everything else that cannot be read stays an error of the workflow task, which a mended worker gets over: a
run that guards money must not end because two versions of a worker disagree about a field.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError

from domain.commands import StartSnipe


class OurPayloads(PydanticPayloadConverter):
    """Pydantic's conversion, with one clear refusal for an unreadable start of a session."""

    def from_payloads(self, payloads: Sequence[Payload], type_hints: list[type] | None = None) -> list[Any]:
        try:
            return super().from_payloads(payloads, type_hints)
        except ValidationError as exc:
            if type_hints == [StartSnipe]:
                raise ApplicationError(_refusal(exc), type="InvalidInput", non_retryable=True) from exc
            raise


DATA_CONVERTER = DataConverter(payload_converter_class=OurPayloads)
"""For every client, worker and replayer of this project."""


def _refusal(exc: ValidationError) -> str:
    """Every field that is wrong, in one line."""
    complaints = [
        f"{'.'.join(str(part) for part in error['loc']) or 'input'}: {error['msg'].lower()}"
        for error in exc.errors(include_url=False, include_context=False, include_input=False)
    ]
    return f"start: {'; '.join(complaints)}; docs/automation.md shows a whole one"
