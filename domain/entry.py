"""The purchase: which intents are committed, which shot goes next, and when it is over. Pure decisions.

Shots go one after the other: each may use the whole budget, and the next one goes only when the one before is final
and bought nothing. The first fill ends the entry. So no sequence of answers can buy more than the plan.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.errors import (
    ClockRefused,
    NotTradable,
    OutcomeUnknown,
    PriceRefused,
    RateLimited,
    Refused,
    SniperError,
    TryAgain,
)
from domain.ids import Leg
from domain.money import Price, Quote, SymbolRules
from domain.orders import OrderIntent, OrderKind, OrderRequest, Side
from domain.policy import EntryPolicy

MAX_SHOTS = 20
LEAVES_EARLY = timedelta(milliseconds=500)
"""How long before the opening a shot may leave: room for the way to the venue and for the clock's bound."""
_PACE = ((0.5, 0.125), (2.0, 0.5), (10.0, 1.6))
"""Up to so many seconds after the opening, pause so many after a shot that came too early or met an empty book."""
_LATE_PAUSE_S = 3.0


@dataclass(frozen=True, slots=True)
class ShootAgain:
    """Send the next committed shot after `pause_s`, at no more than `price`."""

    pause_s: float
    price: Price


@dataclass(frozen=True, slots=True)
class EntryOver:
    """No further shot. result: filled, nothing or unknown; reason: for people."""

    result: str
    reason: str


def plan_intents(
    symbol: str,
    rules: SymbolRules,
    policy: EntryPolicy,
    budget: Quote,
    opens_at: datetime,
    first_shot: int,
    name: Callable[[Leg, int], str],
) -> tuple[OrderIntent, ...]:
    """All shots an entry may need, to be committed before the opening; empty when the budget buys no smallest order.

    name: gives the client order id of a leg and shot number.
    """
    bound = rules.price_down(policy.max_price)
    quantity = rules.affordable(budget, bound)
    if quantity <= 0:
        return ()
    return tuple(
        OrderIntent(
            client_order_id=name(Leg.ENTRY, shot),
            leg=Leg.ENTRY,
            shot=shot,
            symbol=symbol,
            side=Side.BUY,
            kind=OrderKind.IMMEDIATE,
            bound=bound,
            quantity=quantity,
            budget=budget,
            not_before=opens_at - LEAVES_EARLY,
        )
        for shot in range(first_shot, first_shot + MAX_SHOTS)
    )


def request_for(intent: OrderIntent, rules: SymbolRules, price: Price) -> OrderRequest | None:
    """What to send for an entry intent at `price` or below; None when no order fits bound and budget."""
    limit = rules.price_down(min(price, intent.bound))
    quantity = rules.affordable(intent.budget, limit)
    if quantity <= 0:
        return None
    return OrderRequest(intent.client_order_id, intent.symbol, intent.side, intent.kind, limit, quantity)


def after_refusal(
    refusal: SniperError, price: Price, policy: EntryPolicy, opens_at: datetime, now: datetime
) -> ShootAgain | EntryOver:
    """What follows a shot that certainly left no order. now: exchange time.

    OutcomeUnknown is not for here: its order may live.
    """
    if isinstance(refusal, OutcomeUnknown):
        raise ValueError("an unknown outcome must be learnt first")
    if isinstance(refusal, PriceRefused):
        return _after_price_refusal(refusal, price)
    if isinstance(refusal, NotTradable):
        return _again_inside_grace(price, policy, opens_at, now, str(refusal))
    if isinstance(refusal, RateLimited):
        pause = refusal.retry_after_s if refusal.retry_after_s is not None else 1.0
        return _again_inside_grace(price, policy, opens_at, now, str(refusal), at_least_s=pause)
    if isinstance(refusal, ClockRefused | TryAgain):
        return _again_inside_grace(price, policy, opens_at, now, str(refusal))
    if isinstance(refusal, Refused):
        return EntryOver("nothing", str(refusal))
    raise refusal


def after_empty(price: Price, policy: EntryPolicy, opens_at: datetime, now: datetime) -> ShootAgain | EntryOver:
    """What follows a shot whose order ended without any fill, e.g. against an empty book. now: exchange time."""
    return _again_inside_grace(price, policy, opens_at, now, "nothing was offered inside the price bound")


def _after_price_refusal(refusal: PriceRefused, price: Price) -> ShootAgain | EntryOver:
    if refusal.cap is None:
        return EntryOver("nothing", str(refusal))
    if refusal.cap >= price:
        return EntryOver("nothing", f"{refusal} although {price} was asked")
    return ShootAgain(0.0, Price(refusal.cap))


def _again_inside_grace(
    price: Price, policy: EntryPolicy, opens_at: datetime, now: datetime, why: str, *, at_least_s: float = 0.0
) -> ShootAgain | EntryOver:
    since = (now - opens_at).total_seconds()
    pause = max(at_least_s, next((pause for until, pause in _PACE if since < until), _LATE_PAUSE_S))
    if since + pause > policy.grace_s:
        return EntryOver("nothing", f"{why}; gave up {policy.grace_s} s after the opening")
    return ShootAgain(pause, price)
