"""What somebody owns. Amounts move only through here, exactly, and never below zero."""

from dataclasses import dataclass, field
from decimal import Decimal

from simulator.engine.arithmetic import ZERO, add, subtract


class NegativeBalance(Exception):
    """The engine tried to take what is not there: a bug in the engine, never a refusal."""


@dataclass(slots=True)
class Balance:
    """One asset, in its own units. locked: reserved by open orders."""

    free: Decimal = ZERO
    locked: Decimal = ZERO


@dataclass(slots=True, eq=False)
class Wallet:
    """The balances of one owner. A plain wallet belongs to the venue or to its background traders.

    name: unique within the venue. mx_deduct: whether commissions are paid in MX while there is enough of it.
    """

    name: str
    mx_deduct: bool = False
    balances: dict[str, Balance] = field(default_factory=dict)

    def balance(self, asset: str) -> Balance:
        """The balance of `asset`, created empty when never touched."""
        balance = self.balances.get(asset)
        if balance is None:
            balance = self.balances[asset] = Balance()
        return balance

    def credit(self, asset: str, amount: Decimal) -> None:
        """Add to what is free."""
        balance = self.balance(asset)
        balance.free = add(balance.free, amount)

    def debit(self, asset: str, amount: Decimal) -> None:
        """Take from what is free. Raises NegativeBalance when there is less."""
        balance = self.balance(asset)
        free = subtract(balance.free, amount)
        if free < 0:
            raise NegativeBalance(f"{self.name!r} has {balance.free} {asset} free, {amount} was to be taken")
        balance.free = free

    def lock(self, asset: str, amount: Decimal) -> None:
        """Move from free to locked. Raises NegativeBalance when less is free."""
        self.debit(asset, amount)
        balance = self.balance(asset)
        balance.locked = add(balance.locked, amount)

    def unlock(self, asset: str, amount: Decimal) -> None:
        """Move from locked to free. Raises NegativeBalance when less is locked."""
        self.take_locked(asset, amount)
        self.credit(asset, amount)

    def take_locked(self, asset: str, amount: Decimal) -> None:
        """Take from what is locked. Raises NegativeBalance when less is locked."""
        balance = self.balance(asset)
        locked = subtract(balance.locked, amount)
        if locked < 0:
            raise NegativeBalance(f"{self.name!r} has {balance.locked} {asset} locked, {amount} was to be taken")
        balance.locked = locked
