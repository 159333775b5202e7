"""The matching engine and a naive second telling of it, step by step, to the last unit of every balance."""

import random
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from simulator.engine.identifiers import OrderIds
from simulator.engine.matching import Market
from simulator.engine.orders import Fill, Order, OrderType, PublicTrade, SelfTradePrevention, Side, Status, Ticket
from simulator.engine.rules import SymbolRules
from simulator.engine.wallet import Balance, Wallet
from simulator.errors import Refusal
from tests.simulator.reference_book import BASE_SCALE, PRICE_SCALE, ReferenceBook, Resting

STEPS = 10_000
OWNERS = ("ann", "bob", "cy")
ASSETS = ("NEW", "USDT", "MX")
START = {"NEW": 500, "USDT": 500, "MX": 1}
MX_PRICE = Decimal(2)
NOW_MS = 1_767_225_600_000
BLOCKABLE = (OrderType.MARKET, OrderType.IMMEDIATE_OR_CANCEL)


class Pair:
    """Engine and reference side by side. seen: what has happened so far, by name."""

    def __init__(self, maker_fee: str, taker_fee: str) -> None:
        rules = SymbolRules(
            "NEWUSDT",
            "NEW",
            "USDT",
            BASE_SCALE,
            PRICE_SCALE,
            maker_fee=Decimal(maker_fee),
            taker_fee=Decimal(taker_fee),
        )
        self.fees = Wallet("fees")
        self.market = Market(rules, self, OrderIds(1), self.fees)
        self.market.mx_price = lambda: MX_PRICE
        self.wallets = {
            name: Wallet(name, balances={asset: Balance(Decimal(amount)) for asset, amount in START.items()})
            for name in OWNERS
        }
        self.reference = ReferenceBook(Fraction(maker_fee), Fraction(taker_fee), Fraction(MX_PRICE))
        self.reference.free = {
            (name, asset): Fraction(START[asset] if name in OWNERS else 0)
            for name in (*OWNERS, "fees")
            for asset in ASSETS
        }
        self.orders: list[Order] = []
        self.fills: list[Fill] = []
        self.seen: Counter[str] = Counter()

    def order_accepted(self, order: Order) -> None:
        """Numbers the orders as the reference does."""
        self.orders.append(order)

    def order_changed(self, order: Order) -> None:
        """What changed is compared afterwards."""

    def order_filled(self, fill: Fill) -> None:
        """Keeps the fill."""
        self.fills.append(fill)

    def balance_moved(self, owner: Wallet, asset: str, free: Decimal, locked: Decimal, reason: str) -> None:
        """Balances are compared afterwards."""

    def traded(self, symbol: str, trade: PublicTrade) -> None:
        """Fills tell more."""

    def place(self, owner: str, ticket: Ticket, *, blocked: bool) -> None:
        """The same order at both; both must take it, or refuse it with the same code."""
        expected = self.reference.place(owner, ticket, blocked=blocked)
        if not isinstance(expected, Resting):
            with pytest.raises(Refusal) as refused:
                self.market.place(self.wallets[owner], ticket, NOW_MS, blocked=blocked)
            assert refused.value.code == expected
            self.seen[f"refused {expected}"] += 1
            return
        order = self.market.place(self.wallets[owner], ticket, NOW_MS, blocked=blocked)
        assert (order.price, order.quantity) == (expected.price, expected.quantity)
        self.seen[f"{ticket.type.value} {order.status.value}"] += 1
        if order.cancel_reason == "stp_cancel":
            self.seen[f"taker {ticket.self_trade_prevention.value}"] += 1

    def cancel(self, choice: int) -> None:
        """One of the open orders at both."""
        numbers = [number for number, order in enumerate(self.orders) if order.is_open]
        if numbers:
            number = numbers[choice % len(numbers)]
            self.market.cancel(self.orders[number], NOW_MS)
            self.reference.cancel(number)
            self.seen["cancelled"] += 1

    def switch(self, owner: str | None) -> None:
        """Where buys pay their commission from now on; or whether somebody pays in MX."""
        if owner is None:
            self.market.fee_in_base = self.reference.fee_in_base = not self.market.fee_in_base
        else:
            self.wallets[owner].mx_deduct = not self.wallets[owner].mx_deduct
            self.reference.mx_payers ^= {owner}

    def compare(self) -> None:
        """Fills, orders, levels, balances; and nothing was made or lost on the way."""
        numbers = {id(order): number for number, order in enumerate(self.orders)}
        fills: list[object] = [
            (numbers[id(f.order)], f.price, f.quantity, f.commission, f.commission_asset, f.is_maker, f.is_self_trade)
            for f in self.fills
        ]
        traded: list[object] = [
            (t.number, t.price, t.quantity, t.fee, t.fee_asset, t.is_maker, t.is_self_trade)
            for t in self.reference.traded
        ]
        assert fills == traded
        for fill in self.fills:
            self.seen[f"{'maker' if fill.is_maker else 'taker'} fee in {fill.commission_asset}"] += 1
            self.seen["self-trade"] += fill.is_self_trade
        self.fills.clear()
        self.reference.traded.clear()
        for order, other in zip(self.orders, self.reference.orders, strict=True):
            assert order.status is other.status
            assert order.executed == other.done
            assert order.reserved == other.reserved
            self.seen["maker stp_cancel"] += order.cancel_reason == "stp_cancel"
        for side in Side:
            levels: list[object] = list(self.market.book.levels(side, 1000))
            assert levels == self.reference.levels(side)
        for asset in ASSETS:
            for name, wallet in self.wallets.items():
                balance = wallet.balance(asset)
                assert balance.free == self.reference.free[name, asset] >= 0
                assert balance.locked == self.reference.locked(name, asset) >= 0
            assert self.fees.balance(asset).free == self.reference.free["fees", asset]
            owned = sum((w.balance(asset).free + w.balance(asset).locked for w in self.wallets.values()), Decimal(0))
            assert owned + self.fees.balance(asset).free == START[asset] * len(OWNERS)
        self._forget_ended()

    def _forget_ended(self) -> None:
        """Ended orders never change again; both lists keep the same numbers."""
        kept = [number for number, order in enumerate(self.orders) if order.is_open]
        self.orders = [self.orders[number] for number in kept]
        self.reference.orders = [self.reference.orders[number] for number in kept]
        for number, order in enumerate(self.reference.orders):
            order.number = number


