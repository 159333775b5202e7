"""Background traders in simulated time: no server, no waiting."""

from decimal import Decimal
from typing import Any

import pytest

from simulator.engine.arithmetic import round_nearest
from simulator.engine.orders import Fill, Order, PublicTrade, Side, Status
from simulator.exchange.accounts import Account
from simulator.exchange.lifecycle import BACKGROUND_FUNDS
from simulator.exchange.scripts import build_script
from simulator.exchange.settings import Settings
from simulator.exchange.venue import Venue

OPENS_MS = 1_767_225_600_000


class Feed:
    """Keeps the public trades."""

    def __init__(self) -> None:
        self.trades: list[PublicTrade] = []

    def order_changed(self, account: Account, order: Order) -> None:
        """Not needed here."""

    def order_filled(self, account: Account, fill: Fill) -> None:
        """Not needed here."""

    def balance_moved(self, account: Account, asset: str, free: Decimal, locked: Decimal, reason: str) -> None:
        """Not needed here."""

    def traded(self, symbol: str, trade: PublicTrade) -> None:
        """Keep it."""
        self.trades.append(trade)


def listed(script: str | dict[str, Any], seed: int = 1) -> tuple[Venue, Feed, Account]:
    """A venue ten seconds before the opening of NEWUSDT, and a client with 1,000 USDT."""
    feed = Feed()
    venue = Venue(seed, Settings(), feed, OPENS_MS - 10_000)
    venue.lifecycle.set_listing("NEWUSDT", OPENS_MS, build_script(script), OPENS_MS - 10_000)
    account = venue.account("ann")
    account.credit("USDT", Decimal(1000))
    return venue, feed, account


def play(venue: Venue, from_s: float, until_s: float) -> None:
    """Let the background traders act through a stretch of time, counted from opening."""
    for now_ms in range(OPENS_MS + round(from_s * 1000), OPENS_MS + round(until_s * 1000), 25):
        venue.advance(now_ms)


def place(venue: Venue, account: Account, at_s: float, **parameters: str) -> Order:
    """One order of the client."""
    order = venue.place(account, {"symbol": "NEWUSDT", **parameters}, OPENS_MS + round(at_s * 1000), 0)
    assert order is not None
    return order


@pytest.mark.parametrize("seed", range(6))
def test_a_ladder_of_take_profits_fills_within_a_minute_of_a_pump(seed: int) -> None:
    """Bought at the opening, +5, +10, +15 and +25 % are all reached."""
    venue, _, ann = listed("pump", seed)
    play(venue, -10, 0)
    entry = place(venue, ann, 0.004, side="BUY", type="IMMEDIATE_OR_CANCEL", quantity="1800", price="0.055")
    average = entry.executed_quote / entry.executed
    ladder = [
        place(
            venue, ann, 0.02, side="SELL", type="LIMIT", quantity="450",
            price=str(round_nearest(average * Decimal(factor), 6)),
        )
        for factor in ("1.05", "1.10", "1.15", "1.25")
    ]  # fmt: skip
    play(venue, 0.025, 60)

    assert entry.status is Status.FILLED
    assert [order.status for order in ladder] == [Status.FILLED] * 4


@pytest.mark.parametrize(("script", "at_s", "low", "high"), [("dump", 40, 0.55, 0.85), ("flat", 40, 0.95, 1.05)])
def test_the_price_follows_its_script(script: str, at_s: float, low: float, high: float) -> None:
    """Whatever the seed, the last trade is near the path."""
    for seed in range(4):
        venue, _, _ = listed(script, seed)
        play(venue, -10, at_s)

        last = venue.listings["NEWUSDT"].market.last_price
        assert last is not None
        assert low < float(last) / 0.05 < high


def test_nothing_trades_before_the_opening_and_something_does_right_after() -> None:
    """Quotes stand, uncrossed, until the instant."""
    venue, feed, _ = listed("pump")
    play(venue, -10, 0)
    before = list(feed.trades)
    play(venue, 0, 0.2)

    assert before == []
    assert feed.trades
    assert feed.trades[0].time_ms - OPENS_MS <= 125


def test_an_emptied_side_refills_gradually() -> None:
    """After a large buy the asks are thin, and full again some seconds later."""
    venue, _, ann = listed({"takers_per_s": 0, "volatility": 0, "capped_for_s": 0})
    ann.credit("USDT", Decimal(100_000))
    market = venue.listings["NEWUSDT"].market

    def ask_value() -> float:
        return sum(float(price * quantity) for price, quantity in market.book.levels(Side.SELL, 50))

    play(venue, -10, 1)
    full = ask_value()
    place(venue, ann, 1, side="BUY", type="IMMEDIATE_OR_CANCEL", quantity="70000", price="0.055")
    play(venue, 1, 1.3)
    thin = ask_value()
    play(venue, 1.3, 6)

    assert thin < full * 0.6
    assert ask_value() > full * 0.7


def test_the_same_seed_trades_the_same_and_another_differently() -> None:
    """A run can be repeated exactly."""

    def run(seed: int) -> list[tuple[Decimal, Decimal, Side]]:
        venue, feed, _ = listed("pump", seed)
        play(venue, -10, 10)
        return [(trade.price, trade.quantity, trade.taker_side) for trade in feed.trades]

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_background_trading_creates_nothing() -> None:
    """Makers, takers, clients and fees together own what was put in."""
    venue, _, ann = listed("pump")
    play(venue, -10, 0)
    place(venue, ann, 0.01, side="BUY", type="LIMIT", quantity="1800", price="0.06")
    play(venue, 0.025, 30)

    for asset, put_in in (("USDT", 2 * BACKGROUND_FUNDS + 1000), ("NEW", 2 * BACKGROUND_FUNDS)):
        owners = [venue.lifecycle.makers, venue.lifecycle.takers, venue.fees, ann]
        assert sum(owner.balance(asset).free + owner.balance(asset).locked for owner in owners) == put_in


def test_nobody_quotes_above_the_cap_while_it_holds() -> None:
    """A spike beyond the cap waits until the capped stage is over."""
    venue, _, _ = listed({"name": "spike", "cap_price": "0.07", "capped_for_s": 10})
    play(venue, -10, 4)

    best = venue.listings["NEWUSDT"].market.book.best(Side.BUY)
    assert best is not None
    assert best <= Decimal("0.07")
