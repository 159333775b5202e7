"""From the parameters of POST order to a Ticket, or to the venue's refusal; changes nothing."""

from collections.abc import Mapping
from decimal import Decimal

from simulator import errors
from simulator.engine.arithmetic import ONE, add, fits, multiply, parse_plain, subtract, trimmed
from simulator.engine.orders import OrderType, SelfTradePrevention, Side, Ticket
from simulator.engine.rules import SymbolRules
from simulator.exchange.listings import Listing, ListingState
from simulator.exchange.settings import Settings
from simulator.parameters import text

BUY_ALLOWED = frozenset({1, 2})  # tradeSideType
SELL_ALLOWED = frozenset({1, 3})
_SIDES = {side.value: side for side in Side}
_TYPES = {type_.value: type_ for type_ in OrderType}
_PREVENTIONS = {prevention.value: prevention for prevention in SelfTradePrevention}


def read_ticket(parameters: Mapping[str, str]) -> Ticket:
    """The order as the client wrote it. Raises Refusal for what is missing or malformed."""
    symbol = text(parameters, "symbol")
    side = _SIDES.get(text(parameters, "side"))
    if side is None:
        raise errors.missing_parameter("side")
    type_ = _TYPES.get(text(parameters, "type"))
    if type_ is None:
        raise errors.invalid_type()
    prevention = _PREVENTIONS.get(parameters.get("stpMode", ""))
    if prevention is None:
        raise errors.missing_parameter("stpMode")
    quantity = _number(parameters, "quantity")
    price = _number(parameters, "price")
    quote_quantity = _number(parameters, "quoteOrderQty")
    if type_ is OrderType.MARKET:
        price = None
        if quote_quantity is not None:
            quantity = None  # with both given, the quote amount counts
        elif quantity is None:
            raise errors.missing_parameter("quantity")
    else:
        quote_quantity = None
        if quantity is None:
            raise errors.missing_parameter("quantity")
        if price is None:
            raise errors.missing_parameter("price")
    return Ticket(
        symbol=symbol,
        side=side,
        type=type_,
        price=price,
        quantity=quantity,
        quote_quantity=quote_quantity,
        client_order_id=parameters.get("newClientOrderId") or None,
        self_trade_prevention=prevention,
    )


def check_ticket(ticket: Ticket, listing: Listing, settings: Settings, now_ms: int) -> None:
    """Raises Refusal when the symbol's stage, scales, sizes, cap or band do not allow the order."""
    state = listing.state(now_ms)
    refusal = listing.refusal(state)
    if refusal is not None:
        raise refusal
    rules = listing.market.rules
    if listing.trade_side_type(now_ms) not in (BUY_ALLOWED if ticket.side is Side.BUY else SELL_ALLOWED):
        raise errors.direction_not_allowed()
    if ticket.type is OrderType.MARKET and not rules.market_orders:
        raise errors.market_order_disabled(settings.no_market_code)
    _check_scales(ticket, rules)
    _check_size(ticket, listing)
    if ticket.price is not None:
        _check_price(ticket.side, ticket.price, listing, state, settings.band_code)


def _check_scales(ticket: Ticket, rules: SymbolRules) -> None:
    if ticket.quantity is not None and not fits(ticket.quantity, rules.base_scale):
        raise errors.quantity_scale()
    if ticket.price is not None and not fits(ticket.price, rules.price_scale):
        raise errors.price_scale()
    if ticket.quote_quantity is not None and not fits(ticket.quote_quantity, rules.price_scale):
        raise errors.amount_scale()


def _check_size(ticket: Ticket, listing: Listing) -> None:
    rules = listing.market.rules
    if ticket.price is not None and not ticket.price:
        raise errors.no_valid_price()
    if ticket.quantity is not None and ticket.quantity < rules.min_quantity:
        raise errors.below_minimum(trimmed(rules.min_quantity), rules.base_asset)
    value = _value(ticket, listing)
    market = ticket.type is OrderType.MARKET
    least, most = (rules.min_quote_market, rules.max_quote_market) if market else (rules.min_quote, rules.max_quote)
    if value is None:
        return
    if value < least:
        raise errors.below_minimum(trimmed(least), rules.quote_asset)
    if value > most:
        raise errors.above_maximum(trimmed(most), rules.quote_asset)


def _value(ticket: Ticket, listing: Listing) -> Decimal | None:
    """The order's value in quote; None for a MARKET order by quantity in a book with nobody opposite."""
    if ticket.quote_quantity is not None:
        return ticket.quote_quantity
    assert ticket.quantity is not None
    opposite = Side.SELL if ticket.side is Side.BUY else Side.BUY
    price = listing.market.book.best(opposite) if ticket.price is None else ticket.price
    return None if price is None else multiply(price, ticket.quantity)


def _check_price(side: Side, price: Decimal, listing: Listing, state: ListingState, band_code: int) -> None:
    if state is ListingState.OPEN_CAPPED:
        if side is Side.BUY and price > listing.cap_price:
            raise listing.cap_refusal()
        return
    rules = listing.market.rules
    last = listing.market.last_price
    if last is None:  # nothing to measure a band from before the first trade
        return
    if side is Side.BUY and rules.band_up is not None and price > multiply(last, add(ONE, rules.band_up)):
        raise errors.outside_price_band(band_code)
    if side is Side.SELL and rules.band_down is not None and price < multiply(last, subtract(ONE, rules.band_down)):
        raise errors.outside_price_band(band_code)


def _number(parameters: Mapping[str, str], name: str) -> Decimal | None:
    given = parameters.get(name)
    if not given:
        return None
    value = parse_plain(given)
    if value is None:
        raise errors.illegal_characters(name)
    return value
