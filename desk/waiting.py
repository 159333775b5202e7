"""Waiting for a wake-up, or for time to pass."""

import asyncio
from contextlib import suppress


async def until_woken(event: asyncio.Event, at_most_s: float) -> None:
    """Return when `event` is set, or after `at_most_s`; it is clear then.

    asyncio.wait_for is no use here: cancelled in the turn in which the event is set, it returns as if nothing was, and
    whoever loops over it lives on.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(at_most_s):
            await event.wait()
    event.clear()
