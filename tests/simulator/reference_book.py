"""A second, naive exchange of one symbol, against which the matching engine is measured.

Nothing here is fast or clever: one list of open orders, searched from the start each time; money is a Fraction, and
what is locked is added up from the open orders whenever somebody asks. Shared with the engine are only the ticket and
its enumerations.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from math import floor

from simulator.engine.orders import OrderType, SelfTradePrevention, Side, Status, Ticket

NOTHING = Fraction(0)
DUST = Fraction(1, 10**18)  # commissions and spendable amounts are cut to it
MARKET_BOUND = Fraction(5, 100)  # how far beyond the best opposite price a MARKET order trades
FEES = "fees"  # owner of the commissions
MX = "MX"


class No(IntEnum):
    """Why an order is refused, as the venue's code."""

    CANNOT_PAY = 30004
    OVERSOLD = 30005
    NO_OPPONENT = 30025


@dataclass(frozen=True)
class Terms:
    """What is traded and for which commissions.

    base_scale, price_scale: decimals of quantities and of prices. maker_fee, taker_fee: share of the traded value.
    """

    base: str
    quote: str
    base_scale: int
    price_scale: int
    maker_fee: Decimal
    taker_fee: Decimal


@dataclass(eq=False)
class Entry:
    """One accepted order; everything in exact fractions.

    number: place in the sequence of all accepted orders, from 0. price: limit or, for MARKET, the bound.
    reserved: quote units for buys, base units for sells.
    """

    number: int
    owner: str
    side: Side
    type: OrderType
    price: Fraction
    quantity: Fraction
    fee_in_base: bool
    reserved: Fraction
    executed: Fraction = NOTHING
    executed_quote: Fraction = NOTHING
    status: Status = Status.NEW
    cancel_reason: str = ""

    @property
    def remaining(self) -> Fraction:
        """Base units not traded yet."""
        return self.quantity - self.executed


@dataclass(frozen=True)
class Share:
    """What one order had of one trade. fee: in units of fee_asset."""

    number: int
    price: Fraction
    quantity: Fraction
    fee_asset: str
    fee: Fraction
    is_maker: bool
    is_self_trade: bool


@dataclass
class _Plan:
    """Whom an order would meet, best first. stopped: it met its own owner, who wants it to end there."""

    trades: list[tuple[Entry, Fraction]] = field(default_factory=list)
    cancels: list[Entry] = field(default_factory=list)
    stopped: bool = False

    @property
    def quantity(self) -> Fraction:
        return sum((quantity for _, quantity in self.trades), NOTHING)

    @property
    def cost(self) -> Fraction:
        return sum((maker.price * quantity for maker, quantity in self.trades), NOTHING)


