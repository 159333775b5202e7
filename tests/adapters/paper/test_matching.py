"""How orders on paper meet the real market."""

from decimal import Decimal

from adapters.paper.account import Wallet
from adapters.paper.matching import PaperAccount
from domain.orders import OrderKind, OrderStatus, Side
from tests.adapters.paper.market import a_book, a_market_buy, a_request, a_trade, after, an_account, placed

SELL_ALL = a_request("sell1", side=Side.SELL, kind=OrderKind.LIMIT, price="0.06", quantity="100")


def state_of(account: PaperAccount, name: str) -> tuple[OrderStatus, Decimal]:
    order = account.changed[name].order
    return order.status, order.executed


def test_an_immediate_buy_takes_the_offers_at_their_prices_and_pays_the_fee_in_quote() -> None:
    """Two levels inside the limit; what was set aside too much is free again."""
    account = an_account(usdt="1000")
    book = a_book(asks=[("0.05", "60"), ("0.051", "500")])

    placed(account, a_request(price="0.06", quantity="100"), book)

    assert state_of(account, "order1") == (OrderStatus.FILLED, Decimal(100))
    assert [(fill.price, fill.quantity) for fill in account.fills] == [
        (Decimal("0.05"), Decimal(60)),
        (Decimal("0.051"), Decimal(40)),
    ]
    spent = Decimal("3.0") + Decimal("2.04")
    assert account.quote == Wallet(Decimal(1000) - spent - spent * Decimal("0.0005"), Decimal(0))
    assert account.base == Wallet(Decimal(100), Decimal(0))
    assert {fill.fee_asset for fill in account.fills} == {"USDT"}
    assert len({fill.trade_id for fill in account.fills}) == 2


def test_an_immediate_order_never_rests() -> None:
    """Nothing offered inside its limit: cancelled. Too little offered: cancelled in part. No book: cancelled."""
    account = an_account()
    book = a_book(asks=[("0.05", "60"), ("0.07", "500")])

    placed(account, a_request("none", price="0.049"), book)
    placed(account, a_request("part", price="0.05"), book)
    placed(account, a_request("blind", price="0.05"), None)

    assert state_of(account, "none") == (OrderStatus.CANCELLED, Decimal(0))
    assert state_of(account, "part") == (OrderStatus.PARTIALLY_CANCELLED, Decimal(60))
    assert state_of(account, "blind") == (OrderStatus.CANCELLED, Decimal(0))
    assert account.open == {}
    assert account.quote.locked == 0


def test_what_was_taken_is_missing_until_the_venue_offers_anew() -> None:
    """An unchanged offer is sold once; what is added, or stands there after it vanished, can be taken."""
    account = an_account()
    first = a_book(asks=[("0.05", "60")], version=1)
    grown = a_book(asks=[("0.05", "75")], version=2)
    gone = a_book(asks=[("0.06", "9")], version=3)
    back = a_book(asks=[("0.05", "60")], version=4)

    executed = []
    for number, book in enumerate((first, first, grown, gone, back)):
        placed(account, a_request(f"buy{number}", price="0.05"), book)
        executed.append(account.changed[f"buy{number}"].order.executed)

    assert executed == [60, 0, 15, 0, 60]


def test_what_was_taken_of_an_offer_that_shrinks_stays_missing() -> None:
    """What is left of it is what we had already; only what comes on top of that is new."""
    account = an_account()

    executed = []
    for version, quantity in enumerate(("100", "50", "80"), start=1):
        book = a_book(asks=[("0.05", quantity)], version=version)
        placed(account, a_request(f"buy{version}", price="0.05", quantity="60"), book)
        executed.append(account.changed[f"buy{version}"].order.executed)

    assert executed == [60, 0, 30]


def test_an_offer_that_stands_unchanged_is_believed_again_after_half_a_minute() -> None:
    """Others would have offered again by then."""
    account = an_account()
    book = a_book(asks=[("0.05", "60")])

    placed(account, a_request("a", price="0.05"), book)
    placed(account, a_request("b", price="0.05"), book, after(29))
    placed(account, a_request("c", price="0.05"), book, after(30))

    assert [account.changed[name].order.executed for name in "abc"] == [60, 0, 60]


