"""Everything one session's run shares while it holds the lease."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from desk.journal import SessionJournal
from desk.kit import DeskKit
from desk.learning import Learner
from desk.lease_keeper import LeaseKeeper
from desk.ledger import SessionLedger
from desk.row_watch import RowWatch
from domain.ages import FRESH_S
from domain.errors import OutcomeUnknown, Refused, TryAgain
from domain.ids import Leg, SessionKey
from domain.lease import LeaseGrant, quiet_for_s
from domain.money import SymbolRules
from domain.session import SessionRecord

_ASK_AGAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class SessionDesk:
    """One session under one lease. quiet_at: local monotonic second from which on nothing an earlier holder sent can
    reach the venue any more."""

    kit: DeskKit
    grant: LeaseGrant
    keeper: LeaseKeeper
    watch: RowWatch
    ledger: SessionLedger
    journal: SessionJournal
    learner: Learner
    granted_at: float

    @property
    def key(self) -> SessionKey:
        return self.watch.key

    @property
    def record(self) -> SessionRecord:
        """The latest copy of the session's row."""
        return self.watch.record

    def quiet_at(self) -> float:
        """Local monotonic second after which an earlier holder's orders are all visible or never will be."""
        return self.granted_at + quiet_for_s(self.grant, self.record.policy.entry.recv_window_ms)

    async def exchange_now(self, still_wanted: Callable[[], None] = lambda: None) -> datetime:
        """Exchange time; measured first where there is none, as after a suspension of this machine, for as long as the
        lease holds. Raises LeaseLost, and what `still_wanted` raises while it has to wait."""
        while True:
            with suppress(TryAgain, OutcomeUnknown):
                if self.kit.exchange_clock.estimate() is None:
                    await self.kit.exchange_clock.synchronise()
                return self.kit.exchange_clock.now()
            self.keeper.check()
            still_wanted()
            await self.kit.clock.sleep(_ASK_AGAIN_S)

    async def rules_anew(self, known: SymbolRules, *, urgent: bool = False) -> SymbolRules:
        """The symbol's rules as the venue tells them now; `known` where it does not."""
        with suppress(TryAgain, OutcomeUnknown, Refused):
            return await self.kit.exchange.rules(known.symbol, FRESH_S, urgent=urgent) or known
        return known

    def order_id(self, leg: Leg, shot: int) -> str:
        return self.kit.installation.order_id(self.key, leg, shot)
