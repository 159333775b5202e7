"""Noticing that somebody else sends a session's orders: then this desk must not."""

from datetime import datetime
from functools import cache

from desk.account_feed import Heard
from desk.ledger import SessionLedger
from desk.session_desk import SessionDesk
from domain.events import AttentionNeeded, IntentCommitted
from domain.ids import Installation, Leg, SessionKey
from domain.money import NO_QUOTE, Quote
from domain.orders import Fill, Order, OrderIntent, OrderKind, Side
from domain.ports import StreamGap

_MOST_SHOTS = 1_000
"""Of a leg; names beyond are not recognised as the session's. A plan has at most 180, and is made anew a few times."""


class RivalWatch:
    """Hears the account's stream for one session, over all its terms in this process.

    seen: client order ids of the session that somebody else sent, with their intents: the committed one, or what was
    heard of an order that our books do not know. Each makes this desk stand down once: it loads the books anew then,
    and asks about them.
    """

    def __init__(self) -> None:
        self.seen: dict[str, OrderIntent] = {}

    def hear(self, desk: SessionDesk, item: Heard) -> None:
        """Give up the right to send when it is about an order that this desk did not send."""
        if isinstance(item, StreamGap):
            return
        name, ledger = item.client_order_id, desk.ledger
        if name is None or name in self.seen or item.symbol != desk.record.symbol:
            return
        intent = ledger.intents.get(name)
        if intent is None and (numbered := _names(desk.kit.installation, desk.key).get(name)) is not None:
            intent = _intent_of(item, name, *numbered, desk.kit.clock.now())
            desk.journal.note(IntentCommitted(intent))
        elif name not in ledger.unsent:
            return
        if intent is not None:
            self.seen[name] = intent
            reason = f"order {name} of this session was sent by somebody else"
            desk.journal.note(AttentionNeeded(reason))
            desk.keeper.stand_down(reason)

    def reopen(self, ledger: SessionLedger) -> None:
        """What is not in the books, or is there as withdrawn or as settled before it was sent, is an open question."""
        ledger.intents = {**self.seen, **ledger.intents}  # what the books know is better than what was heard
        ledger.settled -= self.seen.keys()
        ledger.elsewhere = frozenset(self.seen)


def _intent_of(item: Order | Fill, name: str, leg: Leg, shot: int, heard_at: datetime) -> OrderIntent:
    """What must have been meant by an order that is heard of for the first time."""
    kind = item.kind if isinstance(item, Order) else OrderKind.IMMEDIATE
    budget = Quote(item.price * item.quantity) if item.side is Side.BUY else NO_QUOTE
    return OrderIntent(name, leg, shot, item.symbol, item.side, kind, item.price, item.quantity, budget, heard_at)


@cache
def _names(installation: Installation, key: SessionKey) -> dict[str, tuple[Leg, int]]:
    """Leg and shot of every order the session may have: those of another attempt or session are no rival's."""
    return {installation.order_id(key, leg, shot): (leg, shot) for leg in Leg for shot in range(_MOST_SHOTS)}
