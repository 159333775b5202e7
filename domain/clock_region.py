"""Which offsets and rates of another clock its samples allow: a convex polygon, cut smaller by each of them.

Plain geometry; what a sample claims stands in domain.exchange_time. A corner is (rate, offset), the corners run
counter-clockwise with the rate to the right and the offset upwards, and no corner means that nothing is possible.
"""

from collections.abc import Sequence
from itertools import chain

Corner = tuple[float, float]
"""rate: seconds per second. offset: seconds, at the instant the region is for."""


def box(rate: float, low: float, high: float) -> list[Corner]:
    """Every rate up to `rate` either way with every offset from `low` to `high`."""
    return [(-rate, low), (rate, low), (rate, high), (-rate, high)]


def later(corners: Sequence[Corner], seconds: float, spread: float) -> list[Corner]:
    """The region so many seconds later: each offset has moved at its rate, and by up to `spread` either way."""
    moved = [(rate, offset + rate * seconds) for rate, offset in corners]
    slowest, fastest = min(moved)[0], max(moved)[0]
    left = [at for at, corner in enumerate(moved) if corner[0] == slowest]
    right = [at for at, corner in enumerate(moved) if corner[0] == fastest]
    below = _between(moved, min(left, key=lambda at: moved[at][1]), min(right, key=lambda at: moved[at][1]))
    above = _between(moved, max(right, key=lambda at: moved[at][1]), max(left, key=lambda at: moved[at][1]))
    return [
        *((rate, offset - spread) for rate, offset in below),
        *((rate, offset + spread) for rate, offset in above),
    ]


def at_least(corners: Sequence[Corner], offset: float, age: float) -> list[Corner]:
    """What is left when the offset was not below `offset` so many seconds before."""
    return _cut(corners, offset, age, 1.0)


def at_most(corners: Sequence[Corner], offset: float, age: float) -> list[Corner]:
    """What is left when the offset was not above `offset` so many seconds before."""
    return _cut(corners, offset, age, -1.0)


def _cut(corners: Sequence[Corner], limit: float, age: float, side: float) -> list[Corner]:
    left: list[Corner] = []
    if not corners:
        return left
    before = corners[-1]
    height_before = side * (before[1] - before[0] * age - limit)
    for corner in corners:
        height = side * (corner[1] - corner[0] * age - limit)
        if (height < 0) != (height_before < 0):
            share = height_before / (height_before - height)
            left.append(
                (before[0] + share * (corner[0] - before[0]), before[1] + share * (corner[1] - before[1])),
            )
        if height >= 0:
            left.append(corner)
        before, height_before = corner, height
    return left


def _between(corners: Sequence[Corner], first: int, last: int) -> list[Corner]:
    """The corners met on the way from `first` to `last`, both included."""
    way = range(first, last + 1) if first <= last else chain(range(first, len(corners)), range(last + 1))
    return [corners[at] for at in way]