class ReferenceBook:
    """Who owns what, and which orders are open.

    free: by owner and asset. open: resting orders, in sequence of arrival. shares: all trades, the taker's side first.
    fee_in_base: for buys placed from now on. mx_price: quote per MX, None where commissions are not paid in MX; in a
    market of MX itself its last price comes first. pays_in_mx: the owners who wish it.
    """

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.free: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
        self.open: list[Entry] = []
        self.shares: list[Share] = []
        self.accepted = 0
        self.fee_in_base = False
        self.mx_price: Fraction | None = None
        self.pays_in_mx: set[str] = set()
        self.last_price: Fraction | None = None

    def place(self, owner: str, ticket: Ticket, *, blocked: bool = False) -> Entry | No:
        """Match one order. blocked: accepted, but it trades nothing and ends at once."""
        price = self._bound(ticket.side) if ticket.price is None else Fraction(ticket.price)
        if price is None:
            return No.NO_OPPONENT
        plan = _Plan() if blocked else self._plan(owner, ticket, price)
        would_take = bool(plan.trades or plan.cancels)
        incomplete = ticket.quantity is not None and plan.quantity < Fraction(ticket.quantity)
        all_in_vain = (ticket.type is OrderType.LIMIT_MAKER and would_take) or (
            ticket.type is OrderType.FILL_OR_KILL and incomplete
        )
        if all_in_vain:
            plan = _Plan()

        entry = self._entry(owner, ticket, price, plan)
        entry.reserved = self._need(entry, plan, priced=ticket.price is not None, blocked=blocked)
        if self.free[owner, self._paid(entry)] < entry.reserved:
            return No.CANNOT_PAY if entry.side is Side.BUY else No.OVERSOLD
        self.accepted += 1
        self.free[owner, self._paid(entry)] -= entry.reserved

        for maker in plan.cancels:
            self.cancel(maker, "stp_cancel")
        for maker, quantity in plan.trades:
            self._trade(entry, maker, quantity)
        if entry.status is Status.FILLED:
            return entry
        if _may_rest(entry.type) and not (blocked or all_in_vain or plan.stopped):
            self._release(entry, keep=self._resting_need(entry))
            self.open.append(entry)
        else:
            self._end(entry, "stp_cancel" if plan.stopped else "")
        return entry

    def cancel(self, entry: Entry, reason: str = "") -> None:
        """End an open order."""
        self.open.remove(entry)
        self._end(entry, reason)

    def locked(self, owner: str, asset: str) -> Fraction:
        """What the open orders of `owner` reserve of `asset`."""
        return sum((e.reserved for e in self.open if e.owner == owner and self._paid(e) == asset), NOTHING)

    def queue(self, side: Side) -> list[Entry]:
        """Open orders of a side in the sequence in which they trade; sorting keeps equal prices as they arrived."""
        return sorted((e for e in self.open if e.side is side), key=lambda e: e.price, reverse=side is Side.BUY)

    def levels(self, side: Side) -> list[tuple[Fraction, Fraction]]:
        """(price, quantity) of every price of a side, best first."""
        quantities: dict[Fraction, Fraction] = defaultdict(Fraction)
        for entry in self.queue(side):
            quantities[entry.price] += entry.remaining
        return list(quantities.items())

    def _bound(self, side: Side) -> Fraction | None:
        opposite = self.queue(_other(side))
        if not opposite:
            return None
        factor = 1 + MARKET_BOUND if side is Side.BUY else 1 - MARKET_BOUND
        return round(opposite[0].price * factor, self.terms.price_scale)  # halves to even

    def _plan(self, owner: str, ticket: Ticket, limit: Fraction) -> _Plan:
        plan = _Plan()
        prevention = ticket.self_trade_prevention
        for maker in self.queue(_other(ticket.side)):
            too_dear = maker.price > limit if ticket.side is Side.BUY else maker.price < limit
            wanted = self._wanted(ticket, plan, maker.price)
            if too_dear or wanted == 0:
                break
            if maker.owner != owner or prevention is SelfTradePrevention.NONE:
                plan.trades.append((maker, min(wanted, maker.remaining)))
            elif prevention is SelfTradePrevention.CANCEL_MAKER:
                plan.cancels.append(maker)
            elif prevention is SelfTradePrevention.CANCEL_TAKER:
                plan.stopped = True
                break
            else:
                plan.cancels.append(maker)
                plan.stopped = True
                break
        return plan

    def _wanted(self, ticket: Ticket, plan: _Plan, price: Fraction) -> Fraction:
        """Base units still to trade, if the next ones cost `price`."""
        if ticket.quantity is not None:
            return Fraction(ticket.quantity) - plan.quantity
        return self._whole_lots((self._spendable(ticket) - plan.cost) / price)

    def _spendable(self, ticket: Ticket) -> Fraction:
        """Quote units that may change hands: of a buy that pays its commission in quote, what that leaves."""
        assert ticket.quote_quantity is not None
        amount = Fraction(ticket.quote_quantity)
        if ticket.side is Side.SELL or self.fee_in_base:
            return amount
        return _cut(amount / (1 + Fraction(self.terms.taker_fee)), DUST)

    def _whole_lots(self, quantity: Fraction) -> Fraction:
        return _cut(quantity, Fraction(1, 10**self.terms.base_scale))

    def _entry(self, owner: str, ticket: Ticket, price: Fraction, plan: _Plan) -> Entry:
        if ticket.quantity is not None:
            quantity = Fraction(ticket.quantity)
        else:  # by quote amount: what trades, and what the rest would buy or sell at the bound
            quantity = plan.quantity + self._whole_lots((self._spendable(ticket) - plan.cost) / price)
        return Entry(
            self.accepted, owner, ticket.side, ticket.type, price, quantity, self.fee_in_base, reserved=NOTHING
        )

    def _need(self, entry: Entry, plan: _Plan, *, priced: bool, blocked: bool) -> Fraction:
        """What must be free: for priced orders the whole order, for MARKET what trades, for blocked ones nothing."""
        if blocked:
            return NOTHING
        if entry.side is Side.SELL:
            return entry.quantity if priced else plan.quantity
        value = entry.price * entry.quantity if priced else plan.cost
        if entry.fee_in_base:
            return value
        fee = plan.cost * Fraction(self.terms.taker_fee)
        if _may_rest(entry.type):
            fee += entry.price * (entry.quantity - plan.quantity) * Fraction(self.terms.maker_fee)
        return value + fee

    def _resting_need(self, entry: Entry) -> Fraction:
        if entry.side is Side.SELL:
            return entry.remaining
        value = entry.price * entry.remaining
        return value if entry.fee_in_base else value * (1 + Fraction(self.terms.maker_fee))

    def _trade(self, taker: Entry, maker: Entry, quantity: Fraction) -> None:
        price = maker.price
        for entry, is_maker in ((taker, False), (maker, True)):
            given, got = (quantity, price * quantity) if entry.side is Side.SELL else (price * quantity, quantity)
            entry.reserved -= given
            self.free[entry.owner, self._received(entry)] += got
            asset, fee = self._take_fee(entry, price, quantity, is_maker=is_maker)
            self.free[FEES, asset] += fee
            entry.executed += quantity
            entry.executed_quote += price * quantity
            entry.status = Status.FILLED if entry.remaining == 0 else Status.PARTIALLY_FILLED
            self.shares.append(
                Share(entry.number, price, quantity, asset, fee, is_maker, is_self_trade=taker.owner == maker.owner)
            )
        self.last_price = price
        for entry in (taker, maker):
            if entry.status is Status.FILLED:
                self._release(entry, keep=NOTHING)
        if maker.status is Status.FILLED:
            self.open.remove(maker)

    def _take_fee(self, entry: Entry, price: Fraction, quantity: Fraction, *, is_maker: bool) -> tuple[str, Fraction]:
        rate = Fraction(self.terms.maker_fee if is_maker else self.terms.taker_fee)
        in_quote = price * quantity * rate
        mx_price = self._current_mx_price()
        if entry.owner in self.pays_in_mx and mx_price is not None and in_quote > 0:
            in_mx = _cut(in_quote / mx_price, DUST)
            if in_mx <= self.free[entry.owner, MX]:
                self.free[entry.owner, MX] -= in_mx
                return MX, in_mx
        if entry.side is Side.BUY and entry.fee_in_base:
            in_base = _cut(quantity * rate, DUST)
            self.free[entry.owner, self.terms.base] -= in_base
            return self.terms.base, in_base
        fee = _cut(in_quote, DUST)
        if entry.side is Side.BUY:
            entry.reserved -= fee
        else:
            self.free[entry.owner, self.terms.quote] -= fee
        return self.terms.quote, fee

    def _current_mx_price(self) -> Fraction | None:
        return self.last_price or self.mx_price if self.terms.base == MX else self.mx_price

    def _end(self, entry: Entry, reason: str) -> None:
        entry.status = Status.PARTIALLY_CANCELED if entry.executed > 0 else Status.CANCELED
        entry.cancel_reason = reason
        self._release(entry, keep=NOTHING)

    def _release(self, entry: Entry, keep: Fraction) -> None:
        self.free[entry.owner, self._paid(entry)] += entry.reserved - keep
        entry.reserved = keep

    def _paid(self, entry: Entry) -> str:
        return self.terms.quote if entry.side is Side.BUY else self.terms.base

    def _received(self, entry: Entry) -> str:
        return self.terms.base if entry.side is Side.BUY else self.terms.quote


def _other(side: Side) -> Side:
    return Side.SELL if side is Side.BUY else Side.BUY


def _may_rest(order_type: OrderType) -> bool:
    return order_type in (OrderType.LIMIT, OrderType.LIMIT_MAKER)


def _cut(value: Fraction, step: Fraction) -> Fraction:
    """The largest multiple of `step` not above `value`."""
    return floor(value / step) * step
