"""What one session's orders have done so far, in memory: intents, what the venue said of them, and fills."""

from dataclasses import dataclass, field

from domain.exits import SellOrder
from domain.ids import Leg
from domain.money import NO_BASE, Base
from domain.orders import Fill, Order, OrderIntent, Position, Side, position_of


@dataclass
class SessionLedger:
    """settled: client order ids that need no further question; see SessionStore.settled.

    coin_before: base held on the account before the entry; None: not counted yet, so nothing was sent.
    unsent: client order ids of the entry that may still be sent, and were not, as far as this desk knows.
    elsewhere: client order ids of the session of which it turned out that somebody else sent them.
    """

    base_asset: str
    quote_asset: str
    coin_before: Base | None = None
    intents: dict[str, OrderIntent] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    fills: dict[str, Fill] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)
    unsent: set[str] = field(default_factory=set)
    elsewhere: frozenset[str] = frozenset()

    def unsettled(self, leg: Leg | None = None) -> tuple[OrderIntent, ...]:
        """Intents whose end is not known yet, oldest first; of one leg, or of all."""
        return tuple(
            intent
            for name, intent in self.intents.items()
            if name not in self.settled and (leg is None or intent.leg is leg)
        )

    def position(self) -> Position:
        """From fills only."""
        return position_of(self.fills.values(), self.base_asset, self.quote_asset)

    def executed(self, client_order_id: str) -> Base:
        """Base units of one order that we have fills for."""
        mine = (fill.quantity for fill in self.fills.values() if fill.client_order_id == client_order_id)
        return Base(sum(mine, NO_BASE))

    def sells(self, *, unknown_blocks: bool) -> tuple[SellOrder, ...]:
        """Our sells as the exit rules see them. unknown_blocks: whether one that may not exist counts as open."""
        return tuple(
            SellOrder(
                client_order_id=name,
                leg=intent.leg,
                price=intent.bound,
                executed=self.executed(name),
                open=self._open(intent, unknown_blocks=unknown_blocks),
            )
            for name, intent in self.intents.items()
            if intent.side is Side.SELL
        )

    def _open(self, intent: OrderIntent, *, unknown_blocks: bool) -> Base:
        if intent.client_order_id in self.settled:
            return NO_BASE
        if intent.client_order_id not in self.orders and not unknown_blocks:
            return NO_BASE
        return Base(intent.quantity - self.executed(intent.client_order_id))
