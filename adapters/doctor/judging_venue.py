"""What is well and what is not at the venue: pure, and without a word of the venue's protocol."""

from collections.abc import Mapping
from datetime import timedelta

from adapters.doctor.findings import Verdict, error, info, not_asked, ok, warning
from domain.venue_access import VenueAccess

WALL_CLOCK_WITHIN = timedelta(seconds=1)
"""Further apart, the times in our logs and the venue's records are hard to compare. Trading uses neither."""


def reached(url: str, latency_ms: float) -> Verdict:
    """It answered."""
    return ok(f"{url} answers in {latency_ms:.1f} ms")


def unreached(url: str, reason: str, *, cure: str) -> Verdict:
    """It did not."""
    return error(
        f"{url} does not answer: {reason}",
        expected="a venue that answers",
        remedy=cure,
        gone="the venue is not reachable",
    )


def credentials(*, may_trade: bool) -> Verdict:
    """Key and secret were accepted."""
    if may_trade:
        return ok("key and secret are accepted, the account may trade")
    return error(
        "key and secret are accepted, but the account may not trade",
        expected="an account that may trade",
        remedy="allow spot trading for the key at the venue, or use another key",
    )


def clock(bound_ms: float, limit_ms: float) -> Verdict:
    """bound_ms: half of what the exchange's clock may be off by. limit_ms: of the usual policy."""
    found = f"the exchange's time is known to {bound_ms:.2f} ms"
    if bound_ms <= limit_ms:
        return ok(found)
    return error(
        found,
        expected=f"at most {limit_ms:g} ms: a session does not arm with less",
        remedy="look for a slow or busy way to the venue; measure again when it is quiet",
    )


def wall_clock(offset: timedelta) -> Verdict:
    """offset: the exchange's time minus this machine's."""
    seconds = offset.total_seconds()
    found = f"this machine's clock is {abs(seconds):.3f} s {'behind' if seconds > 0 else 'ahead of'} the exchange"
    if abs(offset) <= WALL_CLOCK_WITHIN:
        return ok(found)
    return info(
        found,
        expected=f"at most {WALL_CLOCK_WITHIN.total_seconds():g} s",
        remedy="harmless to trading, which measures the exchange's clock; synchronise this one (NTP) to compare logs",
    )


def access(told: Mapping[str, VenueAccess]) -> Verdict:
    """Worker -> how it gets on with the venue."""
    if not told:
        return not_asked("no worker has told lately how it gets on with the venue")
    troubles = {worker: found for worker, seen in told.items() if (found := _troubles(seen))}
    if troubles:
        return warning(
            "; ".join(f"{worker}: {', '.join(found)}" for worker, found in troubles.items()),
            expected="a venue that answers, and a Redis that answers where REDIS_URL names one",
            remedy=_REMEDY,
        )
    return ok("; ".join(f"{worker} {_summary(seen)}" for worker, seen in told.items()))


_REMEDY = (
    "exits are tried all the same; entries and questions wait for the venue, and without Redis each worker keeps to a"
    " smaller part of the limits: start it, or unset REDIS_URL"
)


def _troubles(seen: VenueAccess) -> list[str]:
    found = [f"Redis is away ({seen.why})"] if seen.budget == "cut off" else []
    if seen.paused_s > 0:
        found.append(f"the venue asked for rest, {seen.paused_s:.1f} s are left")
    found += [
        f"{trouble.part} failed {trouble.failures} times in a row, tried again in {trouble.rests_s:.0f} s"
        for trouble in seen.troubles
        if trouble.rests_s is not None
    ]
    return found


def _summary(seen: VenueAccess) -> str:
    fullest = max(seen.uses, key=lambda use: use.used / use.limit)
    said = f"{seen.budget}, {fullest.name} {fullest.used} of {fullest.limit}"
    if seen.exit_wait_ms is not None:
        said += f", exits waited up to {seen.exit_wait_ms:.1f} ms"
    if seen.clock_bound_ms is not None:
        said += f", clock to {seen.clock_bound_ms:.1f} ms"
    if seen.jumps:
        said += f", {len(seen.jumps)} clock jumps, the last: {seen.jumps[-1]}"
    return said
