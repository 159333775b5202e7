"""One symbol's order book: best price first, within a price who came first. Knows no accounts and no money."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from decimal import Decimal

from simulator.engine.arithmetic import ZERO, add, subtract
from simulator.engine.orders import Order, Side


class _Level:
    """All resting orders of one price, oldest first, and their summed remaining quantity."""

    __slots__ = ("orders", "quantity")

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}
        self.quantity = ZERO


class _Half:
    """One side of the book. Keys are prices whose sign makes the best one the smallest."""

    __slots__ = ("keys", "levels", "sign")

    def __init__(self, side: Side) -> None:
        self.sign = -1 if side is Side.BUY else 1
        self.keys: list[Decimal] = []
        self.levels: dict[Decimal, _Level] = {}

    def key(self, price: Decimal) -> Decimal:
        return price if self.sign > 0 else price.copy_negate()


class OrderBook:
    """Resting orders of both sides, with a version that counts every change of a level.

    Versions stay far below 1e12: third-party clients compare them with millisecond times.
    """

    def __init__(self, first_version: int = 1) -> None:
        self.version = first_version
        self._halves = {Side.BUY: _Half(Side.BUY), Side.SELL: _Half(Side.SELL)}
        self._changed: list[set[tuple[Side, Decimal]]] = []

    def watch(self) -> set[tuple[Side, Decimal]]:
        """A set that receives (side, price) of every level that changes from now on; the caller empties it."""
        changed: set[tuple[Side, Decimal]] = set()
        self._changed.append(changed)
        return changed

    def unwatch(self, changed: set[tuple[Side, Decimal]]) -> None:
        """Stop filling a set that `watch` returned."""
        self._changed = [other for other in self._changed if other is not changed]

    def insert(self, order: Order) -> None:
        """Put `order` behind all others of its price."""
        half = self._halves[order.side]
        key = half.key(order.price)
        level = half.levels.get(key)
        if level is None:
            level = half.levels[key] = _Level()
            insort(half.keys, key)
        level.orders[order.id] = order
        level.quantity = add(level.quantity, order.remaining)
        self._touch(order)

    def remove(self, order: Order) -> None:
        """Take `order` out with whatever remains of it."""
        self._shrink(order, order.remaining, gone=True)

    def reduce(self, order: Order, quantity: Decimal) -> None:
        """Take `quantity` base units off a resting order that is about to trade them; out with it when none remain."""
        self._shrink(order, quantity, gone=quantity == order.remaining)

    def restate(self) -> None:
        """Count a new version in which nothing is different, and name a best level as changed, if there is one."""
        self.version += 1
        for side in Side:
            best = self.best(side)
            if best is not None:
                for changed in self._changed:
                    changed.add((side, best))
                return

    def best(self, side: Side) -> Decimal | None:
        """The best price of a side; None when the side is empty."""
        half = self._halves[side]
        return half.key(half.keys[0]) if half.keys else None

    def quantity_at(self, side: Side, price: Decimal) -> Decimal:
        """Base units resting at exactly `price`; zero when there is no such level."""
        half = self._halves[side]
        level = half.levels.get(half.key(price))
        return ZERO if level is None else level.quantity

    def levels(self, side: Side, limit: int) -> list[tuple[Decimal, Decimal]]:
        """(price, quantity) of the best `limit` levels, best first."""
        half = self._halves[side]
        return [(half.key(key), half.levels[key].quantity) for key in half.keys[:limit]]

    def orders(self, side: Side) -> Iterator[Order]:
        """Resting orders in the sequence in which they trade. The book must not change meanwhile."""
        half = self._halves[side]
        for key in half.keys:
            yield from half.levels[key].orders.values()

    def _shrink(self, order: Order, quantity: Decimal, *, gone: bool) -> None:
        half = self._halves[order.side]
        key = half.key(order.price)
        level = half.levels[key]
        level.quantity = subtract(level.quantity, quantity)
        if gone:
            del level.orders[order.id]
            if not level.orders:
                del half.levels[key]
                del half.keys[bisect_left(half.keys, key)]
        self._touch(order)

    def _touch(self, order: Order) -> None:
        self.version += 1
        for changed in self._changed:
            changed.add((order.side, order.price))
