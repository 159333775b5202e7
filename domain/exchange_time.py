"""What we know of the exchange's clock, and how well.

A sample says: between the local instants `sent` and `received` the exchange read `server`, truncated to a millisecond.
So the offset (exchange - local) was not below one value when we received, and not above another when we sent. The
exchange's clock may run faster or slower than ours at a steady rate: the samples bound offset and rate together, and
half the width of what remains is the honest error, now and later (the geometry: domain.clock_region).

Samples that leave nothing contradict each other: what to make of that stands in domain.clock_learning.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from domain import clock_region
from domain.clock_region import Corner

TRUNCATION_S = 0.001
"""The server truncates to a millisecond: its true time lies up to this much later."""
FLOAT_S = 1e-6
"""Seconds since the epoch as a float are good to a fraction of a microsecond: each limit is that much wider."""
RATE_LIMIT = 500e-6
"""How fast the exchange's clock may drift against ours, in seconds per second, while nothing is learnt: no crystal is
that bad, and no kernel slews faster."""
WOBBLE = 2e-6
"""How far the momentary rate of a steady clock strays from its mean over minutes: warmth, and NTP on either side."""


@dataclass(frozen=True, slots=True)
class ClockSample:
    """sent, received: local monotonic seconds around one request; server: exchange seconds since the epoch."""

    sent: float
    received: float
    server: float


class JumpOf(StrEnum):
    """Which clock jumped."""

    VENUE = "venue"
    """The exchange's clock was set, or its rate changed at once."""
    UNEVEN = "venue, uneven"
    """The exchange's clock contradicts itself from one reply to the next."""
    SUSPENDED = "suspended"
    """This machine slept: its monotonic clock stood still."""
    WALL = "wall"
    """This machine's wall clock was set; the estimate does not rest on it."""


@dataclass(frozen=True, slots=True)
class ClockJump:
    """seconds: about how far, positive ahead. noticed: local monotonic seconds; it happened at some time before."""

    of: JumpOf
    seconds: float
    noticed: float


@dataclass(frozen=True, slots=True)
class ClockEstimate:
    """offset: exchange seconds minus local monotonic seconds at `measured`. bound: half-width of what is possible then.

    one_way: seconds from our send to the exchange, taken as half the fastest round trip.
    arrival: exchange seconds at which something sent at `measured` arrives, minus `measured`: offset and way there in
        one, which replies tell even where the way there and the way back differ. None: not known.
    arrival_bound: half-width of what is possible for it, as fast as the fastest way seen.
    measured: local monotonic seconds of the last sample in it.
    rate: seconds the offset grows by per second. rate_bound: half-width of what is possible for it.
    jump: the newest one that made the estimate start anew; None: there was none in this process.
    """

    offset: float
    bound: float
    one_way: float
    measured: float
    rate: float = 0.0
    rate_bound: float = RATE_LIMIT
    jump: ClockJump | None = None
    arrival: float | None = None
    arrival_bound: float = 0.0

    def bound_at(self, monotonic: float) -> float:
        """The bound at another local instant: it widens as the rate is not known exactly."""
        return self.bound + abs(monotonic - self.measured) * self.rate_bound

    def offset_at(self, monotonic: float) -> float:
        """The offset at another local instant."""
        return self.offset + (monotonic - self.measured) * self.rate

    def exchange_at(self, monotonic: float) -> float:
        """Exchange seconds since the epoch at a local instant."""
        return monotonic + self.offset_at(monotonic)

    def exchange_instant(self, monotonic: float) -> datetime:
        """As exchange_at, aware UTC."""
        return datetime.fromtimestamp(self.exchange_at(monotonic), UTC)

    @property
    def way_s(self) -> float:
        """Seconds from our send to the exchange, as it is aimed with."""
        return self.one_way if self.arrival is None else max(0.0, self.arrival - self.offset)

    def monotonic_at(self, exchange: float) -> float:
        """The local instant at which the exchange reads `exchange`."""
        return self.measured + (exchange - self.offset - self.measured) / (1 + self.rate)

    def send_at(self, exchange: float) -> float:
        """The local instant to send at so that it arrives at `exchange` or as shortly after as is known: a shot that
        comes too early is lost."""
        if self.arrival is None:
            reads = self.monotonic_at(exchange)
            return reads + self.bound_at(reads) - self.one_way
        at = self.measured + (exchange - self.arrival - self.measured) / (1 + self.rate)
        return at + self.arrival_bound + abs(at - self.measured) * self.rate_bound


