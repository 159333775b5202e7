"""The venue's clock: this machine's wall clock plus an offset that tests may set."""

import time


class VenueClock:
    """Milliseconds since 1970 as the venue believes them to be.

    offset_ms: added to the wall clock; positive: the venue is ahead of this machine.
    """

    def __init__(self, offset_ms: int = 0) -> None:
        self.offset_ms = offset_ms

    def now_ms(self) -> int:
        """The venue's time now; jumps when the offset is changed."""
        return time.time_ns() // 1_000_000 + self.offset_ms

    def monotonic_us(self) -> int:
        """Microseconds on this machine's monotonic clock, for distances between arrivals; ignores the offset."""
        return time.monotonic_ns() // 1_000