def ticket(
    side: Side,
    type_: OrderType,
    price: int,
    quantity: int,
    by_amount: bool,
    prevention: SelfTradePrevention,
) -> Ticket:
    """Prices in steps of 0.01 around 1, quantities in hundredths: many meet at the same price."""
    market = type_ is OrderType.MARKET
    amount = Decimal(quantity).scaleb(-2)
    return Ticket(
        "NEWUSDT",
        side,
        type_,
        None if market else Decimal(price).scaleb(-2),
        None if market and by_amount else amount,
        amount if market and by_amount else None,
        None,
        prevention,
    )


EXPECTED = {
    *(f"{kind} {status}" for kind in ("LIMIT", "IMMEDIATE_OR_CANCEL", "MARKET") for status in ("FILLED", "CANCELED")),
    *(f"{kind} PARTIALLY_CANCELED" for kind in ("LIMIT", "IMMEDIATE_OR_CANCEL", "MARKET")),
    *(f"LIMIT {status}" for status in ("NEW", "PARTIALLY_FILLED")),
    *(f"{kind}" for kind in ("LIMIT_MAKER NEW", "LIMIT_MAKER CANCELED")),
    *(f"FILL_OR_KILL {status}" for status in ("FILLED", "CANCELED")),
    *(f"refused {code}" for code in (30004, 30005, 30025)),
    *(f"taker {prevention}" for prevention in ("cancel_taker", "cancel_both")),
    *(f"taker fee in {asset}" for asset in ASSETS),
    *(f"maker fee in {asset}" for asset in ASSETS),
    "maker stp_cancel",
    "self-trade",
    "cancelled",
}
"""Everything that can happen; a walk in which something did not would prove less than it says."""


