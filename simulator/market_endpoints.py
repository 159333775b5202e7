"""The open endpoints: time, symbols, prices, books."""

from typing import Any

from simulator import answers, errors
from simulator.endpoints import Context, Endpoint
from simulator.listings import API_TRADABLE, Listing

DEFAULT_DEPTH = 100
MAX_DEPTH = 5000
DEFAULT_TRADES = 500
MAX_TRADES = 1000


def _ping(_: Context) -> Any:
    return {}


def _time(context: Context) -> Any:
    return {"serverTime": context.now_ms}


def _default_symbols(context: Context) -> Any:
    now_ms = context.now_ms
    symbols = [one.symbol for one in context.venue.all_visible(now_ms) if one.state(now_ms) in API_TRADABLE]
    return {"code": 0, "msg": "success", "data": symbols, "timestamp": now_ms}


def _exchange_info(context: Context) -> Any:
    now_ms = context.now_ms
    parameters = context.call.parameters
    if parameters.get("symbol"):
        listings = [_listing(context)]
    elif parameters.get("symbols"):
        found = (context.venue.visible(symbol, now_ms) for symbol in parameters["symbols"].split(","))
        listings = [listing for listing in found if listing is not None]
    else:
        listings = context.venue.all_visible(now_ms)
    return {
        "timezone": "CST",
        "serverTime": now_ms,
        "rateLimits": [],
        "exchangeFilters": [],
        "symbols": [answers.symbol_row(listing, now_ms) for listing in listings],
    }


def _depth(context: Context) -> Any:
    listing = _listing(context)
    return answers.depth(listing, _limit(context, DEFAULT_DEPTH, MAX_DEPTH), context.now_ms)


def _trades(context: Context) -> Any:
    listing = _listing(context)
    limit = _limit(context, DEFAULT_TRADES, MAX_TRADES)
    newest_first = list(reversed(listing.market.trades))[:limit]
    return [answers.public_trade(trade, listing.market.rules) for trade in newest_first]


def _price(context: Context) -> Any:
    if context.call.parameters.get("symbol"):
        return answers.last_price(_listing(context))
    return [answers.last_price(listing) for listing in context.venue.all_visible(context.now_ms)]


def _book_ticker(context: Context) -> Any:
    if context.call.parameters.get("symbol"):
        return answers.book_ticker(_listing(context))
    return [answers.book_ticker(listing) for listing in context.venue.all_visible(context.now_ms)]


def _listing(context: Context) -> Listing:
    symbol = context.call.parameters.get("symbol")
    if not symbol:
        raise errors.missing_parameter("symbol")
    listing = context.venue.visible(symbol, context.now_ms)
    if listing is None:
        raise errors.invalid_symbol()
    return listing


def _limit(context: Context, default: int, most: int) -> int:
    text = context.call.parameters.get("limit")
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or not int(text):
        raise errors.missing_parameter("limit")
    return min(int(text), most)


MARKET_ENDPOINTS = {
    ("GET", "/api/v3/ping"): Endpoint(_ping),
    ("GET", "/api/v3/time"): Endpoint(_time),
    ("GET", "/api/v3/defaultSymbols"): Endpoint(_default_symbols),
    ("GET", "/api/v3/exchangeInfo"): Endpoint(_exchange_info, weight=25),
    ("GET", "/api/v3/depth"): Endpoint(_depth, weight=3),
    ("GET", "/api/v3/trades"): Endpoint(_trades, weight=5),
    ("GET", "/api/v3/ticker/price"): Endpoint(_price, weight=10),
    ("GET", "/api/v3/ticker/bookTicker"): Endpoint(_book_ticker, weight=10),
}
