"""What the stack's own Temporal server would be run from."""

from collections.abc import Mapping

from adapters.doctor import judging
from adapters.doctor.findings import Verdict, refused
from adapters.local.temporal_binary import find_binary
from adapters.local.temporal_build import go_program
from domain.errors import InvalidInput


def look_at_temporal_executable(environ: Mapping[str, str]) -> Verdict:
    """Found as the stack finds it; nothing is downloaded or built."""
    needed = not environ.get("TEMPORAL_ADDRESS")
    try:
        path = find_binary(environ) if needed else None
    except InvalidInput as exc:
        return refused([exc])
    return judging.temporal_executable(path, needed=needed, go=go_program(environ.get("PATH")) is not None)
