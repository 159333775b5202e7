"""The purchase: which orders are committed, which shot goes next, and when it is over. Pure decisions.

A budget is split into lanes. Within one lane shots go one after the other: each may use what is left of the lane's
slice, and the next one goes only when the one before is final. Lanes may overlap, but their slices add up to no more
than the budget. So no sequence of answers can buy more than the plan.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal

from domain.errors import (
    BudgetUsedUp,
    ClockRefused,
    NotTradable,
    OutcomeUnknown,
    PriceRefused,
    RateLimited,
    Refused,
    SniperError,
)
from domain.ids import Leg
from domain.money import NO_QUOTE, Price, Quote, SymbolRules, plain
from domain.orders import Fill, Order, OrderIntent, OrderKind, OrderRequest, OrderStatus, Side
from domain.policy import EntryPolicy, EntryStrategy

LEAVES_EARLY = timedelta(milliseconds=500)
"""How long before its time a shot may leave: room for the way to the venue and for the clock's bound."""
FIRE_WINDOW_S = 0.7
"""How long after the first shot more is bought once something was: the position waits for its guard."""
_PACE = ((0.06, 0.02), (0.5, 0.14), (2.0, 0.5), (10.0, 2.0))
"""Up to so many seconds after the start, pause so many after a shot that came too early or met an empty book. Lanes
share the account's order limits: each of several pauses that many times as long."""
_LATE_PAUSE_S = 5.0
_SPARE_SHOTS = 2
"""Of each lane, beyond those that last until its end at this pace: for prices that are refused."""
_AMOUNT_STEP = Decimal("0.01")
"""Of the quote amount of a market purchase."""
_KINDS = {EntryStrategy.LIMIT: OrderKind.LIMIT, EntryStrategy.MARKET: OrderKind.MARKET}


@dataclass(frozen=True, slots=True)
class Lane:
    """A slice of the budget, and the orders that may use it one after the other.

    begins: exchange time at which its first shot is meant to arrive.
    """

    number: int
    budget: Quote
    begins: datetime
    intents: tuple[OrderIntent, ...]


@dataclass(frozen=True, slots=True)
class ShootAgain:
    """Send the next committed shot after `pause_s`, at no more than `price`."""

    pause_s: float
    price: Price


@dataclass(frozen=True, slots=True)
class EntryOver:
    """No further shot. result: filled or nothing; reason: for people."""

    result: str
    reason: str


@dataclass(frozen=True, slots=True)
class Timing:
    """When a lane's shots may go. opens_at: the opening. began: when its first shot was meant to arrive.

    Both on the exchange's clock; the later of them is what pauses and ends are counted from.
    """

    policy: EntryPolicy
    opens_at: datetime
    began: datetime

    @property
    def start(self) -> datetime:
        return max(self.opens_at, self.began)

    def until(self, *, bought: bool) -> datetime:
        """The last instant at which a shot may go. bought: this lane, or another one, bought something."""
        window = max(self.opens_at + timedelta(seconds=self.policy.window_s), self.start)
        if self.policy.strategy is EntryStrategy.TRANCHE:
            return window
        if bought:
            return self.start + timedelta(seconds=FIRE_WINDOW_S)
        grace = self.start + timedelta(seconds=self.policy.grace_s)
        return min(grace, window) if self.policy.strategy is EntryStrategy.LIMIT else grace

    def pause_s(self, now: datetime) -> float:
        """How long to wait after a shot that bought nothing."""
        since_s = (now - self.start).total_seconds()
        return self.policy.slices * next((pause for until, pause in _PACE if since_s < until), _LATE_PAUSE_S)

    @property
    def shots(self) -> int:
        """How many shots a lane may need until its end at this pace, those that come before the opening among them."""
        until, at, shots = self.until(bought=False), self.began, 1
        while (at := at + timedelta(seconds=self.pause_s(at))) <= until:
            shots += 1
        return shots + _SPARE_SHOTS


def plan_lanes(
    symbol: str,
    rules: SymbolRules,
    policy: EntryPolicy,
    budget: Quote,
    bound: Price,
    opens_at: datetime,
    first_shot: int,
    name: Callable[[Leg, int], str],
) -> tuple[Lane, ...]:
    """All orders an entry may need, to be committed before the opening; empty when a slice buys no smallest order.

    name: gives the client order id of a leg and shot number.
    """
    bound = rules.price_down(bound)
    begins = _beginnings(policy, opens_at)
    share = policy.slice_of(budget)
    quantity = rules.affordable(share, bound)
    if quantity <= 0:
        return ()
    lanes: list[Lane] = []
    for number, at in enumerate(begins):
        shots = Timing(policy, opens_at, at).shots
        intents = tuple(
            OrderIntent(
                client_order_id=name(Leg.ENTRY, shot),
                leg=Leg.ENTRY,
                shot=shot,
                symbol=symbol,
                side=Side.BUY,
                kind=_KINDS.get(policy.strategy, OrderKind.IMMEDIATE),
                bound=bound,
                quantity=quantity,
                budget=share,
                not_before=at - LEAVES_EARLY,
            )
            for shot in range(first_shot, first_shot + shots)
        )
        lanes.append(Lane(number, share, at, intents))
        first_shot += shots
    return tuple(lanes)


def _beginnings(policy: EntryPolicy, opens_at: datetime) -> tuple[datetime, ...]:
    if policy.strategy is EntryStrategy.BURST:
        first = opens_at + timedelta(milliseconds=policy.burst_first_ms)
        spacing = timedelta(milliseconds=policy.burst_spacing_ms)
        return tuple(first + number * spacing for number in range(policy.burst_shots))
    if policy.strategy is EntryStrategy.TRANCHE:
        every = timedelta(seconds=policy.tranche_every_s)
        return tuple(opens_at + number * every for number in range(policy.tranche_parts))
    return (opens_at,)


