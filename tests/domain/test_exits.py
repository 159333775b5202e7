"""The guard's decisions: never more sold than held, and every market ends flat or with the ladder resting."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.exits import (
    WORTHLESS_AFTER_S,
    CancelSells,
    Decision,
    Flat,
    GuardView,
    Hold,
    NoPrice,
    PlaceRung,
    SellNow,
    SellOrder,
    Trigger,
    decide,
    plan_ladder,
    stop_price,
)
from domain.ids import Leg
from domain.money import Base, Price, Quote
from domain.orders import Position, Side, position_of
from domain.policy import ExitPolicy, LadderStep
from tests.builders import RULES, a_fill

POLICY = ExitPolicy(ladder=(LadderStep(Decimal(10), Decimal(25)), LadderStep(Decimal(20), Decimal(75))))
LADDER = st.lists(
    st.tuples(st.decimals("0.1", "100", places=1), st.decimals("1", "40", places=1)),
    max_size=6,
    unique_by=lambda s: s[0],
).map(
    lambda steps: tuple(
        LadderStep(gain, share * (Decimal(100) / max(Decimal(100), sum(s for _, s in steps))))
        for gain, share in sorted(steps)
    )
)


def held(quantity: str = "1000", price: str = "0.05") -> Position:
    return position_of([a_fill(quantity=quantity, price=price)], "NEW", "USDT")


def view(position: Position | None = None, **values: object) -> GuardView:
    plain = GuardView(
        position=position or held(),
        sells=(),
        bid=Price(Decimal("0.05")),
        below_for_s=None,
        aborting=False,
        leaving=None,
        held_for_s=0.0,
    )
    return replace(plain, **values)  # type: ignore[arg-type]  # fields by name


def a_rung(price: str = "0.055", quantity: str = "250", executed: str = "0") -> SellOrder:
    done = Decimal(executed)
    return SellOrder("rung", Leg.LADDER, Price(Decimal(price)), Base(done), Base(Decimal(quantity) - done))


@given(LADDER, st.decimals("0.01", "100000", places=2), st.decimals("0.0001", "10", places=4))
def test_a_ladder_never_holds_more_than_was_bought(
    ladder: tuple[LadderStep, ...], quantity: Decimal, price: Decimal
) -> None:
    """Ascending prices, steps and smallest orders kept, and at most its share of what was bought."""
    rungs = plan_ladder(held(str(quantity), str(price)), replace(POLICY, ladder=ladder), RULES)

    prices = [rung for rung, _ in rungs]
    assert sum(share for _, share in rungs) <= quantity
    assert prices == sorted(set(prices))
    assert all(RULES.sellable(share, at) == share > 0 for at, share in rungs)


def test_shares_are_of_what_was_bought_not_of_what_is_left() -> None:
    """Selling the first rung leaves the second one's quantity as it was."""
    half_sold = replace(held(), sold=Base(Decimal(250)))

    assert plan_ladder(half_sold, POLICY, RULES) == plan_ladder(held(), POLICY, RULES)
    assert [share for _, share in plan_ladder(held(), POLICY, RULES)] == [250, 750]


def test_a_fee_taken_in_the_coin_shrinks_the_ladder() -> None:
    """What the venue kept cannot be sold."""
    position = replace(held(), fee_base=Base(Decimal(10)))

    assert sum(share for _, share in plan_ladder(position, POLICY, RULES)) == 990


def test_an_open_position_gets_its_ladder_rung_by_rung() -> None:
    """Then it holds."""
    first = decide(view(), POLICY, RULES)
    second = decide(view(sells=(a_rung(),)), POLICY, RULES)
    third = decide(view(sells=(a_rung(), replace(a_rung("0.06", "750"), client_order_id="b"))), POLICY, RULES)

    assert first == PlaceRung(Price(Decimal("0.05500")), Base(Decimal(250)))
    assert second == PlaceRung(Price(Decimal("0.06000")), Base(Decimal(750)))
    assert third == Hold()


def test_the_stop_beats_the_ladder() -> None:
    """What rests is cancelled first, then all that is left is sold."""
    low = Price(Decimal("0.047"))

    assert decide(view(sells=(a_rung(),), bid=low, below_for_s=1.0), POLICY, RULES) == CancelSells(("rung",))
    sale = decide(view(bid=low, below_for_s=1.0), POLICY, RULES)
    assert isinstance(sale, SellNow)
    assert (sale.trigger, sale.quantity) == (Trigger.STOP, Base(Decimal(1000)))
    assert sale.price < low


def test_a_bid_under_the_stop_must_stay_there() -> None:
    """Until the confirmation time is over the ladder goes on."""
    almost = (POLICY.stop_confirm_ms - 1) / 1000

    assert isinstance(decide(view(bid=Price(Decimal("0.04")), below_for_s=almost), POLICY, RULES), PlaceRung)


