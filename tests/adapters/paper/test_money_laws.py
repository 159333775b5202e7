"""Laws of money that no order of orders, cancellations, books and trades may break."""

from dataclasses import dataclass, field
from decimal import Decimal, localcontext

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.paper.account import EXACT
from adapters.paper.matching import PaperAccount
from domain.money import Base, Price, Quote
from domain.order_book import Level, OrderBook
from domain.orders import Fill, OrderKind, OrderRequest, OrderStatus, Side
from tests.adapters.paper.market import FEE, a_trade, after, an_account
from tests.builders import RULES

TICK = Decimal("0.001")
START = {"USDT": Decimal(50), "NEW": Decimal(300)}

ticks = st.integers(40, 60)
quantities = st.integers(1, 200)
sides = st.sampled_from(Side)


@st.composite
def books(draw: st.DrawFn) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
    middle = draw(ticks)
    bids = draw(st.dictionaries(st.integers(35, middle), quantities, max_size=4))
    asks = draw(st.dictionaries(st.integers(middle + 1, 66), quantities, max_size=4))
    return (
        tuple(Level(Price(n * TICK), Base(Decimal(bids[n]))) for n in sorted(bids, reverse=True)),
        tuple(Level(Price(n * TICK), Base(Decimal(asks[n]))) for n in sorted(asks)),
    )


kinds = st.sampled_from([OrderKind.LIMIT, OrderKind.IMMEDIATE])
orders = st.tuples(st.just("place"), sides, kinds, ticks, quantities)
purchases = st.tuples(st.just("buy_at_market"), st.decimals("0.001", 12, places=3))
cancels = st.tuples(st.just("cancel"), st.integers(0, 8))
market = st.tuples(st.just("show"), books(), st.booleans())
trades = st.tuples(st.just("trade"), ticks, quantities, sides)
histories = st.lists(st.one_of(orders, orders, purchases, cancels, market, market, trades), max_size=40)


@dataclass
class World:
    """An account, the market it sees, and everything that happened, told again in the simplest way."""

    account: PaperAccount = field(default_factory=lambda: an_account(usdt="50", new="300"))
    book: OrderBook = field(default_factory=lambda: OrderBook("NEWUSDT", 1, (), (), after(0)))
    now: float = 0.0
    placed: list[str] = field(default_factory=list)
    cancelled_with: dict[str, Decimal] = field(default_factory=dict)
    amounts: dict[str, Decimal] = field(default_factory=dict)

    def step(self, act: tuple[object, ...]) -> None:
        self.now += 0.01
        getattr(self, str(act[0]))(*act[1:])

    def place(self, side: Side, kind: OrderKind, tick: int, quantity: int) -> None:
        name = f"order{len(self.placed)}"
        self._place(OrderRequest(name, "NEWUSDT", side, kind, Price(tick * TICK), Base(Decimal(quantity))))

    def buy_at_market(self, amount: Decimal) -> None:
        name, nothing = f"order{len(self.placed)}", Decimal(0)
        self.amounts[name] = amount
        kind = OrderKind.MARKET
        self._place(OrderRequest(name, "NEWUSDT", Side.BUY, kind, Price(nothing), Base(nothing), Quote(amount)))

    def _place(self, request: OrderRequest) -> None:
        if self.account.lacks(request, FEE):
            return
        self.placed.append(request.client_order_id)
        self.account.place(request, order_id=request.client_order_id, rules=RULES, at=after(self.now), book=self.book)

    def cancel(self, number: int) -> None:
        name = f"order{number}"
        self.account.cancel(name)
        if name in self.account.changed:
            self.cancelled_with[name] = self.account.changed[name].order.executed

    def show(self, levels: tuple[tuple[Level, ...], tuple[Level, ...]], change: bool) -> None:
        """The next book; without `change` the same offers again."""
        bids, asks = levels if change else (self.book.bids, self.book.asks)
        self.book = OrderBook("NEWUSDT", self.book.version + 1, bids, asks, after(self.now))
        self.account.meet(self.book, after(self.now))

    def trade(self, tick: int, quantity: int, taker: Side) -> None:
        before = len(self.account.fills)
        self.account.hear(a_trade(str(tick * TICK), str(quantity), taker, after(self.now)))
        assert sum(fill.quantity for fill in self.account.fills[before:]) <= quantity


def played(history: list[tuple[object, ...]]) -> World:
    world = World()
    with localcontext(EXACT):
        for act in history:
            world.step(act)
            _laws(world)
    return world


