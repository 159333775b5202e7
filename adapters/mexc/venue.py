"""Everything of one account at the venue, opened and closed together; the parts stay usable on their own."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from adapters.mexc.budget import Limits, RequestBudget
from adapters.mexc.exchange import MexcExchange
from adapters.mexc.exchange_clock import MexcExchangeClock
from adapters.mexc.hot_line import MexcHotLines
from adapters.mexc.listing_source import ExchangeInfoListings
from adapters.mexc.rest import Rest, SignedRest
from adapters.mexc.signing import Credentials
from adapters.mexc.streams import MexcStreams
from domain.ports import Clock


@dataclass(frozen=True, slots=True)
class MexcVenue:
    """The ports of one account; all share one request budget."""

    exchange: MexcExchange
    exchange_clock: MexcExchangeClock
    hot_lines: MexcHotLines
    streams: MexcStreams
    listings: ExchangeInfoListings


@asynccontextmanager
async def open_venue(
    rest_url: str,
    ws_url: str,
    credentials: Credentials,
    *,
    clock: Clock,
    limits: Limits | None = None,
    trust: ssl.SSLContext | None = None,
) -> AsyncIterator[MexcVenue]:
    """Connects on first use, not here. Streams and hot lines are closed by whoever opened them."""
    budget = RequestBudget(clock, limits)
    rest = Rest(rest_url, clock=clock, budget=budget, trust=trust)
    exchange_clock = MexcExchangeClock(rest_url, clock=clock, budget=budget, trust=trust)
    signed = SignedRest(rest, credentials, exchange_clock)
    exchange = MexcExchange(signed)
    try:
        yield MexcVenue(
            exchange=exchange,
            exchange_clock=exchange_clock,
            hot_lines=MexcHotLines(rest_url, credentials, clock=clock, budget=budget, trust=trust),
            streams=MexcStreams(ws_url, signed, exchange, trust=trust),
            listings=ExchangeInfoListings(rest),
        )
    finally:
        await exchange_clock.close()
        await rest.close()
