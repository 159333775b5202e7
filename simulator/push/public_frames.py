"""Frames about markets, as serialized protobuf wrappers. Pure; the time is passed in.

Empty strings are avoided on purpose: widely used clients drop default values and then miss the member.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from adapters.mexc.pb.push_pb2 import (
    PublicAggreBookTickerV3Api,
    PublicBookTickerV3Api,
    PublicIncreaseDepthsV3Api,
    PublicMiniTickerV3Api,
    PushDataV3ApiWrapper,
)
from simulator.engine.arithmetic import ZERO, padded, share, subtract, trimmed
from simulator.engine.identifiers import symbol_id
from simulator.engine.matching import Market
from simulator.engine.orders import PublicTrade, Side
from simulator.engine.rules import SymbolRules
from simulator.engine.tape import DAY_MS, Candle
from simulator.push.topics import ROLLING, Kind, Topic

TRADE_TYPES = {Side.BUY: 1, Side.SELL: 2}
Levels = Iterable[tuple[Side, Decimal]]


def deals_frame(topic: Topic, trades: Iterable[PublicTrade], rules: SymbolRules, now_ms: int) -> bytes:
    """Trades since the last push, oldest first."""
    frame = _public(topic, now_ms)
    aggregated = frame.publicAggreDeals if topic.kind is Kind.DEALS else None
    body = frame.publicDeals if aggregated is None else aggregated
    for trade in trades:
        price, quantity = padded(trade.price, rules.price_scale), padded(trade.quantity, rules.base_scale)
        kind = TRADE_TYPES[trade.taker_side]
        if aggregated is None:
            frame.publicDeals.deals.add(price=price, quantity=quantity, tradeType=kind, time=trade.time_ms)
        else:
            aggregated.deals.add(
                price=price, quantity=quantity, tradeType=kind, time=trade.time_ms, tradeId=trade.trade_id
            )
    body.eventType = topic.event_type
    return frame.SerializeToString()


def book_ticker_frame(topic: Topic, market: Market, now_ms: int) -> bytes:
    """The best quotes; an empty side has zero price and quantity."""
    frame = _public(topic, now_ms)
    if topic.kind is Kind.BOOK_TICKER_BATCH:
        _set_quotes(frame.publicBookTickerBatch.items.add(), market)
        frame.publicBookTickerBatch.version = str(market.book.version)
        frame.publicBookTickerBatch.lastOrderCreateTime = market.last_order_ms
    elif topic.kind is Kind.RAW_BOOK_TICKER:
        _set_quotes(frame.publicBookTicker, market)
    else:
        _set_quotes(frame.publicAggreBookTicker, market)
        frame.publicAggreBookTicker.version = str(market.book.version)
        frame.publicAggreBookTicker.lastOrderCreateTime = market.last_order_ms
    return frame.SerializeToString()


def depth_frame(topic: Topic, changed: Levels, market: Market, from_version: int, now_ms: int) -> bytes:
    """The present quantity of every changed level; "0" for one that is gone."""
    frame = _public(topic, now_ms)
    if topic.kind is Kind.RAW_DEPTH_BATCH:
        frame.publicIncreaseDepthsBatch.eventType = topic.event_type
        _set_raw_depth(frame.publicIncreaseDepthsBatch.items.add(), topic, changed, market)
    elif topic.kind is Kind.RAW_DEPTH:
        _set_raw_depth(frame.publicIncreaseDepths, topic, changed, market)
    else:
        body = frame.publicAggreDepths
        for side, price, quantity in _quantities(changed, market):
            (body.bids if side is Side.BUY else body.asks).add(price=price, quantity=quantity)
        body.eventType = topic.event_type
        body.fromVersion = str(from_version)
        body.toVersion = str(market.book.version)
        body.lastOrderCreateTime = market.last_order_ms
    return frame.SerializeToString()


def limit_depth_frame(topic: Topic, market: Market, now_ms: int) -> bytes:
    """The best levels of both sides."""
    frame = _public(topic, now_ms)
    rules, book = market.rules, market.book
    body = frame.publicLimitDepths
    for side, items in ((Side.SELL, body.asks), (Side.BUY, body.bids)):
        for price, quantity in book.levels(side, int(topic.choice)):
            items.add(price=padded(price, rules.price_scale), quantity=padded(quantity, rules.base_scale))
    body.eventType = topic.event_type
    body.version = str(book.version)
    body.lastOrderCreateTime = market.last_order_ms
    return frame.SerializeToString()


def candle_frame(topic: Topic, candle: Candle, now_ms: int) -> bytes:
    """A candle as it stands; its ends in seconds."""
    frame = PushDataV3ApiWrapper(
        channel=topic.name, symbol=topic.symbol, symbolId=symbol_id(topic.symbol), createTime=now_ms
    )
    body = frame.publicSpotKline
    body.interval = topic.choice
    body.windowStart = candle.opens_ms // 1000
    body.openingPrice = trimmed(candle.opening)
    body.closingPrice = trimmed(candle.closing)
    body.highestPrice = trimmed(candle.high)
    body.lowestPrice = trimmed(candle.low)
    body.volume = trimmed(candle.volume)
    body.amount = trimmed(candle.amount)
    body.windowEnd = candle.closes_ms // 1000
    return frame.SerializeToString()


def mini_ticker_frame(topic: Topic, market: Market, now_ms: int) -> bytes:
    """The day of one symbol."""
    frame = PushDataV3ApiWrapper(channel=topic.name, sendTime=now_ms)
    _set_mini_ticker(frame.publicMiniTicker, topic, market, now_ms)
    return frame.SerializeToString()


def mini_tickers_frame(topic: Topic, markets: Iterable[Market], now_ms: int) -> bytes:
    """The day of every symbol."""
    frame = PushDataV3ApiWrapper(channel=topic.name, sendTime=now_ms)
    for market in markets:
        _set_mini_ticker(frame.publicMiniTickers.items.add(), topic, market, now_ms)
    return frame.SerializeToString()


def _public(topic: Topic, now_ms: int) -> PushDataV3ApiWrapper:
    return PushDataV3ApiWrapper(channel=topic.name, symbol=topic.symbol, sendTime=now_ms)


def _set_quotes(body: PublicBookTickerV3Api | PublicAggreBookTickerV3Api, market: Market) -> None:
    rules = market.rules
    bid = market.book.levels(Side.BUY, 1)
    ask = market.book.levels(Side.SELL, 1)
    body.bidPrice = padded(bid[0][0], rules.price_scale) if bid else "0"
    body.bidQuantity = padded(bid[0][1], rules.base_scale) if bid else "0"
    body.askPrice = padded(ask[0][0], rules.price_scale) if ask else "0"
    body.askQuantity = padded(ask[0][1], rules.base_scale) if ask else "0"


def _set_raw_depth(body: PublicIncreaseDepthsV3Api, topic: Topic, changed: Levels, market: Market) -> None:
    for side, price, quantity in _quantities(changed, market):
        (body.bids if side is Side.BUY else body.asks).add(price=price, quantity=quantity)
    body.eventType = topic.event_type
    body.version = str(market.book.version)


def _quantities(changed: Levels, market: Market) -> Iterable[tuple[Side, str, str]]:
    rules = market.rules
    for side, price in sorted(changed, reverse=True):
        quantity = market.book.quantity_at(side, price)
        yield side, padded(price, rules.price_scale), padded(quantity, rules.base_scale) if quantity else "0"


def _set_mini_ticker(body: PublicMiniTickerV3Api, topic: Topic, market: Market, now_ms: int) -> None:
    """rate: over the last 24 hours; zonedRate: since midnight of the topic's time zone; both as shares of one."""
    last = market.last_price or ZERO
    day = market.tape.since(now_ms - DAY_MS)
    zoned = day if topic.choice == ROLLING else market.tape.since(_midnight_ms(topic.choice, now_ms))
    rate = ZERO if day is None else share(subtract(last, day.opening), day.opening)
    zoned_rate = ZERO if zoned is None else share(subtract(last, zoned.opening), zoned.opening)
    body.symbol = market.rules.symbol
    body.price = trimmed(last)
    body.rate = body.lastCloseRate = trimmed(rate)
    body.zonedRate = body.lastCloseZonedRate = trimmed(zoned_rate)
    body.high = body.lastCloseHigh = trimmed(last if day is None else day.high)
    body.low = body.lastCloseLow = trimmed(last if day is None else day.low)
    body.volume = trimmed(ZERO if day is None else day.amount)
    body.quantity = trimmed(ZERO if day is None else day.volume)


def _midnight_ms(zone: str, now_ms: int) -> int:
    """The latest midnight of a time zone named like UTC+5:30."""
    hours, _, minutes = zone.removeprefix("UTC").partition(":")
    ahead = timedelta(hours=int(hours), minutes=int(minutes or 0))
    local = datetime.fromtimestamp(now_ms / 1000, UTC) + ahead
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0) - ahead
    return int(midnight.timestamp() * 1000)