def test_an_older_book_does_not_make_what_was_taken_forgotten() -> None:
    """Two processes may see the market at different times."""
    account = an_account()
    newer = a_book(asks=[("0.05", "100")], version=9)

    placed(account, a_request("a", price="0.05", quantity="60"), newer)
    placed(account, a_request("b", price="0.05", quantity="60"), a_book(asks=[("0.05", "20")], version=8))
    placed(account, a_request("c", price="0.05", quantity="60"), newer)

    assert [account.changed[name].order.executed for name in "abc"] == [60, 0, 40]


def test_a_resting_sell_locks_its_coins_and_cancelling_frees_them() -> None:
    """A second cancellation, and one of an unknown order, change nothing."""
    account = an_account(new="100")

    placed(account, SELL_ALL, a_book(bids=[("0.05", "10")], asks=[("0.051", "10")]))
    resting = account.base
    account.cancel("sell1")
    account.cancel("sell1")
    account.cancel("neverthere")

    assert resting == Wallet(Decimal(0), Decimal(100))
    assert account.base == Wallet(Decimal(100), Decimal(0))
    assert state_of(account, "sell1") == (OrderStatus.CANCELLED, Decimal(0))


def test_a_limit_takes_what_crosses_it_and_rests_with_the_remainder() -> None:
    """As a taker at the bid's price first, at its own price afterwards."""
    account = an_account(new="100")

    placed(account, SELL_ALL, a_book(bids=[("0.061", "30"), ("0.05", "999")], version=1))
    account.meet(a_book(bids=[("0.061", "30"), ("0.05", "999")], version=2), after(1))
    account.meet(a_book(bids=[("0.062", "20"), ("0.05", "999")], version=3), after(2))

    assert [(fill.price, fill.quantity) for fill in account.fills] == [
        (Decimal("0.061"), Decimal(30)),
        (Decimal("0.06"), Decimal(20)),
    ]
    assert state_of(account, "sell1") == (OrderStatus.PARTIALLY_FILLED, Decimal(50))


def test_a_book_from_before_its_placing_does_not_concern_an_order() -> None:
    """It may have crossed then; it did not when the order came."""
    account = an_account(new="100")

    placed(account, SELL_ALL, a_book(bids=[("0.05", "30")], version=7))
    account.meet(a_book(bids=[("0.07", "30")], version=6), after(1))

    assert account.fills == []


def test_trades_at_the_price_serve_the_queue_first() -> None:
    """40 stood there before us: a trade of 30 is theirs, of the next 30 a share of 20 is ours."""
    account = an_account(new="100")
    placed(account, SELL_ALL, a_book(asks=[("0.06", "40")]))

    account.hear(a_trade("0.06", "30", Side.BUY, after(1)))
    before = list(account.fills)
    account.hear(a_trade("0.06", "30", Side.BUY, after(2)))

    assert before == []
    assert [(fill.price, fill.quantity, fill.at) for fill in account.fills] == [
        (Decimal("0.06"), Decimal(20), after(2))
    ]


def test_a_trade_beyond_the_price_passes_the_queue() -> None:
    """Whoever paid more would have met us first, and the queue is gone."""
    account = an_account(new="100")
    placed(account, SELL_ALL, a_book(asks=[("0.06", "40")]))

    account.hear(a_trade("0.061", "5", Side.BUY, after(1)))
    account.hear(a_trade("0.06", "7", Side.BUY, after(2)))

    assert [(fill.price, fill.quantity) for fill in account.fills] == [
        (Decimal("0.06"), Decimal(5)),
        (Decimal("0.06"), Decimal(7)),
    ]


def test_one_trade_is_shared_by_our_orders_and_never_given_twice() -> None:
    """Best price first."""
    account = an_account(new="100")
    book = a_book(asks=[("0.07", "1")])
    placed(account, a_request("dear", side=Side.SELL, kind=OrderKind.LIMIT, price="0.06", quantity="50"), book)
    placed(account, a_request("cheap", side=Side.SELL, kind=OrderKind.LIMIT, price="0.055", quantity="50"), book)

    account.hear(a_trade("0.061", "60", Side.BUY, after(1)))

    assert account.changed["cheap"].order.executed == 50
    assert account.changed["dear"].order.executed == 10


def test_trades_of_our_own_direction_or_from_before_do_not_fill() -> None:
    """A seller does not meet our sell; what was traded earlier was not ours."""
    account = an_account(new="100")
    placed(account, SELL_ALL, a_book(), after(5))

    account.hear(a_trade("0.07", "50", Side.SELL, after(6)))
    account.hear(a_trade("0.07", "50", Side.BUY, after(4)))
    account.hear(a_trade("0.059", "50", Side.BUY, after(6)))

    assert account.fills == []


