"""The best prices of one symbol: as its stream tells them, and while that is silent, as REST does."""

import structlog

from adapters.mexc.frames import Item
from adapters.mexc.stream_channel import Channel
from domain.errors import SniperError
from domain.ports import Clock, Exchange
from domain.quotes import TopOfBook

STALE_AFTER_S = 2.0
"""Without a quote for this long, prices are asked for over REST."""
ASK_EVERY_S = 1.0

log = structlog.get_logger(__name__)


class QuoteChannel(Channel[TopOfBook]):
    """Asks once for all its listeners. exchange: whom."""

    def __init__(self, symbol: str, topic: str, exchange: Exchange, clock: Clock) -> None:
        super().__init__(f"quotes {symbol}", (topic,))
        self._symbol = symbol
        self._exchange = exchange
        self._clock = clock
        self._told_at = clock.monotonic()

    def take(self, item: Item) -> None:
        if isinstance(item, TopOfBook) and item.symbol == self._symbol:
            self._told_at = self._clock.monotonic()
            self.tell(item)

    async def beside(self) -> None:
        """Fills the stream's silence, whatever its cause. Runs until cancelled."""
        while True:
            if (left_s := self._told_at + STALE_AFTER_S - self._clock.monotonic()) > 0:
                await self._clock.sleep(left_s)
                continue
            told_before = self._told_at
            try:
                asked = await self._exchange.top_of_book(self._symbol)
                if self._told_at == told_before:  # else the stream spoke meanwhile, of a later moment
                    self.tell(asked)
            except SniperError as exc:
                log.warning("stream.no_price", symbol=self._symbol, reason=str(exc))
            await self._clock.sleep(ASK_EVERY_S)
