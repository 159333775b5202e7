"""How symbols, books, trades and candles look in REST answers: member names, types, padding."""

from decimal import Decimal

from simulator.engine.arithmetic import ZERO, multiply, padded, share, subtract, trimmed
from simulator.engine.orders import PublicTrade, Side
from simulator.engine.rules import SymbolRules
from simulator.engine.tape import DAY_MS, Candle
from simulator.exchange.listings import API_TRADABLE, Listing, ListingState
from simulator.rest.answers import Answer, whole_second

ONLINE = "1"
ROW_STATUSES = {ListingState.HALTED: "2", ListingState.DELISTED: "3"}
TICKER_SPAN_MS = 2_000  # openTime and closeTime of a daily ticker lie a few seconds apart, not a day


def public_trade(trade: PublicTrade, rules: SymbolRules) -> Answer:
    """One trade as everybody sees it."""
    bought = trade.taker_side is Side.BUY
    return {
        "id": None,
        "price": padded(trade.price, rules.price_scale),
        "qty": padded(trade.quantity, rules.base_scale),
        "quoteQty": trimmed(multiply(trade.price, trade.quantity)),
        "time": trade.time_ms,
        "isBuyerMaker": not bought,
        "isBestMatch": True,
        "tradeType": "BID" if bought else "ASK",
    }


def symbol_row(listing: Listing, now_ms: int) -> Answer:
    """One symbol as exchangeInfo shows it."""
    rules = listing.market.rules
    state = listing.state(now_ms)
    return {
        "symbol": rules.symbol,
        "status": ROW_STATUSES.get(state, ONLINE),
        "baseAsset": rules.base_asset,
        "baseAssetPrecision": rules.base_scale,
        "quoteAsset": rules.quote_asset,
        "quotePrecision": rules.price_scale,
        "quoteAssetPrecision": rules.price_scale,
        "baseCommissionPrecision": rules.base_scale,
        "quoteCommissionPrecision": rules.price_scale,
        "orderTypes": ["LIMIT", "MARKET", "LIMIT_MAKER"] if rules.market_orders else ["LIMIT", "LIMIT_MAKER"],
        "isSpotTradingAllowed": state in API_TRADABLE,
        "isMarginTradingAllowed": False,
        "quoteAmountPrecision": trimmed(rules.min_quote),
        "baseSizePrecision": trimmed(rules.min_quantity),
        "permissions": ["SPOT"],
        "filters": _filters(rules),
        "maxQuoteAmount": trimmed(rules.max_quote),
        "makerCommission": trimmed(rules.maker_fee),
        "takerCommission": trimmed(rules.taker_fee),
        "quoteAmountPrecisionMarket": trimmed(rules.min_quote_market),
        "maxQuoteAmountMarket": trimmed(rules.max_quote_market),
        "fullName": rules.full_name,
        "tradeSideType": listing.trade_side_type(now_ms),
        "contractAddress": "",
        "conceptPlateIds": [],
        "st": False,
        "firstOpenTime": listing.opens_at_ms,
    }


def depth(listing: Listing, limit: int, now_ms: int) -> Answer:
    """Both sides of the book, best first, padded to the symbol's scales."""
    rules = listing.market.rules
    book = listing.market.book
    return {
        "lastUpdateId": book.version,
        "bids": [_level(level, rules) for level in book.levels(Side.BUY, limit)],
        "asks": [_level(level, rules) for level in book.levels(Side.SELL, limit)],
        "timestamp": now_ms,
    }


def book_ticker(listing: Listing) -> Answer:
    """The best quotes; price and quantity are null where a side is empty."""
    rules = listing.market.rules
    answer: Answer = {"symbol": rules.symbol}
    for side, name in ((Side.BUY, "bid"), (Side.SELL, "ask")):
        best = listing.market.book.levels(side, 1)
        answer[f"{name}Price"] = padded(best[0][0], rules.price_scale) if best else None
        answer[f"{name}Qty"] = padded(best[0][1], rules.base_scale) if best else None
    return answer


def last_price(listing: Listing) -> Answer:
    """The price of the newest trade; "0" before the first."""
    return {"symbol": listing.symbol, "price": plain_price(listing.market.last_price)}


def plain_price(price: Decimal | None) -> str:
    """A price without trailing zeros; "0" while there is none."""
    return "0" if price is None else trimmed(price)


def daily_ticker(listing: Listing, now_ms: int) -> Answer:
    """The last 24 hours; prices are "0" while nothing has traded. priceChangePercent is a share: -0.0055 is -0.55 %."""
    day = listing.market.tape.since(now_ms - DAY_MS)
    opening = ZERO if day is None else day.opening
    last = listing.market.last_price or ZERO
    change = subtract(last, opening)
    best = book_ticker(listing)
    return {
        "symbol": listing.symbol,
        "priceChange": trimmed(change),
        "priceChangePercent": trimmed(share(change, opening)),
        "prevClosePrice": trimmed(opening),
        "lastPrice": trimmed(last),
        "bidPrice": best["bidPrice"] or "0",
        "bidQty": best["bidQty"] or "0",
        "askPrice": best["askPrice"] or "0",
        "askQty": best["askQty"] or "0",
        "openPrice": trimmed(opening),
        "highPrice": trimmed(ZERO if day is None else day.high),
        "lowPrice": trimmed(ZERO if day is None else day.low),
        "volume": trimmed(ZERO if day is None else day.volume),
        "quoteVolume": trimmed(ZERO if day is None else day.amount),
        "openTime": now_ms - TICKER_SPAN_MS,
        "closeTime": now_ms,
        "count": None,
    }


def aggregated_trade(trade: PublicTrade) -> Answer:
    """One trade as aggTrades shows it, its time cut to the second."""
    return {
        "a": None,
        "f": None,
        "l": None,
        "p": trimmed(trade.price),
        "q": trimmed(trade.quantity),
        "T": whole_second(trade.time_ms),
        "m": trade.taker_side is Side.SELL,
        "M": True,
    }


def candle_row(candle: Candle) -> list[int | str]:
    """One candle: opening time, four prices, base volume, closing time, quote volume."""
    return [
        candle.opens_ms,
        trimmed(candle.opening),
        trimmed(candle.high),
        trimmed(candle.low),
        trimmed(candle.closing),
        trimmed(candle.volume),
        candle.closes_ms,
        trimmed(candle.amount),
    ]


def offline_row(listing: Listing, now_ms: int) -> Answer | None:
    """A paused (2) or delisted (3) symbol; None for any other."""
    state = listing.state(now_ms)
    if state is ListingState.HALTED:
        return {"symbol": listing.symbol, "state": 2}
    if state is ListingState.DELISTED:
        return {"symbol": listing.symbol, "state": 3, "offlineTime": listing.delisted_ms}
    return None


def _filters(rules: SymbolRules) -> list[Answer]:
    if rules.band_up is None or rules.band_down is None:
        return []
    return [
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": trimmed(rules.band_up),
            "askMultiplierDown": trimmed(rules.band_down),
        }
    ]


def _level(level: tuple[Decimal, Decimal], rules: SymbolRules) -> list[str]:
    return [padded(level[0], rules.price_scale), padded(level[1], rules.base_scale)]
