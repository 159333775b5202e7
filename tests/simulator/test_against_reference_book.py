"""The matching engine and a naive reference book, step by step through the same orders: they must never disagree."""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Context, Decimal, Inexact
from fractions import Fraction
from functools import reduce

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from simulator.engine.identifiers import OrderIds
from simulator.engine.matching import Market
from simulator.engine.orders import Fill, Order, OrderType, PublicTrade, SelfTradePrevention, Side, Status, Ticket
from simulator.engine.rules import SymbolRules
from simulator.engine.wallet import Wallet
from simulator.errors import Refusal
from tests.simulator.reference_book import FEES, MX, Entry, No, ReferenceBook, Terms

STEPS = 10_000  # per walk
EXACT = Context(prec=60, traps=[Inexact])  # sums that raise instead of rounding
NOW_MS = 1_767_225_600_000
POOR_OWNER = "dee"  # is refused often
OWNERS = ("ann", "bob", "cy", POOR_OWNER)
ALL_LEVELS = 10_000
REACH = 8  # ticks between the middle of a walk and the most patient limit
BEYOND = 5  # ticks between the middle of a walk and the most eager limit
MIDDLES = range(60, 141)  # ticks; 5 % of them are between 3 and 7
LOTS = (0, 1, 1, 2, 2, 3, 5, 8)
NEAR = range(87, 94)  # ticks; 5 % of 90 of them end in a half, which must be rounded
TOO_MANY_LOTS = 20_000  # nobody can pay this
MX_PRICES = (Decimal("2.5"), Decimal("0.3"), Decimal("1.7"), None)


@dataclass(frozen=True)
class Field:
    """Where a walk takes place. tick, lot: the grid of prices and quantities, coarse so that orders meet often."""

    terms: Terms
    tick: Decimal
    lot: Decimal

    def price(self, ticks: int) -> Decimal:
        """Limit price; every third one is written with fewer digits, which must make no difference."""
        price = ticks * self.tick
        return price.normalize() if ticks % 3 == 0 else price

    def quantity(self, lots: int) -> Decimal:
        """Base units; zero lots stand for the smallest quantity there is, which is off the grid."""
        return lots * self.lot if lots else Decimal(1).scaleb(-self.terms.base_scale)


def _terms(base: str, base_scale: int, price_scale: int, maker_fee: str, taker_fee: str) -> Terms:
    return Terms(base, "USDT", base_scale, price_scale, Decimal(maker_fee), Decimal(taker_fee))


FIELDS = {
    "no maker fee": Field(_terms("NEW", 2, 2, "0", "0.0005"), Decimal("0.01"), Decimal("0.50")),
    "both fees": Field(_terms("NEW", 1, 4, "0.0010", "0.0025"), Decimal("0.0137"), Decimal("0.5")),
    "fees beyond 18 decimals": Field(
        _terms("NEW", 8, 8, "0.0021", "0.0013"), Decimal("0.01234567"), Decimal("0.98765433")
    ),
    "a market of MX itself": Field(_terms(MX, 2, 2, "0.01", "0.02"), Decimal("0.01"), Decimal("1.00")),
}


@dataclass
class Recorder:
    """A listener that keeps fills, public trades, and the balances as its messages alone would make them."""

    fills: list[Fill] = field(default_factory=list)
    trades: list[PublicTrade] = field(default_factory=list)
    accepted: list[Order] = field(default_factory=list)
    balances: dict[tuple[str, str], tuple[Fraction, Fraction]] = field(default_factory=dict)
    statuses: dict[str, Status] = field(default_factory=dict)

    def order_accepted(self, order: Order) -> None:
        """Keep the order."""
        self.accepted.append(order)

    def order_changed(self, order: Order) -> None:
        """Keep the newest status."""
        self.statuses[order.id] = order.status

    def order_filled(self, fill: Fill) -> None:
        """Keep the fill."""
        self.fills.append(fill)

    def balance_moved(self, owner: Wallet, asset: str, free: Decimal, locked: Decimal, reason: str) -> None:
        """Book the move."""
        before = self.balances[owner.name, asset]
        self.balances[owner.name, asset] = (before[0] + Fraction(free), before[1] + Fraction(locked))

    def traded(self, symbol: str, trade: PublicTrade) -> None:
        """Keep the trade."""
        self.trades.append(trade)


