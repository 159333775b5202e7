"""How an activity stays with work that does not depend on it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from temporalio import activity

HEARTBEAT_EVERY_S = 0.5

Result = TypeVar("Result")


async def attached(work: Coroutine[Any, Any, Result], stop: Callable[[], Awaitable[None]]) -> Result:
    """Heartbeat until `work` ends, and return its result.

    Only a cancellation that somebody asked for calls `stop`, and even then the outcome is waited for. Any other
    cancellation (a lost server, a timeout, a worker that shuts down) only detaches: the desk goes on by itself.
    """
    task = asyncio.ensure_future(work)
    stopping: asyncio.Future[None] | None = None
    try:
        while not task.done():
            activity.heartbeat()
            try:
                await asyncio.wait({task}, timeout=HEARTBEAT_EVERY_S)
            except asyncio.CancelledError:
                details = activity.cancellation_details()
                if details is None or not details.cancel_requested or stopping is not None:
                    raise
                stopping = asyncio.ensure_future(stop())
        return task.result()
    finally:
        task.cancel()
        if stopping is not None:
            stopping.cancel()