def test_the_stop_is_measured_from_the_average_entry() -> None:
    """Five percent under it by default; no position, no stop."""
    assert stop_price(held(), POLICY) == Decimal("0.0475")
    assert stop_price(Position(), POLICY) is None


@pytest.mark.parametrize(
    ("changed", "trigger"),
    [({"aborting": True}, Trigger.ABORT), ({"held_for_s": 3600.0}, Trigger.TIME_STOP)],
)
def test_abort_and_time_stop_sell_everything_at_once(changed: dict[str, Any], trigger: Trigger) -> None:
    """Whatever the price is, as long as there is one."""
    sale = decide(view(**changed), POLICY, RULES)
    blind = decide(view(**changed, bid=None), POLICY, RULES)

    assert isinstance(sale, SellNow)
    assert (sale.trigger, sale.quantity) == (trigger, Base(Decimal(1000)))
    assert blind == NoPrice(trigger)


def test_more_than_the_largest_order_is_sold_in_parts() -> None:
    """Each as large as the venue takes it."""
    rules = replace(RULES, max_notional=Quote(Decimal(20)))

    sale = decide(view(aborting=True), POLICY, rules)

    assert isinstance(sale, SellNow)
    assert sale.quantity < 1000
    assert Decimal("19.9") < sale.quantity * sale.price <= 20


def test_an_exit_once_begun_goes_on() -> None:
    """Also when the price recovers."""
    assert isinstance(decide(view(leaving=Trigger.STOP, bid=Price(Decimal("0.06"))), POLICY, RULES), SellNow)


def test_dust_is_flat_and_its_last_order_is_cancelled_first() -> None:
    """Too little for any order is told as dust."""
    dust = held("10")

    assert decide(view(dust), POLICY, RULES) == Flat(Base(Decimal(10)))
    assert decide(view(dust, sells=(a_rung(quantity="10"),)), POLICY, RULES) == CancelSells(("rung",))


ABSURD = Price(Decimal("0.00001"))
"""What was bought for 50 USDT makes no order at this price."""


def test_one_absurd_bid_does_not_turn_a_position_into_dust() -> None:
    """A position worth fifty at its entry is not written off because a thin book bids next to nothing."""
    assert not isinstance(decide(view(bid=ABSURD), POLICY, RULES), Flat)
    assert decide(view(bid=ABSURD, below_for_s=9.0), POLICY, RULES) == NoPrice(Trigger.STOP)


@pytest.mark.parametrize(
    "due",
    [{"aborting": True}, {"held_for_s": 3600.0}, {"below_for_s": 9.0}, {"leaving": Trigger.STOP}],
    ids=lambda due: next(iter(due)),
)
def test_an_exit_that_meets_an_absurd_bid_waits_until_it_has_stood(due: dict[str, Any]) -> None:
    """Whatever made the exit due: only after half a minute is a coin believed to be worthless."""
    moment = decide(view(**due, bid=ABSURD), POLICY, RULES)
    almost = decide(view(**due, bid=ABSURD, worthless_for_s=WORTHLESS_AFTER_S - 0.1), POLICY, RULES)
    at_last = decide(view(**due, bid=ABSURD, worthless_for_s=WORTHLESS_AFTER_S), POLICY, RULES)

    assert isinstance(moment, NoPrice)
    assert isinstance(almost, NoPrice)
    assert at_last == Flat(Base(Decimal(1000)))


def test_without_an_exit_no_bid_makes_a_position_dust() -> None:
    """As long as the position may be held, there is nothing to be impatient about."""
    step = decide(view(bid=ABSURD, worthless_for_s=WORTHLESS_AFTER_S), POLICY, RULES)

    assert isinstance(step, PlaceRung)


def test_a_bid_at_which_an_order_is_possible_is_sold_to() -> None:
    """However low it is; at the bid itself where a sweep would make the order too small."""
    low = Price(Decimal("0.00105"))

    sale = decide(view(aborting=True, bid=low), POLICY, RULES)

    assert sale == SellNow(Trigger.ABORT, low, Base(Decimal(1000)))


def test_what_is_dust_at_the_entry_price_too_does_not_wait() -> None:
    """The rest of an exit under way that no order could hold anyway ends the session at once."""
    rest = replace(held(), sold=Base(Decimal(981)))

    assert decide(view(rest, leaving=Trigger.STOP, bid=Price(Decimal("0.04"))), POLICY, RULES) == Flat(
        Base(Decimal(19))
    )


def test_a_rest_that_a_better_bid_makes_worth_an_order_is_sold() -> None:
    """Dust at its entry, but not at what is bid."""
    rest = replace(held(), sold=Base(Decimal(981)))
    high = Price(Decimal("0.06"))

    sale = decide(view(rest, leaving=Trigger.TIME_STOP, bid=high), POLICY, RULES)

    assert isinstance(sale, SellNow)
    assert sale.quantity == 19


