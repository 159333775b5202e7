"""Closing a position: ladder, stop, time stop and abort as pure decisions.

Take-profits rest on the exchange, so they work while we are down. Everything else sells at once: what rests is
cancelled, seen cancelled, and the remainder is sold with limits that take what the book offers.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from domain.ids import Leg
from domain.money import NO_BASE, Base, Price, SymbolRules
from domain.orders import Position
from domain.policy import ExitPolicy

SWEEP = Decimal("0.10")
"""How far below the best bid a sale at once may go, at most; half the venue's band when that is narrower."""
WORTHLESS_AFTER_S = 30.0
"""How long the best bid must have made what is held too little for any order before an exit believes it: a thin book
shows an absurd bid for seconds, a coin that became worthless stays so."""


class Trigger(StrEnum):
    ABORT = "abort"
    STOP = "stop"
    TIME_STOP = "time stop"


@dataclass(frozen=True, slots=True)
class SellOrder:
    """One of our sells. open: base units that may still execute, also when its outcome is unknown; zero once final."""

    client_order_id: str
    leg: Leg
    price: Price
    executed: Base
    open: Base


@dataclass(frozen=True, slots=True)
class GuardView:
    """What the guard knows at one moment.

    Durations are in seconds on this machine's own clock: the venue's may be set at any time.
    bid: best bid, None: unknown. below_for_s: how long the bid has been at or under the stop, None: it is not.
    held_for_s: age of the position's first fill, None: there is none.
    leaving: an exit at once was decided earlier and goes on.
    blocked: prices at which no rung shall be placed now: refused a moment ago, or the last one's outcome is unknown.
    worthless_for_s: for how long without interruption an exit has found a bid, but no order that it could make of what
        is held at that price; None: it does not look so.
    at_bid: the venue did not take the last sale's price, below the bid.
    """

    position: Position
    sells: tuple[SellOrder, ...]
    bid: Price | None
    below_for_s: float | None
    aborting: bool
    leaving: Trigger | None
    held_for_s: float | None
    blocked: frozenset[Price] = frozenset()
    worthless_for_s: float | None = None
    at_bid: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing to do now."""


@dataclass(frozen=True, slots=True)
class PlaceRung:
    """Let one take-profit rest on the exchange."""

    price: Price
    quantity: Base


@dataclass(frozen=True, slots=True)
class CancelSells:
    """Take these orders off the book and learn how they ended."""

    client_order_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SellNow:
    """Sell at once, down to `price`."""

    trigger: Trigger
    price: Price
    quantity: Base


@dataclass(frozen=True, slots=True)
class NoPrice:
    """An exit at once is due, but no bid is known, or none that an order could be made of: wait, and say so."""

    trigger: Trigger


@dataclass(frozen=True, slots=True)
class Flat:
    """Nothing is left but `dust`, too little to sell."""

    dust: Base


Decision = Hold | PlaceRung | CancelSells | SellNow | NoPrice | Flat


def decide(view: GuardView, policy: ExitPolicy, rules: SymbolRules) -> Decision:
    """The one next step of the guard."""
    live = tuple(sell for sell in view.sells if sell.open > 0)
    trigger = view.leaving or due(view, policy)
    if is_dust(view.position.held, rules, _worth(view, trigger)):
        if live:
            return CancelSells(tuple(sell.client_order_id for sell in live))
        return Flat(view.position.held)
    if trigger is not None:
        if live:
            return CancelSells(tuple(sell.client_order_id for sell in live))
        return _sell_now(view, trigger, rules)
    return _ladder_step(view, policy, rules, live)


def due(view: GuardView, policy: ExitPolicy) -> Trigger | None:
    """Which exit at once is due now."""
    if view.aborting:
        return Trigger.ABORT
    if view.below_for_s is not None and view.below_for_s >= policy.stop_confirm_ms / 1000:
        return Trigger.STOP
    if view.held_for_s is not None and view.held_for_s >= policy.time_stop_s:
        return Trigger.TIME_STOP
    return None


def stop_price(position: Position, policy: ExitPolicy) -> Price | None:
    """Bid at or below which the stop is due; None without a position."""
    entry = position.average_entry
    return None if entry is None else Price(entry * (1 - policy.stop_percent / 100))


def plan_ladder(position: Position, policy: ExitPolicy, rules: SymbolRules) -> tuple[tuple[Price, Base], ...]:
    """Price and quantity of every rung, ascending; shares are of the quantity bought, not of what is left.

    A rung below the venue's smallest order is merged into the next one; a last one that stays too small is left to
    stop and time stop. When the shares make up the whole, the last rung takes what rounding left.
    """
    entry = position.average_entry
    if entry is None:
        return ()
    bought = Base(position.bought - position.fee_base)
    whole = sum(step.share_percent for step in policy.ladder) == 100
    rungs: dict[Price, Decimal] = {}
    carried = placed = Decimal(0)
    for index, step in enumerate(policy.ladder):
        price = rules.price_up(entry * (1 + step.gain_percent / 100))
        share = bought * step.share_percent / 100 + carried
        if whole and index == len(policy.ladder) - 1:
            share = bought - placed
        quantity = rules.sellable(Base(share), price)
        if quantity > 0:
            rungs[price] = rungs.get(price, Decimal(0)) + quantity
            placed += quantity
        carried = share - quantity
    return tuple((price, Base(quantity)) for price, quantity in rungs.items())


def is_dust(quantity: Base, rules: SymbolRules, price: Price | None) -> bool:
    """Whether `quantity` is too small for any sell order at about `price`; unknown price: judged by quantity alone."""
    if price is None:
        return rules.quantity_down(quantity) <= 0
    return rules.sellable(quantity, price) <= 0


def _worth(view: GuardView, trigger: Trigger | None) -> Price | None:
    """The price at which dust is judged: the better one of bid and entry, since one absurd bid in a thin book must not
    turn a whole position into dust. When an exit has met such a bid for long enough, its word alone counts."""
    entry = view.position.average_entry
    if view.bid is None or entry is None:
        return entry if view.bid is None else view.bid
    if trigger is not None and view.worthless_for_s is not None and view.worthless_for_s >= WORTHLESS_AFTER_S:
        return view.bid
    return max(view.bid, entry)


def _sell_now(view: GuardView, trigger: Trigger, rules: SymbolRules) -> Decision:
    """Below the bid, or at it where the venue wants that or a sweep would push the order under the smallest value."""
    if view.bid is None:
        return NoPrice(trigger)
    sweep = SWEEP if rules.band_down is None else min(SWEEP, rules.band_down / 2)
    for wanted in (view.bid,) if view.at_bid else (view.bid * (1 - sweep), view.bid):
        price = rules.price_up(wanted)
        quantity = rules.sellable(view.position.held, price)
        if quantity > 0:
            return SellNow(trigger, price, quantity)
    return NoPrice(trigger)


def _ladder_step(view: GuardView, policy: ExitPolicy, rules: SymbolRules, live: tuple[SellOrder, ...]) -> Decision:
    rungs = dict(plan_ladder(view.position, policy, rules))
    strays = tuple(sell.client_order_id for sell in live if sell.price not in rungs)
    if strays:
        return CancelSells(strays)  # the ladder was changed
    spare = view.position.held - sum((sell.open for sell in live), NO_BASE)
    for price, quantity in rungs.items():
        if price in view.blocked:
            continue
        mine = [sell for sell in view.sells if sell.leg is Leg.LADDER and sell.price == price]
        missing = quantity - sum((sell.executed + sell.open for sell in mine), NO_BASE)
        placeable = rules.sellable(Base(min(missing, spare)), price)
        if placeable > 0:
            return PlaceRung(price, placeable)
    return Hold()
