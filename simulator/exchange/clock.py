"""The venue's time: real time that can be shifted, bent, sped up, frozen and stepped.

Everything that happens at the venue happens at an instant of this clock. Distances between arrivals are measured on
the machine's monotonic clock instead.
"""

import time


class VenueClock:
    """Milliseconds since 1970 as the venue believes them to be.

    start_ms: what it shows now; None: this machine's wall clock. scale: venue seconds per real second; 0: frozen.
    """

    def __init__(self, *, start_ms: int | None = None, scale: float = 1.0) -> None:
        self.offset_ms = 0
        self.drift_ppm = 0.0
        self.scale = scale
        self._base_us = (time.time_ns() // 1000) if start_ms is None else start_ms * 1000
        self._real_us = self.monotonic_us()

    def now_ms(self) -> int:
        """The venue's time now; jumps when the offset is changed or the clock is stepped."""
        return self.running_us() // 1000 + self.offset_ms

    def set(
        self,
        *,
        offset_ms: int | None = None,
        drift_ppm: float | None = None,
        scale: float | None = None,
        step_ms: int = 0,
    ) -> None:
        """Change any of it from now on; what is None stays.

        offset_ms: added to the running time; positive: ahead. drift_ppm: how much faster it runs than it should, in
        millionths. scale: 0 freezes. step_ms: advance by so much at once.
        """
        self._base_us = self.running_us() + step_ms * 1000
        self._real_us = self.monotonic_us()
        self.offset_ms = self.offset_ms if offset_ms is None else offset_ms
        self.drift_ppm = self.drift_ppm if drift_ppm is None else drift_ppm
        self.scale = self.scale if scale is None else scale

    def monotonic_us(self) -> int:
        """Microseconds on this machine's monotonic clock; nothing changes it."""
        return time.monotonic_ns() // 1_000

    def running_us(self) -> int:
        """Venue microseconds without the offset: they never go back, and stand still only while frozen."""
        if not self.scale:
            return self._base_us
        return self._base_us + round((self.monotonic_us() - self._real_us) * self.scale * (1 + self.drift_ppm / 1e6))