class Duel:
    """The engine and the reference, told the same; every step compares what they answer.

    orders: what both have accepted, in sequence. seen: how often each thing happened, by the engine's account.
    """

    def __init__(self, place: Field) -> None:
        self.field = place
        self.recorder = Recorder()
        self.reference = ReferenceBook(place.terms)
        terms = place.terms
        rules = SymbolRules(
            f"{terms.base}{terms.quote}", terms.base, terms.quote, terms.base_scale, terms.price_scale,
            maker_fee=terms.maker_fee, taker_fee=terms.taker_fee,
        )  # fmt: skip
        self.market = Market(rules, self.recorder, OrderIds(1), Wallet(FEES))
        self.market.mx_price = self._mx_price
        self.mx_price: Decimal | None = None
        self.wallets = {name: Wallet(name) for name in OWNERS}
        self.assets = tuple(dict.fromkeys((terms.base, terms.quote, MX)))
        for name in OWNERS:
            for asset in self.assets:
                self._deposit(name, asset)
        self.totals = {asset: self._total(asset) for asset in self.assets}
        self.orders: list[tuple[Order, Entry]] = []
        self.numbers: dict[str, int] = {}
        self.seen: Counter[tuple[object, ...]] = Counter()
        self._resting: list[tuple[Order, Entry]] = []
        self._changed = self.market.book.watch()
        self._levels = self._current_levels()

    def place(self, owner: str, ticket: Ticket, *, blocked: bool = False) -> None:
        """Place one order with both and compare refusal or fills."""
        fills, trades, shares = len(self.recorder.fills), len(self.recorder.trades), len(self.reference.shares)
        expected = self.reference.place(owner, ticket, blocked=blocked)
        order = self._order_or_code(owner, ticket, blocked=blocked)
        if isinstance(order, int):
            assert order == expected, f"refused with {order}"
            self.seen["refused", order, ticket.type is OrderType.MARKET] += 1
            return
        assert isinstance(expected, Entry), f"accepted, should be refused with {expected!r}"
        assert self.recorder.accepted[-1] is order
        self.numbers[order.id] = expected.number
        self.orders.append((order, expected))
        self._resting.append((order, expected))
        new_fills = self.recorder.fills[fills:]
        assert [self._share(fill) for fill in new_fills] == [
            (s.number, s.price, s.quantity, s.price * s.quantity, s.fee_asset, s.fee, s.is_maker, s.is_self_trade)
            for s in self.reference.shares[shares:]
        ]
        assert [(t.trade_id, t.price, t.quantity, t.taker_side) for t in self.recorder.trades[trades:]] == [
            (f.trade_id, f.price, f.quantity, ticket.side) for f in new_fills if not f.is_maker
        ]
        self._count(order, ticket, new_fills, blocked=blocked)

    def cancel(self, index: int) -> None:
        """Cancel one of the open orders, if there is any."""
        live = self.live()
        if live:
            order, entry = live[index % len(live)]
            self.market.cancel(order, NOW_MS)
            self.reference.cancel(entry)
            self.seen["cancelled", order.status] += 1

    def cancel_all(self) -> None:
        """Empty the book."""
        while self.live():
            self.cancel(0)

    def set_fee_in_base(self, fee_in_base: bool) -> None:
        """Let buys from now on pay in base, or in quote."""
        self.market.fee_in_base = self.reference.fee_in_base = fee_in_base

    def set_mx_deduct(self, owner: str, wanted: bool) -> None:
        """Let `owner` pay in MX, or no longer."""
        self.wallets[owner].mx_deduct = wanted
        (self.reference.pays_in_mx.add if wanted else self.reference.pays_in_mx.discard)(owner)

    def set_mx_price(self, price: Decimal | None) -> None:
        """Quote per MX; a market of MX itself uses it until it has traded."""
        self.mx_price = price
        self.reference.mx_price = None if price is None else Fraction(price)

    def give_back_fees(self, owner: str) -> None:
        """Move all commissions collected so far to `owner`, so that long walks do not run dry."""
        for asset in self.assets:
            amount = self.market.fees.balance(asset).free
            self.market.fees.debit(asset, amount)
            self.wallets[owner].credit(asset, amount)
            free, locked = self.recorder.balances[owner, asset]
            self.recorder.balances[owner, asset] = (free + Fraction(amount), locked)
            self.reference.free[owner, asset] += self.reference.free.pop((FEES, asset), Fraction(0))

    def compare(self) -> None:
        """Book, orders and balances are the same on both sides; nothing was made, lost or overdrawn."""
        self._compare_orders()
        self._compare_book()
        self._compare_balances()

    def compare_all_orders(self) -> None:
        """Nothing touched an order after its end, and every fill has a trade id of its own."""
        for order, entry in self.orders:
            _assert_same(order, entry)
        assert len({fill.trade_id for fill in self.recorder.fills}) == len(self.recorder.fills)

    def live(self) -> list[tuple[Order, Entry]]:
        """The open orders."""
        return [(order, entry) for order, entry in self._resting if order.is_open]

    def _order_or_code(self, owner: str, ticket: Ticket, *, blocked: bool) -> Order | int:
        try:
            return self.market.place(self.wallets[owner], ticket, NOW_MS, blocked=blocked)
        except Refusal as refusal:
            return refusal.code

    def _compare_orders(self) -> None:
        for order, entry in self._resting:
            _assert_same(order, entry)
            assert self.recorder.statuses[order.id] is order.status
            assert order.is_open or order.reserved == 0
        self._resting = self.live()
        assert len(self._resting) == len(self.reference.open)

    def _compare_book(self) -> None:
        book = self.market.book
        for side in Side:
            queue = [self.numbers[order.id] for order in book.orders(side)]
            expected_queue = self.reference.queue(side)
            assert queue == [entry.number for entry in expected_queue]
            self.seen[("a queue at one price",)] += len({entry.price for entry in expected_queue}) < len(queue)
        levels = self._current_levels()
        for side, quantities in levels.items():
            expected = self.reference.levels(side)
            assert [(Fraction(price), Fraction(quantity)) for price, quantity in quantities.items()] == expected
            assert book.best(side) == (expected[0][0] if expected else None)
            moved = {price for price, _ in quantities.items() ^ self._levels[side].items()}
            assert moved <= {price for changed_side, price in self._changed if changed_side is side}
        assert all(book.quantity_at(side, price) == levels[side].get(price, 0) for side, price in self._changed)
        self._changed.clear()
        self._levels = levels
        assert self.market.last_price == self.reference.last_price

    def _compare_balances(self) -> None:
        for asset in self.assets:
            for name, wallet in self.wallets.items():
                balance = wallet.balance(asset)
                both = (Fraction(balance.free), Fraction(balance.locked))
                assert both == (self.reference.free[name, asset], self.reference.locked(name, asset))
                assert both == self.recorder.balances[name, asset]
                assert balance.free >= 0
                assert balance.locked == _sum(
                    order.reserved for order, _ in self._resting if order.owner is wallet and self._paid(order) == asset
                )
            fees = self.market.fees.balance(asset)
            assert (Fraction(fees.free), fees.locked) == (self.reference.free[FEES, asset], Decimal(0))
            assert self._total(asset) == self.totals[asset]

    def _share(self, fill: Fill) -> tuple[object, ...]:
        return (
            self.numbers[fill.order.id], fill.price, fill.quantity, fill.quote_quantity, fill.commission_asset,
            fill.commission, fill.is_maker, fill.is_self_trade,
        )  # fmt: skip

    def _count(self, order: Order, ticket: Ticket, fills: list[Fill], *, blocked: bool) -> None:
        self.seen["placed", ticket.type, ticket.quote_quantity is not None, ticket.side, order.status] += 1
        self.seen["blocked", ticket.type] += blocked
        self.seen[("several makers",)] += len(fills) > 2
        stopped = order.cancel_reason == "stp_cancel"
        makers_gone = any(o.cancel_reason == "stp_cancel" for o, _ in self._resting if o is not order)
        if stopped or makers_gone or any(fill.is_self_trade for fill in fills):
            self.seen["met oneself", ticket.self_trade_prevention] += 1
        for fill in fills:
            if fill.is_maker:
                self.seen["maker", fill.order.status] += 1
            if fill.commission:
                self.seen["fee", fill.commission_asset, fill.order.side, fill.is_maker] += 1
            if fill.commission and fill.commission_asset != MX:
                self.seen[("too little MX",)] += fill.order.owner.mx_deduct and self._mx_price() is not None

    def _current_levels(self) -> dict[Side, dict[Decimal, Decimal]]:
        return {side: dict(self.market.book.levels(side, ALL_LEVELS)) for side in Side}

    def _mx_price(self) -> Decimal | None:
        own = self.market.last_price if self.field.terms.base == MX else None
        return own or self.mx_price

    def _deposit(self, name: str, asset: str) -> None:
        terms = self.field.terms
        lots = 12 if name == POOR_OWNER else 120
        amounts = {terms.base: lots * self.field.lot, terms.quote: lots * 100 * self.field.tick * self.field.lot}
        amount = amounts.get(asset, Decimal("0.02"))  # MX: enough for some dozen commissions
        self.wallets[name].credit(asset, amount)
        self.recorder.balances[name, asset] = (Fraction(amount), Fraction(0))
        self.reference.free[name, asset] = Fraction(amount)

    def _total(self, asset: str) -> Decimal:
        balances = [owner.balance(asset) for owner in (*self.wallets.values(), self.market.fees)]
        return _sum(amount for balance in balances for amount in (balance.free, balance.locked))

    def _paid(self, order: Order) -> str:
        return self.field.terms.quote if order.side is Side.BUY else self.field.terms.base


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return reduce(EXACT.add, amounts, Decimal(0))