def bound_of(policy: EntryPolicy, ask: Price | None, *, late: bool) -> Price | None:
    """The most that may be paid; None: there is no bound from anywhere yet. ask: best one seen since the opening.

    late: the first shot leaves after the opening was missed.
    """
    bound = policy.bound(late=late)
    if bound is not None:
        return bound
    return None if ask is None else marked_up(ask, policy)


def first_price(policy: EntryPolicy, bound: Price, ask: Price | None) -> Price:
    """What the first shot of a lane offers: the best ask plus the markup where an ask is known, inside the bound."""
    return bound if ask is None else min(bound, marked_up(ask, policy))


def marked_up(ask: Price, policy: EntryPolicy) -> Price:
    """The best ask plus the policy's markup; not rounded yet."""
    return Price(ask * (1 + policy.markup_percent / 100))


def cost(fills: Iterable[Fill], intents: Iterable[OrderIntent], quote_asset: str) -> Quote:
    """What `fills` of these intents took of the budget: quote, with fees where they were taken in quote."""
    names = {intent.client_order_id for intent in intents}
    found = NO_QUOTE
    for fill in fills:
        if fill.client_order_id in names:
            found = Quote(found + fill.quote + (fill.fee if fill.fee_asset == quote_asset else 0))
    return found


def request_for(intent: OrderIntent, rules: SymbolRules, price: Price, left: Quote) -> OrderRequest | None:
    """What to send for an intent at `price` or below, for `left` of its slice at most; None when no order fits."""
    limit = rules.price_down(min(price, intent.bound))
    budget = Quote(min(left, intent.budget))
    quantity = rules.affordable(budget, limit)
    if quantity <= 0:
        return None
    amount = None
    if intent.kind is OrderKind.MARKET:
        step = max(_AMOUNT_STEP, rules.price_step)  # an amount with more decimals than the price is refused
        spent = budget / (1 + rules.taker_fee)
        if rules.market_most is not None:
            spent = min(spent, rules.market_most)
        amount = Quote((spent / step).to_integral_value(ROUND_FLOOR) * step)
        if amount < rules.min_notional or amount <= 0:
            return None
    return OrderRequest(intent.client_order_id, intent.symbol, intent.side, intent.kind, limit, quantity, amount)


def after_refusal(
    refusal: SniperError, price: Price, timing: Timing, now: datetime, *, bought: bool
) -> ShootAgain | EntryOver:
    """What follows a shot that certainly left no order. bought: whether anything was bought at all. now: exchange time.

    OutcomeUnknown is not for here: its order may live.
    """
    if isinstance(refusal, OutcomeUnknown):
        raise ValueError("an unknown outcome must be learnt first")
    if isinstance(refusal, PriceRefused):
        return _after_price_refusal(refusal, price)
    if isinstance(refusal, RateLimited) and not isinstance(refusal, BudgetUsedUp):
        wait_s = 1.0 if refusal.retry_after_s is None else refusal.retry_after_s
        return again(price, timing, now, str(refusal), bought=bought, at_least_s=wait_s)
    if isinstance(refusal, Refused) and not isinstance(refusal, NotTradable | ClockRefused):
        return EntryOver("nothing", str(refusal))
    return again(price, timing, now, str(refusal), bought=bought)


def again(
    price: Price, timing: Timing, now: datetime, why: str, *, bought: bool, at_least_s: float = 0.0
) -> ShootAgain | EntryOver:
    """The next shot at the pace of its distance from the start, while it may go. now: exchange time."""
    return _after(max(at_least_s, timing.pause_s(now)), price, timing, now, why, bought=bought)


def at_once(price: Price, timing: Timing, now: datetime, why: str, *, bought: bool) -> ShootAgain | EntryOver:
    """The next shot without a pause, while it may go: for one that was kept from leaving by something that is over.
    The venue saw none that it could be too soon after. now: exchange time."""
    return _after(0.0, price, timing, now, why, bought=bought)


def _after(
    pause: float, price: Price, timing: Timing, now: datetime, why: str, *, bought: bool
) -> ShootAgain | EntryOver:
    until = timing.until(bought=bought)
    if now + timedelta(seconds=pause) > until:
        after = (until - timing.opens_at).total_seconds()
        return EntryOver(
            "filled" if bought else "nothing", f"{why}; no shot goes later than {after:g} s after the opening"
        )
    return ShootAgain(pause, price)


def after_order(
    price: Price,
    order: Order | None,
    left: Quote,
    rules: SymbolRules,
    timing: Timing,
    now: datetime,
    *,
    bought: bool,
) -> ShootAgain | EntryOver:
    """What follows a shot whose order has ended. An order that was filled whole ends its lane, also when it cost less
    than the lane's slice: what was saved is not spent.

    order: None: it never existed. left: of the lane's slice. bought: whether anything was bought at all. now: exchange
    time.
    """
    if order is not None and order.status is OrderStatus.FILLED:
        return EntryOver("filled", f"bought {plain(order.executed)} for {plain(order.executed_quote)}")
    if rules.affordable(left, price) <= 0:
        return EntryOver("filled", f"what is left, {plain(left)}, buys no smallest order")
    offered = "no more" if order is not None and order.executed else "nothing"
    return again(price, timing, now, f"{offered} was offered inside the price bound", bought=bought)


def _after_price_refusal(refusal: PriceRefused, price: Price) -> ShootAgain | EntryOver:
    if refusal.cap is None:
        return EntryOver("nothing", str(refusal))
    if refusal.cap >= price:
        return EntryOver("nothing", f"{refusal} although {price} was asked")
    return ShootAgain(0.0, Price(refusal.cap))
