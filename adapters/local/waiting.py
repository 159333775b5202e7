"""Two ways of awaiting that asyncio does not offer ready-made."""

import asyncio
from collections.abc import Coroutine


async def together(*parts: Coroutine[None, None, None]) -> None:
    """Run all parts at once; the first error cancels the others and is raised as itself."""
    try:
        async with asyncio.TaskGroup() as group:
            for part in parts:
                group.create_task(part)
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None


async def to_the_end(work: Coroutine[None, None, None]) -> None:
    """Await `work` even when cancelled meanwhile: a half-stopped stack would leave processes behind."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as exc:
            cancelled = exc
    task.result()
    if cancelled is not None:
        raise cancelled