def test_a_price_out_of_sight_waits_until_the_queue_there_is_known() -> None:
    """Everything that stands there when it comes into sight counts as before us."""
    account = an_account(new="100")
    placed(account, SELL_ALL, a_book(asks=[("0.05", "1")], version=1))

    account.hear(a_trade("0.06", "50", Side.BUY, after(1)))
    account.meet(a_book(asks=[("0.05", "1"), ("0.06", "8")], version=2), after(2))
    account.hear(a_trade("0.06", "10", Side.BUY, after(3)))

    assert [fill.quantity for fill in account.fills] == [Decimal(2)]


def test_a_resting_buy_mirrors_a_resting_sell() -> None:
    """Filled by a lower ask and by sellers at or under its price; what it set aside becomes coins and rest."""
    account = an_account(usdt="1000")
    placed(account, a_request(kind=OrderKind.LIMIT, price="0.05"), a_book(bids=[("0.05", "10")], version=1))
    locked = account.quote.locked

    account.meet(a_book(asks=[("0.049", "30")], version=2), after(1))
    account.hear(a_trade("0.048", "70", Side.SELL, after(2)))

    assert locked == Decimal("5.0025")
    assert state_of(account, "order1") == (OrderStatus.FILLED, Decimal(100))
    assert account.quote == Wallet(Decimal("994.9975"), Decimal(0))
    assert account.open == {}


def test_a_buy_needs_its_fee_too() -> None:
    """100 coins at 0.05 are 5 and a fee of 0.0025."""
    request = a_request(price="0.05", quantity="100")

    assert an_account(usdt="5").lacks(request, Decimal("0.0005")) == Decimal("0.0025")
    assert an_account(usdt="5.0025").lacks(request, Decimal("0.0005")) == 0


def test_a_market_purchase_spends_its_amount_on_the_cheapest_offers() -> None:
    """In whole steps of quantity, with the fee on top; what would not buy another step is left."""
    account = an_account(usdt="1000")
    book = a_book(asks=[("0.05", "60"), ("0.051", "500")])

    placed(account, a_market_buy(quote="5"), book)

    assert state_of(account, "order1") == (OrderStatus.FILLED, Decimal("99.21"))
    assert [(fill.price, fill.quantity) for fill in account.fills] == [
        (Decimal("0.05"), Decimal(60)),
        (Decimal("0.051"), Decimal("39.21")),
    ]
    spent = Decimal("3") + Decimal("1.99971")
    assert account.quote == Wallet(Decimal(1000) - spent - spent * Decimal("0.0005"), Decimal(0))
    assert account.base == Wallet(Decimal("99.21"), Decimal(0))


def test_a_market_purchase_pays_no_more_than_its_bound() -> None:
    """5 % above the best offer; what lies beyond is left, and the order has ended in part."""
    account = an_account()

    placed(account, a_market_buy(quote="50"), a_book(asks=[("0.05", "60"), ("0.0525", "40"), ("0.05251", "999")]))

    assert state_of(account, "order1") == (OrderStatus.PARTIALLY_CANCELLED, Decimal(100))
    assert account.changed["order1"].order.price == Decimal("0.0525")
    assert account.open == {}
    assert account.quote.locked == 0


def test_a_market_purchase_that_meets_nothing_ends_with_nothing() -> None:
    """No book is known, everything offered was had already, or the amount does not pay for a step."""
    account = an_account()
    offered = a_book(asks=[("0.05", "60")])
    dear = a_book(asks=[("900", "60")], version=2)

    placed(account, a_market_buy("blind"), None)
    placed(account, a_request("all", quantity="60"), offered)
    placed(account, a_market_buy("late"), offered)
    placed(account, a_market_buy("little"), dear)

    for name in ("blind", "late", "little"):
        assert state_of(account, name) == (OrderStatus.CANCELLED, Decimal(0))
    assert {fill.client_order_id for fill in account.fills} == {"all"}
    assert account.open == {}


def test_a_market_purchase_needs_its_amount_and_the_fee() -> None:
    """Whatever it was sized by."""
    assert an_account(usdt="5").lacks(a_market_buy(quote="5"), Decimal("0.0005")) == Decimal("0.0025")
    assert an_account(usdt="5.0025").lacks(a_market_buy(quote="5"), Decimal("0.0005")) == 0
