"""How a process gets on with the venue, for people: nothing is decided on it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Use:
    """Of one thing the venue limits. used: by this process, within that limit's window."""

    name: str
    used: int
    limit: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """A part of the venue that does not answer as it should. rests_s: until it is asked again; None: asked on."""

    part: str
    failures: int
    rests_s: float | None


@dataclass(frozen=True, slots=True)
class VenueAccess:
    """As it is at one moment.

    budget: "alone" when this process has its own part of the limits, "shared" when all share them through Redis,
        "cut off" when they should and Redis is away; why: the reason then.
    uses: what has a limit. paused_s: left of the rest the venue asked for, zero: none.
    exit_wait_ms: the longest that one of the latest calls for an exit waited for its turn; None: there was none.
    clock_bound_ms: how well the venue's time is known now; None: it is not. jumps: of a clock, newest last.
    """

    budget: str
    why: str
    uses: tuple[Use, ...]
    paused_s: float
    troubles: tuple[Trouble, ...]
    exit_wait_ms: float | None
    clock_bound_ms: float | None
    jumps: tuple[str, ...]
