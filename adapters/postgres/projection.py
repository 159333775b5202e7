"""What each event changes in the rows that are read: session, intents, orders, fills.

Runs inside the transaction that writes the event, with the session's row locked. Not here: the journal itself.
"""

from datetime import datetime

import structlog

from adapters.postgres.database import Connection
from adapters.postgres.event_codec import policy_json, storable
from domain.events import (
    AbortRequested,
    AttentionNeeded,
    BooksClosed,
    CoinCounted,
    EntryEnded,
    Event,
    FillSeen,
    IntentCommitted,
    IntentWithdrawn,
    OpeningMoved,
    OrderAbsent,
    OrderSeen,
    PhaseEntered,
    PolicyChanged,
    PositionFlat,
    ShotAnswered,
)
from domain.orders import Fill, Order, OrderIntent
from domain.session import Phase, may_move

log = structlog.get_logger()


async def project(connection: Connection, session: int, at: datetime, event: Event) -> bool:
    """Carry out one event that was not there before. True: the session's row changed."""
    match event:
        case IntentCommitted(intent):
            await _commit_intent(connection, session, intent)
        case IntentWithdrawn(client_order_id):
            await _settle(connection, session, client_order_id, "withdrawn")
        case OrderAbsent(client_order_id):
            await _settle(connection, session, client_order_id, "absent")
        case ShotAnswered(client_order_id) if event.left_no_order:
            await _settle(connection, session, client_order_id, "refused")
        case OrderSeen(order):
            await _see_order(connection, session, at, order)
        case FillSeen(fill):
            await _see_fill(connection, session, fill)
        case _:
            return await _change_session(connection, session, at, event)
    return False


async def _change_session(connection: Connection, session: int, at: datetime, event: Event) -> bool:
    match event:
        case PhaseEntered(phase):
            return await _enter_phase(connection, session, phase)
        case CoinCounted(_, before):
            await connection.execute("UPDATE sessions SET coin_before = %s WHERE id = %s", (before, session))
        case EntryEnded(result, reason):
            await connection.execute(
                "UPDATE sessions SET entry_ended = true, entry_result = %s, entry_reason = %s WHERE id = %s",
                (storable(result), storable(reason), session),
            )
        case PolicyChanged(policy, revision):
            await connection.execute(
                "UPDATE sessions SET policy = %s, policy_revision = greatest(policy_revision, %s) WHERE id = %s",
                (policy_json(policy), revision, session),
            )
        case OpeningMoved(opens_at, revision):
            await connection.execute(
                "UPDATE sessions SET opens_at = %s, policy_revision = greatest(policy_revision, %s) WHERE id = %s",
                (opens_at, revision, session),
            )
        case AbortRequested():
            await connection.execute("UPDATE sessions SET aborting = true WHERE id = %s", (session,))
        case AttentionNeeded(reason):
            await connection.execute("UPDATE sessions SET attention = %s WHERE id = %s", (storable(reason), session))
        case PositionFlat(dust, result):
            await connection.execute(
                "UPDATE sessions SET dust = %s, result = %s WHERE id = %s", (dust, result, session)
            )
        case BooksClosed():
            await _close(connection, session, at, event)
        case _:
            return False
    return True


async def _enter_phase(connection: Connection, session: int, phase: Phase) -> bool:
    found = await connection.execute("SELECT phase FROM sessions WHERE id = %s", (session,))
    row = await found.fetchone()
    old = Phase(row[0]) if row is not None else None
    if old is None or not may_move(old, phase):
        log.warning("phase.impossible", session=session, old=old, new=phase)
        return False
    await connection.execute("UPDATE sessions SET phase = %s WHERE id = %s", (phase, session))
    return True


async def _close(connection: Connection, session: int, at: datetime, books: BooksClosed) -> None:
    await connection.execute(
        """
        UPDATE sessions
        SET phase = 'closed', closed_at = %s, outcome = %s, reason = %s, spent = %s, received = %s, fees = %s,
            fee_coin = %s, result = %s
        WHERE id = %s
        """,
        (
            at,
            books.outcome,
            storable(books.reason),
            books.spent,
            books.received,
            books.fees,
            books.fee_coin,
            books.result,
            session,
        ),
    )


async def _commit_intent(connection: Connection, session: int, intent: OrderIntent) -> None:
    await connection.execute(
        """
        INSERT INTO intents
            (client_order_id, session_id, leg, shot, symbol, side, kind, bound, quantity, budget, not_before)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            intent.client_order_id,
            session,
            intent.leg,
            intent.shot,
            intent.symbol,
            intent.side,
            intent.kind,
            intent.bound,
            intent.quantity,
            intent.budget,
            intent.not_before,
        ),
    )


async def _settle(connection: Connection, session: int, client_order_id: str, how: str) -> None:
    await connection.execute(
        "UPDATE intents SET settled_as = %s WHERE session_id = %s AND client_order_id = %s",
        (how, session, client_order_id),
    )


async def _see_order(connection: Connection, session: int, at: datetime, order: Order) -> None:
    """Words may arrive in any order: a final one stands, and what was executed never falls."""
    if order.client_order_id is None:
        log.warning("order.foreign", session=session, order_id=order.order_id)
        return
    await connection.execute(
        """
        INSERT INTO orders AS known
            (session_id, client_order_id, order_id, symbol, side, kind, price, quantity, executed, executed_quote,
             status, final, seen_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (session_id, client_order_id) DO UPDATE
        SET executed = greatest(known.executed, excluded.executed),
            executed_quote = greatest(known.executed_quote, excluded.executed_quote),
            status = excluded.status, final = excluded.final, seen_at = excluded.seen_at
        WHERE (NOT known.final AND (excluded.final OR excluded.executed >= known.executed))
           OR (excluded.final AND excluded.executed > known.executed)
        """,
        (
            session,
            order.client_order_id,
            order.order_id,
            order.symbol,
            order.side,
            order.kind,
            order.price,
            order.quantity,
            order.executed,
            order.executed_quote,
            order.status,
            order.status.final,
            at,
        ),
    )


async def _see_fill(connection: Connection, session: int, fill: Fill) -> None:
    await connection.execute(
        """
        INSERT INTO fills
            (session_id, trade_id, order_id, client_order_id, symbol, side, price, quantity, quote, fee, fee_asset, at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (session_id, trade_id) DO NOTHING
        """,
        (
            session,
            fill.trade_id,
            fill.order_id,
            fill.client_order_id,
            fill.symbol,
            fill.side,
            fill.price,
            fill.quantity,
            fill.quote,
            fill.fee,
            fill.fee_asset,
            fill.at,
        ),
    )
