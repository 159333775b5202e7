"""The venue's JSON answers as domain values. Strict in what money depends on, lenient where answers were seen to vary.

Everything raises Unreadable and nothing else; whoever made the call knows what an unreadable answer means.
"""

import contextlib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from adapters.mexc import members
from adapters.mexc.depth import DepthSnapshot, Offers
from adapters.mexc.members import Unreadable
from domain.ids import ListingKey
from domain.listings import Listing
from domain.money import NO_BASE, Base, Price, Quote, SymbolRules
from domain.orders import Fill, Order, OrderKind, OrderStatus, Side
from domain.ports import Balance
from domain.quotes import TopOfBook

_STATUSES: Mapping[str, OrderStatus] = {
    "NEW": OrderStatus.NEW,
    "PARTIALLY_FILLED": OrderStatus.PARTIALLY_FILLED,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELLED,
    "PARTIALLY_CANCELED": OrderStatus.PARTIALLY_CANCELLED,
}
_SIDES: Mapping[str, Side] = {"BUY": Side.BUY, "SELL": Side.SELL}
_KINDS: Mapping[str, OrderKind] = {
    "IMMEDIATE_OR_CANCEL": OrderKind.IMMEDIATE,
    "FILL_OR_KILL": OrderKind.IMMEDIATE,
    "MARKET": OrderKind.MARKET,
}
"""Types that never rest; every other one is kept as LIMIT, since only foreign orders have them."""

_ONLINE = frozenset({"1", "ENABLED"})  # the word until 2024
_CLOSED_SIDES = 4


def server_time_ms(document: object) -> int:
    """Of GET time, in exchange milliseconds."""
    return members.ms(members.mapping(document, "time"), "serverTime")


def rules(document: object, symbol: str) -> SymbolRules | None:
    """Of GET exchangeInfo for one symbol; None when the answer does not list it."""
    for row in members.rows(document, "symbols"):
        if row.get("symbol") == symbol:
            return _rules(row)
    return None


def rows_by_symbol(document: object) -> Mapping[str, object]:
    """Of a whole GET exchangeInfo, each row unread; one of them in a list of its own is a document for `rules`."""
    return {str(row.get("symbol")): {"symbols": [row]} for row in members.rows(document, "symbols")}


def listings(document: object, past: timedelta) -> tuple[tuple[Listing, ...], int]:
    """Of a whole GET exchangeInfo: rows whose opening is ahead, or at most `past` ago by the venue's clock.

    The number tells how many rows with an opening time could not be read."""
    now = members.time(members.mapping(document, "exchangeInfo"), "serverTime")
    found: list[Listing] = []
    unreadable = 0
    for row in members.rows(document, "symbols"):
        if row.get("firstOpenTime") is None:
            continue
        try:
            listing = _listing(row)
        except Unreadable:
            unreadable += 1
            continue
        if listing.opens_at >= now - past:
            found.append(listing)
    return tuple(found), unreadable


def balances(document: object) -> Mapping[str, Balance | None]:
    """Of GET account, by asset; None: named, but unreadable, which says nothing of the others."""
    return {members.text(row, "asset"): _balance(row) for row in members.rows(document, "balances")}


def top_of_book(document: object, symbol: str, at: datetime) -> TopOfBook:
    """Of GET depth: bids come in falling, asks in rising order. `at`: when it was received."""
    depth = members.mapping(document, "depth")
    return TopOfBook(symbol, _best(depth, "bids"), _best(depth, "asks"), at)


def depth(document: object, symbol: str, limit: int, at: datetime) -> DepthSnapshot:
    """Of GET depth with at most `limit` levels a side, in any order. `at`: when it was received."""
    depth = members.mapping(document, f"depth of {symbol}")
    version = depth.get("lastUpdateId")
    if isinstance(version, bool) or not isinstance(version, int) or version < 0:
        raise Unreadable(f"lastUpdateId is {members.shown(version)}, not a version")
    return DepthSnapshot(version, _offers(depth, "bids"), _offers(depth, "asks"), limit, at)


def order(document: object) -> Order:
    """Of GET order, and each item of GET openOrders."""
    row = members.mapping(document, "order")
    kind = _KINDS.get(members.text(row, "type"), OrderKind.LIMIT)
    executed = Base(members.decimal(row, "executedQty"))
    return Order(
        order_id=members.identifier(row, "orderId"),
        client_order_id=members.optional_text(row, "clientOrderId"),
        symbol=members.text(row, "symbol"),
        side=_side(row),
        kind=kind,
        price=Price(members.decimal(row, "price") if row.get("price") is not None else Decimal(0)),
        quantity=_quantity(row, kind, executed),
        executed=executed,
        executed_quote=Quote(members.decimal(row, "cummulativeQuoteQty")),
        status=_status(row),
    )


