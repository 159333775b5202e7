"""Rows of the paper venue as values and back: one pair per kind. For kwargs_row and named parameters of psycopg."""

from datetime import datetime
from decimal import Decimal

from adapters.paper.account import Booked, Offer, Pair, Taken
from adapters.postgres import rows as product
from domain.money import Price
from domain.orders import Fill, Side

SELECT_ORDER = """
    SELECT client_order_id, order_id, symbol, base_asset, quote_asset, side, kind, price, quantity, executed,
           executed_quote, status, fee_rate, placed_at, since_version, ahead, fills
    FROM paper_orders
"""
"""For `booked`; a WHERE is appended."""
SELECT_FILL = """
    SELECT trade_id, order_id, client_order_id, symbol, side, price, quantity, quote, fee, fee_asset, at
    FROM paper_fills
"""
"""For `fill`; a WHERE is appended."""
FILLS_IN_ORDER = " ORDER BY revision, length(trade_id), trade_id"
"""Oldest first: the fills of one change are numbered without leading zeros."""
SELECT_TAKEN = "SELECT side, price, quantity, at, version FROM paper_taken "
"""For `taken`; a WHERE is appended."""

WRITE_ORDER = """
    INSERT INTO paper_orders (
        account, client_order_id, order_id, symbol, base_asset, quote_asset, side, kind, price, quantity, executed,
        executed_quote, status, final, fee_rate, placed_at, since_version, ahead, fills, revision
    ) VALUES (
        %(account)s, %(client_order_id)s, %(order_id)s, %(symbol)s, %(base_asset)s, %(quote_asset)s, %(side)s, %(kind)s,
        %(price)s, %(quantity)s, %(executed)s, %(executed_quote)s, %(status)s, %(final)s, %(fee_rate)s, %(placed_at)s,
        %(since_version)s, %(ahead)s, %(fills)s, %(revision)s
    )
    ON CONFLICT (account, client_order_id) DO UPDATE SET
        executed = excluded.executed, executed_quote = excluded.executed_quote, status = excluded.status,
        final = excluded.final, ahead = excluded.ahead, fills = excluded.fills, revision = excluded.revision
"""
WRITE_FILL = """
    INSERT INTO paper_fills (
        account, trade_id, order_id, client_order_id, symbol, side, price, quantity, quote, fee, fee_asset, at, revision
    ) VALUES (
        %(account)s, %(trade_id)s, %(order_id)s, %(client_order_id)s, %(symbol)s, %(side)s, %(price)s, %(quantity)s,
        %(quote)s, %(fee)s, %(fee_asset)s, %(at)s, %(revision)s
    )
"""
WRITE_TAKEN = """
    INSERT INTO paper_taken (account, symbol, side, price, quantity, at, version)
    VALUES (%(account)s, %(symbol)s, %(side)s, %(price)s, %(quantity)s, %(at)s, %(version)s)
"""

fill = product.fill


def booked(
    *,
    client_order_id: str,
    order_id: str,
    symbol: str,
    base_asset: str,
    quote_asset: str,
    side: str,
    kind: str,
    price: Decimal,
    quantity: Decimal,
    executed: Decimal,
    executed_quote: Decimal,
    status: str,
    fee_rate: Decimal,
    placed_at: datetime,
    since_version: int | None,
    ahead: Decimal | None,
    fills: int,
) -> Booked:
    """An order on the paper venue's books."""
    order = product.order(
        order_id=order_id,
        client_order_id=client_order_id,
        symbol=symbol,
        side=side,
        kind=kind,
        price=price,
        quantity=quantity,
        executed=executed,
        executed_quote=executed_quote,
        status=status,
    )
    return Booked(order, Pair(symbol, base_asset, quote_asset), fee_rate, placed_at, since_version, ahead, fills)


def of_booked(account: str, told: Booked, revision: int) -> dict[str, object]:
    """The columns of an order."""
    order = told.order
    return {
        "account": account,
        "client_order_id": order.client_order_id,
        "order_id": order.order_id,
        "symbol": order.symbol,
        "base_asset": told.pair.base,
        "quote_asset": told.pair.quote,
        "side": order.side.value,
        "kind": order.kind.value,
        "price": order.price,
        "quantity": order.quantity,
        "executed": order.executed,
        "executed_quote": order.executed_quote,
        "status": order.status.value,
        "final": order.status.final,
        "fee_rate": told.fee_rate,
        "placed_at": told.placed_at,
        "since_version": told.since_version,
        "ahead": told.ahead,
        "fills": told.fills,
        "revision": revision,
    }


def of_fill(account: str, told: Fill, revision: int) -> dict[str, object]:
    """The columns of a fill."""
    return {
        "account": account,
        "trade_id": told.trade_id,
        "order_id": told.order_id,
        "client_order_id": told.client_order_id,
        "symbol": told.symbol,
        "side": told.side.value,
        "price": told.price,
        "quantity": told.quantity,
        "quote": told.quote,
        "fee": told.fee,
        "fee_asset": told.fee_asset,
        "at": told.at,
        "revision": revision,
    }


def taken(*, side: str, price: Decimal, quantity: Decimal, at: datetime, version: int) -> tuple[Offer, Taken]:
    """What was had of one offer."""
    return Offer(Side(side), Price(price)), Taken(quantity, at, version)


def of_taken(account: str, symbol: str, offer: Offer, had: Taken) -> dict[str, object]:
    """The columns of what was had of one offer."""
    return {
        "account": account,
        "symbol": symbol,
        "side": offer.side.value,
        "price": offer.price,
        "quantity": had.quantity,
        "at": had.at,
        "version": had.version,
    }