def _laws(world: World) -> None:
    """After every step."""
    account = world.account
    assert min(account.quote.free, account.quote.locked, account.base.free, account.base.locked) >= 0
    _nothing_is_made_or_lost(account)
    for name, booked in account.changed.items():
        order = booked.order
        assert order.executed <= order.quantity
        mine = [fill for fill in account.fills if fill.client_order_id == name]
        assert sum(fill.quantity for fill in mine) == order.executed
        assert sum(fill.quote for fill in mine) == order.executed_quote
        assert all(_inside(fill, order.price) for fill in mine)
        assert (name in account.open) is not order.status.final
        assert (order.status is OrderStatus.FILLED) is (order.executed == order.quantity > 0)
        if name in world.cancelled_with:
            assert order.executed == world.cancelled_with[name]
        if order.kind is not OrderKind.LIMIT:
            assert order.status.final
        if order.kind is OrderKind.MARKET:
            assert order.executed_quote <= world.amounts[name]


def _nothing_is_made_or_lost(account: PaperAccount) -> None:
    bought = [fill for fill in account.fills if fill.side is Side.BUY]
    sold = [fill for fill in account.fills if fill.side is Side.SELL]
    fees = sum(fill.fee for fill in account.fills)
    quote = account.quote.free + account.quote.locked
    base = account.base.free + account.base.locked
    assert quote == START["USDT"] - sum(f.quote for f in bought) + sum(f.quote for f in sold) - fees
    assert base == START["NEW"] + sum(f.quantity for f in bought) - sum(f.quantity for f in sold)
    for side, wallet in ((Side.BUY, account.quote), (Side.SELL, account.base)):
        assert wallet.locked == sum(booked.locked for booked in account.open.values() if booked.order.side is side)
    assert all(fill.fee == fill.quote * FEE for fill in account.fills)


def _inside(fill: Fill, limit: Price) -> bool:
    return fill.price <= limit if fill.side is Side.BUY else fill.price >= limit


@settings(max_examples=300, deadline=None)
@given(histories)
def test_money_is_neither_made_nor_lost(history: list[tuple[object, ...]]) -> None:
    """No balance below zero, totals conserved, nothing executed beyond quantity, limit or cancellation."""
    played(history)


@settings(max_examples=300, deadline=None)
@given(books(), st.lists(st.one_of(orders, purchases), max_size=30))
def test_a_standing_book_is_never_sold_twice(
    levels: tuple[tuple[Level, ...], tuple[Level, ...]], wishes: list[tuple[object, ...]]
) -> None:
    """However many orders meet it and however often it is told again: at each price no more than was offered there."""
    history: list[tuple[object, ...]] = [("show", levels, True)]
    for wish in wishes:
        history += [wish, ("show", levels, False)]

    world = played(history)

    for side, offered in ((Side.BUY, levels[1]), (Side.SELL, levels[0])):
        had = sum(fill.quantity for fill in world.account.fills if fill.side is side)
        assert had <= sum(level.quantity for level in offered)
    for offer, taken in world.account.taken.items():
        side_levels = levels[1] if offer.side is Side.SELL else levels[0]
        assert taken.quantity <= next(level.quantity for level in side_levels if level.price == offer.price)


@settings(max_examples=200, deadline=None)
@given(books(), st.integers(1, 60), st.integers(1, 400))
def test_an_immediate_buy_is_filled_as_by_the_book(
    levels: tuple[tuple[Level, ...], tuple[Level, ...]], tick: int, quantity: int
) -> None:
    """As much as is offered inside the limit, at the offers' own prices, cheapest first."""
    world = World(account=an_account(usdt="1000000"))
    world.step(("show", levels, True))
    world.place(Side.BUY, OrderKind.IMMEDIATE, tick, quantity)

    inside = [level for level in levels[1] if level.price <= tick * TICK]
    left, expected = Decimal(quantity), []
    for level in inside:
        part = min(left, level.quantity)
        left -= part
        if part:
            expected.append((level.price, part))
    assert [(fill.price, fill.quantity) for fill in world.account.fills] == expected


@settings(max_examples=200, deadline=None)
@given(books(), st.decimals("0.001", 60, places=3))
def test_a_market_purchase_gets_what_its_amount_pays_for_and_no_more(
    levels: tuple[tuple[Level, ...], tuple[Level, ...]], amount: Decimal
) -> None:
    """Cheapest first, inside its bound; FILLED says that what is left would not buy another step there."""
    world = World(account=an_account(usdt="1000000"))
    world.step(("show", levels, True))
    world.step(("buy_at_market", amount))
    if not levels[1]:
        return

    order = world.account.changed["order0"].order
    bound = levels[1][0].price * Decimal("1.05")
    inside = [level for level in levels[1] if level.price <= bound]
    offered = sum((level.price * level.quantity for level in inside), Decimal(0))
    dearest = RULES.quantity_step * bound
    left = amount - order.executed_quote
    assert left >= 0
    if amount > offered + dearest:
        assert (order.status, order.executed_quote) == (OrderStatus.PARTIALLY_CANCELLED, offered)
    elif amount < offered:
        assert left < dearest