def _assert_same(order: Order, entry: Entry) -> None:
    assert _standing(order) == _standing(entry)


def _standing(order: Order | Entry) -> tuple[object, ...]:
    return (
        order.status, order.price, order.quantity, order.executed, order.executed_quote, order.reserved,
        order.cancel_reason,
    )  # fmt: skip


def _ticket(
    place: Field,
    side: Side,
    kind: OrderType,
    ticks: int,
    lots: int,
    prevention: SelfTradePrevention,
    *,
    by_amount: bool,
) -> Ticket:
    """An order on the grid; MARKET leaves the price out, and by amount the quantity is what it would cost there."""
    price, quantity = place.price(ticks), place.quantity(lots)
    market = kind is OrderType.MARKET
    amount = price * quantity if market and by_amount else None
    return Ticket(
        f"{place.terms.base}{place.terms.quote}",
        side,
        kind,
        None if market else price,
        quantity if amount is None else None,
        amount,
        self_trade_prevention=prevention,
    )


def _random_step(duel: Duel, dice: random.Random, middle: int) -> None:
    luck = dice.random()
    if luck < 0.76:
        side = dice.choice(list(Side))
        kind = dice.choice((OrderType.LIMIT, OrderType.LIMIT, *OrderType))
        passive = dice.randint(-BEYOND, REACH)
        ticket = _ticket(
            duel.field,
            side,
            kind,
            middle - passive if side is Side.BUY else middle + passive,
            TOO_MANY_LOTS if dice.random() < 0.03 else dice.choice(LOTS),
            dice.choice(list(SelfTradePrevention)),
            by_amount=dice.random() < 0.5,
        )
        duel.place(dice.choice(OWNERS), ticket, blocked=dice.random() < 0.04)
    elif luck < 0.89:
        duel.cancel(dice.randrange(1000))
    elif luck < 0.92:
        duel.set_fee_in_base(dice.random() < 0.5)
    elif luck < 0.96:
        duel.set_mx_deduct(dice.choice(OWNERS), dice.random() < 0.5)
    elif luck < 0.98:
        duel.set_mx_price(dice.choice(MX_PRICES))
    elif luck < 0.995:
        duel.give_back_fees(dice.choice(OWNERS))
    else:
        duel.cancel_all()