def orders(document: object) -> tuple[Order, ...]:
    """Of GET openOrders."""
    return tuple(order(item) for item in members.sequence(document, "openOrders"))


def past_orders(document: object) -> tuple[tuple[datetime, Order], ...]:
    """Of GET allOrders, oldest first, each with the time it was placed."""
    return tuple(
        (members.time(members.mapping(item, "order"), "time"), order(item))
        for item in reversed(members.sequence(document, "allOrders"))
    )


def fills(document: object) -> tuple[Fill, ...]:
    """Of GET myTrades, oldest first."""
    return tuple(_fill(members.mapping(item, "myTrades")) for item in reversed(members.sequence(document, "myTrades")))


def symbols(document: object) -> frozenset[str]:
    """Of GET defaultSymbols and selfSymbols."""
    names = members.sequence(members.mapping(document, "symbols").get("data"), "data")
    if wrong := [name for name in names if not isinstance(name, str) or not name]:
        raise Unreadable(f"data holds {members.shown(wrong[0])}, not a symbol's name")
    return frozenset(str(name) for name in names)


def fees(document: object) -> tuple[Decimal, Decimal]:
    """Of GET tradeFee: maker and taker, as shares of the traded value. These come as JSON numbers."""
    row = members.mapping(members.mapping(document, "tradeFee").get("data"), "data")
    return members.share(row, "makerCommission"), members.share(row, "takerCommission")


def calendar(document: object) -> tuple[tuple[Listing, ...], int]:
    """Of the website's new-coin calendar, which names no pairs: every coin is taken to open against USDT.

    The number tells how many rows could not be read."""
    data = members.mapping(members.mapping(document, "calendar").get("data"), "data")
    coins = members.sequence(data.get("newCoins"), "newCoins")
    found: list[Listing] = []
    for coin in coins:
        with contextlib.suppress(Unreadable):
            row = members.mapping(coin, "newCoins")
            name = members.text(row, "vcoinName").upper()
            found.append(_listing_of(name, "USDT", f"{name}USDT", row))
    return tuple(found), len(coins) - len(found)


def acknowledged_id(document: object, client_order_id: str) -> str:
    """The venue's order id of POST order. The answer names our own id only sometimes; then it must be the one sent."""
    row = members.mapping(document, "order")
    named = members.optional_text(row, "clientOrderId")
    if named not in (None, client_order_id):
        raise Unreadable(f"the answer is about order {named!r}, not {client_order_id!r}")
    return members.identifier(row, "orderId")


def taken_at(document: object) -> datetime | None:
    """When POST order was taken; None when that is not said in a form we know, which makes it no less taken."""
    with contextlib.suppress(Unreadable):
        return members.time(members.mapping(document, "order"), "transactTime")
    return None


def listen_key(document: object) -> str:
    """Of POST userDataStream."""
    key = members.text(members.mapping(document, "userDataStream"), "listenKey")
    if not re.fullmatch(r"[0-9A-Za-z_-]{1,256}", key):
        raise Unreadable("listenKey holds other signs than letters and digits")
    return key


def offer_of(side: str, price: object, quantity: object) -> tuple[Price, Base]:
    """One level of a book; the quantity may be zero, the price may not."""
    at = members.decimal_of(f"price in {side}", price)
    if at <= 0:
        raise Unreadable(f"price in {side} is {members.shown(price)}, not above zero")
    return Price(at), Base(members.decimal_of(f"quantity in {side}", quantity))


def _rules(row: Mapping[str, object]) -> SymbolRules:
    up, down = _band(row.get("filters"))
    opens_at = row.get("firstOpenTime")
    return SymbolRules(
        symbol=members.text(row, "symbol"),
        base_asset=members.text(row, "baseAsset"),
        quote_asset=members.text(row, "quoteAsset"),
        price_step=members.step(row, "quoteAssetPrecision" if "quoteAssetPrecision" in row else "quotePrecision"),
        quantity_step=members.step(row, "baseAssetPrecision"),
        min_quantity=Base(members.decimal(row, "baseSizePrecision")),
        min_notional=Quote(members.decimal(row, "quoteAmountPrecision")),
        max_notional=_most(row, "maxQuoteAmount"),
        band_up=up,
        band_down=down,
        taker_fee=members.decimal(row, "takerCommission"),
        api_allowed=members.text(row, "status") in _ONLINE
        and row.get("isSpotTradingAllowed") is True
        and row.get("tradeSideType") != _CLOSED_SIDES,
        opens_at_ms=members.ms(row, "firstOpenTime") if opens_at is not None else None,
        market_orders=_lists_market(row.get("orderTypes")),
        max_market_notional=_most(row, "maxQuoteAmountMarket"),
    )


