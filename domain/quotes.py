"""Market facts the guard looks at."""

from dataclasses import dataclass
from datetime import datetime

from domain.money import Price


@dataclass(frozen=True, slots=True)
class TopOfBook:
    """Best prices of one symbol; None: that side is empty. `at`: when we received it, our clock.

    A missing price is unknown, never zero.
    """

    symbol: str
    bid: Price | None
    ask: Price | None
    at: datetime
