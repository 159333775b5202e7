"""Background traders of one listing: makers who quote around a moving target, and takers who trade with them.

The makers own no special rights: their orders pass through the same engine, so a resting order of a client trades when
the target crosses it. Randomness comes from one seeded generator per listing.
"""

import math
import random
from decimal import Decimal

from simulator.engine.arithmetic import multiply, round_down, round_nearest, step
from simulator.engine.orders import Order, OrderType, Side, Ticket
from simulator.engine.wallet import Wallet
from simulator.errors import Refusal
from simulator.exchange.listings import MATCHING, Listing, ListingState

REVERSION_PER_S = 0.2  # how fast the random part of the price forgets: its swings stay bounded
LONGEST_STEP_S = 5.0  # after a longer pause or a jump of the clock, the random part moves as for this
TAKER_REACH = 0.02  # share of the price that background takers accept beyond the best quote


class BackgroundTraders:
    """Keeps one listing's book alive: one turn per interval of the listing, each at its exact instant."""

    def __init__(self, listing: Listing, makers: Wallet, takers: Wallet, rng: random.Random) -> None:
        self._listing = listing
        self._makers = makers
        self._takers = takers
        self._rng = rng
        self._quotes: list[Order] = []
        self._fullness = {Side.BUY: 1.0, Side.SELL: 1.0}
        self._quoted = {Side.BUY: 0.0, Side.SELL: 0.0}  # quote units put up at the last look
        self._wander = 0.0  # random part of the price, as a logarithm
        self._multiplier = 1.0
        self._frozen_price: float | None = None
        self._last_ms: int | None = None
        self._retired = False
        self.skip_until_ms = 0

    def first_ms(self, now_ms: int) -> int:
        """Acts once, and tells the first turn: a phase of its own, so that listings with one opening do not all act at
        one instant."""
        self._act(now_ms, 0.0)
        self._last_ms = now_ms
        return now_ms + 1 + self._rng.randrange(self._listing.script.tick_ms)

    def turn(self, at_ms: int) -> int | None:
        """One look at the market; an agenda.Act. What lies before `skip_until_ms` is passed over."""
        if self._retired:
            return None
        interval_ms = self._listing.script.tick_ms
        if at_ms < self.skip_until_ms:
            return at_ms + math.ceil((self.skip_until_ms - at_ms) / interval_ms) * interval_ms
        last = at_ms if self._last_ms is None else self._last_ms
        self._last_ms = at_ms
        self._act(at_ms, min(max((at_ms - last) / 1000, 0.0), LONGEST_STEP_S))
        return at_ms + interval_ms

    def successor(self) -> "BackgroundTraders":
        """The same traders in the same mood, with turns of their own from now on; this one is retired."""
        heir = BackgroundTraders(self._listing, self._makers, self._takers, self._rng)
        heir._quotes, self._quotes = self._quotes, []
        heir._wander, heir._multiplier, heir._frozen_price = self._wander, self._multiplier, self._frozen_price
        self._retired = True
        return heir

    def retire(self, now_ms: int) -> None:
        """Take every quote out and never come back."""
        self._retired = True
        self.withdraw(now_ms)

    def scale_price(self, factor: float, now_ms: int) -> None:
        """From now on the whole path is `factor` times what it was; the book follows at once."""
        self._multiplier *= factor
        if self._frozen_price is not None:
            self._frozen_price *= factor
        self._fullness = {Side.BUY: 1.0, Side.SELL: 1.0}
        self._act(now_ms, 0.0)

    def freeze_price(self, price: float, now_ms: int) -> None:
        """From now on the price stays about `price`, whatever the path says; the book follows at once."""
        self._frozen_price = price
        self._wander = 0.0
        self._fullness = {Side.BUY: 1.0, Side.SELL: 1.0}
        self._act(now_ms, 0.0)

    def withdraw(self, now_ms: int) -> None:
        """Take every quote out of the book."""
        for order in self._quotes:
            if order.is_open:
                self._listing.market.cancel(order, now_ms)
        self._quotes.clear()

    def _act(self, now_ms: int, elapsed_s: float) -> None:
        state = self._listing.state(now_ms)
        if state is ListingState.HALTED:  # the book stands still
            return
        script = self._listing.script
        trading = state in MATCHING
        quoting = trading or (
            state is ListingState.PRE_OPEN and now_ms >= self._listing.opens_at_ms - script.quotes_lead_s * 1000
        )
        if not quoting:
            self.withdraw(now_ms)
            return
        if trading:
            decay = math.exp(-REVERSION_PER_S * elapsed_s)
            noise = self._rng.gauss(0.0, script.volatility * math.sqrt(elapsed_s)) if elapsed_s else 0.0
            self._wander = self._wander * decay + noise
        middle = self._middle(now_ms, state)
        self._measure_fullness(elapsed_s)
        self.withdraw(now_ms)
        self._quote(middle, now_ms)
        if trading:
            self._trade_at(middle, now_ms)
            for _ in range(self._arrivals(script.takers_per_s * elapsed_s)):
                side = Side.BUY if self._rng.random() < 0.5 else Side.SELL
                self._take(side, self._rng.expovariate(1 / script.taker_quote), now_ms)

    def _middle(self, now_ms: int, state: ListingState) -> float:
        script = self._listing.script
        seconds = (now_ms - self._listing.trades_at_ms) / 1000
        planned = float(script.open_price) * script.factor_at(seconds) * self._multiplier
        middle = (planned if self._frozen_price is None else self._frozen_price) * math.exp(self._wander)
        if state is ListingState.OPEN_CAPPED:  # nobody can buy above the cap, so nobody quotes there
            middle = min(middle, float(self._listing.cap_price) * (1 - script.spread))
        return middle

    def _measure_fullness(self, elapsed_s: float) -> None:
        """What takers left of the last quotes, plus what has flowed in since."""
        for side in Side:
            if not self._quoted[side]:
                continue
            left = sum(float(o.remaining * o.price) for o in self._quotes if o.side is side and o.is_open)
            kept = self._fullness[side] * left / self._quoted[side]
            self._fullness[side] = min(1.0, max(0.05, kept + elapsed_s / self._listing.script.refill_s))

    def _quote(self, middle: float, now_ms: int) -> None:
        script = self._listing.script
        rules = self._listing.market.rules
        tick = step(rules.price_scale)
        for side in Side:
            sign = -1 if side is Side.BUY else 1
            self._quoted[side] = 0.0
            previous: Decimal | None = None
            for level in range(script.levels):
                distance = script.spread / 2 + level * script.level_gap
                price = round_nearest(Decimal(repr(middle * (1 + sign * distance))), rules.price_scale)
                if previous is not None and (price - previous) * sign < tick:
                    price = previous + sign * tick
                if price <= 0:
                    break
                previous = price
                weight = (0.5 + (level + 0.5) / script.levels) / script.levels  # thin at the top
                amount = script.depth_quote * self._fullness[side] * weight * self._rng.uniform(0.8, 1.2)
                quantity = round_down(Decimal(repr(amount)) / price, rules.base_scale)
                if quantity <= 0:
                    continue
                order = self._place(self._makers, side, OrderType.LIMIT, price, quantity, now_ms)
                if order is not None:
                    self._quoted[side] += amount
                    self._quotes.append(order)

    def _trade_at(self, middle: float, now_ms: int) -> None:
        """Print a small trade when the last price has been left behind, so that bands and charts follow the quotes."""
        last = self._listing.market.last_price
        script = self._listing.script
        if last is None or abs(float(last) / middle - 1) > script.spread:
            side = Side.BUY if last is None or float(last) < middle else Side.SELL
            self._take(side, float(self._listing.market.rules.min_quote) * 2, now_ms)

    def _take(self, side: Side, amount_quote: float, now_ms: int) -> None:
        rules = self._listing.market.rules
        best = self._listing.market.book.best(Side.SELL if side is Side.BUY else Side.BUY)
        if best is None:
            return
        reach = Decimal(repr(1 + TAKER_REACH if side is Side.BUY else 1 - TAKER_REACH))
        price = round_nearest(multiply(best, reach), rules.price_scale)
        if price <= 0:
            return
        quantity = round_down(Decimal(repr(amount_quote)) / price, rules.base_scale)
        if quantity > 0:
            self._place(self._takers, side, OrderType.IMMEDIATE_OR_CANCEL, price, quantity, now_ms)

    def _place(
        self, owner: Wallet, side: Side, type_: OrderType, price: Decimal, quantity: Decimal, now_ms: int
    ) -> Order | None:
        ticket = Ticket(self._listing.symbol, side, type_, price, quantity)
        try:
            return self._listing.market.place(owner, ticket, now_ms)
        except Refusal:  # out of funds after a very long run: quote less rather than stop
            return None

    def _arrivals(self, expected: float) -> int:
        """A Poisson number; `expected` is small."""
        count, product, bound = 0, self._rng.random(), math.exp(-expected)
        while product > bound:
            count += 1
            product *= self._rng.random()
        return count
