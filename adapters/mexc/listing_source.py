"""Coming pairs as the venue's own symbol list shows them, behind domain.ports.ListingSource."""

from datetime import timedelta

import structlog

from adapters.mexc import build, parse
from adapters.mexc.rest import Rest
from domain.listings import Listing

STILL_NEWS = timedelta(hours=1)
"""How long after its opening a pair is still told, so that a source that was away misses nothing."""

log = structlog.get_logger(__name__)


class ExchangeInfoListings:
    """Rows of exchangeInfo with an opening time, tradable yet or not. One call costs a twelfth of the read budget."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def listings(self) -> tuple[Listing, ...]:
        """Everything that opens in the future or opened within the last hour, by the venue's clock."""
        found, unreadable = await self._rest.read(
            build.EXCHANGE_INFO, (), lambda document: parse.listings(document, STILL_NEWS)
        )
        if unreadable:
            log.warning("listings.unreadable_rows", count=unreadable)
        return found
