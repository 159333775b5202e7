"""This machine's clocks. Nothing here knows the exchange's time."""

import asyncio
import time
from datetime import UTC, datetime

_BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Linux counts suspended time on a clock of its own; elsewhere CLOCK_MONOTONIC is the nearest there is."""


class SystemClock:
    """The real clocks, behind domain.ports.Clock."""

    def now(self) -> datetime:
        """Local wall time, aware UTC; jumps when the machine's time is corrected."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never jump; comparable within one process only."""
        return time.monotonic()

    def boottime(self) -> float:
        """Seconds since boot, suspended time included; comparable between processes of one machine."""
        return time.clock_gettime(_BOOTTIME)

    async def sleep(self, seconds: float) -> None:
        """Wait without blocking others; zero or less yields once."""
        await asyncio.sleep(max(0.0, seconds))
