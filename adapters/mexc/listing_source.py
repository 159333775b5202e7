"""Coming pairs as the venue's own symbol list shows them, behind domain.ports.ListingSource."""

from datetime import timedelta

import structlog

from adapters.mexc import build, parse
from adapters.mexc.rest import Rest
from adapters.mexc.symbol_rows import SymbolRows
from domain.listings import Listing

STILL_NEWS = timedelta(hours=1)
"""How long after its opening a pair is still told, so that a source that was away misses nothing."""

log = structlog.get_logger(__name__)


class ExchangeInfoListings:
    """Rows of exchangeInfo with an opening time, tradable yet or not. One call costs a twelfth of the read budget.

    rows: where the whole list is kept for others.
    """

    def __init__(self, rest: Rest, rows: SymbolRows) -> None:
        self._rest = rest
        self._rows = rows

    async def listings(self) -> tuple[Listing, ...]:
        """Everything that opens in the future or opened within the last hour, by the venue's clock."""
        asked_at = self._rest.clock.monotonic()

        def read(document: object) -> tuple[tuple[Listing, ...], int]:
            self._rows.keep(parse.rows_by_symbol(document), asked_at)
            return parse.listings(document, STILL_NEWS)

        found, unreadable = await self._rest.read(build.EXCHANGE_INFO, (), read)
        if unreadable:
            log.warning("listings.unreadable_rows", count=unreadable)
        return found
