"""How quickly something answers."""

from collections.abc import Awaitable, Callable
from time import perf_counter

TIMES = 3


async def fastest_ms(ask: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds of the fastest of a few answers: the others tell what else this machine was doing meanwhile."""
    taken: list[float] = []
    for _ in range(TIMES):
        began = perf_counter()
        await ask()
        taken.append(perf_counter() - began)
    return min(taken) * 1000