def _most(row: Mapping[str, object], name: str) -> Quote | None:
    return Quote(members.decimal(row, name)) if row.get(name) is not None else None


def _balance(row: Mapping[str, object]) -> Balance | None:
    try:
        return Balance(Base(members.decimal(row, "free")), Base(members.decimal(row, "locked")))
    except Unreadable:
        return None


def _lists_market(types: object) -> bool:
    """A market order is refused where the row does not list its type (protocol notes 2.2)."""
    return isinstance(types, list) and "MARKET" in types


def _quantity(row: Mapping[str, object], kind: OrderKind, executed: Base) -> Base:
    """What was asked for. What a market purchase by quote shows here is not known (protocol notes 7.8): nothing, what
    it got, or what its amount would have bought; so it may be missing, and is never less than what was executed."""
    if kind is not OrderKind.MARKET:
        return Base(members.decimal(row, "origQty"))
    told = row.get("origQty")
    return max(executed, Base(members.decimal(row, "origQty") if told is not None else NO_BASE))


def _band(filters: object) -> tuple[Decimal | None, Decimal | None]:
    if not isinstance(filters, list):
        return None, None
    for item in filters:
        if isinstance(item, dict) and item.get("filterType") == "PERCENT_PRICE_BY_SIDE":
            return members.decimal(item, "bidMultiplierUp"), members.decimal(item, "askMultiplierDown")
    return None, None


def _listing(row: Mapping[str, object]) -> Listing:
    return _listing_of(
        members.text(row, "baseAsset"), members.text(row, "quoteAsset"), members.text(row, "symbol"), row
    )


def _listing_of(base: str, quote: str, symbol: str, row: Mapping[str, object]) -> Listing:
    if not base.isalnum() or not quote.isalnum():  # the key's own separators must not occur in it
        raise Unreadable(f"the pair {base!r}/{quote!r} has other signs than letters and digits")
    if not symbol.isprintable():  # what no database stores would keep all the others from being stored
        raise Unreadable(f"the symbol {members.shown(symbol)} has signs that cannot be printed")
    return Listing(ListingKey("mexc", base, quote), symbol, members.time(row, "firstOpenTime"))


def _fill(row: Mapping[str, object]) -> Fill:
    is_buyer = row.get("isBuyer")
    if not isinstance(is_buyer, bool):
        raise Unreadable(f"isBuyer is {members.shown(is_buyer)}, not true or false")
    return Fill(
        trade_id=members.identifier(row, "id"),
        order_id=members.identifier(row, "orderId"),
        client_order_id=members.optional_text(row, "clientOrderId"),
        symbol=members.text(row, "symbol"),
        side=Side.BUY if is_buyer else Side.SELL,
        price=Price(members.decimal(row, "price")),
        quantity=Base(members.decimal(row, "qty")),
        quote=Quote(members.decimal(row, "quoteQty")),
        fee=members.signed(row, "commission"),
        fee_asset=members.text(row, "commissionAsset"),
        at=members.time(row, "time"),
    )


def _best(depth: Mapping[str, object], side: str) -> Price | None:
    levels = members.sequence(depth.get(side), side)
    if not levels:
        return None
    level = members.sequence(levels[0], side)
    price = members.decimal_of(f"price in {side}", level[0] if level else None)
    return Price(price) if price > 0 else None


def _offers(depth: Mapping[str, object], side: str) -> Offers:
    return tuple(_offer(members.sequence(level, side), side) for level in members.sequence(depth.get(side), side))


def _offer(level: list[object], side: str) -> tuple[Price, Base]:
    if len(level) < 2:
        raise Unreadable(f"a level in {side} is {members.shown(level)}, not a price and a quantity")
    return offer_of(side, level[0], level[1])


def _status(row: Mapping[str, object]) -> OrderStatus:
    try:
        return _STATUSES[members.text(row, "status")]
    except KeyError as exc:
        raise Unreadable(f"status is {members.shown(row.get('status'))}, which no known order has") from exc


def _side(row: Mapping[str, object]) -> Side:
    try:
        return _SIDES[members.text(row, "side")]
    except KeyError as exc:
        raise Unreadable(f"side is {members.shown(row.get('side'))}, not BUY or SELL") from exc
