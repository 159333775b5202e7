"""Which samples of the exchange's clock are believed together, and when that clock must have jumped."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.exchange_time import ClockEstimate, ClockSample, JumpOf, estimate

AGREEING = 4
"""So many samples in a row must agree before a clock is believed: a single wrong reply is never taken for a step."""
KEPT_S = 300.0
"""How long a sample still helps: over this time the rate of an ordinary clock hardly changes."""
THINNED_S = 2.0
"""Of the samples within so many seconds the two sharpest are remembered; the others say hardly more."""
UNEVEN_S = 1.0
"""The bound of a clock whose newest samples contradict each other. It widens by a second per second, since that clock
may stand still or run at twice the speed."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """samples: to be remembered. jumped: why the estimate starts anew; None: it goes on."""

    estimate: ClockEstimate
    samples: tuple[ClockSample, ...]
    jumped: JumpOf | None = None


def agreeing(samples: Sequence[ClockSample]) -> tuple[ClockSample, ...]:
    """The newest of `samples`, as many as agree among themselves. Fewer than AGREEING prove nothing: ask again."""
    first = next(first for first in range(len(samples)) if estimate(samples[first:]) is not None)
    return tuple(samples[first:])


def learn(
    remembered: Sequence[ClockSample], fresh: Sequence[ClockSample], orders: Sequence[ClockSample] = ()
) -> Learnt:
    """What `fresh` samples that agree say together with the remembered ones. orders: see exchange_time.estimate.

    Where both contradict each other the exchange's clock has jumped, and the fresh ones stand alone.
    """
    if len(fresh) < AGREEING:
        return _uneven(fresh)
    since = fresh[-1].received - KEPT_S
    kept = [sample for sample in remembered if sample.received > since]
    together = (*_thinned(kept), *fresh)
    if (known := estimate(together, [order for order in orders if order.received > since])) is not None:
        return Learnt(known, together)
    if (known := estimate(fresh)) is not None:
        return Learnt(known, tuple(fresh), JumpOf.VENUE)
    return _uneven(fresh)


def _uneven(samples: Sequence[ClockSample]) -> Learnt:
    """All that can be said is the newest reply, with hardly a bound; nothing of it is worth remembering."""
    newest = max(samples, key=lambda sample: sample.received)
    offset = newest.server - newest.received
    one_way = (newest.received - newest.sent) / 2
    return Learnt(ClockEstimate(offset, UNEVEN_S, one_way, newest.received, rate_bound=1.0), (), JumpOf.UNEVEN)


def _thinned(samples: Sequence[ClockSample]) -> tuple[ClockSample, ...]:
    """Of each THINNED_S the sample that limits the offset most from below and the one that does from above."""
    spans: dict[float, list[ClockSample]] = {}
    for sample in samples:
        spans.setdefault(sample.received // THINNED_S, []).append(sample)
    kept: list[ClockSample] = []
    for span in spans.values():
        lowest = max(span, key=lambda sample: sample.server - sample.received)
        highest = min(span, key=lambda sample: sample.server - sample.sent)
        kept += [lowest] if lowest is highest else [lowest, highest]
    return tuple(kept)
