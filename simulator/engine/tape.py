"""What a market has traded, in minutes: candles, daily figures, averages. No I/O; the time is passed in."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from simulator.engine.arithmetic import ZERO, add, floor_divide, multiply
from simulator.engine.orders import PublicTrade

MINUTE_MS = 60_000
DAY_MS = 86_400_000
KEPT_MINUTES = 7 * 24 * 60
"""How far back candles reach; older ones are forgotten."""


class Interval(StrEnum):
    """Lengths of candles, as REST names them."""

    MIN_1 = "1m"
    MIN_5 = "5m"
    MIN_15 = "15m"
    MIN_30 = "30m"
    MIN_60 = "60m"
    HOUR_4 = "4h"
    HOUR_8 = "8h"
    DAY_1 = "1d"
    WEEK_1 = "1W"
    MONTH_1 = "1M"


_LENGTHS_MS = {
    Interval.MIN_1: MINUTE_MS,
    Interval.MIN_5: 5 * MINUTE_MS,
    Interval.MIN_15: 15 * MINUTE_MS,
    Interval.MIN_30: 30 * MINUTE_MS,
    Interval.MIN_60: 60 * MINUTE_MS,
    Interval.HOUR_4: 240 * MINUTE_MS,
    Interval.HOUR_8: 480 * MINUTE_MS,
    Interval.DAY_1: DAY_MS,
    Interval.WEEK_1: 7 * DAY_MS,
}
_FIRST_MONDAY_MS = 4 * DAY_MS  # 1970-01-05: weeks begin on Mondays


def window(interval: Interval, at_ms: int) -> tuple[int, int]:
    """The first millisecond of the candle that `at_ms` belongs to, and of the one after it."""
    if interval is Interval.MONTH_1:
        first = datetime.fromtimestamp(at_ms / 1000, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        following = (first + timedelta(days=32)).replace(day=1)
        return int(first.timestamp()) * 1000, int(following.timestamp()) * 1000
    length = _LENGTHS_MS[interval]
    origin = _FIRST_MONDAY_MS if interval is Interval.WEEK_1 else 0
    opens_ms = origin + (at_ms - origin) // length * length
    return opens_ms, opens_ms + length


@dataclass(slots=True)
class Candle:
    """Trades of one stretch of time. opens_ms inclusive, closes_ms exclusive. volume: base units; amount: quote."""

    opens_ms: int
    closes_ms: int
    opening: Decimal
    high: Decimal
    low: Decimal
    closing: Decimal
    volume: Decimal = ZERO
    amount: Decimal = ZERO

    def join(self, later: "Candle") -> None:
        """Take in what followed."""
        self.high = max(self.high, later.high)
        self.low = min(self.low, later.low)
        self.closing = later.closing
        self.volume = add(self.volume, later.volume)
        self.amount = add(self.amount, later.amount)


class Tape:
    """Candles of one market, from every trade since its first. Minutes without a trade have none."""

    def __init__(self) -> None:
        self._minutes: deque[Candle] = deque(maxlen=KEPT_MINUTES)

    def add(self, trade: PublicTrade) -> None:
        """Note a trade; they come in order of time, except after the venue's clock was set back."""
        price, value = trade.price, multiply(trade.price, trade.quantity)
        newest = self._minutes[-1] if self._minutes else None
        if newest is None or trade.time_ms >= newest.closes_ms:
            opens_ms, closes_ms = window(Interval.MIN_1, trade.time_ms)
            self._minutes.append(Candle(opens_ms, closes_ms, price, price, price, price, trade.quantity, value))
            return
        if price > newest.high:
            newest.high = price
        elif price < newest.low:
            newest.low = price
        newest.closing = price
        newest.volume = add(newest.volume, trade.quantity)
        newest.amount = add(newest.amount, value)

    def candles(self, interval: Interval, since_ms: int, until_ms: int) -> list[Candle]:
        """Those that open in [since, until), oldest first; the newest may still be forming."""
        return list(_joined(interval, (one for one in self._minutes if one.closes_ms > since_ms), since_ms, until_ms))

    def newest(self, interval: Interval) -> Candle | None:
        """The candle of the newest trade; None before the first."""
        if not self._minutes:
            return None
        opens_ms, closes_ms = window(interval, self._minutes[-1].opens_ms)
        return self.candles(interval, opens_ms, closes_ms)[-1]

    def since(self, from_ms: int) -> Candle | None:
        """Everything from the minute of `from_ms` on as one candle; None when nothing traded."""
        whole: Candle | None = None
        for minute in self._minutes:
            if minute.closes_ms <= from_ms:
                continue
            if whole is None:
                whole = _copy(minute, minute.opens_ms, minute.closes_ms)
            else:
                whole.join(minute)
                whole.closes_ms = minute.closes_ms
        return whole

    def average_price(self, from_ms: int, scale: int) -> Decimal | None:
        """Quote per base of what was traded since; None when nothing was."""
        whole = self.since(from_ms)
        return None if whole is None else floor_divide(whole.amount, whole.volume, scale)


def _joined(interval: Interval, minutes: Iterable[Candle], since_ms: int, until_ms: int) -> Iterable[Candle]:
    whole: Candle | None = None
    for minute in minutes:
        if whole is None or minute.opens_ms >= whole.closes_ms:
            if whole is not None:
                yield whole
            opens_ms, closes_ms = window(interval, minute.opens_ms)
            whole = _copy(minute, opens_ms, closes_ms) if since_ms <= opens_ms < until_ms else None
        else:
            whole.join(minute)
    if whole is not None:
        yield whole


def _copy(minute: Candle, opens_ms: int, closes_ms: int) -> Candle:
    return Candle(
        opens_ms, closes_ms, minute.opening, minute.high, minute.low, minute.closing, minute.volume, minute.amount
    )
