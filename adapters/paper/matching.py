"""How orders on paper trade with the real market: pure, no I/O, no clock.

An arriving order takes what the book offers, at the offers' prices. A market purchase does so until its amount of quote
is spent, no more than 5 % above the best of them; its fee comes on top, which is not known of the real venue. What
rests is filled at its own price: by a later book that crosses it, by a trade beyond its price, and by trades at its
price once what stood there before it is gone. Cancellations ahead of it are not counted: book and trades come over
different streams, in no certain order, and counting both could count one trade twice. So a fill comes too late rather
than too early. Every fill pays the taker's fee; the symbol's rules do not tell another.

Not modelled: what our order would have made others do, and orders of our own meeting each other.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal, localcontext

from adapters.paper.account import EXACT, NOTHING, Booked, Offer, Pair, Taken, Wallet, needed
from adapters.paper.depth import offers, opposite, shown, still_taken, within
from domain.money import NO_BASE, NO_QUOTE, Base, Price, Quote, SymbolRules
from domain.order_book import OrderBook, PublicTrade
from domain.orders import Fill, Order, OrderKind, OrderRequest, OrderStatus, Side

MARKET_BOUND = Decimal("1.05")
"""Times the best offer: the most that a market purchase pays; what lies beyond stays unspent (protocol notes 2.7)."""


class PaperAccount:
    """One account in one market, from one state to the next.

    quote, base, taken: as they are now. open: by client order id, in the order of their arrival.
    changed: orders that are new or other than at the beginning, by client order id. fills: what was executed since.
    """

    def __init__(
        self,
        pair: Pair,
        *,
        quote: Wallet,
        base: Wallet,
        open_orders: Iterable[Booked] = (),
        taken: Mapping[Offer, Taken] | None = None,
    ) -> None:
        self.pair = pair
        self.quote = quote
        self.base = base
        self.open = {str(booked.order.client_order_id): booked for booked in open_orders}
        self.taken = dict(taken or {})
        self.changed: dict[str, Booked] = {}
        self.fills: list[Fill] = []

    def copy(self) -> "PaperAccount":
        """The same state, as a beginning."""
        return PaperAccount(
            self.pair, quote=self.quote, base=self.base, open_orders=self.open.values(), taken=self.taken
        )

    def lacks(self, request: OrderRequest, fee_rate: Decimal) -> Decimal:
        """How much more would have to be free for the order; zero: it can be placed."""
        with localcontext(EXACT):
            wallet = self.quote if request.side is Side.BUY else self.base
            return max(needed(request, fee_rate) - wallet.free, NOTHING)

    def place(
        self, request: OrderRequest, *, order_id: str, rules: SymbolRules, at: datetime, book: OrderBook | None
    ) -> Booked:
        """Take what the book offers inside the limit; the rest of a LIMIT rests, of any other kind ends.

        at: exchange time of arrival. book: as it was then; None: there is none, and nothing is filled. The order has
        passed `lacks` and admission.
        """
        with localcontext(EXACT):
            if book is not None:
                self.taken = still_taken(self.taken, book, at)
                request = self._sized(request, rules, book)
            booked = self._accepted(request, order_id, rules.taker_fee, at, book)
            if book is not None:
                booked = self._take(booked, book, at, own_price=False)
            if request.kind is not OrderKind.LIMIT and not booked.order.status.final:
                booked = self._end(booked)
            return booked

    def cancel(self, client_order_id: str) -> None:
        """End an order and give back what it locked; one that is not open stays as it is."""
        with localcontext(EXACT):
            booked = self.open.get(client_order_id)
            if booked is not None:
                self._end(booked)

    def meet(self, book: OrderBook, at: datetime) -> None:
        """A later book. What crosses an order's price would have met it there."""
        with localcontext(EXACT):
            self.taken = still_taken(self.taken, book, at)
            for booked in self._by_priority():
                if booked.since_version is not None and book.version <= booked.since_version:
                    continue
                self._look(self._take(booked, book, at, own_price=True), book)

    def hear(self, trade: PublicTrade) -> None:
        """Somebody's trade. It would have met ours at better prices first, then the queue at its price, then ours."""
        with localcontext(EXACT):
            ours = NOTHING
            for booked in self._by_priority():
                order = booked.order
                meets = order.side is not trade.taker and within(order.side, order.price, trade.price)
                if meets and trade.at >= booked.placed_at:
                    ours += self._pass(booked, trade, trade.quantity - ours)

    def _sized(self, request: OrderRequest, rules: SymbolRules, book: OrderBook) -> OrderRequest:
        """A market purchase with the price and the quantity it comes to in this book: as much of the offers as its
        quote pays for, and what the rest of it would pay for at the bound. Any other order as it is."""
        if request.quote is None or not book.asks:
            return request
        bound = book.asks[0].price * MARKET_BOUND // rules.price_step * rules.price_step
        left, quantity = Decimal(request.quote), NOTHING
        for level in book.asks:
            wanted = _bought(left, level.price, rules)
            if wanted == 0 or level.price > bound:
                break
            part = min(self._left_of(Offer(Side.SELL, level.price), level.quantity), wanted)
            quantity += part
            left -= part * level.price
        return replace(request, price=Price(bound), quantity=Base(quantity + _bought(left, bound, rules)))

    def _left_of(self, offer: Offer, shows: Decimal) -> Decimal:
        """What we have not had yet of an offer that the book shows with so much."""
        had = self.taken[offer].quantity if offer in self.taken else NOTHING
        return max(shows - had, NOTHING)

    def _accepted(
        self, request: OrderRequest, order_id: str, fee_rate: Decimal, at: datetime, book: OrderBook | None
    ) -> Booked:
        order = Order(
            order_id=order_id,
            client_order_id=request.client_order_id,
            symbol=request.symbol,
            side=request.side,
            kind=request.kind,
            price=request.price,
            quantity=request.quantity,
            executed=NO_BASE,
            executed_quote=NO_QUOTE,
            status=OrderStatus.NEW,
        )
        booked = Booked(
            order=order,
            pair=self.pair,
            fee_rate=fee_rate,
            placed_at=at,
            since_version=None if book is None else book.version,
            ahead=None if book is None else shown(book, Offer(request.side, request.price)),
        )
        self._lock(request.side, booked.locked)
        self._note(booked)
        return booked

    def _take(self, booked: Booked, book: OrderBook, at: datetime, *, own_price: bool) -> Booked:
        """Fill from what the book offers inside the limit and we have not had yet."""
        order = booked.order
        theirs = opposite(order.side)
        for level in offers(book, theirs):
            if booked.remaining == 0 or not within(order.side, order.price, level.price):
                break
            offer = Offer(theirs, level.price)
            left = self._left_of(offer, level.quantity)
            quantity = min(left, booked.remaining)
            if quantity > 0:
                self.taken[offer] = Taken(level.quantity - left + quantity, at, book.version)
                booked = self._fill(booked, order.price if own_price else level.price, quantity, at)
        return booked

    def _look(self, booked: Booked, book: OrderBook) -> None:
        """Learn where an order stands in the queue of its price, if that was out of sight so far."""
        if booked.ahead is None and booked.remaining > 0:
            ahead = shown(book, Offer(booked.order.side, booked.order.price))
            if ahead is not None:
                self._note(replace(booked, ahead=ahead))

    def _pass(self, booked: Booked, trade: PublicTrade, left: Decimal) -> Decimal:
        """Let a trade pass by a resting order; returns how much of `left`, its base units, the order had."""
        if trade.price == booked.order.price:
            if booked.ahead is None:
                return NOTHING
            queued = min(booked.ahead, trade.quantity)
            ahead = booked.ahead - queued
            left = min(left, trade.quantity - queued)
        else:
            ahead = NOTHING  # the trade was beyond our price: whatever stood there before us is gone
        if ahead != booked.ahead:
            booked = replace(booked, ahead=ahead)
            self._note(booked)
        quantity = min(left, booked.remaining)
        if quantity <= 0:
            return NOTHING
        self._fill(booked, booked.order.price, quantity, trade.at)
        return quantity

    def _fill(self, booked: Booked, price: Price, quantity: Decimal, at: datetime) -> Booked:
        order = booked.order
        worth = price * quantity
        fee = worth * booked.fee_rate
        executed = Base(order.executed + quantity)
        status = OrderStatus.FILLED if executed == order.quantity else OrderStatus.PARTIALLY_FILLED
        after = replace(booked, fills=booked.fills + 1).with_order(
            executed=executed, executed_quote=Quote(order.executed_quote + worth), status=status
        )
        released = booked.locked - after.locked
        if order.side is Side.BUY:
            self.quote = self.quote.moved(free=released - worth - fee, locked=-released)
            self.base = self.base.moved(free=quantity)
        else:
            self.base = self.base.moved(locked=-released)
            self.quote = self.quote.moved(free=worth - fee)
        self.fills.append(
            Fill(
                trade_id=f"{order.order_id}X{after.fills}",
                order_id=order.order_id,
                client_order_id=order.client_order_id,
                symbol=order.symbol,
                side=order.side,
                price=price,
                quantity=Base(quantity),
                quote=Quote(worth),
                fee=fee,
                fee_asset=self.pair.quote,
                at=at,
            )
        )
        self._note(after)
        return after

    def _end(self, booked: Booked) -> Booked:
        status = OrderStatus.PARTIALLY_CANCELLED if booked.order.executed else OrderStatus.CANCELLED
        self._lock(booked.order.side, -booked.locked)
        ended = booked.with_order(status=status)
        self._note(ended)
        return ended

    def _lock(self, side: Side, amount: Decimal) -> None:
        """Move from free to locked; a negative amount moves back."""
        if side is Side.BUY:
            self.quote = self.quote.moved(free=-amount, locked=amount)
        else:
            self.base = self.base.moved(free=-amount, locked=amount)

    def _note(self, booked: Booked) -> None:
        name = str(booked.order.client_order_id)
        self.changed[name] = booked
        if booked.order.status.final:
            self.open.pop(name, None)
        else:
            self.open[name] = booked

    def _by_priority(self) -> list[Booked]:
        """Best price first, then the order of arrival."""
        sells = [booked for booked in self.open.values() if booked.order.side is Side.SELL]
        buys = [booked for booked in self.open.values() if booked.order.side is Side.BUY]
        return [
            *sorted(sells, key=lambda booked: booked.order.price),
            *sorted(buys, key=lambda booked: booked.order.price, reverse=True),
        ]


def _bought(quote: Decimal, price: Decimal, rules: SymbolRules) -> Decimal:
    """How much an amount of quote pays for, in whole steps."""
    return quote // (price * rules.quantity_step) * rules.quantity_step
