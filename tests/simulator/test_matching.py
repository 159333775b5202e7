"""The matching engine as a value: who trades with whom, and where the money goes."""

from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.engine.identifiers import OrderIds
from simulator.engine.matching import Market
from simulator.engine.orders import Fill, Order, OrderType, PublicTrade, SelfTradePrevention, Side, Status, Ticket
from simulator.engine.rules import SymbolRules
from simulator.engine.wallet import Balance, Wallet
from simulator.errors import Refusal

ASSETS = ("NEW", "USDT")
NOW_MS = 1_767_225_600_000


@dataclass
class Recorder:
    """A listener that keeps what it is told."""

    trades: list[PublicTrade] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    statuses: list[tuple[str, Status]] = field(default_factory=list)
    moves: list[tuple[str, str, Decimal, Decimal, str]] = field(default_factory=list)

    def order_accepted(self, order: Order) -> None:
        """Acceptance shows in balance moves."""

    def order_changed(self, order: Order) -> None:
        """Keep the status, since the order changes afterwards."""
        self.statuses.append((order.id, order.status))

    def order_filled(self, fill: Fill) -> None:
        """Keep the fill."""
        self.fills.append(fill)

    def balance_moved(self, owner: Wallet, asset: str, free: Decimal, locked: Decimal, reason: str) -> None:
        """Keep the move."""
        self.moves.append((owner.name, asset, free, locked, reason))

    def traded(self, symbol: str, trade: PublicTrade) -> None:
        """Keep the trade."""
        self.trades.append(trade)


@dataclass
class Bench:
    """A market with three traders who own 1,000 of each asset."""

    market: Market
    recorder: Recorder
    wallets: dict[str, Wallet]

    def place(
        self,
        who: str,
        side: str,
        price: str | None,
        quantity: str | None,
        type_: OrderType = OrderType.LIMIT,
        *,
        quote: str | None = None,
        prevention: SelfTradePrevention = SelfTradePrevention.NONE,
    ) -> Order:
        """Place one order."""
        ticket = Ticket(
            "NEWUSDT",
            Side(side),
            type_,
            None if price is None else Decimal(price),
            None if quantity is None else Decimal(quantity),
            None if quote is None else Decimal(quote),
            None,
            prevention,
        )
        return self.market.place(self.wallets[who], ticket, NOW_MS)

    def total(self, asset: str) -> Decimal:
        """What everybody owns together, the venue's fees included."""
        owners = [*self.wallets.values(), self.market.fees]
        return sum((owner.balance(asset).free + owner.balance(asset).locked for owner in owners), Decimal(0))


def bench(taker_fee: str = "0.0005", maker_fee: str = "0", *, fee_in_base: bool = False) -> Bench:
    """A fresh market."""
    rules = SymbolRules("NEWUSDT", "NEW", "USDT", 2, 4, taker_fee=Decimal(taker_fee), maker_fee=Decimal(maker_fee))
    recorder = Recorder()
    market = Market(rules, recorder, OrderIds(1), Wallet("fees"))
    market.fee_in_base = fee_in_base
    wallets = {
        name: Wallet(name, balances={asset: Balance(Decimal(1000)) for asset in ASSETS})
        for name in ("ann", "bob", "cy")
    }
    return Bench(market, recorder, wallets)


def test_a_better_price_trades_before_an_earlier_order() -> None:
    """Price comes first, whoever was there earlier."""
    b = bench()
    b.place("ann", "SELL", "1.1", "10")
    cheaper = b.place("bob", "SELL", "1.0", "10")

    b.place("cy", "BUY", "1.2", "10")

    assert cheaper.status is Status.FILLED
    assert [trade.price for trade in b.recorder.trades] == [Decimal("1.0")]


def test_at_one_price_the_earlier_order_trades_first() -> None:
    """Time decides between equal prices, and a partly traded order keeps its place."""
    b = bench()
    first = b.place("ann", "SELL", "1", "10")
    second = b.place("bob", "SELL", "1", "10")

    b.place("cy", "BUY", "1", "4")
    b.place("cy", "BUY", "1", "8")

    assert (first.executed, second.executed) == (Decimal(10), Decimal(2))


def test_a_trade_happens_at_the_resting_price() -> None:
    """The incoming order gets the better price, and what it reserved too much is free again."""
    b = bench(taker_fee="0")
    b.place("ann", "SELL", "1", "10")

    order = b.place("bob", "BUY", "1.5", "10")

    assert order.executed_quote == Decimal(10)
    assert b.wallets["bob"].balance("USDT") == Balance(Decimal(990), Decimal(0))


def test_the_rest_of_a_limit_order_stays_in_the_book() -> None:
    """It locks exactly what it may still cost."""
    b = bench()
    b.place("ann", "SELL", "1", "4")

    order = b.place("bob", "BUY", "1", "10")

    assert order.status is Status.PARTIALLY_FILLED
    assert b.market.book.levels(Side.BUY, 5) == [(Decimal(1), Decimal(6))]
    assert b.wallets["bob"].balance("USDT").locked == Decimal(6)


