"""Everything of one account at the venue, opened and closed together; the parts stay usable on their own."""

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from adapters.mexc.access import Gauges
from adapters.mexc.battery import MexcHotLines
from adapters.mexc.breakers import Breakers
from adapters.mexc.capture import PayloadCapture
from adapters.mexc.exchange import MexcExchange
from adapters.mexc.exchange_clock import MexcExchangeClock
from adapters.mexc.governor import RequestGovernor
from adapters.mexc.history import AccountHistory
from adapters.mexc.limits import Limits
from adapters.mexc.listing_source import ExchangeInfoListings
from adapters.mexc.rest import Rest, SignedRest
from adapters.mexc.shared_ledger import SharedLedger
from adapters.mexc.signing import Credentials
from adapters.mexc.streams import MexcStreams
from adapters.mexc.symbol_rows import SymbolRows
from adapters.mexc.symbols import MexcSymbols
from domain.ports import Clock


@dataclass(frozen=True, slots=True)
class MexcVenue:
    """The ports of one account; all share one request budget and its breakers."""

    exchange: MexcExchange
    exchange_clock: MexcExchangeClock
    hot_lines: MexcHotLines
    streams: MexcStreams
    listings: ExchangeInfoListings
    symbols: MexcSymbols
    history: AccountHistory
    governor: RequestGovernor
    gauges: Gauges


@asynccontextmanager
async def open_venue(
    rest_url: str,
    ws_url: str,
    credentials: Credentials,
    *,
    clock: Clock,
    limits: Limits | None = None,
    redis_url: str | None = None,
    capture_to: Path | None = None,
    trust: ssl.SSLContext | None = None,
) -> AsyncIterator[MexcVenue]:
    """Connects on first use, not here. Streams and hot lines are closed by whoever opened them.

    limits: what this process keeps to while it does not see what others send; None: everything. redis_url: where all
    processes share the whole limits. capture_to: a folder for raw requests and answers; None: none are kept.
    """
    shared = None if redis_url is None else SharedLedger(redis_url, rest_url, credentials.api_key, Limits())
    governor = RequestGovernor(clock, limits, shared=shared)
    breakers = Breakers(clock)
    secrets = (credentials.api_key, credentials.api_secret)
    capture = None if capture_to is None else PayloadCapture(capture_to, clock.now, secrets)
    rest = Rest(rest_url, clock=clock, governor=governor, breakers=breakers, trust=trust, capture=capture)
    exchange_clock = MexcExchangeClock(rest_url, clock=clock, governor=governor, trust=trust, capture=capture)
    signed = SignedRest(rest, credentials, exchange_clock)
    rows = SymbolRows(clock)
    history = AccountHistory(signed)
    exchange = MexcExchange(signed, rows, history)
    async with AsyncExitStack() as resources:
        if capture is not None:
            resources.callback(capture.close)
        resources.push_async_callback(governor.close)
        governor.open()
        resources.push_async_callback(rest.close)
        resources.push_async_callback(exchange_clock.close)
        yield MexcVenue(
            exchange=exchange,
            exchange_clock=exchange_clock,
            hot_lines=MexcHotLines(
                rest_url,
                credentials,
                clock=clock,
                governor=governor,
                breakers=breakers,
                trust=trust,
                capture=capture,
            ),
            streams=MexcStreams(ws_url, signed, exchange, trust=trust, capture=capture),
            listings=ExchangeInfoListings(rest, rows),
            symbols=MexcSymbols(signed),
            history=history,
            governor=governor,
            gauges=Gauges(clock, governor, breakers, exchange_clock),
        )