def _wanted_sights(place: Field) -> set[tuple[object, ...]]:
    """All that a walk must have met at least once to prove anything."""
    terms = place.terms
    ends = {
        OrderType.LIMIT: list(Status),
        OrderType.MARKET: [Status.FILLED, Status.CANCELED, Status.PARTIALLY_CANCELED],
        OrderType.LIMIT_MAKER: [Status.NEW, Status.CANCELED],
        OrderType.IMMEDIATE_OR_CANCEL: [Status.FILLED, Status.CANCELED, Status.PARTIALLY_CANCELED],
        OrderType.FILL_OR_KILL: [Status.FILLED, Status.CANCELED],
    }
    wanted: set[tuple[object, ...]] = {
        ("several makers",), ("a queue at one price",), ("maker", Status.FILLED), ("maker", Status.PARTIALLY_FILLED),
        ("cancelled", Status.CANCELED), ("cancelled", Status.PARTIALLY_CANCELED), ("refused", No.NO_OPPONENT, True),
    }  # fmt: skip
    for kind, statuses in ends.items():
        for by_amount in {False, kind is OrderType.MARKET}:
            wanted |= {("placed", kind, by_amount, side, status) for side in Side for status in statuses}
    wanted |= {("refused", code, market) for code in (No.CANNOT_PAY, No.OVERSOLD) for market in (False, True)}
    wanted |= {("met oneself", prevention) for prevention in SelfTradePrevention}
    wanted |= {("blocked", kind) for kind in OrderType}
    for is_maker in {False, terms.maker_fee > 0}:
        wanted |= {("fee", asset, side, is_maker) for asset in (terms.quote, MX) for side in Side}
        wanted.add(("fee", terms.base, Side.BUY, is_maker))
    if terms.base != MX:
        wanted.add(("too little MX",))
    return wanted


