"""What is well and what is not at the venue: pure, and without a word of the venue's protocol."""

from datetime import timedelta

from adapters.doctor.findings import Verdict, error, info, ok

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