def estimate(samples: Sequence[ClockSample], orders: Sequence[ClockSample] = ()) -> ClockEstimate | None:
    """Offset and rate all `samples` allow; None when they contradict each other. Raises ValueError without samples.

    orders: acknowledged orders, `server` being when the exchange took each: they only say how late it was there.
    """
    if not samples:
        raise ValueError("needs at least one sample")
    ordered = sorted(samples, key=lambda sample: sample.received)
    newest = ordered[-1]
    corners = clock_region.box(RATE_LIMIT, *_widest(ordered[0], newest))
    now = ordered[0].received
    for sample in ordered:
        elapsed = sample.received - now
        if elapsed:
            corners = clock_region.later(corners, elapsed, elapsed * WOBBLE)
            now = sample.received
        corners = _allowed(corners, sample, newest)
        if not corners:
            return None
    slowest, fastest = min(corners)[0], max(corners)[0]
    offsets = [offset for _, offset in corners]
    low, high = min(offsets), max(offsets)
    rate, rate_bound = (slowest + fastest) / 2, (fastest - slowest) / 2 + WOBBLE
    arrival = _arrival(ordered, orders, rate, rate_bound)
    return ClockEstimate(
        offset=newest.server - newest.received + (low + high) / 2,
        bound=(high - low) / 2,
        one_way=min(sample.received - sample.sent for sample in ordered) / 2,
        measured=newest.received,
        rate=rate,
        rate_bound=rate_bound,
        arrival=newest.server - newest.received + sum(arrival) / 2,
        arrival_bound=(arrival[1] - arrival[0]) / 2,
    )


def _arrival(
    samples: Sequence[ClockSample], orders: Sequence[ClockSample], rate: float, rate_bound: float
) -> tuple[float, float]:
    """The earliest and the latest a request sent when the newest sample was received can arrive, relative to that
    sample's server time and instant of receipt.

    A reply's time is not before its request arrived: that is a latest. What a round trip took more than the fastest
    one may have been lost on the way there, no more: that is an earliest. Where trips were held up both ways that is
    above the latest; then the earliest is the first any of them was there.
    """
    newest = samples[-1]
    fastest = min(sample.received - sample.sent for sample in samples)
    low, soonest, high, latest = float("-inf"), float("inf"), float("inf"), float("inf")
    for sample in samples:
        told, slack = _arrived(sample, newest, rate, rate_bound)
        low = max(low, told - slack - (sample.received - sample.sent - fastest))
        soonest = min(soonest, told - slack)
        high = min(high, told + slack + TRUNCATION_S)
    if low > high:  # the fastest trip had a queue as well: no sample says how much of the rest was lost on the way back
        low = soonest
    for order in orders:
        told, slack = _arrived(order, newest, rate, rate_bound)
        latest = min(latest, told + slack + TRUNCATION_S)
    if low <= latest < high:
        high = latest  # one below `low` was stamped by a clock of its own
    return low, high


def _arrived(sample: ClockSample, newest: ClockSample, rate: float, rate_bound: float) -> tuple[float, float]:
    """What a sample says of an arrival now, and how much the clock's unknown drift since then may have changed it."""
    since = newest.received - sample.sent
    told = (sample.server - newest.server) - (sample.sent - newest.received) + since * rate
    return told, abs(since) * rate_bound + FLOAT_S


def _widest(sample: ClockSample, newest: ClockSample) -> tuple[float, float]:
    """Limits for the offset at `received` that no rate can leave, relative to the newest sample's."""
    low, high = _limits(sample, newest)
    return low, high + (sample.received - sample.sent) * (RATE_LIMIT + WOBBLE)


def _allowed(corners: Sequence[Corner], sample: ClockSample, newest: ClockSample) -> list[Corner]:
    low, high = _limits(sample, newest)
    travelled = sample.received - sample.sent
    cut = clock_region.at_least(corners, low, 0.0)
    return clock_region.at_most(cut, high + travelled * WOBBLE, travelled)


def _limits(sample: ClockSample, newest: ClockSample) -> tuple[float, float]:
    """The lowest offset at `received` and the highest at `sent`, relative to the newest sample's: differences of like
    numbers keep all their digits."""
    ahead = sample.server - newest.server
    low = ahead - (sample.received - newest.received)
    high = ahead + TRUNCATION_S - (sample.sent - newest.received)
    return low - FLOAT_S, high + FLOAT_S