@pytest.mark.parametrize(("seed", "name"), list(enumerate(FIELDS)))
def test_ten_thousand_random_steps_agree_with_the_reference(seed: int, name: str) -> None:
    """After every step both say the same of refusal, fills, orders, book and balances; and the walk saw everything."""
    duel = Duel(FIELDS[name])
    dice = random.Random(seed)
    middle = MIDDLES[len(MIDDLES) // 2]

    for _ in range(STEPS):
        middle = min(max(middle + dice.choice((-1, 0, 0, 0, 1)), MIDDLES[0]), MIDDLES[-1])
        _random_step(duel, dice, middle)
        duel.compare()

    duel.compare_all_orders()
    assert {sight for sight in _wanted_sights(FIELDS[name]) if not duel.seen[sight]} == set()


class DuelInSteps(RuleBasedStateMachine):
    """The same duel in steps that Hypothesis chooses, and shortens when the two disagree."""

    duel: Duel

    @initialize(name=st.sampled_from(list(FIELDS)))
    def begin(self, name: str) -> None:
        """Open one of the markets."""
        self.duel = Duel(FIELDS[name])

    @rule(
        owner=st.sampled_from(OWNERS),
        side=st.sampled_from(Side),
        kind=st.sampled_from(OrderType),
        ticks=st.sampled_from(NEAR),
        lots=st.sampled_from((*LOTS, TOO_MANY_LOTS)),
        prevention=st.sampled_from(SelfTradePrevention),
        by_amount=st.booleans(),
        blocked=st.sampled_from((False, False, False, False, True)),
    )
    def place(
        self,
        owner: str,
        side: Side,
        kind: OrderType,
        ticks: int,
        lots: int,
        prevention: SelfTradePrevention,
        by_amount: bool,
        blocked: bool,
    ) -> None:
        """Place any order."""
        ticket = _ticket(self.duel.field, side, kind, ticks, lots, prevention, by_amount=by_amount)
        self.duel.place(owner, ticket, blocked=blocked)

    @rule(
        owner=st.sampled_from(OWNERS), side=st.sampled_from(Side), ticks=st.sampled_from(NEAR), lots=st.integers(1, 9)
    )
    def rest(self, owner: str, side: Side, ticks: int, lots: int) -> None:
        """Place a plain limit order, so that there is something to meet."""
        ticket = _ticket(self.duel.field, side, OrderType.LIMIT, ticks, lots, SelfTradePrevention.NONE, by_amount=False)
        self.duel.place(owner, ticket)

    @precondition(lambda self: bool(self.duel.live()))
    @rule(
        index=st.integers(0, 20),
        kind=st.sampled_from(OrderType),
        lots=st.sampled_from(LOTS),
        prevention=st.sampled_from(SelfTradePrevention),
        by_amount=st.booleans(),
    )
    def meet_oneself(
        self, index: int, kind: OrderType, lots: int, prevention: SelfTradePrevention, by_amount: bool
    ) -> None:
        """Let the owner of an open order place one that may trade with it."""
        live = self.duel.live()
        mine, _ = live[index % len(live)]
        side = Side.SELL if mine.side is Side.BUY else Side.BUY
        ticks = int(mine.price / self.duel.field.tick)
        self.duel.place(
            mine.owner.name, _ticket(self.duel.field, side, kind, ticks, lots, prevention, by_amount=by_amount)
        )

    @rule(index=st.integers(0, 20))
    def cancel(self, index: int) -> None:
        """Cancel an open order."""
        self.duel.cancel(index)

    @rule(fee_in_base=st.booleans())
    def choose_fee_asset(self, fee_in_base: bool) -> None:
        """Change what later buys pay in."""
        self.duel.set_fee_in_base(fee_in_base)

    @rule(owner=st.sampled_from(OWNERS), wanted=st.booleans(), price=st.sampled_from(MX_PRICES))
    def choose_mx(self, owner: str, wanted: bool, price: Decimal | None) -> None:
        """Change who pays in MX, and what it is worth."""
        self.duel.set_mx_deduct(owner, wanted)
        self.duel.set_mx_price(price)

    @rule(owner=st.sampled_from(OWNERS))
    def give_back_fees(self, owner: str) -> None:
        """Empty the venue's wallet."""
        self.duel.give_back_fees(owner)

    @invariant()
    def both_agree(self) -> None:
        """Nothing differs, not even in orders that ended long ago."""
        self.duel.compare()
        self.duel.compare_all_orders()


@pytest.mark.timeout(400)  # when they disagree: Hypothesis shortens the steps for up to five minutes
def test_any_steps_agree_with_the_reference() -> None:
    """Whatever steps Hypothesis thinks of, neither says anything the other does not."""
    run_state_machine_as_test(DuelInSteps, settings=settings(max_examples=300, stateful_step_count=40, deadline=None))
