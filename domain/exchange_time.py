"""What we know of the exchange's clock, and how well.

A sample says: between the local instants `sent` and `received` the exchange read `server_ms`, truncated to a
millisecond. So offset = exchange - local lies in a known interval; samples are intersected, and half the width of what
remains is the honest error.
"""

from collections.abc import Sequence
from dataclasses import dataclass

TRUNCATION_S = 0.001
"""The server truncates to a millisecond: its true time lies up to this much later."""
DRIFT_PER_S = 50e-6
"""How fast two ordinary clocks may drift apart, in seconds per second: what an old sample loses in sharpness."""


@dataclass(frozen=True, slots=True)
class ClockSample:
    """sent, received: local monotonic seconds around one request; server: exchange seconds since the epoch."""

    sent: float
    received: float
    server: float


@dataclass(frozen=True, slots=True)
class ClockEstimate:
    """offset: exchange seconds minus local monotonic seconds. bound: half-width of what is possible, in seconds.

    one_way: seconds from our send to the exchange, taken as half the fastest round trip.
    measured: local monotonic seconds of the last sample in it.
    """

    offset: float
    bound: float
    one_way: float
    measured: float

    def bound_at(self, monotonic: float) -> float:
        """The bound as it has widened since the measurement."""
        return self.bound + max(0.0, monotonic - self.measured) * DRIFT_PER_S


def estimate(samples: Sequence[ClockSample]) -> ClockEstimate:
    """The offset all `samples` allow; when they contradict each other (a clock jumped) the newest agreeing ones win.

    Raises ValueError without samples.
    """
    if not samples:
        raise ValueError("needs at least one sample")
    newest = max(samples, key=lambda sample: sample.received)
    low, high = _interval(newest, newest.received)
    fastest = newest.received - newest.sent
    for sample in sorted(samples, key=lambda sample: sample.received, reverse=True)[1:]:
        sample_low, sample_high = _interval(sample, newest.received)
        if sample_low > high or sample_high < low:
            break
        low, high = max(low, sample_low), min(high, sample_high)
        fastest = min(fastest, sample.received - sample.sent)
    return ClockEstimate((low + high) / 2, (high - low) / 2, fastest / 2, newest.received)


def _interval(sample: ClockSample, now: float) -> tuple[float, float]:
    drift = (now - sample.received) * DRIFT_PER_S
    return sample.server - sample.received - drift, sample.server + TRUNCATION_S - sample.sent + drift
