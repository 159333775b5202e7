"""What a desk needs from outside, in one value."""

from dataclasses import dataclass

from desk.launchpad import Launchpad
from domain.ids import Installation
from domain.ports import Clock, Exchange, ExchangeClock, HotLines, Leases, PriceLog, SessionStore, Streams, Wakeups


@dataclass(frozen=True, slots=True)
class DeskKit:
    """One account's ports. holder: names this process in leases and journal, e.g. "fire@host:4711"."""

    holder: str
    installation: Installation
    clock: Clock
    exchange_clock: ExchangeClock
    exchange: Exchange
    lines: HotLines
    streams: Streams
    store: SessionStore
    leases: Leases
    wakeups: Wakeups
    launchpad: Launchpad
    prices: PriceLog