def test_a_sale_at_the_bid_is_sized_at_the_bid() -> None:
    """What fits into the venue's largest order below the bid does not at the bid."""
    rules = replace(RULES, max_notional=Quote(Decimal(20)))
    bid = Price(Decimal("0.05"))

    below = decide(view(aborting=True), POLICY, rules)
    at_bid = decide(view(aborting=True, at_bid=True), POLICY, rules)

    assert isinstance(below, SellNow)
    assert below.price < bid
    assert at_bid == SellNow(Trigger.ABORT, bid, Base(Decimal(400)))
    assert below.quantity * bid > 20


def test_a_refused_rung_waits_while_the_others_are_placed() -> None:
    """A blocked price is passed over."""
    step = decide(view(blocked=frozenset({Price(Decimal("0.05500"))})), POLICY, RULES)

    assert step == PlaceRung(Price(Decimal("0.06000")), Base(Decimal(750)))


def test_a_changed_ladder_takes_the_old_rungs_down() -> None:
    """Before new ones are placed."""
    assert decide(view(sells=(a_rung("0.0777"),)), POLICY, RULES) == CancelSells(("rung",))


@dataclass
class Market:
    """A venue in ten lines: sells at or under the bid are filled, sells at once as far as the book goes."""

    dice: Random
    policy: ExitPolicy
    fills: list[tuple[Side, str, str]] = field(default_factory=list)
    sells: list[SellOrder] = field(default_factory=list)
    bid: Price | None = Price(Decimal("0.05"))

    def position(self) -> Position:
        told = [
            a_fill(str(number), side=side, quantity=quantity, price=price)
            for number, (side, quantity, price) in enumerate(self.fills)
        ]
        return position_of(told, "NEW", "USDT")

    def carry_out(self, step: Decision) -> None:
        match step:
            case PlaceRung(price, quantity):
                self.sells.append(SellOrder(str(len(self.sells)), Leg.LADDER, price, Base(Decimal(0)), quantity))
            case CancelSells(names):
                self.sells = [
                    replace(sell, open=Base(Decimal(0))) if sell.client_order_id in names else sell
                    for sell in self.sells
                ]
            case SellNow(_, price, quantity) if self.bid is not None and price <= self.bid:
                taken = Base(RULES.quantity_down(quantity * Decimal(self.dice.choice(["0.3", "1"]))))
                self.sell(Base(taken or quantity), self.bid)
            case _:
                pass

    def move(self) -> None:
        if self.bid is None or self.dice.random() < 0.05:
            self.bid = self.dice.choice([None, Price(Decimal("0.05"))])
            return
        moved = self.bid * Decimal(str(1 + self.dice.uniform(-0.08, 0.09)))
        self.bid = max(RULES.price_down(moved), Price(Decimal("0.01")))
        for index, sell in enumerate(self.sells):
            if sell.open > 0 and sell.price <= self.bid:
                part = Base(sell.open if self.dice.random() < 0.7 else RULES.quantity_down(sell.open / 2) or sell.open)
                self.sell(part, sell.price)
                self.sells[index] = replace(sell, executed=Base(sell.executed + part), open=Base(sell.open - part))

    def sell(self, quantity: Base, price: Price) -> None:
        self.fills.append((Side.SELL, str(quantity), str(price)))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), LADDER, st.decimals("20", "3000", places=2))
def test_every_market_ends_flat_and_never_oversold(seed: int, ladder: tuple[LadderStep, ...], bought: Decimal) -> None:
    """Random walks, gaps without a bid, partial fills: open sells never exceed what is held, and time ends it flat."""
    market = Market(Random(seed), replace(POLICY, ladder=ladder, time_stop_s=60))
    market.fills.append((Side.BUY, str(bought), "0.05"))
    leaving: Trigger | None = None
    below: int | None = None
    worthless: int | None = None
    for second in range(400):
        position = market.position()
        assert position.held >= 0
        assert sum((sell.open for sell in market.sells), Decimal(0)) <= position.held
        stop = stop_price(position, market.policy)
        if market.bid is None or stop is None or market.bid > stop:
            below = None
        elif below is None:
            below = second
        seen = GuardView(
            position,
            tuple(market.sells),
            market.bid,
            below_for_s=None if below is None else second - below,
            aborting=False,
            leaving=leaving,
            held_for_s=second,
            worthless_for_s=None if worthless is None else second - worthless,
        )
        step = decide(seen, market.policy, RULES)
        if isinstance(step, Flat):
            break
        if not isinstance(step, NoPrice) or market.bid is None:
            worthless = None
        elif worthless is None:
            worthless = second
        if isinstance(step, SellNow):
            leaving = step.trigger
        market.carry_out(step)
        if second < 300 or market.bid is None:  # in the end the market stands still
            market.move()

    assert isinstance(step, Flat)
    assert market.position().held * Decimal("0.01") < RULES.min_notional
    assert Quote(market.position().received) >= 0
