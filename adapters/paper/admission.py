"""What the paper venue says no to, in the words and codes of the real one: pure.

Refusals are raised, as the port wants them. Not here: what nobody tells in public, so that paper takes orders which the
venue would refuse: the price cap of an opening's first minute, a halt, an opening that is late, the rights of a key.
"""

from datetime import datetime, timedelta
from decimal import Decimal, localcontext

from adapters.paper.account import EXACT
from domain.errors import ClockRefused, NotTradable, OrderRejected, PriceRefused, SizeRefused
from domain.money import Price, SymbolRules, plain
from domain.order_book import OrderBook
from domain.orders import OrderKind, OrderRequest, Side

AHEAD = timedelta(milliseconds=1000)
"""A timestamp may lie this much before the exchange's clock, exclusively (protocol notes 1.4)."""
WITHOUT_BAND_FOR = timedelta(seconds=60)
"""After an opening: a cap holds then, which only a refusal would tell, and the percent band afterwards (protocol notes
5.3). A band around the first price would refuse every entry whose bound is generous."""
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")

NOT_OPEN, TOO_SMALL, TOO_LARGE, NO_FUNDS, OVERSOLD, OUTSIDE_BAND = 30001, 30002, 30003, 30004, 30005, 30087
NO_MARKET_ORDERS, NOBODY_OPPOSITE = 30019, 30025
OUTSIDE_WINDOW, NOT_FOR_API, MALFORMED = 700003, 10007, 400


def admit(
    request: OrderRequest,
    *,
    timestamp: datetime,
    recv_window_ms: int,
    server: datetime,
    rules: SymbolRules | None,
    reference: Price | None,
) -> SymbolRules:
    """The rules under which the order is taken. Raises Refused.

    server: the exchange's clock at the arrival. rules: None: the venue does not list the symbol. reference: what the
    percent band is measured from; None: there is no band yet.
    """
    check_window(timestamp, recv_window_ms, server)
    if rules is None:
        raise NotTradable(f"the venue does not list {request.symbol!r}", code=NOT_FOR_API)
    why = closed(rules, server)
    if why is not None:
        raise NotTradable(why, code=NOT_OPEN)
    if request.kind is OrderKind.MARKET and not rules.market_orders:
        raise OrderRejected(f"{rules.symbol} takes no market orders", code=NO_MARKET_ORDERS)
    with localcontext(EXACT):
        _check_form(request, rules)
        _check_size(request, rules)
        if request.kind is not OrderKind.MARKET and not _just_opened(rules, server):
            _check_price(request, rules, reference)
    return rules


def check_window(timestamp: datetime, recv_window_ms: int, server: datetime) -> None:
    """Raises ClockRefused when the order arrives outside of its window. server: the exchange's clock then."""
    ahead = timestamp - server
    if ahead >= AHEAD or -ahead > timedelta(milliseconds=recv_window_ms):
        off_ms = ahead / timedelta(milliseconds=1)
        raise ClockRefused(
            f"timestamp {off_ms:+.0f} ms off the exchange's clock, window {recv_window_ms} ms", code=OUTSIDE_WINDOW
        )


def check_funds(request: OrderRequest, lacking: Decimal, rules: SymbolRules) -> None:
    """Raises OrderRejected when something is lacking, in quote for a buy, in base for a sell."""
    if lacking > 0:
        buys = request.side is Side.BUY
        asset = rules.quote_asset if buys else rules.base_asset
        raise OrderRejected(f"lacks {plain(lacking)} {asset}", code=NO_FUNDS if buys else OVERSOLD)


def check_opponent(request: OrderRequest, book: OrderBook | None) -> None:
    """Raises NotTradable for a market purchase where nobody sells. book: None: not known, which proves nothing."""
    if request.kind is OrderKind.MARKET and book is not None and not book.asks:
        raise NotTradable(f"nobody offers {request.symbol}", code=NOBODY_OPPOSITE)


def comes_to_nothing(request: OrderRequest, rules: SymbolRules, server: datetime) -> bool:
    """Whether the venue takes the order and cancels it at once: reported of market orders in an opening's first minute
    (protocol notes 5.3), which a purchase on paper must not do better than."""
    return request.kind is OrderKind.MARKET and _just_opened(rules, server)


def closed(rules: SymbolRules, server: datetime) -> str | None:
    """Why nothing can be traded at that moment, as far as the rules tell; None: it can."""
    if not rules.api_allowed:
        return f"{rules.symbol} is not open to API clients"
    opening = _opening(rules)
    if opening is not None and server < opening:
        return f"{rules.symbol} opens at {opening:%Y-%m-%d %H:%M:%S.%f} UTC, it was {server:%H:%M:%S.%f}"
    return None


def reference_price(side: Side, book: OrderBook | None, last: Price | None) -> Price | None:
    """The last trade; before one was seen, the best price the order would meet, else of its own side."""
    if last is not None or book is None:
        return last
    top = book.top()
    return (top.ask or top.bid) if side is Side.BUY else (top.bid or top.ask)


def _opening(rules: SymbolRules) -> datetime | None:
    return None if rules.opens_at_ms is None else _EPOCH + timedelta(milliseconds=rules.opens_at_ms)


def _just_opened(rules: SymbolRules, server: datetime) -> bool:
    opening = _opening(rules)
    return opening is not None and server < opening + WITHOUT_BAND_FOR


def _check_form(request: OrderRequest, rules: SymbolRules) -> None:
    told = (
        (("price", request.price, rules.price_step), ("quantity", request.quantity, rules.quantity_step))
        if request.quote is None
        else (("amount", request.quote, rules.price_step),)  # no more decimals than a price has
    )
    for what, value, step in told:
        if value <= 0 or value % step != 0:
            raise SizeRefused(f"{what} {plain(value)} is no positive multiple of {plain(step)}", code=MALFORMED)


def _check_size(request: OrderRequest, rules: SymbolRules) -> None:
    if request.quote is None and request.quantity < rules.min_quantity:
        raise _too_small(request.quantity, rules.min_quantity, rules.base_asset)
    worth = request.price * request.quantity if request.quote is None else request.quote
    if worth < rules.min_notional:
        raise _too_small(worth, rules.min_notional, rules.quote_asset)
    if rules.max_notional is not None and worth > rules.max_notional:
        raise SizeRefused(
            f"worth {plain(worth)} {rules.quote_asset}, at most {plain(rules.max_notional)}", code=TOO_LARGE
        )


def _too_small(amount: Decimal, least: Decimal, asset: str) -> SizeRefused:
    return SizeRefused(f"{plain(amount)} {asset}, at least {plain(least)}", code=TOO_SMALL)


def _check_price(request: OrderRequest, rules: SymbolRules, reference: Price | None) -> None:
    if reference is None:
        return
    if request.side is Side.BUY and rules.band_up is not None:
        highest = reference * (1 + rules.band_up)
        if request.price > highest:
            raise PriceRefused(f"price {plain(request.price)} above {plain(highest)}", code=OUTSIDE_BAND)
    if request.side is Side.SELL and rules.band_down is not None:
        lowest = reference * (1 - rules.band_down)
        if request.price < lowest:
            raise PriceRefused(f"price {plain(request.price)} below {plain(lowest)}", code=OUTSIDE_BAND)
