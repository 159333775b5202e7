"""Noticing that somebody else sends a session's orders: then this desk must not."""

from functools import cache

from desk.account_feed import Heard
from desk.ledger import SessionLedger
from desk.session_desk import SessionDesk
from domain.events import AttentionNeeded
from domain.ids import Installation, Leg, SessionKey
from domain.orders import OrderIntent
from domain.ports import StreamGap

_MOST_SHOTS = 300
"""Of a leg; names beyond are not recognised as the session's."""


class RivalWatch:
    """Hears the account's stream for one session, over all its terms in this process.

    seen: client order ids of the session that somebody else sent, with their intents; None: it has none in our books.
    Each makes this desk stand down once: it loads the books anew then, and asks about them.
    """

    def __init__(self) -> None:
        self.seen: dict[str, OrderIntent | None] = {}

    def hear(self, desk: SessionDesk, item: Heard) -> None:
        """Give up the right to send when it is about an order that this desk did not send."""
        if isinstance(item, StreamGap):
            return
        name, ledger = item.client_order_id, desk.ledger
        if name is None or name in self.seen or item.symbol != desk.record.symbol:
            return
        intent = ledger.intents.get(name)
        if name in ledger.unsent or (intent is None and name in _names(desk.kit.installation, desk.key)):
            self.seen[name] = intent
            reason = f"order {name} of this session was sent by somebody else"
            desk.journal.note(AttentionNeeded(reason))
            desk.keeper.stand_down(reason)

    def reopen(self, ledger: SessionLedger) -> None:
        """What is in the books as withdrawn, or as settled before it was sent, is an open question again."""
        ledger.intents.update({name: intent for name, intent in self.seen.items() if intent is not None})
        ledger.settled -= self.seen.keys()
        ledger.elsewhere = frozenset(self.seen)


@cache
def _names(installation: Installation, key: SessionKey) -> frozenset[str]:
    """Of every order the session may have: those of another attempt or session are no rival's."""
    return frozenset(installation.order_id(key, leg, shot) for leg in Leg for shot in range(_MOST_SHOTS))