def test_the_rest_of_an_immediate_order_is_cancelled() -> None:
    """A partial fill ends as PARTIALLY_CANCELED, none as CANCELED; nothing stays locked."""
    b = bench()
    b.place("ann", "SELL", "1", "4")

    partly = b.place("bob", "BUY", "1", "10", OrderType.IMMEDIATE_OR_CANCEL)
    not_at_all = b.place("bob", "BUY", "1", "10", OrderType.IMMEDIATE_OR_CANCEL)

    assert (partly.status, not_at_all.status) == (Status.PARTIALLY_CANCELED, Status.CANCELED)
    assert b.wallets["bob"].balance("USDT").locked == 0


def test_fill_or_kill_is_all_or_nothing() -> None:
    """It trades completely at once, or nothing happens in the book."""
    b = bench()
    b.place("ann", "SELL", "1", "4")

    killed = b.place("bob", "BUY", "1", "5", OrderType.FILL_OR_KILL)
    filled = b.place("bob", "BUY", "1", "4", OrderType.FILL_OR_KILL)

    assert (killed.status, filled.status) == (Status.CANCELED, Status.FILLED)


def test_a_maker_only_order_never_takes() -> None:
    """It is cancelled when it would trade at once, and rests otherwise."""
    b = bench()
    b.place("ann", "SELL", "1", "4")

    crossing = b.place("bob", "BUY", "1", "4", OrderType.LIMIT_MAKER)
    resting = b.place("bob", "BUY", "0.9", "4", OrderType.LIMIT_MAKER)

    assert (crossing.status, resting.status) == (Status.CANCELED, Status.NEW)
    assert b.recorder.trades == []


def test_a_market_order_trades_no_further_than_five_percent() -> None:
    """Its price is the bound; what lies beyond is not touched, and the rest is cancelled."""
    b = bench()
    b.place("ann", "SELL", "1", "4")
    b.place("ann", "SELL", "1.05", "4")
    b.place("ann", "SELL", "1.06", "4")

    order = b.place("bob", "BUY", None, "12", OrderType.MARKET)

    assert order.price == Decimal("1.05")
    assert (order.executed, order.status) == (Decimal(8), Status.PARTIALLY_CANCELED)


def test_a_market_buy_by_amount_spends_no_more_than_the_amount() -> None:
    """The commission comes out of the amount; less than one lot may be left over."""
    b = bench()
    b.place("ann", "SELL", "1", "500")

    order = b.place("bob", "BUY", None, None, OrderType.MARKET, quote="100")

    spent = Decimal(1000) - b.wallets["bob"].balance("USDT").free
    assert order.status is Status.FILLED
    assert Decimal("99.98") < spent <= Decimal(100)


def test_a_market_order_into_an_empty_book_is_refused() -> None:
    """There is nobody to take a price from."""
    b = bench()
    with pytest.raises(Refusal) as refused:
        b.place("bob", "BUY", None, "5", OrderType.MARKET)

    assert refused.value.code == 30025


def test_what_cannot_be_paid_is_refused_and_changes_nothing() -> None:
    """Buys without quote and sells without base have their own codes."""
    b = bench()
    codes = []
    for side, price, quantity in (("BUY", "1", "1001"), ("SELL", "1", "1001")):
        with pytest.raises(Refusal) as refused:
            b.place("bob", side, price, quantity)
        codes.append(refused.value.code)

    assert codes == [30004, 30005]
    assert b.wallets["bob"].balance("USDT") == Balance(Decimal(1000), Decimal(0))


def test_commissions_are_taken_in_quote_by_default_and_in_base_on_demand() -> None:
    """A buy pays on top in quote, or out of what it bought; a sell always pays in quote."""
    in_quote = bench()
    in_base = bench(fee_in_base=True)
    for b in (in_quote, in_base):
        b.place("ann", "SELL", "1", "100")
        b.place("bob", "BUY", "1", "100")

    assert in_quote.wallets["bob"].balance("USDT").free == Decimal("899.95")
    assert in_quote.wallets["bob"].balance("NEW").free == Decimal(1100)
    assert in_base.wallets["bob"].balance("USDT").free == Decimal(900)
    assert in_base.wallets["bob"].balance("NEW").free == Decimal("1099.95")


@pytest.mark.parametrize(
    ("prevention", "maker", "taker"),
    [
        (SelfTradePrevention.NONE, Status.FILLED, Status.FILLED),
        (SelfTradePrevention.CANCEL_MAKER, Status.CANCELED, Status.NEW),
        (SelfTradePrevention.CANCEL_TAKER, Status.NEW, Status.CANCELED),
        (SelfTradePrevention.CANCEL_BOTH, Status.CANCELED, Status.CANCELED),
    ],
)
def test_meeting_oneself_follows_the_chosen_prevention(
    prevention: SelfTradePrevention, maker: Status, taker: Status
) -> None:
    """Without prevention one trades with oneself; otherwise the chosen side is cancelled."""
    b = bench()
    resting = b.place("ann", "SELL", "1", "5")

    incoming = b.place("ann", "BUY", "1", "5", prevention=prevention)

    assert (resting.status, incoming.status) == (maker, taker)


