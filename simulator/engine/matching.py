"""One symbol's matching engine: orders in, trades and moved balances out. No I/O; the time is passed in.

Price-time priority; a trade happens at the resting order's price. Whoever wants to know is told through a Listener
while it happens. Permission, scale and band checks belong to the venue, not here; money checks are made here because
what an order needs depends on what it would trade with.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from simulator import errors
from simulator.engine.arithmetic import (
    BALANCE_SCALE,
    ONE,
    ZERO,
    add,
    floor_divide,
    multiply,
    round_down,
    round_nearest,
    subtract,
)
from simulator.engine.book import OrderBook
from simulator.engine.identifiers import OrderIds
from simulator.engine.listener import Listener
from simulator.engine.orders import (
    RESTING_TYPES,
    Fill,
    Order,
    OrderType,
    PublicTrade,
    SelfTradePrevention,
    Side,
    Status,
    Ticket,
)
from simulator.engine.rules import SymbolRules
from simulator.engine.tape import Tape
from simulator.engine.wallet import Wallet

MARKET_BOUND = Decimal("0.05")  # how far beyond the best opposite price a MARKET order may trade
MX = "MX"  # the venue's own coin
RECENT_TRADES = 1000  # what the trades endpoint may show at most


@dataclass(slots=True)
class _Sweep:
    """What an incoming order would trade with, before anything is moved. cost: quote units; quantity: base units."""

    takes: list[tuple[Order, Decimal]] = field(default_factory=list)
    makers_to_cancel: list[Order] = field(default_factory=list)
    taker_stopped: bool = False
    quantity: Decimal = ZERO
    cost: Decimal = ZERO


class Market:
    """The book of one symbol and everything that may happen in it.

    fees: the wallet that collects commissions.
    fee_in_base: whether buys that are placed from now on pay their commission in base.
    mx_price: quote units per MX for those who pay commissions in MX; None, and whatever returns None: nobody does.
    last_price: price of the newest trade; None before the first.
    """

    def __init__(
        self, rules: SymbolRules, listener: Listener, ids: OrderIds, fees: Wallet, *, first_version: int = 1
    ) -> None:
        self.rules = rules
        self.book = OrderBook(first_version)
        self.fees = fees
        self.fee_in_base = False
        self.mx_price: Callable[[], Decimal | None] | None = None
        self.last_price: Decimal | None = None
        self.last_order_ms = 0
        self.trades: deque[PublicTrade] = deque(maxlen=RECENT_TRADES)
        self.tape = Tape()
        self._listener = listener
        self._ids = ids

    def place(
        self, owner: Wallet, ticket: Ticket, now_ms: int, arrival_us: int | None = None, *, blocked: bool = False
    ) -> Order:
        """Accept and match `ticket`. Raises Refusal when the owner cannot pay or a MARKET order meets nobody.

        blocked: accept, but trade nothing and cancel at once.
        """
        price = self._market_bound(ticket.side) if ticket.price is None else ticket.price
        sweep = _Sweep() if blocked else self._sweep(owner, ticket, price)
        keeps_rest = ticket.type in RESTING_TYPES and not blocked
        if (ticket.type is OrderType.LIMIT_MAKER and (sweep.takes or sweep.makers_to_cancel)) or (
            ticket.type is OrderType.FILL_OR_KILL and sweep.quantity != ticket.quantity
        ):
            sweep = _Sweep()
            keeps_rest = False
        keeps_rest = keeps_rest and not sweep.taker_stopped

        order = self._new_order(owner, ticket, price, sweep, now_ms, arrival_us)
        need = ZERO if blocked else self._need(order, sweep, limit_value=ticket.price is not None)
        self._reserve(order, need)
        self._listener.order_accepted(order)
        if order.type in RESTING_TYPES:
            self._listener.order_changed(order)
        for maker in sweep.makers_to_cancel:
            self.cancel(maker, now_ms, reason="stp_cancel")
        for maker, quantity in sweep.takes:
            self._trade(order, maker, quantity, now_ms)
        if order.is_open and keeps_rest:
            self._release_down_to(order, self._resting_need(order), "ENTRUST_UNFROZEN")
            self.book.insert(order)
        elif order.is_open:
            self._end(order, now_ms, reason="stp_cancel" if sweep.taker_stopped else "")
        self.last_order_ms = now_ms
        return order

    def cancel(self, order: Order, now_ms: int, reason: str = "") -> None:
        """Take an open, resting order out of the book and give back what it reserved."""
        self.book.remove(order)
        self._end(order, now_ms, reason)

    def _new_order(
        self, owner: Wallet, ticket: Ticket, price: Decimal, sweep: _Sweep, now_ms: int, arrival_us: int | None
    ) -> Order:
        quantity = ticket.quantity
        if quantity is None:  # a MARKET order by quote amount: what trades, and what the rest would move at the bound
            budget = self._spendable(ticket)
            assert budget is not None
            rest = max(subtract(budget, sweep.cost), ZERO)
            quantity = add(sweep.quantity, floor_divide(rest, price, self.rules.base_scale))
        return Order(
            owner=owner,
            id=self._ids.next_id(),
            client_order_id=ticket.client_order_id,
            symbol=ticket.symbol,
            side=ticket.side,
            type=ticket.type,
            price=price,
            quantity=quantity,
            quote_quantity=ticket.quote_quantity,
            self_trade_prevention=ticket.self_trade_prevention,
            created_ms=now_ms,
            updated_ms=now_ms,
            arrival_us=arrival_us,
            pays_fee_in_base=self.fee_in_base,
        )

    def _market_bound(self, side: Side) -> Decimal:
        reference = self.book.best(_opposite(side))
        if reference is None:
            raise errors.no_opponent_order()
        factor = add(ONE, MARKET_BOUND) if side is Side.BUY else subtract(ONE, MARKET_BOUND)
        return round_nearest(multiply(reference, factor), self.rules.price_scale)

    def _sweep(self, owner: Wallet, ticket: Ticket, limit: Decimal) -> _Sweep:
        sweep = _Sweep()
        budget = self._spendable(ticket)
        for maker in self._crossing(ticket.side, limit):
            if budget is None:
                assert ticket.quantity is not None
                wanted = subtract(ticket.quantity, sweep.quantity)
            else:
                wanted = floor_divide(subtract(budget, sweep.cost), maker.price, self.rules.base_scale)
            if wanted <= 0:
                break
            if maker.owner is owner and ticket.self_trade_prevention is not SelfTradePrevention.NONE:
                if ticket.self_trade_prevention is not SelfTradePrevention.CANCEL_TAKER:
                    sweep.makers_to_cancel.append(maker)
                if ticket.self_trade_prevention is not SelfTradePrevention.CANCEL_MAKER:
                    sweep.taker_stopped = True
                    break
                continue
            quantity = min(wanted, maker.remaining)
            sweep.takes.append((maker, quantity))
            sweep.quantity = add(sweep.quantity, quantity)
            sweep.cost = add(sweep.cost, multiply(maker.price, quantity))
        return sweep

    def _crossing(self, side: Side, limit: Decimal) -> Iterator[Order]:
        for maker in self.book.orders(_opposite(side)):
            if maker.price > limit if side is Side.BUY else maker.price < limit:
                return
            yield maker

    def _spendable(self, ticket: Ticket) -> Decimal | None:
        """Quote units a MARKET order by quote amount may move; a buy's commission comes out of the amount."""
        if ticket.quote_quantity is None or ticket.side is Side.SELL or self.fee_in_base:
            return ticket.quote_quantity
        return floor_divide(ticket.quote_quantity, add(ONE, self.rules.taker_fee), BALANCE_SCALE)

    def _need(self, order: Order, sweep: _Sweep, *, limit_value: bool) -> Decimal:
        """What must be free to accept the order: base for sells; quote with possible commission for buys."""
        if order.side is Side.SELL:
            return order.quantity if limit_value else sweep.quantity
        value = multiply(order.price, order.quantity) if limit_value else sweep.cost
        if order.pays_fee_in_base:
            return value
        commission = multiply(sweep.cost, self.rules.taker_fee)
        if order.type in RESTING_TYPES:
            rest = multiply(order.price, subtract(order.quantity, sweep.quantity))
            commission = add(commission, multiply(rest, self.rules.maker_fee))
        return add(value, commission)

    def _resting_need(self, order: Order) -> Decimal:
        if order.side is Side.SELL:
            return order.remaining
        value = multiply(order.price, order.remaining)
        return value if order.pays_fee_in_base else add(value, multiply(value, self.rules.maker_fee))

    def _reserve(self, order: Order, need: Decimal) -> None:
        asset = self._paid_asset(order)
        if order.owner.balance(asset).free < need:
            raise errors.insufficient_position() if order.side is Side.BUY else errors.oversold()
        order.owner.lock(asset, need)
        order.reserved = need
        if need:
            self._listener.balance_moved(order.owner, asset, need.copy_negate(), need, "ENTRUST_PLACE")

    def _trade(self, taker: Order, maker: Order, quantity: Decimal, now_ms: int) -> None:
        price = maker.price
        self.book.reduce(maker, quantity)
        value = multiply(price, quantity)
        taker_fill = self._settle(taker, maker, price, quantity, value, now_ms, is_maker=False)
        maker_fill = self._settle(maker, taker, price, quantity, value, now_ms, is_maker=True)
        trade = PublicTrade(taker_fill.trade_id, price, quantity, taker.side, now_ms)
        self.last_price = price
        self.trades.append(trade)
        self.tape.add(trade)
        self._listener.traded(self.rules.symbol, trade)
        self._report(taker_fill)
        self._report(maker_fill)

    def _settle(
        self,
        order: Order,
        other: Order,
        price: Decimal,
        quantity: Decimal,
        value: Decimal,
        now_ms: int,
        *,
        is_maker: bool,
    ) -> Fill:
        """Move one side's money: what is paid comes out of the reservation, what is received becomes free."""
        buys = order.side is Side.BUY
        paid, received = (value, quantity) if buys else (quantity, value)
        order.owner.take_locked(self._paid_asset(order), paid)
        order.reserved = subtract(order.reserved, paid)
        order.owner.credit(self._received_asset(order), received)

        commission_asset, commission = self._collect(order, quantity, value, is_maker=is_maker)

        order.executed = add(order.executed, quantity)
        order.executed_quote = add(order.executed_quote, value)
        order.updated_ms = now_ms
        order.fill_count += 1
        order.status = Status.FILLED if order.executed == order.quantity else Status.PARTIALLY_FILLED
        fill = order.last_fill = Fill(
            trade_id=f"{order.id[5:23]}X{order.fill_count}",
            order=order,
            price=price,
            quantity=quantity,
            quote_quantity=value,
            commission=commission,
            commission_asset=commission_asset,
            is_maker=is_maker,
            is_self_trade=order.owner is other.owner,
            time_ms=now_ms,
        )
        return fill

    def _collect(self, order: Order, quantity: Decimal, value: Decimal, *, is_maker: bool) -> tuple[str, Decimal]:
        """Take the commission of one side of a trade from its owner: in MX if wanted and possible, else in what the
        order pays it in. Returns asset and amount."""
        rate = self.rules.maker_fee if is_maker else self.rules.taker_fee
        in_mx = self._in_mx(order.owner, multiply(value, rate))
        if in_mx is not None:
            asset, commission = MX, in_mx
            order.owner.debit(MX, commission)
        elif order.side is Side.BUY and order.pays_fee_in_base:
            asset, commission = self.rules.base_asset, round_down(multiply(quantity, rate), BALANCE_SCALE)
            order.owner.debit(asset, commission)
        else:
            asset, commission = self.rules.quote_asset, round_down(multiply(value, rate), BALANCE_SCALE)
            if order.side is Side.BUY:
                order.owner.take_locked(asset, commission)
                order.reserved = subtract(order.reserved, commission)
            else:
                order.owner.debit(asset, commission)
        self.fees.credit(asset, commission)
        return asset, commission

    def _in_mx(self, owner: Wallet, commission: Decimal) -> Decimal | None:
        """`commission` (quote units) in MX; None when the owner does not pay so, or has too little of it."""
        price = self.mx_price() if owner.mx_deduct and commission and self.mx_price is not None else None
        if not price:
            return None
        amount = floor_divide(commission, price, BALANCE_SCALE)
        return amount if owner.balance(MX).free >= amount else None

    def _report(self, fill: Fill) -> None:
        order = fill.order
        buys = order.side is Side.BUY
        paid, received = (fill.quote_quantity, fill.quantity) if buys else (fill.quantity, fill.quote_quantity)
        self._listener.order_filled(fill)
        self._listener.order_changed(order)
        self._listener.balance_moved(order.owner, self._paid_asset(order), ZERO, paid.copy_negate(), "ENTRUST")
        self._listener.balance_moved(order.owner, self._received_asset(order), received, ZERO, "ENTRUST")
        if fill.commission:
            taken = fill.commission.copy_negate()
            from_locked = buys and fill.commission_asset == self.rules.quote_asset
            free, locked = (ZERO, taken) if from_locked else (taken, ZERO)
            self._listener.balance_moved(order.owner, fill.commission_asset, free, locked, "TRADE_FEE")
        if order.status is Status.FILLED:
            self._release_down_to(order, ZERO, "ENTRUST_UNFROZEN")

    def _end(self, order: Order, now_ms: int, reason: str) -> None:
        order.status = Status.PARTIALLY_CANCELED if order.executed else Status.CANCELED
        order.updated_ms = now_ms
        order.cancel_reason = reason
        self._listener.order_changed(order)
        self._release_down_to(order, ZERO, "ENTRUST_CANCEL")

    def _release_down_to(self, order: Order, keep: Decimal, reason: str) -> None:
        surplus = subtract(order.reserved, keep)
        if surplus > 0:
            asset = self._paid_asset(order)
            order.owner.unlock(asset, surplus)
            order.reserved = keep
            self._listener.balance_moved(order.owner, asset, surplus, surplus.copy_negate(), reason)

    def _paid_asset(self, order: Order) -> str:
        return self.rules.quote_asset if order.side is Side.BUY else self.rules.base_asset

    def _received_asset(self, order: Order) -> str:
        return self.rules.base_asset if order.side is Side.BUY else self.rules.quote_asset


def _opposite(side: Side) -> Side:
    return Side.SELL if side is Side.BUY else Side.BUY
