"""How the venue's things look in REST answers: member names, types, padding."""

from decimal import Decimal
from typing import Any

from simulator.accounts import Account
from simulator.arithmetic import floor_divide, multiply, padded, trimmed
from simulator.listings import API_TRADABLE, Listing, ListingState
from simulator.orders import Fill, Order, OrderType, PublicTrade, Side
from simulator.rules import SymbolRules

Answer = dict[str, Any]

ONLINE = "1"
ROW_STATUSES = {ListingState.HALTED: "2", ListingState.DELISTED: "3"}
WHOLE_SECOND_MS = 1000  # the venue cuts the times of orders and trades to whole seconds


def acknowledgement(order: Order, rules: SymbolRules) -> Answer:
    """The answer to an accepted order. It says nothing about status, fills or the client's id."""
    return {
        "symbol": order.symbol,
        "orderId": order.id,
        "orderListId": -1,
        "price": "0" if order.type is OrderType.MARKET else padded(order.price, rules.price_scale),
        "origQty": padded(order.quantity, rules.base_scale),
        "type": order.type.value,
        "side": order.side.value,
        "stpMode": order.self_trade_prevention.value,
        "transactTime": order.created_ms,
    }


def order_object(order: Order, rules: SymbolRules) -> Answer:
    """An order as queries show it."""
    asked = order.quote_quantity
    quote = multiply(order.price, order.quantity) if asked is None else asked
    return {
        "symbol": order.symbol,
        "orderId": order.id,
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        "price": padded(order.price, rules.price_scale),
        "origQty": padded(order.quantity, rules.base_scale),
        "executedQty": padded(order.executed, rules.base_scale),
        "cummulativeQuoteQty": trimmed(order.executed_quote),
        "status": order.status.value,
        "stpMode": order.self_trade_prevention.value,
        "cancelReason": order.cancel_reason,
        "timeInForce": None,
        "type": order.type.value,
        "side": order.side.value,
        "stopPrice": None,
        "icebergQty": None,
        "time": _whole_second(order.created_ms),
        "updateTime": _whole_second(order.updated_ms),
        "isWorking": True,
        "origQuoteOrderQty": trimmed(quote),
    }


def cancelled_order(order: Order, rules: SymbolRules, status: str) -> Answer:
    """The answer to a cancel; `status` is what the venue chooses to show."""
    return {
        "symbol": order.symbol,
        "origClientOrderId": order.client_order_id,
        "orderId": order.id,
        "clientOrderId": order.client_order_id,
        "price": padded(order.price, rules.price_scale),
        "origQty": padded(order.quantity, rules.base_scale),
        "executedQty": padded(order.executed, rules.base_scale),
        "cummulativeQuoteQty": trimmed(order.executed_quote),
        "status": status,
        "timeInForce": None,
        "type": order.type.value,
        "side": order.side.value,
    }


def own_trade(fill: Fill, rules: SymbolRules) -> Answer:
    """One fill as myTrades shows it."""
    order = fill.order
    return {
        "symbol": order.symbol,
        "id": fill.trade_id,
        "orderId": order.id,
        "orderListId": -1,
        "price": padded(fill.price, rules.price_scale),
        "qty": padded(fill.quantity, rules.base_scale),
        "quoteQty": trimmed(fill.quote_quantity),
        "commission": trimmed(fill.commission),
        "commissionAsset": fill.commission_asset,
        "time": _whole_second(fill.time_ms),
        "isBuyer": order.side is Side.BUY,
        "isMaker": fill.is_maker,
        "isBestMatch": True,
        "isSelfTrade": fill.is_self_trade,
        "clientOrderId": order.client_order_id,
    }


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


def account_object(account: Account) -> Answer:
    """Balances; commissions have been null for years, and available equals free."""
    return {
        "makerCommission": None,
        "takerCommission": None,
        "buyerCommission": None,
        "sellerCommission": None,
        "canTrade": True,
        "canWithdraw": True,
        "canDeposit": True,
        "updateTime": None,
        "accountType": "SPOT",
        "balances": [
            {
                "asset": asset,
                "free": trimmed(balance.free),
                "locked": trimmed(balance.locked),
                "available": trimmed(balance.free),
            }
            for asset, balance in account.balances.items()
            if balance.free or balance.locked
        ],
        "permissions": ["SPOT"],
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
    last = listing.market.last_price
    return {"symbol": listing.symbol, "price": "0" if last is None else trimmed(last)}


def average_price(order: Order, rules: SymbolRules) -> str:
    """Quote per base over all fills at the price scale; "0" before the first."""
    if not order.executed:
        return "0"
    return trimmed(floor_divide(order.executed_quote, order.executed, rules.price_scale))


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


def _whole_second(time_ms: int) -> int:
    return time_ms // WHOLE_SECOND_MS * WHOLE_SECOND_MS