def test_listeners_hear_the_story_of_an_order_in_order() -> None:
    """Reserved, visible, traded, fee, released: the sequence in which private streams tell it."""
    b = bench()
    b.place("ann", "SELL", "1", "4")
    b.recorder.moves.clear()

    order = b.place("bob", "BUY", "1.1", "4")

    reasons = [reason for who, _, _, _, reason in b.recorder.moves if who == "bob"]
    assert reasons == ["ENTRUST_PLACE", "ENTRUST", "ENTRUST", "TRADE_FEE", "ENTRUST_UNFROZEN"]
    assert [status for id_, status in b.recorder.statuses if id_ == order.id] == [Status.NEW, Status.FILLED]


PRICES = st.integers(90, 110).map(lambda cents: f"{Decimal(cents) / 100}")
QUANTITIES = st.integers(1, 30_000).map(lambda hundredths: f"{Decimal(hundredths) / 100}")
NAMES = st.sampled_from(["ann", "bob", "cy"])
SIDES = st.sampled_from(["BUY", "SELL"])
PLACEMENTS = st.tuples(
    st.just("place"), NAMES, SIDES, PRICES, QUANTITIES, st.sampled_from(list(OrderType)),
    st.sampled_from(list(SelfTradePrevention)),
)  # fmt: skip
CANCELS = st.tuples(st.just("cancel"), st.integers(0, 50))
ACTIONS = st.lists(st.one_of(PLACEMENTS, PLACEMENTS, PLACEMENTS, CANCELS), max_size=40)


@settings(max_examples=150, deadline=None)
@given(actions=ACTIONS, fee_in_base=st.booleans(), maker_fee=st.sampled_from(["0", "0.0003"]))
def test_no_asset_ever_appears_or_vanishes(
    actions: list[tuple[object, ...]], fee_in_base: bool, maker_fee: str
) -> None:
    """Whatever is placed and cancelled: totals stay, nobody falls below zero, locks equal what open orders need."""
    b = bench(maker_fee=maker_fee, fee_in_base=fee_in_base)
    orders: list[Order] = []
    for action in actions:
        if action[0] == "cancel":
            live = [order for order in orders if order.is_open]
            if live:
                b.market.cancel(live[int(str(action[1])) % len(live)], NOW_MS)
        else:
            _, who, side, price, quantity, type_, prevention = action
            assert isinstance(type_, OrderType)
            assert isinstance(prevention, SelfTradePrevention)
            limit = None if type_ is OrderType.MARKET else str(price)
            try:
                orders.append(b.place(str(who), str(side), limit, str(quantity), type_, prevention=prevention))
            except Refusal:
                continue
        for asset in ASSETS:
            assert b.total(asset) == Decimal(3000)
        for wallet in b.wallets.values():
            for asset in ASSETS:
                reserved = sum((o.reserved for o in orders if o.owner is wallet and _pays(o) == asset), Decimal(0))
                assert wallet.balance(asset).free >= 0
                assert wallet.balance(asset).locked == reserved
    assert all(order.reserved == 0 for order in orders if not order.is_open)


def _pays(order: Order) -> str:
    return "USDT" if order.side is Side.BUY else "NEW"


@settings(max_examples=150, deadline=None)
@given(
    placements=st.lists(
        st.tuples(SIDES, st.integers(95, 105), st.integers(1, 9), st.booleans()), min_size=1, max_size=40
    )
)
def test_trades_agree_with_a_naive_book(placements: list[tuple[str, int, int, bool]]) -> None:
    """Price-time priority: the same trades in the same sequence as a list that is searched from the start each time."""
    b = bench(taker_fee="0")
    for wallet in b.wallets.values():
        for asset in ASSETS:
            wallet.credit(asset, Decimal(10**6))
    expected: list[tuple[int, int]] = []
    resting: list[list[int]] = []  # [number, side as 1 or -1, price, remaining], in order of arrival
    for number, (side, price, quantity, stays) in enumerate(placements):
        sign = 1 if side == "BUY" else -1
        type_ = OrderType.LIMIT if stays else OrderType.IMMEDIATE_OR_CANCEL
        who = "ann" if sign > 0 else "bob"
        b.place(who, side, f"{Decimal(price) / 100}", str(quantity), type_)
        left = quantity
        while left:
            crossing = [r for r in resting if r[1] == -sign and (price - r[2]) * sign >= 0 and r[3]]
            if not crossing:
                break
            best = min(crossing, key=lambda r: r[2] * sign)
            traded = min(left, best[3])
            expected.append((best[2], traded))
            best[3] -= traded
            left -= traded
        if left and stays:
            resting.append([number, sign, price, left])

    assert [(int(t.price * 100), int(t.quantity)) for t in b.recorder.trades] == expected
