"""A venue on paper: the public data of a real one, and an account that exists in our database only.

The real adapter is opened without a key, and only those parts of it are taken that need none.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from adapters.mexc.access import Gauges
from adapters.mexc.limits import Limits
from adapters.mexc.signing import Credentials
from adapters.mexc.venue import open_venue
from adapters.paper.books import PaperBooks
from adapters.paper.changes import Changes
from adapters.paper.exchange import PaperExchange
from adapters.paper.hot_line import PaperHotLines
from adapters.paper.keeper import Keeper
from adapters.paper.market import Markets
from adapters.paper.streams import PaperStreams
from adapters.postgres.database import Database
from domain.money import Quote
from domain.ports import Clock, ExchangeClock, ListingSource

NO_KEY = Credentials("", "")
START_ASSET = "USDT"
"""What a new account is given."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PaperVenue:
    """The ports of one account on paper, named as those of adapters.mexc.venue.MexcVenue."""

    exchange: PaperExchange
    exchange_clock: ExchangeClock
    hot_lines: PaperHotLines
    streams: PaperStreams
    listings: ListingSource
    gauges: Gauges


@asynccontextmanager
async def open_paper(
    rest_url: str,
    ws_url: str,
    database: Database,
    account: str,
    *,
    balance: Quote,
    clock: Clock,
    trades: bool = True,
    one_way_s: float | None = None,
    limits: Limits | None = None,
    redis_url: str | None = None,
    capture_to: Path | None = None,
    trust: ssl.SSLContext | None = None,
) -> AsyncIterator[PaperVenue]:
    """The account is made with `balance` USDT when it is not there. Raises StoreUnavailable.

    trades: whether this process sends orders; then it follows markets early and may look after what rests. one_way_s:
    seconds from here to the venue; None: as measured. limits, redis_url, capture_to: of the public questions, as for
    open_venue.
    """
    books = PaperBooks(database, account)
    await books.open(START_ASSET, balance)
    changes = Changes(database.url, books, clock)
    async with open_venue(
        rest_url,
        ws_url,
        NO_KEY,
        clock=clock,
        limits=limits,
        redis_url=redis_url,
        capture_to=capture_to,
        trust=trust,
    ) as public:
        markets = Markets(public.streams, clock)
        exchange = PaperExchange(
            public.exchange, books, markets, public.exchange_clock, clock, one_way_s=one_way_s, warm=trades
        )
        keeper = Keeper(database.url, books, changes, markets, public.exchange_clock, clock)
        keeping = asyncio.create_task(keeper.run(), name="paper-keeper") if trades else None
        if keeping is not None:
            keeping.add_done_callback(_report_loss)
        try:
            yield PaperVenue(
                exchange=exchange,
                exchange_clock=public.exchange_clock,
                hot_lines=PaperHotLines(exchange, clock),
                streams=PaperStreams(public.streams, changes),
                listings=public.listings,
                gauges=public.gauges,
            )
        finally:
            await exchange.close()
            if keeping is not None:
                keeping.cancel()
                await asyncio.gather(keeping, return_exceptions=True)
            await markets.close()


def _report_loss(keeping: asyncio.Task[None]) -> None:
    """It ends by being cancelled only; anything else is a bug, after which no resting order is filled any more."""
    if not keeping.cancelled():
        log.error("paper.keeper_lost", error=repr(keeping.exception()))
