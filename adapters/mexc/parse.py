"""The venue's JSON answers as domain values. Strict in what money depends on, lenient where answers were seen to vary.

Everything raises Unreadable and nothing else; whoever made the call knows what an unreadable answer means.
"""

import contextlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from adapters.mexc.depth import DepthSnapshot, Offers
from domain.ids import ListingKey
from domain.listings import Listing
from domain.money import Base, Price, Quote, SymbolRules
from domain.orders import Fill, Order, OrderKind, OrderStatus, Side
from domain.ports import Balance
from domain.quotes import TopOfBook

_DECIMAL = re.compile(r"[0-9]{1,40}(?:\.[0-9]{1,40})?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = 4_102_444_800_000
"""The year 2100: a larger number is no time in milliseconds."""
_MOST_DECIMALS = 30

_STATUSES: Mapping[str, OrderStatus] = {
    "NEW": OrderStatus.NEW,
    "PARTIALLY_FILLED": OrderStatus.PARTIALLY_FILLED,
    "FILLED": OrderStatus.FILLED,
    "CANCELED": OrderStatus.CANCELLED,
    "PARTIALLY_CANCELED": OrderStatus.PARTIALLY_CANCELLED,
}
_SIDES: Mapping[str, Side] = {"BUY": Side.BUY, "SELL": Side.SELL}
_IMMEDIATE_TYPES = frozenset({"IMMEDIATE_OR_CANCEL", "FILL_OR_KILL", "MARKET"})
"""Types that never rest; every other one is kept as LIMIT, since only foreign orders have them."""

_ONLINE = frozenset({"1", "ENABLED"})  # the word until 2024
_CLOSED_SIDES = 4


class Unreadable(Exception):
    """An answer or frame without the agreed shape. Its text names the member and what it holds."""


def server_time_ms(document: object) -> int:
    """Of GET time, in exchange milliseconds."""
    return _ms(_object(document, "time"), "serverTime")


def rules(document: object, symbol: str) -> SymbolRules | None:
    """Of GET exchangeInfo for one symbol; None when the answer does not list it."""
    for row in _rows(document, "symbols"):
        if row.get("symbol") == symbol:
            return _rules(row)
    return None


def rows_by_symbol(document: object) -> Mapping[str, object]:
    """Of a whole GET exchangeInfo, each row unread; one of them in a list of its own is a document for `rules`."""
    return {str(row.get("symbol")): {"symbols": [row]} for row in _rows(document, "symbols")}


def listings(document: object, past: timedelta) -> tuple[tuple[Listing, ...], int]:
    """Of a whole GET exchangeInfo: rows whose opening is ahead, or at most `past` ago by the venue's clock.

    The number tells how many rows with an opening time could not be read."""
    now = _time(_object(document, "exchangeInfo"), "serverTime")
    found: list[Listing] = []
    unreadable = 0
    for row in _rows(document, "symbols"):
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
    return {_text(row, "asset"): _balance(row) for row in _rows(document, "balances")}


def top_of_book(document: object, symbol: str, at: datetime) -> TopOfBook:
    """Of GET depth: bids come in falling, asks in rising order. `at`: when it was received."""
    depth = _object(document, "depth")
    return TopOfBook(symbol, _best(depth, "bids"), _best(depth, "asks"), at)


def depth(document: object, symbol: str, limit: int, at: datetime) -> DepthSnapshot:
    """Of GET depth with at most `limit` levels a side, in any order. `at`: when it was received."""
    depth = _object(document, f"depth of {symbol}")
    version = depth.get("lastUpdateId")
    if isinstance(version, bool) or not isinstance(version, int) or version < 0:
        raise Unreadable(f"lastUpdateId is {_shown(version)}, not a version")
    return DepthSnapshot(version, _offers(depth, "bids"), _offers(depth, "asks"), limit, at)


def order(document: object) -> Order:
    """Of GET order, and each item of GET openOrders."""
    row = _object(document, "order")
    return Order(
        order_id=_id(row, "orderId"),
        client_order_id=_optional_text(row, "clientOrderId"),
        symbol=_text(row, "symbol"),
        side=_side(row),
        kind=OrderKind.IMMEDIATE if _text(row, "type") in _IMMEDIATE_TYPES else OrderKind.LIMIT,
        price=Price(_decimal(row, "price") if row.get("price") is not None else Decimal(0)),
        quantity=Base(_decimal(row, "origQty")),
        executed=Base(_decimal(row, "executedQty")),
        executed_quote=Quote(_decimal(row, "cummulativeQuoteQty")),
        status=_status(row),
    )


def orders(document: object) -> tuple[Order, ...]:
    """Of GET openOrders."""
    return tuple(order(item) for item in _list(document, "openOrders"))


def past_orders(document: object) -> tuple[tuple[datetime, Order], ...]:
    """Of GET allOrders, oldest first, each with the time it was placed."""
    return tuple(
        (_time(_object(item, "order"), "time"), order(item)) for item in reversed(_list(document, "allOrders"))
    )


def fills(document: object) -> tuple[Fill, ...]:
    """Of GET myTrades, oldest first."""
    return tuple(_fill(_object(item, "myTrades")) for item in reversed(_list(document, "myTrades")))


def symbols(document: object) -> frozenset[str]:
    """Of GET defaultSymbols and selfSymbols."""
    names = _list(_object(document, "symbols").get("data"), "data")
    if wrong := [name for name in names if not isinstance(name, str) or not name]:
        raise Unreadable(f"data holds {_shown(wrong[0])}, not a symbol's name")
    return frozenset(str(name) for name in names)


def fees(document: object) -> tuple[Decimal, Decimal]:
    """Of GET tradeFee: maker and taker, as shares of the traded value. These come as JSON numbers."""
    row = _object(_object(document, "tradeFee").get("data"), "data")
    return _share(row, "makerCommission"), _share(row, "takerCommission")


def calendar(document: object) -> tuple[tuple[Listing, ...], int]:
    """Of the website's new-coin calendar, which names no pairs: every coin is taken to open against USDT.

    The number tells how many rows could not be read."""
    coins = _list(_object(_object(document, "calendar").get("data"), "data").get("newCoins"), "newCoins")
    found: list[Listing] = []
    for coin in coins:
        with contextlib.suppress(Unreadable):
            row = _object(coin, "newCoins")
            name = _text(row, "vcoinName").upper()
            found.append(_listing_of(name, "USDT", f"{name}USDT", row))
    return tuple(found), len(coins) - len(found)


def acknowledged_id(document: object, client_order_id: str) -> str:
    """The venue's order id of POST order. The answer names our own id only sometimes; then it must be the one sent."""
    row = _object(document, "order")
    named = _optional_text(row, "clientOrderId")
    if named not in (None, client_order_id):
        raise Unreadable(f"the answer is about order {named!r}, not {client_order_id!r}")
    return _id(row, "orderId")


def listen_key(document: object) -> str:
    """Of POST userDataStream."""
    key = _text(_object(document, "userDataStream"), "listenKey")
    if not re.fullmatch(r"[0-9A-Za-z_-]{1,256}", key):
        raise Unreadable("listenKey holds other signs than letters and digits")
    return key


def decimal_of(what: str, value: object) -> Decimal:
    """A plain decimal that came as text: no sign, no exponent, never a JSON number, which may have been rounded."""
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        raise Unreadable(f"{what} is {_shown(value)}, not a plain decimal in quotes")
    return Decimal(value)


def offer_of(side: str, price: object, quantity: object) -> tuple[Price, Base]:
    """One level of a book; the quantity may be zero, the price may not."""
    at = decimal_of(f"price in {side}", price)
    if at <= 0:
        raise Unreadable(f"price in {side} is {_shown(price)}, not above zero")
    return Price(at), Base(decimal_of(f"quantity in {side}", quantity))


def time_of(what: str, value: object) -> datetime:
    """An instant that came in milliseconds, aware UTC."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < _LAST_MS:
        raise Unreadable(f"{what} is {_shown(value)}, not a time in milliseconds")
    return _EPOCH + timedelta(milliseconds=value)


def milliseconds(instant: datetime) -> int:
    """The venue's number for `instant`, rounded down."""
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def _rules(row: Mapping[str, object]) -> SymbolRules:
    up, down = _band(row.get("filters"))
    opens_at = row.get("firstOpenTime")
    return SymbolRules(
        symbol=_text(row, "symbol"),
        base_asset=_text(row, "baseAsset"),
        quote_asset=_text(row, "quoteAsset"),
        price_step=_step(row, "quoteAssetPrecision" if "quoteAssetPrecision" in row else "quotePrecision"),
        quantity_step=_step(row, "baseAssetPrecision"),
        min_quantity=Base(_decimal(row, "baseSizePrecision")),
        min_notional=Quote(_decimal(row, "quoteAmountPrecision")),
        max_notional=Quote(_decimal(row, "maxQuoteAmount")) if row.get("maxQuoteAmount") is not None else None,
        band_up=up,
        band_down=down,
        taker_fee=_decimal(row, "takerCommission"),
        api_allowed=_text(row, "status") in _ONLINE
        and row.get("isSpotTradingAllowed") is True
        and row.get("tradeSideType") != _CLOSED_SIDES,
        opens_at_ms=_ms(row, "firstOpenTime") if opens_at is not None else None,
    )


def _balance(row: Mapping[str, object]) -> Balance | None:
    try:
        return Balance(Base(_decimal(row, "free")), Base(_decimal(row, "locked")))
    except Unreadable:
        return None


def _band(filters: object) -> tuple[Decimal | None, Decimal | None]:
    if not isinstance(filters, list):
        return None, None
    for item in filters:
        if isinstance(item, dict) and item.get("filterType") == "PERCENT_PRICE_BY_SIDE":
            return _decimal(item, "bidMultiplierUp"), _decimal(item, "askMultiplierDown")
    return None, None


def _listing(row: Mapping[str, object]) -> Listing:
    return _listing_of(_text(row, "baseAsset"), _text(row, "quoteAsset"), _text(row, "symbol"), row)


def _listing_of(base: str, quote: str, symbol: str, row: Mapping[str, object]) -> Listing:
    if not base.isalnum() or not quote.isalnum():  # the key's own separators must not occur in it
        raise Unreadable(f"the pair {base!r}/{quote!r} has other signs than letters and digits")
    return Listing(ListingKey("mexc", base, quote), symbol, _time(row, "firstOpenTime"))


def _fill(row: Mapping[str, object]) -> Fill:
    is_buyer = row.get("isBuyer")
    if not isinstance(is_buyer, bool):
        raise Unreadable(f"isBuyer is {_shown(is_buyer)}, not true or false")
    return Fill(
        trade_id=_id(row, "id"),
        order_id=_id(row, "orderId"),
        client_order_id=_optional_text(row, "clientOrderId"),
        symbol=_text(row, "symbol"),
        side=Side.BUY if is_buyer else Side.SELL,
        price=Price(_decimal(row, "price")),
        quantity=Base(_decimal(row, "qty")),
        quote=Quote(_decimal(row, "quoteQty")),
        fee=_decimal(row, "commission"),
        fee_asset=_text(row, "commissionAsset"),
        at=_time(row, "time"),
    )


def _best(depth: Mapping[str, object], side: str) -> Price | None:
    levels = _list(depth.get(side), side)
    if not levels:
        return None
    level = _list(levels[0], side)
    price = decimal_of(f"price in {side}", level[0] if level else None)
    return Price(price) if price > 0 else None


def _offers(depth: Mapping[str, object], side: str) -> Offers:
    return tuple(_offer(_list(level, side), side) for level in _list(depth.get(side), side))


def _offer(level: list[object], side: str) -> tuple[Price, Base]:
    if len(level) < 2:
        raise Unreadable(f"a level in {side} is {_shown(level)}, not a price and a quantity")
    return offer_of(side, level[0], level[1])


def _status(row: Mapping[str, object]) -> OrderStatus:
    try:
        return _STATUSES[_text(row, "status")]
    except KeyError as exc:
        raise Unreadable(f"status is {_shown(row.get('status'))}, which no known order has") from exc


def _side(row: Mapping[str, object]) -> Side:
    try:
        return _SIDES[_text(row, "side")]
    except KeyError as exc:
        raise Unreadable(f"side is {_shown(row.get('side'))}, not BUY or SELL") from exc


def _step(row: Mapping[str, object], name: str) -> Decimal:
    digits = row.get(name)
    if isinstance(digits, bool) or not isinstance(digits, int) or not 0 <= digits <= _MOST_DECIMALS:
        raise Unreadable(f"{name} is {_shown(digits)}, not a number of decimals")
    return Decimal(1).scaleb(-digits)


def _decimal(row: Mapping[str, object], name: str) -> Decimal:
    return decimal_of(name, row.get(name))


def _share(row: Mapping[str, object], name: str) -> Decimal:
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise Unreadable(f"{name} is {_shown(value)}, not a share from 0 to 1")
    return Decimal(repr(value))


def _ms(row: Mapping[str, object], name: str) -> int:
    return milliseconds(_time(row, name))


def _time(row: Mapping[str, object], name: str) -> datetime:
    return time_of(name, row.get(name))


def _text(row: Mapping[str, object], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value:
        raise Unreadable(f"{name} is {_shown(value)}, not a text")
    return value


def _optional_text(row: Mapping[str, object], name: str) -> str | None:
    return _text(row, name) if row.get(name) not in (None, "") else None


def _id(row: Mapping[str, object], name: str) -> str:
    """Ids are texts; some documented samples show them as numbers."""
    value = row.get(name)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _text(row, name)


def _rows(document: object, name: str) -> list[Mapping[str, object]]:
    return [_object(item, name) for item in _list(_object(document, name).get(name), name)]


def _object(value: object, what: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise Unreadable(f"{what} is {_shown(value)}, not an object")
    return value


def _list(value: object, what: str) -> list[object]:
    if not isinstance(value, list):
        raise Unreadable(f"{what} is {_shown(value)}, not a list")
    return value


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
