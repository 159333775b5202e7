"""The best bid of one symbol as a desk heard it last: how old it is, and how long it has been at or under the stop.

Neither is measured on a clock that can be set, the venue's or this machine's.
"""

from domain.money import Price
from domain.ports import Clock
from domain.quotes import TopOfBook

_PRICE_AGE_S = 5.0
"""A quote older than this is unknown."""


class PriceWatch:
    """Knows nothing until the first quote."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._quote: TopOfBook | None = None
        self._heard_at = 0.0
        self._below_since: float | None = None

    def hear(self, quote: TopOfBook) -> None:
        """Called with every quote when it comes in. After a silence in which the price was unknown, it is not known
        either where it was meanwhile."""
        if self.bid() is None:
            self._below_since = None
        self._quote = quote
        self._heard_at = self._clock.boottime()  # a quote grows old also while the machine is suspended

    def forget(self) -> None:
        """Called when quotes may have been missed and each of them would have counted."""
        self._quote = None
        self._below_since = None

    def bid(self) -> Price | None:
        """None: nobody bids, or nothing was heard for too long."""
        if self._quote is None or self._clock.boottime() - self._heard_at > _PRICE_AGE_S:
            return None
        return self._quote.bid

    def below_for_s(self, stop: Price | None) -> float | None:
        """Seconds for which the bid has been at or under `stop` each time this was asked; None: it is not, or one of
        the two is unknown. To be asked again with every quote, or often."""
        bid = self.bid()
        if bid is None or stop is None or bid > stop:
            self._below_since = None
            return None
        now = self._clock.monotonic()
        if self._below_since is None:
            self._below_since = now
        return now - self._below_since
