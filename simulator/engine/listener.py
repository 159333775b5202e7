"""Who wants to know what the matching engine does."""

from decimal import Decimal
from typing import Protocol

from simulator.engine.orders import Fill, Order, PublicTrade
from simulator.engine.wallet import Wallet


class Listener(Protocol):
    """Told synchronously of everything that happens; the objects change afterwards, so read them at once."""

    def order_accepted(self, order: Order) -> None:
        """Called once per order, after its funds were reserved and before anything trades."""

    def order_changed(self, order: Order) -> None:
        """Called when an order became visible in the book, traded, or ended."""

    def order_filled(self, fill: Fill) -> None:
        """Called for each side of each trade, before order_changed."""

    def balance_moved(self, owner: Wallet, asset: str, free: Decimal, locked: Decimal, reason: str) -> None:
        """Called with the changes of one balance; `reason` is the venue's account type text."""

    def traded(self, symbol: str, trade: PublicTrade) -> None:
        """Called once per trade."""
