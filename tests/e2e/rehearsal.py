"""A whole stack on real parts for one test: listings, sessions, the venue's ledger, and hands that break things."""

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import psycopg
from psycopg.rows import dict_row
from temporalio.client import Client, WorkflowHandle

from adapters.local.options import StackOptions
from adapters.temporal import connect
from domain.commands import SnipeClosed, StartSnipe
from domain.ids import ListingKey, SessionKey
from domain.money import Price, Quote
from domain.policy import EntryPolicy, ExitPolicy, TradePolicy
from stack import Stack
from workflows.names import CONTROL_QUEUE
from workflows.snipe import Snipe

WORKERS = ("worker-control", "worker-fire", "worker-guard")
BUDGET = Decimal(50)
_LOOK_EVERY_S = 0.002

Handle = WorkflowHandle[Snipe, SnipeClosed]


def options(home: Path, **changes: Any) -> StackOptions:
    """A stack without panel, on free ports, that inherits nothing about other stacks."""
    return replace(StackOptions(home=home, with_panel=False), **changes)


@dataclass(frozen=True)
class Session:
    """One started session and when its listing opens."""

    key: SessionKey
    symbol: str
    opens_at: datetime
    handle: Handle


class Rehearsal:
    """Speaks to one running stack; made with `of`, ended with `close`."""

    def __init__(self, stack: Stack, venue: httpx.AsyncClient, client: Client, books: psycopg.Connection[Any]) -> None:
        self.stack = stack
        self.venue = venue
        self.client = client
        self.books = books

    @classmethod
    async def of(cls, stack: Stack) -> "Rehearsal":
        state = stack.state
        assert state.rest_url is not None
        return cls(
            stack,
            httpx.AsyncClient(base_url=state.rest_url),
            await connect(state.temporal_address, state.temporal_namespace),
            psycopg.connect(state.database_url, autocommit=True, row_factory=dict_row),
        )

    async def close(self) -> None:
        await self.venue.aclose()
        self.books.close()

    async def announce(self, symbol: str, opens_in_s: float, script: object = "flat") -> datetime:
        """A listing at the venue; returns its opening time."""
        answer = await self.venue.post(
            "/_sim/listings", json={"symbol": symbol, "opens_at": f"+{int(opens_in_s * 1000)}ms", "script": script}
        )
        assert answer.status_code == 200, answer.text
        return datetime.fromtimestamp(answer.json()["opens_at"] / 1000, UTC)

    async def snipe(
        self,
        symbol: str,
        opens_in_s: float = 15,
        *,
        script: object = "flat",
        arm_lead_s: int = 12,
        time_stop_s: int = 6,
        attempt: int = 1,
    ) -> Session:
        """A listing and a session that waits for it."""
        opens_at = await self.announce(symbol, opens_in_s, script)
        key = SessionKey("main", ListingKey("mexc", symbol.removesuffix("USDT"), "USDT"), attempt)
        policy = TradePolicy(
            budget_quote=Quote(BUDGET),
            entry=EntryPolicy(max_price=Price(Decimal("0.06"))),
            exits=ExitPolicy(time_stop_s=time_stop_s),
            arm_lead_s=arm_lead_s,
        )
        handle = await self.client.start_workflow(
            Snipe.run,
            StartSnipe(key, symbol, opens_at, policy),
            id=key.workflow_id,
            task_queue=CONTROL_QUEUE,
        )
        return Session(key, symbol, opens_at, handle)

    def row(self, session: Session) -> dict[str, Any]:
        """The session's row; empty before it was admitted."""
        found = self.books.execute(
            "SELECT s.*, l.holder FROM sessions s LEFT JOIN leases l ON l.session_id = s.id "
            "WHERE account = %s AND listing = %s AND attempt = %s",
            (session.key.account, str(session.key.listing), session.key.attempt),
        ).fetchone()
        return dict(found) if found is not None else {}

    async def until(self, session: Session, claim: Callable[[dict[str, Any]], bool], within_s: float = 60) -> None:
        """Wait until the session's row fulfils `claim`."""
        deadline = monotonic() + within_s
        while not claim(self.row(session)):
            assert monotonic() < deadline, f"not within {within_s} s; the row says {self.row(session)}"
            await asyncio.sleep(_LOOK_EVERY_S)

    async def until_phase(self, session: Session, phase: str, within_s: float = 60) -> None:
        await self.until(session, lambda row: row.get("phase") == phase, within_s)

    async def until_sent(self, session: Session, within_s: float = 60) -> None:
        """Wait until the venue has received an order for the session's symbol."""
        deadline = monotonic() + within_s
        while not await self.requests(session):
            assert monotonic() < deadline, "no order reached the venue"
            await asyncio.sleep(_LOOK_EVERY_S)

    async def requests(self, session: Session) -> list[dict[str, Any]]:
        """Order requests the venue received for the symbol, refused and lost ones included."""
        answer = await self.venue.get("/_sim/requests", params={"symbol": session.symbol})
        return [request for request in answer.json()["requests"] if request["method"] == "POST"]

    async def ledger(self) -> dict[str, Any]:
        """Account main as the venue has it."""
        answer = await self.venue.get("/_sim/ledger")
        account: dict[str, Any] = answer.json()["accounts"]["main"]
        return account

    def events(self, session: Session) -> list[dict[str, Any]]:
        """The session's journal, in order."""
        return self.books.execute(
            "SELECT e.kind, e.at, e.payload FROM events e JOIN sessions s ON s.id = e.session_id "
            "WHERE s.account = %s AND s.listing = %s AND s.attempt = %s ORDER BY e.id",
            (session.key.account, str(session.key.listing), session.key.attempt),
        ).fetchall()

    def pid(self, child: str) -> int:
        return self.stack.child(child).pid

    def kill(self, *children: str) -> None:
        """kill -9, all of them before any is started again."""
        for child in children:
            os.kill(self.pid(child), signal.SIGKILL)
