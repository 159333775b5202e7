"""Rows as domain values: one function per kind, whose parameters are the columns it is read from.

Used with psycopg's kwargs_row, so that a missing or an additional column is an error and not a silence.
"""

from datetime import datetime
from decimal import Decimal

from adapters.postgres.event_codec import policy_of
from domain.ids import Leg, ListingKey, SessionKey
from domain.listings import Listing
from domain.money import Base, Price, Quote
from domain.orders import Fill, Order, OrderIntent, OrderKind, OrderStatus, Side
from domain.session import Outcome, Phase, SessionRecord

HALTED = """
    EXISTS (
        SELECT FROM halts h
        WHERE h.released_at IS NULL AND (
            h.scope = 'everything'
            OR (h.scope = 'account' AND h.scope_key = s.account)
            OR (h.scope = 'session' AND h.scope_key = s.account || '/' || s.listing || '/' || s.attempt)
        )
    ) AS halted
"""
"""Whether a halt covers session `s` now."""
SELECT_RECORD = (
    """
    SELECT s.account, s.listing, s.attempt, s.symbol, s.phase, s.opens_at, s.policy, s.policy_revision, s.aborting,
           s.workflow_id, s.outcome, s.coin_before, s.entry_ended, s.entry_result, s.entry_reason,
    """
    + HALTED
    + "FROM sessions s "
)
"""For `record`; a WHERE is appended."""
SELECT_INTENT = """
    SELECT client_order_id, leg, shot, symbol, side, kind, bound, quantity, budget, not_before FROM intents
"""
"""For `intent`; a WHERE is appended."""
SELECT_ORDER = """
    SELECT order_id, client_order_id, symbol, side, kind, price, quantity, executed, executed_quote, status FROM orders
"""
"""For `order`; a WHERE is appended."""
SELECT_FILL = """
    SELECT trade_id, order_id, client_order_id, symbol, side, price, quantity, quote, fee, fee_asset, at FROM fills
"""
"""For `fill`; a WHERE is appended."""


def record(
    *,
    account: str,
    listing: str,
    attempt: int,
    symbol: str,
    phase: str,
    opens_at: datetime,
    policy: object,
    policy_revision: int,
    aborting: bool,
    halted: bool,
    workflow_id: str,
    outcome: str | None,
    coin_before: Decimal | None,
    entry_ended: bool,
    entry_result: str,
    entry_reason: str,
) -> SessionRecord:
    """A session's row."""
    return SessionRecord(
        key=SessionKey(account, ListingKey.parse(listing), attempt),
        symbol=symbol,
        phase=Phase(phase),
        opens_at=opens_at,
        policy=policy_of(policy),
        policy_revision=policy_revision,
        aborting=aborting,
        halted=halted,
        workflow_id=workflow_id,
        outcome=None if outcome is None else Outcome(outcome),
        coin_before=None if coin_before is None else Base(coin_before),
        entry_ended=entry_ended,
        entry_result=entry_result,
        entry_reason=entry_reason,
    )


def intent(
    *,
    client_order_id: str,
    leg: str,
    shot: int,
    symbol: str,
    side: str,
    kind: str,
    bound: Decimal,
    quantity: Decimal,
    budget: Decimal,
    not_before: datetime,
) -> OrderIntent:
    """A committed intent."""
    return OrderIntent(
        client_order_id=client_order_id,
        leg=Leg(leg),
        shot=shot,
        symbol=symbol,
        side=Side(side),
        kind=OrderKind(kind),
        bound=Price(bound),
        quantity=Base(quantity),
        budget=Quote(budget),
        not_before=not_before,
    )


def order(
    *,
    order_id: str,
    client_order_id: str,
    symbol: str,
    side: str,
    kind: str,
    price: Decimal,
    quantity: Decimal,
    executed: Decimal,
    executed_quote: Decimal,
    status: str,
) -> Order:
    """An order as last seen."""
    return Order(
        order_id=order_id,
        client_order_id=client_order_id,
        symbol=symbol,
        side=Side(side),
        kind=OrderKind(kind),
        price=Price(price),
        quantity=Base(quantity),
        executed=Base(executed),
        executed_quote=Quote(executed_quote),
        status=OrderStatus(status),
    )


def fill(
    *,
    trade_id: str,
    order_id: str,
    client_order_id: str | None,
    symbol: str,
    side: str,
    price: Decimal,
    quantity: Decimal,
    quote: Decimal,
    fee: Decimal,
    fee_asset: str,
    at: datetime,
) -> Fill:
    """One execution."""
    return Fill(
        trade_id=trade_id,
        order_id=order_id,
        client_order_id=client_order_id,
        symbol=symbol,
        side=Side(side),
        price=Price(price),
        quantity=Base(quantity),
        quote=Quote(quote),
        fee=fee,
        fee_asset=fee_asset,
        at=at,
    )


def listing(*, key: str, symbol: str, opens_at: datetime, revision: int) -> Listing:
    """A listing as it is known now."""
    return Listing(ListingKey.parse(key), symbol, opens_at, revision)
