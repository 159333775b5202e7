"""Work beside a run that nobody waits for: when it breaks, it is told in the log and begun again."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

_AGAIN_AFTER_S = 1.0
"""Less than a price stays usable; long enough that something that breaks at once does not fill the log."""

log = structlog.get_logger()


async def kept_up(what: str, work: Callable[[], Awaitable[bool | None]]) -> None:
    """Return once `work` returns True. When it returns anything else, or raises, it is begun anew after a second: as a
    task that nobody awaits it would be gone in silence. what: its name in the log."""
    while True:
        try:
            if await work():
                return
            log.error("helper.ended", helper=what)
        except Exception:  # whoever has a position goes on without this helper until it is there again
            log.exception("helper.broke", helper=what)
        await asyncio.sleep(_AGAIN_AFTER_S)
