"""The open endpoints: time, symbols, prices, books, trades, candles, announcements."""

from collections.abc import Callable
from typing import Any

from simulator import errors
from simulator.engine.orders import PublicTrade
from simulator.engine.tape import Candle, Interval
from simulator.exchange.listings import API_TRADABLE, Listing
from simulator.parameters import limit, text, whole
from simulator.rest import market_answers as answers
from simulator.rest.answers import Answer
from simulator.rest.endpoints import Context, Endpoint, Quota

DEFAULT_DEPTH = 100
MAX_DEPTH = 5000
DEFAULT_TRADES = 500
MAX_TRADES = 1000
MAX_CANDLES = 500
AGGREGATE_WINDOW_MS = 3_600_000
AVERAGE_MINUTES = 5
PAGE_STEP = 5
MAX_PAGE = 100


def _ping(_: Context) -> Any:
    return {}


def _time(context: Context) -> Any:
    return {"serverTime": context.now_ms}


def _default_symbols(context: Context) -> Any:
    now_ms = context.now_ms
    symbols = [one.symbol for one in context.venue.all_visible(now_ms) if one.state(now_ms) in API_TRADABLE]
    return {"code": 0, "msg": "success", "data": symbols, "timestamp": now_ms}


def _offline(context: Context) -> Any:
    rows = (answers.offline_row(listing, context.now_ms) for listing in context.venue.all_visible(context.now_ms))
    return {"data": [row for row in rows if row is not None]}


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
    return answers.depth(listing, limit(context.call.parameters, DEFAULT_DEPTH, MAX_DEPTH), context.now_ms)


def _trades(context: Context) -> Any:
    listing = _listing(context)
    most = limit(context.call.parameters, DEFAULT_TRADES, MAX_TRADES)
    return [answers.public_trade(trade, listing.market.rules) for trade in _newest(listing)[:most]]


def _aggregated_trades(context: Context) -> Any:
    listing = _listing(context)
    parameters = context.call.parameters
    since_ms, until_ms = whole(parameters, "startTime"), whole(parameters, "endTime")
    if (since_ms is None) is not (until_ms is None):
        raise errors.invalid_combination()
    most = limit(parameters, DEFAULT_TRADES, MAX_TRADES)
    trades = _newest(listing)
    if since_ms is not None and until_ms is not None:
        if until_ms - since_ms > AGGREGATE_WINDOW_MS:
            raise errors.window_too_wide(1)
        # both ends belong to the range, to the second
        trades = [trade for trade in trades if since_ms // 1000 <= trade.time_ms // 1000 <= until_ms // 1000]
    return [answers.aggregated_trade(trade) for trade in trades[:most]]


def _candles(context: Context) -> Any:
    listing = _listing(context)
    parameters = context.call.parameters
    try:
        interval = Interval(text(parameters, "interval"))
    except ValueError as error:
        raise errors.invalid_interval() from error
    most = limit(parameters, MAX_CANDLES, MAX_CANDLES)
    since_ms = whole(parameters, "startTime")
    if since_ms is None:  # an end without a start is ignored
        return [answers.candle_row(candle) for candle in _tape(listing, interval, 0, context.now_ms + 1)[-most:]]
    until_ms = whole(parameters, "endTime")
    found = _tape(listing, interval, since_ms, context.now_ms + 1 if until_ms is None else until_ms)
    return [answers.candle_row(candle) for candle in found[:most]]


def _average_price(context: Context) -> Any:
    listing = _listing(context)
    scale = listing.market.rules.price_scale
    average = listing.market.tape.average_price(context.now_ms - AVERAGE_MINUTES * 60_000, scale)
    return {"mins": AVERAGE_MINUTES, "price": answers.plain_price(average or listing.market.last_price)}


def _daily_ticker(context: Context) -> Any:
    return _one_or_all(context, lambda listing: answers.daily_ticker(listing, context.now_ms))


def _price(context: Context) -> Any:
    return _one_or_all(context, answers.last_price)


def _book_ticker(context: Context) -> Any:
    return _one_or_all(context, answers.book_ticker)


def _announcements(context: Context) -> Any:
    parameters = context.call.parameters
    size = limit(parameters, PAGE_STEP, MAX_PAGE)
    page = whole(parameters, "page") or 1
    if size % PAGE_STEP:
        raise errors.parameter_error()
    news = list(reversed(context.venue.lifecycle.news))
    language = parameters.get("language", "en-US")
    details = [
        {"title": item.title, "url": item.url, "postTime": item.posted_ms, "language": language}
        for item in news[(page - 1) * size : page * size]
    ]
    pages = -(-len(news) // size)
    return {"data": [{"details": details, "totalPage": pages}], "code": 0, "msg": "success"}


def _one_or_all(context: Context, shown: Callable[[Listing], Answer]) -> Any:
    if context.call.parameters.get("symbol"):
        return shown(_listing(context))
    return [shown(listing) for listing in context.venue.all_visible(context.now_ms)]


def _newest(listing: Listing) -> list[PublicTrade]:
    return list(reversed(listing.market.trades))


def _tape(listing: Listing, interval: Interval, since_ms: int, until_ms: int) -> list[Candle]:
    return listing.market.tape.candles(interval, since_ms, until_ms)


def _listing(context: Context) -> Listing:
    listing = context.venue.visible(text(context.call.parameters, "symbol"), context.now_ms)
    if listing is None:
        raise errors.invalid_symbol()
    return listing


MARKET_ENDPOINTS = {
    ("GET", "/api/v3/ping"): Endpoint(_ping),
    ("GET", "/api/v3/time"): Endpoint(_time),
    ("GET", "/api/v3/defaultSymbols"): Endpoint(_default_symbols),
    ("GET", "/api/v3/symbol/offline"): Endpoint(_offline, weight=10),
    ("GET", "/api/v3/exchangeInfo"): Endpoint(_exchange_info, weight=25),
    ("GET", "/api/v3/depth"): Endpoint(_depth, weight=3),
    ("GET", "/api/v3/trades"): Endpoint(_trades, weight=5),
    ("GET", "/api/v3/historicalTrades"): Endpoint(_trades, weight=5),
    ("GET", "/api/v3/aggTrades"): Endpoint(_aggregated_trades),
    ("GET", "/api/v3/klines"): Endpoint(_candles),
    ("GET", "/api/v3/avgPrice"): Endpoint(_average_price),
    ("GET", "/api/v3/ticker/24hr"): Endpoint(_daily_ticker, weight=25),
    ("GET", "/api/v3/ticker/price"): Endpoint(_price, weight=10),
    ("GET", "/api/v3/ticker/bookTicker"): Endpoint(_book_ticker, weight=10),
    ("GET", "/api/v3/announcements"): Endpoint(_announcements, quota=Quota.ANNOUNCEMENTS),
}
