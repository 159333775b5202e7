"""Closing sessions whose venue is gone for good.

Only the shipped simulator forgets everything when it stops: orders and coins of its sessions do not exist any more, so
nobody can sell them. Never used for a venue that keeps its books.
"""

from adapters.postgres.admission import PostgresSessions
from adapters.postgres.database import Database
from adapters.postgres.session_store import PostgresSessionStore
from domain.events import BooksClosed, PhaseEntered
from domain.ids import assets_of
from domain.orders import position_of
from domain.session import Outcome, Phase


async def retire_unclosed(database_url: str, reason: str) -> tuple[str, ...]:
    """Close every unclosed session as failed, with `reason`; returns their keys. Call it while no worker runs."""
    async with Database(database_url, name="sniper-retirement") as database:
        sessions = PostgresSessions(database)
        store = PostgresSessionStore(database)
        unclosed = await sessions.unclosed()
        for record in unclosed:
            position = position_of(await store.fills(record.key), *assets_of(record.symbol))
            books = BooksClosed(
                outcome=Outcome.FAILED,
                reason=reason,
                spent=position.spent,
                received=position.received,
                fees=position.fee_quote,
                fee_coin=position.fee_base,
                result=position.realised_quote,
                released=await sessions.release(record.key),
            )
            await store.append(record.key, (PhaseEntered(Phase.CLOSING, reason, "retired"), books))
            await store.append(record.key, (PhaseEntered(Phase.CLOSED),))
            await sessions.notify(record.key, "high", f"{record.symbol} retired: {reason}")
        return tuple(str(record.key) for record in unclosed)
