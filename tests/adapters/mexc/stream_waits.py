"""Waiting for what a stream tells, or for what a venue in this process has come to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

T = TypeVar("T")


async def first(items: AsyncIterator[T], wanted: Callable[[T], bool] = lambda item: True, within_s: float = 10) -> T:
    """The next item that is wanted."""
    async with asyncio.timeout(within_s):
        async for item in items:
            if wanted(item):
                return item
    raise AssertionError("the stream ended")


async def eventually(holds: Callable[[], bool], within_s: float = 10) -> None:
    """Until it holds; fails when that takes too long."""
    async with asyncio.timeout(within_s):
        while not holds():
            await asyncio.sleep(0.005)
