"""When this machine's kernel received something, on the clock that everybody here reads."""

import struct
import time

SO_TIMESTAMPNS = 35
"""Linux: have each recvmsg tell when the kernel received its data."""

Extra = list[tuple[int, int, bytes]]


def stamp(extra: Extra) -> float:
    """Seconds of the wall clock, from the ancillary data of a recvmsg. IndexError: the socket was not asked for it."""
    seconds, nanoseconds = struct.unpack("qq", extra[0][2][:16])
    return float(seconds + nanoseconds / 1e9)


def wall_minus_monotonic() -> float:
    """Seconds. Between two readings of one clock the other one is read: the narrowest of several."""
    best = (1.0, 0.0)
    for _ in range(20):
        before = time.monotonic()
        wall = time.time()
        after = time.monotonic()
        best = min(best, (after - before, wall - (before + after) / 2))
    return best[1]
