"""Around the demo's session: the stack it needs, and what stays up afterwards."""

import asyncio
import sys
from decimal import Decimal

from rich.console import Console

from adapters.local.state import read_state
from adapters.local.venue import ACCOUNT
from adapters.settings import Settings, read_settings, require_startable
from adapters.venue_kind import VenueKind
from cli.demo_session import play, refuse_unusable
from cli.narrator import JsonNarrator, Narrator
from cli.output import write_row
from cli.stack_access import stack_options
from domain.errors import InvalidInput
from stack import Stack, run_stack

DONE, FAILED = 0, 1


async def run_demo(*, once: bool, seed: int, budget: Decimal, json: bool) -> int:
    """The exit code: 0 when the session ended as it should. Uses a stack of this home that runs already.

    json: say everything as JSON documents, one a line; the last one of the session is its result.
    Raises SniperError for what cannot be started or is refused.
    """
    refuse_unusable(budget)
    settings = read_settings()
    _refuse_other_venues(settings)
    narrator = JsonNarrator() if json else Narrator(Console(file=sys.stdout, highlight=False))

    async def session() -> int:
        result = await play(read_settings(), budget, narrator)
        if json:
            write_row({"demo": result})
        return FAILED if result.wrong else DONE

    options = stack_options(seed=seed)
    running = read_state(options.home)
    if running is None:
        require_startable()
    if running is None and options.rest_url is None:
        _refuse_other_accounts(settings)
    if running is not None:
        narrator.say(f"using the stack that runs in {options.home} (process {running.pid})")
        return await session()
    codes: list[int] = []

    async def body(_: Stack) -> None:
        booting.close()
        codes.append(await session())
        if not once:
            narrator.say("everything stays up; Ctrl-C ends it", style="dim")
            await asyncio.Event().wait()

    booting = _Booting(narrator)
    try:
        await run_stack(options, body, say=booting.say)
    finally:
        booting.close()
    if once and codes and not json:
        narrator.say("the stack is stopped, the record stays: `sniper up` serves it again", style="dim")
    return codes[0] if codes else FAILED  # none: interrupted before the session's end


def _refuse_other_venues(settings: Settings) -> None:
    if settings.sniper_venue is not VenueKind.MEXC:
        raise InvalidInput(
            "SNIPER_VENUE",
            value=settings.sniper_venue.value,
            expected=f"{VenueKind.MEXC}: the demo lists its pair on a simulator and compares its books",
            remedy="leave it out, in a SNIPER_HOME of its own",
        )


def _refuse_other_accounts(settings: Settings) -> None:
    if settings.sniper_account != ACCOUNT:
        raise InvalidInput(
            "SNIPER_ACCOUNT",
            value=settings.sniper_account,
            expected=f"{ACCOUNT!r}, the one account of the simulator that is started with the demo",
            remedy="leave it out",
        )


class _Booting:
    """Progress of the stack in one line while it starts; afterwards only what goes wrong is worth a line."""

    def __init__(self, narrator: Narrator) -> None:
        self._narrator = narrator
        self._shown = narrator.waiting("starting the stack")
        self._status = self._shown.__enter__()
        self._over = False
        self._narrator.say("starting the stack: Postgres, Temporal, simulator, workers, panel", style="dim")

    def say(self, text: str) -> None:
        """One event of the stack."""
        if text.startswith("stack: "):
            self._narrator.say(text, style="dim")
        elif self._over:
            self._narrator.say(text, style="yellow")
        else:
            self._status.show(f"starting the stack: {text}")

    def close(self) -> None:
        """The stack is up, or gone. Idempotent."""
        if not self._over:
            self._over = True
            self._shown.__exit__(None, None, None)