@pytest.mark.parametrize(("seed", "maker_fee", "taker_fee"), [(1, "0.0002", "0.0005"), (2, "0.001", "0.002")])
def test_ten_thousand_random_steps_agree(seed: int, maker_fee: str, taker_fee: str) -> None:
    """After each of them; and among them everything that can happen has happened."""
    chance = random.Random(seed)
    pair = Pair(maker_fee, taker_fee)
    for _ in range(STEPS):
        act = chance.random()
        if act < 0.12:
            pair.cancel(chance.randrange(1000))
        elif act < 0.15:
            pair.switch(chance.choice((None, *OWNERS)))
        else:
            type_ = chance.choice(list(OrderType))
            wanted = ticket(
                chance.choice(list(Side)),
                type_,
                chance.randint(95, 105),
                chance.choice((1, 50, 100, 333, 2_000, 20_000)),
                chance.random() < 0.5,
                chance.choice(list(SelfTradePrevention)),
            )
            blocked = type_ in BLOCKABLE and chance.random() < 0.1
            pair.place(chance.choice(OWNERS), wanted, blocked=blocked)
        pair.compare()
        if chance.random() < 0.02:  # now and then nobody is left, which a busy book never sees
            while pair.orders:
                pair.cancel(0)
                pair.compare()

    assert {name for name in EXPECTED if not pair.seen[name]} == set()


class EngineAgainstReference(RuleBasedStateMachine):
    """The same, step by step as hypothesis likes, so that a difference shrinks to its smallest cause."""

    @initialize(fees=st.sampled_from([("0", "0.0005"), ("0.0002", "0.0005"), ("0.3", "0.7")]))
    def begin(self, fees: tuple[str, str]) -> None:
        self.pair = Pair(*fees)

    @rule(
        owner=st.sampled_from(OWNERS),
        side=st.sampled_from(list(Side)),
        type_=st.sampled_from(list(OrderType)),
        price=st.integers(98, 102),
        quantity=st.integers(1, 30_000),
        by_amount=st.booleans(),
        prevention=st.sampled_from(list(SelfTradePrevention)),
        blocked=st.booleans(),
    )
    def place(self, owner: str, blocked: bool, **what: Any) -> None:
        self.pair.place(owner, ticket(**what), blocked=blocked and what["type_"] in BLOCKABLE)

    @rule(choice=st.integers(0, 1000))
    def cancel(self, choice: int) -> None:
        self.pair.cancel(choice)

    @rule(owner=st.sampled_from((None, *OWNERS)))
    def switch(self, owner: str | None) -> None:
        self.pair.switch(owner)

    @invariant()
    def they_agree(self) -> None:
        if hasattr(self, "pair"):
            self.pair.compare()


TestEngineAgainstReference = EngineAgainstReference.TestCase
TestEngineAgainstReference.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_the_comparison_notices_a_wrong_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """With time priority turned round the two must part."""
    honest = Market._crossing

    def later_first(self: Market, side: Side, limit: Decimal) -> Any:
        return iter(sorted(honest(self, side, limit), key=lambda maker: (maker.price, maker.id), reverse=True))

    monkeypatch.setattr(Market, "_crossing", later_first)
    with pytest.raises(AssertionError):
        test_ten_thousand_random_steps_agree(1, "0.0002", "0.0005")


def test_statuses_cover_the_engine() -> None:
    """A new status or type must enter the walk."""
    named = " ".join(EXPECTED)
    assert all(status.value in named for status in Status)
    assert all(kind.value in named for kind in OrderType)
