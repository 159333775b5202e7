"""The ports a stack would usually listen on."""

from collections.abc import Mapping

from adapters.doctor import judging
from adapters.doctor.findings import Verdict, not_asked
from adapters.doctor.installation import Installation
from adapters.doctor.processes import listener_on
from adapters.local.ports import is_free


def look_at_ports(installation: Installation, usual: Mapping[str, int]) -> Verdict:
    """Are they free for the next stack? usual: part of the stack -> its port."""
    if installation.stack_pid is not None:
        return not_asked("a stack runs and has its ports")
    taken = {part: (port, listener_on(port)) for part, port in usual.items() if not is_free(port)}
    return judging.ports(taken, usual)
