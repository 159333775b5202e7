"""The names of the stream channels. Pure."""

import re
from dataclasses import dataclass
from enum import StrEnum

from simulator.engine.tape import Interval


class Kind(StrEnum):
    """What a channel carries; the value is the channel's name without symbol and choices."""

    DEALS = "spot@public.aggre.deals.v3.api.pb"
    BOOK_TICKER = "spot@public.aggre.bookTicker.v3.api.pb"
    DEPTH = "spot@public.aggre.depth.v3.api.pb"
    LIMIT_DEPTH = "spot@public.limit.depth.v3.api.pb"
    BOOK_TICKER_BATCH = "spot@public.bookTicker.batch.v3.api.pb"
    CANDLES = "spot@public.kline.v3.api.pb"
    MINI_TICKER = "spot@public.miniTicker.v3.api.pb"
    MINI_TICKERS = "spot@public.miniTickers.v3.api.pb"
    RAW_DEALS = "spot@public.deals.v3.api.pb"
    RAW_BOOK_TICKER = "spot@public.bookTicker.v3.api.pb"
    RAW_DEPTH = "spot@public.increase.depth.v3.api.pb"
    RAW_DEPTH_BATCH = "spot@public.increase.depth.batch.v3.api.pb"
    PRIVATE_ORDERS = "spot@private.orders.v3.api.pb"
    PRIVATE_DEALS = "spot@private.deals.v3.api.pb"
    PRIVATE_ACCOUNT = "spot@private.account.v3.api.pb"


PRIVATE = frozenset({Kind.PRIVATE_ORDERS, Kind.PRIVATE_DEALS, Kind.PRIVATE_ACCOUNT})
PLAIN_INTERVAL_MS = 100  # of channels whose name gives none
CANDLE_INTERVAL_MS = 1000
MINI_TICKER_INTERVAL_MS = 3000
INTERVALS = {
    "Min1": Interval.MIN_1,
    "Min5": Interval.MIN_5,
    "Min15": Interval.MIN_15,
    "Min30": Interval.MIN_30,
    "Min60": Interval.MIN_60,
    "Hour4": Interval.HOUR_4,
    "Hour8": Interval.HOUR_8,
    "Day1": Interval.DAY_1,
    "Week1": Interval.WEEK_1,
    "Month1": Interval.MONTH_1,
}
"""Lengths of candles, as streams name them."""
ROLLING = "24H"
"""The time zone of tickers that count the last 24 hours instead of a day."""
_AHEAD = "0 1 2 3 4 4:30 5 5:30 6 7 8 9 10 11 12 12:45 13"
TIMEZONES = frozenset(
    {ROLLING, *(f"UTC-{hours}" for hours in (10, 8, 7, 6, 5, 4, 3)), *(f"UTC+{hours}" for hours in _AHEAD.split())}
)
_SYMBOL = "([A-Z0-9]+)"
_AGGREGATED = re.compile(rf"@(100|10)ms@{_SYMBOL}")
_LIMITED = re.compile(rf"@{_SYMBOL}@(5|10|20)")
_CANDLE = re.compile(rf"@{_SYMBOL}@(\w+)")
_ZONED = re.compile(rf"@{_SYMBOL}@([\w:+-]+)")
_ALL_ZONED = re.compile(r"@([\w:+-]+)")
_PLAIN = re.compile(rf"@{_SYMBOL}")


@dataclass(frozen=True, slots=True)
class Topic:
    """One channel with its choices.

    name: as subscribed. event_type: the name without symbol and level. symbol: "" for private channels and for all
    symbols. interval_ms: how often it may be pushed; 0: at once. choice: depth, candle length or time zone; else "".
    """

    name: str
    kind: Kind
    event_type: str
    symbol: str = ""
    interval_ms: int = 0
    choice: str = ""


def parse_topic(name: str) -> Topic | None:
    """The topic a subscription names; None when the venue serves none of that name."""
    try:
        kind = Kind(name.partition(".pb")[0] + ".pb")
    except ValueError:
        return None
    rest = name.removeprefix(kind.value)
    if kind in PRIVATE:
        return None if rest else Topic(name, kind, name)
    if kind in (Kind.DEALS, Kind.BOOK_TICKER, Kind.DEPTH):
        found = _AGGREGATED.fullmatch(rest)
        return found and Topic(name, kind, f"{kind.value}@{found[1]}ms", found[2], int(found[1]))
    if kind is Kind.LIMIT_DEPTH:
        found = _LIMITED.fullmatch(rest)
        return found and Topic(name, kind, kind.value, found[1], PLAIN_INTERVAL_MS, found[2])
    if kind is Kind.CANDLES:
        found = _CANDLE.fullmatch(rest)
        known = found is not None and found[2] in INTERVALS
        return Topic(name, kind, kind.value, found[1], CANDLE_INTERVAL_MS, found[2]) if found and known else None
    if kind is Kind.MINI_TICKER:
        found = _ZONED.fullmatch(rest)
        known = found is not None and found[2] in TIMEZONES
        return Topic(name, kind, kind.value, found[1], MINI_TICKER_INTERVAL_MS, found[2]) if found and known else None
    if kind is Kind.MINI_TICKERS:
        found = _ALL_ZONED.fullmatch(rest)
        known = found is not None and found[1] in TIMEZONES
        return Topic(name, kind, kind.value, "", MINI_TICKER_INTERVAL_MS, found[1]) if found and known else None
    found = _PLAIN.fullmatch(rest)
    return found and Topic(name, kind, kind.value, found[1], PLAIN_INTERVAL_MS)
