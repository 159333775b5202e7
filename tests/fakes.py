"""The ports by hand: a venue, a store and leases in memory, on an event loop whose time is virtual.

Every request to the fake venue travels: it reaches the venue and is carried out there even when whoever sent it has
died.
"""

import asyncio
import selectors
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar, cast

from desk.launchpad import Flight, Launchpad
from desk.volley import Volley
from domain import ages
from domain.commands import MovedOpening, NewSession
from domain.errors import (
    BudgetUsedUp,
    ClockRefused,
    LeaseLost,
    NotTradable,
    OrderRejected,
    OutcomeUnknown,
    SizeRefused,
    StoreUnavailable,
    TryAgain,
)
from domain.events import (
    AbortRequested,
    BooksClosed,
    CoinCounted,
    EntryEnded,
    Event,
    FillSeen,
    IntentCommitted,
    IntentWithdrawn,
    OpeningMoved,
    OrderAbsent,
    OrderSeen,
    PhaseEntered,
    PolicyChanged,
    ShotAnswered,
)
from domain.exchange_time import ClockEstimate, ClockSample
from domain.ids import ListingKey, SessionKey
from domain.lease import LeaseGrant, needs_lease
from domain.listings import Listing
from domain.money import NO_BASE, NO_QUOTE, Base, Price, Quote, SymbolRules
from domain.orders import Fill, Order, OrderIntent, OrderKind, OrderRequest, OrderStatus, Side, check_meant
from domain.ports import Ack, Balance, HotLine, SignedOrder, StreamGap
from domain.quotes import TopOfBook
from domain.session import LooseEnds, Phase, SessionRecord, may_move
from tests.builders import RULES, T0

Answer = TypeVar("Answer")

_EPOCH_S = 1000.0
"""What the virtual loop's time reads at `T0 - 60 s`."""
_BEGINNING = T0 - timedelta(seconds=60)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that never waits: when nothing is ready, its time jumps to the next timer."""

    def __init__(self) -> None:
        self._virtual = _EPOCH_S
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self._virtual

    def jump(self, seconds: float) -> None:
        self._virtual += seconds


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise RuntimeError("nothing will ever happen: every task waits for another one")
        self._loop.jump(timeout)
        return ready


class FakeClock:
    """Implements domain.ports.Clock on the running loop's time. suspended_s: how long the machine has slept so far."""

    def __init__(self) -> None:
        self.suspended_s = 0.0

    def now(self) -> datetime:
        return _BEGINNING + timedelta(seconds=self.monotonic() - _EPOCH_S)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def boottime(self) -> float:
        return self.monotonic() + self.suspended_s

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


class FakeExchangeClock:
    """Implements domain.ports.ExchangeClock: known exactly, though it admits to a bound. away: cannot be asked.

    set_ahead_s: by how much the exchange's clock was set ahead so far, as the next measurement finds.
    """

    def __init__(self, clock: FakeClock, *, bound: float = 0.002, one_way: float = 0.005) -> None:
        self._clock = clock
        self.bound = bound
        self.one_way = one_way
        self.away = False
        self.measured = 0
        self.set_ahead_s = 0.0
        self.learnt: list[ClockSample] = []
        self._estimate: ClockEstimate | None = None
        self._slept_s = 0.0

    async def synchronise(self) -> ClockEstimate:
        await self._clock.sleep(0.02)
        if self.away:
            raise TryAgain("the venue does not tell its time")
        return self.measure()

    def measure(self) -> ClockEstimate:
        """What synchronise learns, at once."""
        self.measured += 1
        self._slept_s = self._clock.boottime() - self._clock.monotonic()
        offset = _BEGINNING.timestamp() - _EPOCH_S + self.set_ahead_s
        self._estimate = ClockEstimate(offset, self.bound, self.one_way, self._clock.monotonic())
        return self._estimate

    def estimate(self) -> ClockEstimate | None:
        slept_s = self._clock.boottime() - self._clock.monotonic()
        return None if slept_s > self._slept_s + 1e-6 else self._estimate

    def now(self) -> datetime:
        return self._usable().exchange_instant(self._clock.monotonic())

    def monotonic_at(self, instant: datetime) -> float:
        return self._usable().monotonic_at(instant.timestamp())

    def learn(self, order: ClockSample) -> None:
        self.learnt.append(order)

    def _usable(self) -> ClockEstimate:
        estimate = self.estimate()
        if estimate is None:
            raise TryAgain("the exchange's time has not been measured yet, or the machine was suspended since")
        return estimate


@dataclass(frozen=True, slots=True)
class Lost:
    """What happens to one order request. booked: it reaches the book; its answer never comes back.

    after_s: how much later than usual it reaches the venue.
    """

    booked: bool
    after_s: float = 0.0


Fate = Lost | Exception | None
"""What the next order meets: None: an ordinary answer; an exception: refused with it, nothing is booked."""


@dataclass
class FakeExchange:
    """Implements domain.ports.Exchange: one symbol, one account. It takes repeated client order ids without a word.

    asks: what can be bought, best first. bid: the best bid, of any size; None: nobody buys. offers: base units that
    purchases get from now on, whatever the asks say; what is bought is taken off; None: no such bound. fates: of the
    next orders. refusals: raised by the next reads of the named method. fills_after_s: how long a fill stays invisible.
    fills_told: of one order at most so many, the newest.
    Market purchases are taken where `rules_now` has them; their order tells no price.
    """

    clock: FakeClock
    rules_now: SymbolRules | None = RULES
    opens_at: datetime = T0
    free: dict[str, Decimal] = field(default_factory=lambda: {"USDT": Decimal(1000), "NEW": Decimal(0)})
    asks: list[tuple[Decimal, Decimal]] = field(default_factory=lambda: [(Decimal("0.05"), Decimal(100_000))])
    bid: Price | None = Price(Decimal("0.05"))
    cap: Decimal | None = None
    offers: Decimal | None = None
    fates: deque[Fate] = field(default_factory=deque)
    refusals: dict[str, deque[Exception]] = field(default_factory=dict)
    down: bool = False
    latency_s: float = 0.01
    fills_after_s: float = 0.0
    fills_told: int = 100
    answer_within_s: float = 1.0
    orders: list[Order] = field(default_factory=list)
    booked_at: list[datetime] = field(default_factory=list)
    trades: list[tuple[float, Fill]] = field(default_factory=list)
    sent: list[OrderRequest] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    listeners: list[Callable[[Order | Fill], None]] = field(default_factory=list)
    questions: int = 0

    def __post_init__(self) -> None:
        self._locked = dict.fromkeys(self.free, Decimal(0))

    @property
    def bought_orders(self) -> list[Order]:
        return [order for order in self.orders if order.side is Side.BUY and order.executed > 0]

    @property
    def spent(self) -> Decimal:
        """Quote paid for everything bought, fees included."""
        return sum((fill.quote + fill.fee for _, fill in self.trades if fill.side is Side.BUY), Decimal(0))

    async def rules(self, symbol: str, at_most_s: float = ages.RULES_S, *, urgent: bool = False) -> SymbolRules | None:
        return await self._read("rules", lambda: self.rules_now)

    async def balance(self, asset: str, at_most_s: float = ages.FRESH_S, *, urgent: bool = False) -> Balance:
        return await self._read(
            "balance",
            lambda: Balance(
                Base(self.free.get(asset, Decimal(0))),
                Base(self._locked.get(asset, Decimal(0))),
            ),
        )

    async def top_of_book(self, symbol: str) -> TopOfBook:
        return await self._read("top_of_book", self.top)

    async def find_order(self, symbol: str, client_order_id: str) -> Order | None:
        def look() -> Order | None:
            mine = [order for order in self.orders if order.client_order_id == client_order_id]
            return mine[-1] if mine else None

        return await self._read("find_order", look)

    async def open_orders(self, symbol: str) -> tuple[Order, ...]:
        return await self._read("open_orders", lambda: tuple(order for order in self.orders if not order.status.final))

    async def fills(self, symbol: str, order_id: str) -> tuple[Fill, ...]:
        now = self.clock.monotonic()
        return await self._read(
            "fills",
            lambda: tuple(
                replace(fill, client_order_id=None)
                for seen_from, fill in self.trades
                if fill.order_id == order_id and seen_from <= now
            )[-self.fills_told :],
        )

    def sign(self, request: OrderRequest, timestamp: datetime, recv_window_ms: int) -> SignedOrder:
        check_meant(request)
        return SignedOrder(request.client_order_id, request, timestamp, str(recv_window_ms).encode())

    async def send(self, order: SignedOrder) -> Ack:
        return await self.answered(self.depart(order), self.answer_within_s)

    async def cancel(self, symbol: str, client_order_id: str) -> None:
        await self._read("cancel", lambda: self._cancel(client_order_id))

    def depart(self, order: SignedOrder) -> asyncio.Future[Ack]:
        """The request has left: from here on the venue decides, whoever waits for it."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Ack] = loop.create_future()
        self.sent.append(order.request)
        fate = self.fates.popleft() if self.fates else None
        late = fate.after_s if isinstance(fate, Lost) else 0.0
        loop.call_later(self.latency_s / 2 + late, self._arrive, order, fate, answer)
        return answer

    async def answered(self, answer: asyncio.Future[Ack], timeout_s: float) -> Ack:
        try:
            return await asyncio.wait_for(asyncio.shield(answer), min(timeout_s, self.answer_within_s))
        except TimeoutError:
            raise OutcomeUnknown("no answer came") from None

    def set_bid(self, bid: str | None) -> None:
        """The market moves: resting sells at or under the bid are filled."""
        self.bid = None if bid is None else Price(Decimal(bid))
        for index, order in enumerate(self.orders):
            rests = order.side is Side.SELL and not order.status.final
            if rests and self.bid is not None and order.price <= self.bid:
                self._fill(index, order.price, Base(order.quantity - order.executed))

    def set_quantity_step(self, step: str) -> None:
        """The venue changes the symbol's rules."""
        self.rules_now = replace(RULES, quantity_step=Decimal(step))

    def set_asks(self, *asks: tuple[str, str]) -> None:
        """The market moves: prices and quantities offered from now on, best first. Resting buys at or above them are
        filled, at their own prices."""
        self.asks = [(Decimal(price), Decimal(quantity)) for price, quantity in asks]
        for index, order in enumerate(self.orders):
            if order.side is Side.BUY and not order.status.final:
                self._buy(index, own_price=True)

    def fill_part(self, index: int, quantity: Decimal) -> None:
        """Somebody takes `quantity` of a resting order."""
        self._fill(index, self.orders[index].price, Base(quantity))

    def top(self) -> TopOfBook:
        ask = Price(self.asks[0][0]) if self.asks else None
        return TopOfBook("NEWUSDT", self.bid, ask, self.clock.now())

    def now(self) -> datetime:
        """The venue's own clock, which is exactly the local one."""
        return self.clock.now()

    async def _read(self, name: str, answer: Callable[[], Answer]) -> Answer:
        self.questions += 1
        await self.clock.sleep(self.latency_s / 2)
        if self.down:
            await self.clock.sleep(self.answer_within_s)
            raise TryAgain("the venue does not answer")
        waiting = self.refusals.get(name)
        if waiting:
            raise waiting.popleft()
        found = answer()
        await self.clock.sleep(self.latency_s / 2)
        return found

    def _arrive(self, order: SignedOrder, fate: Fate, answer: asyncio.Future[Ack]) -> None:
        if self.down or (isinstance(fate, Lost) and not fate.booked):
            return
        outcome: Ack | Exception
        try:
            if isinstance(fate, Exception):
                raise fate
            self._check(order)
            outcome = Ack(order.client_order_id, self._book(order.request), self.clock.monotonic())
        except Exception as error:
            outcome = error
        if isinstance(fate, Lost):
            return
        asyncio.get_running_loop().call_later(self.latency_s / 2, _give, answer, outcome)

    def _check(self, order: SignedOrder) -> None:
        request, now = order.request, self.now()
        age = (now - order.timestamp).total_seconds()
        if not -1 <= age <= int(order.body) / 1000:
            raise ClockRefused(f"timestamp off by {age} s")
        if now < self.opens_at:
            raise NotTradable("not open yet", code=30001)
        if request.kind is OrderKind.MARKET and (self.rules_now is None or not self.rules_now.market_orders):
            raise OrderRejected("api market order is disabled", code=30019)
        if request.kind is OrderKind.MARKET and not self.asks:
            raise NotTradable("no opponent order", code=30025)
        worth = request.price * request.quantity if request.quote is None else request.quote
        held = self.free["USDT"] if request.side is Side.BUY else self.free["NEW"]
        if held < (worth if request.side is Side.BUY else request.quantity):
            raise OrderRejected("insufficient balance", code=30004)
        if worth < RULES.min_notional:
            raise SizeRefused("too small", code=30002)
        if request.quote is None and self.rules_now is not None and request.quantity % self.rules_now.quantity_step:
            raise SizeRefused("quantity scale is invalid", code=400)

    def _book(self, request: OrderRequest) -> str:
        index = len(self.orders)
        self.orders.append(
            Order(
                order_id=f"venue-{index}",
                client_order_id=request.client_order_id,
                symbol=request.symbol,
                side=request.side,
                kind=request.kind,
                price=request.price if request.quote is None else Price(Decimal(0)),
                quantity=request.quantity if request.quote is None else self._bought_for(request.quote),
                executed=NO_BASE,
                executed_quote=NO_QUOTE,
                status=OrderStatus.NEW,
            )
        )
        self.booked_at.append(self.now())
        if request.side is Side.BUY:
            if request.kind is OrderKind.LIMIT:
                self._lock("USDT", request.price * request.quantity)
            self._buy(index)
        else:
            self._lock("NEW", request.quantity)
            if self.bid is not None and request.price <= self.bid:
                self._fill(index, self.bid, request.quantity)
        if request.kind is not OrderKind.LIMIT and not self.orders[index].status.final:
            self._end(index)
        return f"venue-{index}"

    def _bought_for(self, quote: Quote) -> Base:
        """What an amount of quote buys of the asks; what is left of it counts at the last of their prices."""
        left, bought, step = Decimal(quote), Decimal(0), RULES.quantity_step
        for number, (price, offered) in enumerate(self.asks, start=1):
            wanted = left // (price * step) * step
            part = wanted if number == len(self.asks) else min(wanted, offered)
            bought += part
            left -= part * price
        return Base(bought)

    def _buy(self, index: int, *, own_price: bool = False) -> None:
        order = self.orders[index]
        missing = Base(order.quantity - order.executed)
        while missing > 0 and self.offers != 0 and self.asks and self._reaches(order, self.asks[0][0]):
            price, offered = self.asks[0]
            taken = min(missing, offered) if self.offers is None else min(missing, offered, self.offers)
            self._fill(index, order.price if own_price else Price(price), Base(taken))
            missing = Base(missing - taken)
            self.offers = None if self.offers is None else self.offers - taken
            self.asks[0] = (price, offered - taken)
            if taken == offered:
                del self.asks[0]

    def _reaches(self, order: Order, ask: Decimal) -> bool:
        return order.kind is OrderKind.MARKET or ask <= order.price

    def _lock(self, asset: str, amount: Decimal) -> None:
        """A negative amount is free again."""
        self.free[asset] -= amount
        self._locked[asset] += amount

    def _fill(self, index: int, price: Price, quantity: Base) -> None:
        order, quote = self.orders[index], Quote(price * quantity)
        fee = quote * RULES.taker_fee
        if order.side is Side.BUY:
            if order.kind is OrderKind.LIMIT:
                self._lock("USDT", -order.price * quantity)
            self.free["NEW"] += quantity
            self.free["USDT"] -= quote + fee
        else:
            self._locked["NEW"] -= quantity
            self.free["USDT"] += quote - fee
        executed = Base(order.executed + quantity)
        self.orders[index] = replace(
            order,
            executed=executed,
            executed_quote=Quote(order.executed_quote + quote),
            status=OrderStatus.FILLED if executed == order.quantity else OrderStatus.PARTIALLY_FILLED,
        )
        fill = Fill(
            trade_id=f"trade-{len(self.trades)}",
            order_id=order.order_id,
            client_order_id=order.client_order_id,
            symbol=order.symbol,
            side=order.side,
            price=price,
            quantity=quantity,
            quote=quote,
            fee=fee,
            fee_asset="USDT",
            at=self.now(),
        )
        self.trades.append((self.clock.monotonic() + self.fills_after_s, fill))
        self._tell(self.orders[index], fill)

    def _cancel(self, client_order_id: str) -> None:
        self.cancelled.append(client_order_id)
        for index, order in enumerate(self.orders):
            if order.client_order_id == client_order_id and not order.status.final:
                self._end(index)

    def _end(self, index: int) -> None:
        order = self.orders[index]
        rest = order.quantity - order.executed
        if order.side is Side.SELL:
            self._lock("NEW", -rest)
        elif order.kind is OrderKind.LIMIT:
            self._lock("USDT", -order.price * rest)
        status = OrderStatus.PARTIALLY_CANCELLED if order.executed else OrderStatus.CANCELLED
        self.orders[index] = replace(order, status=status)
        self._tell(self.orders[index])

    def _tell(self, *items: Order | Fill) -> None:
        for tell in tuple(self.listeners):
            for item in items:
                tell(item)


def _give(answer: asyncio.Future[Ack], outcome: Ack | Exception) -> None:
    if answer.done():
        return
    if isinstance(outcome, Exception):
        answer.set_exception(outcome)
        answer.exception()  # whoever asked may have died: then nobody fetches it, and that is no mistake
    else:
        answer.set_result(outcome)


class FakeHotLine:
    """Implements domain.ports.HotLine. standing: whether its connection stands; arrived: set with each answer."""

    def __init__(self, number: int, exchange: FakeExchange) -> None:
        self.number = number
        self.first_byte: float | None = None
        self.standing = True
        self.answer: asyncio.Future[Ack] | None = None
        self._exchange = exchange
        self._loaded: SignedOrder | None = None

    def lay(self, order: SignedOrder) -> None:
        self._loaded, self.answer, self.first_byte = order, None, None

    def take_off(self) -> None:
        self._loaded = None

    def ready(self) -> bool:
        return self.standing

    def fire(self) -> float:
        if self._loaded is None:
            raise RuntimeError("fire without an order")
        self.answer = self._exchange.depart(self._loaded)
        self._loaded = None
        return self._exchange.clock.monotonic()

    def hear(self) -> Ack | None:
        if self.answer is None:
            raise RuntimeError("nothing was fired that could be answered")
        if not self.answer.done():
            return None
        self.first_byte = self._exchange.clock.monotonic()
        return self.answer.result()

    def rehearse(self, order: SignedOrder) -> None:
        raise AssertionError("there is nothing to be near to without a thread")

    def give_up(self, reason: str) -> OutcomeUnknown:
        self.standing = False
        return OutcomeUnknown(reason)

    def fileno(self) -> int:
        return -1


class FakeBattery:
    """Implements domain.ports.Battery. places: of the request budget, taken ahead; None: as many as are wanted."""

    def __init__(self, lines: int, exchange: FakeExchange) -> None:
        self.lines = [FakeHotLine(number, exchange) for number in range(lines)]
        self.idle = list(self.lines)
        self.places: int | None = None
        self.refusals: deque[Exception] = deque()
        self.closed = False
        self._exchange = exchange

    async def load(self, order: SignedOrder) -> HotLine:
        await self._exchange.clock.sleep(0.001)
        if self.refusals:
            raise self.refusals.popleft()
        if not self.idle:
            raise TryAgain("every connection for orders is in use")
        line = self.idle.pop()
        line.standing = True
        line.lay(order)
        return line

    def reload(self, order: SignedOrder, line: HotLine) -> HotLine:
        carrier = self.lines[line.number]
        if not carrier.standing:
            standing = [one for one in self.idle if one.standing]
            if not standing:
                raise TryAgain("no connection stands that could carry the next order")
            self.idle.remove(standing[0])
            self.idle.insert(0, carrier)
            carrier = standing[0]
        if self.places is not None:
            if not self.places:
                raise BudgetUsedUp("no place in the request budget was taken ahead")
            self.places -= 1
        carrier.lay(order)
        return carrier

    def give_back(self, line: HotLine) -> None:
        mine = self.lines[line.number]
        mine.take_off()
        if mine not in self.idle:
            self.idle.append(mine)

    async def restock(self, *, shots: bool) -> None:
        if shots and self.places is not None:
            self.places = max(self.places, 1)

    async def keep(self) -> None:
        await asyncio.Event().wait()

    async def close(self) -> None:
        self.closed = True


class FakeHotLines:
    """Implements domain.ports.HotLines."""

    def __init__(self, exchange: FakeExchange) -> None:
        self._exchange = exchange
        self.opened: list[FakeBattery] = []

    async def open(self, lines: int) -> FakeBattery:
        await self._exchange.clock.sleep(0.01)
        battery = FakeBattery(lines, self._exchange)
        self.opened.append(battery)
        return battery


class FakeStreams:
    """Implements domain.ports.Streams: tells the price every half second, and every order and fill as it happens.

    silent: tells nothing at all.
    """

    def __init__(self, exchange: FakeExchange) -> None:
        self._exchange = exchange
        self.silent = False
        self.gaps: list[asyncio.Queue[Order | Fill | StreamGap]] = []

    def quotes(self, symbol: str) -> AbstractAsyncContextManager[AsyncIterator[TopOfBook | StreamGap]]:
        return self._quotes()

    def account(self) -> AbstractAsyncContextManager[AsyncIterator[Order | Fill | StreamGap]]:
        return self._account()

    @asynccontextmanager
    async def _quotes(self) -> AsyncIterator[AsyncIterator[TopOfBook | StreamGap]]:
        async def prices() -> AsyncIterator[TopOfBook | StreamGap]:
            while True:
                if not self.silent:
                    yield self._exchange.top()
                await self._exchange.clock.sleep(0.5)

        yield prices()

    @asynccontextmanager
    async def _account(self) -> AsyncIterator[AsyncIterator[Order | Fill | StreamGap]]:
        news: asyncio.Queue[Order | Fill | StreamGap] = asyncio.Queue()

        def tell(item: Order | Fill) -> None:
            if not self.silent:
                news.put_nowait(item)

        async def items() -> AsyncIterator[Order | Fill | StreamGap]:
            while True:
                yield await news.get()

        self._exchange.listeners.append(tell)
        self.gaps.append(news)
        try:
            yield items()
        finally:
            self._exchange.listeners.remove(tell)
            self.gaps.remove(news)


@dataclass
class FakeStore:
    """Implements domain.ports.SessionStore with the meaning the Postgres one has. away: does not answer.

    leases: by which a desk's token is judged; None: nobody takes a session from anybody.
    """

    clock: FakeClock
    record: SessionRecord
    leases: "FakeLeases | None" = None
    away: bool = False
    journal: dict[str, Event] = field(default_factory=dict)
    written_at: dict[str, datetime] = field(default_factory=dict)
    committed: dict[str, OrderIntent] = field(default_factory=dict)
    settled_as: dict[str, str] = field(default_factory=dict)
    seen: dict[str, Order] = field(default_factory=dict)
    booked: dict[str, Fill] = field(default_factory=dict)
    impossible: list[tuple[Phase, Phase]] = field(default_factory=list)
    watchers: list[Callable[[], None]] = field(default_factory=list)

    async def load(self, key: SessionKey) -> SessionRecord | None:
        await self._answer()
        return self.record if key == self.record.key else None

    async def append(self, key: SessionKey, events: Sequence[Event], token: int | None = None) -> None:
        await self._answer()
        before = self.record
        overtaken = token is not None and self.leases is not None and self.leases.token > token
        if overtaken and any(needs_lease(event) for event in events if event.key not in self.journal):
            raise LeaseLost(f"token {token} is not the lease's any more")
        for event in events:
            if event.key not in self.journal:
                self.journal[event.key] = event
                self.written_at[event.key] = self.clock.now()
                self._project(event)
        if self.record != before:
            for wake in tuple(self.watchers):
                wake()

    async def intents(self, key: SessionKey) -> tuple[OrderIntent, ...]:
        await self._answer()
        kept = (intent for name, intent in self.committed.items() if self.settled_as.get(name) != "withdrawn")
        return tuple(sorted(kept, key=lambda intent: (intent.leg, intent.shot)))

    async def orders(self, key: SessionKey) -> tuple[Order, ...]:
        await self._answer()
        return tuple(self.seen.values())

    async def fills(self, key: SessionKey) -> tuple[Fill, ...]:
        await self._answer()
        return tuple(self.booked.values())

    async def settled(self, key: SessionKey) -> frozenset[str]:
        await self._answer()
        return frozenset(name for name in self.committed if self._is_settled(name))

    async def next_shot(self, key: SessionKey, leg: str) -> int:
        await self._answer()
        return max((intent.shot + 1 for intent in self.committed.values() if intent.leg == leg), default=0)

    def change(self, **values: object) -> None:
        """Somebody else writes the row: a halt, an abort, another opening."""
        self.record = replace(self.record, **values)  # type: ignore[arg-type]  # fields by name
        for wake in tuple(self.watchers):
            wake()

    def change_plan(self) -> None:
        """Somebody changes the plan, though nothing that its orders are made of."""
        policy = replace(self.record.policy, arm_lead_s=self.record.policy.arm_lead_s + 1)
        self.change(policy=policy, policy_revision=self.record.policy_revision + 1)

    def of(self, kind: type[Answer]) -> list[Answer]:
        """Journaled events of one kind, oldest first."""
        return [event for event in self.journal.values() if isinstance(event, kind)]

    async def _answer(self) -> None:
        await self.clock.sleep(0.002)
        if self.away:
            raise StoreUnavailable("the store does not answer")

    def _is_settled(self, name: str) -> bool:
        order = self.seen.get(name)
        if order is None:
            return name in self.settled_as
        mine = (fill.quantity for fill in self.booked.values() if fill.client_order_id == name)
        return order.status.final and order.executed == sum(mine, Decimal(0))

    def _project(self, event: Event) -> None:
        match event:
            case IntentCommitted(intent):
                self.committed[intent.client_order_id] = intent
            case IntentWithdrawn(name):
                self.settled_as[name] = "withdrawn"
            case OrderAbsent(name):
                self.settled_as[name] = "absent"
            case ShotAnswered(name) if event.left_no_order:
                self.settled_as[name] = "refused"
            case OrderSeen(order) if order.client_order_id is not None:
                known = self.seen.get(order.client_order_id)
                if known is None or not known.status.final:
                    self.seen[order.client_order_id] = order
            case FillSeen(fill):
                self.booked[fill.trade_id] = fill
            case PhaseEntered(phase):
                if may_move(self.record.phase, phase):
                    self.record = replace(self.record, phase=phase)
                else:
                    self.impossible.append((self.record.phase, phase))
            case CoinCounted(_, before):
                self.record = replace(self.record, coin_before=before)
            case EntryEnded(result, reason):
                self.record = replace(self.record, entry_ended=True, entry_result=result, entry_reason=reason)
            case AbortRequested():
                self.record = replace(self.record, aborting=True)
            case PolicyChanged(policy, revision):
                self.record = replace(self.record, policy=policy, policy_revision=revision)
            case OpeningMoved(opens_at, revision):
                self.record = replace(self.record, opens_at=opens_at, policy_revision=revision)
            case BooksClosed(outcome):
                self.record = replace(self.record, phase=Phase.CLOSED, outcome=outcome)


class FakeWakeups:
    """Implements domain.ports.Wakeups on a FakeStore."""

    def __init__(self, store: FakeStore) -> None:
        self._store = store

    def watch(self, key: SessionKey, wake: Callable[[], None]) -> Callable[[], None]:
        self._store.watchers.append(wake)
        return lambda: self._store.watchers.remove(wake)


class FakeLeases:
    """Implements domain.ports.Leases on one clock: a lease ends when it was not renewed. away: does not answer.

    token: of the newest holder; 0: there was none.
    """

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.token = 0
        self._ends: float | None = None
        self._wanted_at = float("-inf")
        self.away = False
        self.holders: list[str] = []

    @property
    def held(self) -> bool:
        """Whether a holder has not let go, alive or not."""
        return self._ends is not None

    async def acquire(self, key: SessionKey, holder: str, ttl_s: float) -> LeaseGrant | None:
        asked_at = self._clock.boottime()
        now = await self._answer()
        if self._ends is not None and now < self._ends:
            self._wanted_at = now
            return None
        clean = self._ends is None
        self.token += 1
        self._ends = now + ttl_s
        self._wanted_at = float("-inf")
        self.holders.append(holder)
        return LeaseGrant(self.token, asked_at, ttl_s, clean)

    async def renew(self, key: SessionKey, token: int, ttl_s: float) -> bool:
        now = await self._answer()
        if token != self.token or self._ends is None:
            raise LeaseLost(f"token {token} is not the lease's any more")
        self._ends = now + ttl_s
        return now - self._wanted_at < 2

    async def release(self, key: SessionKey, token: int) -> None:
        await self._answer()
        if token == self.token:
            self._ends = None

    def steal(self) -> None:
        """Somebody else gets the lease although its holder lives: its token rises."""
        self.token += 1
        self._ends = self._clock.boottime() + 5

    async def _answer(self) -> float:
        await self._clock.sleep(0.002)
        if self.away:
            raise StoreUnavailable("the store does not answer")
        return self._clock.boottime()


class FakeLaunchpad(Launchpad):
    """The launchpad on the loop's own time: no thread, the same promises. before_look: what happens at the instant."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self._loop_clock = clock
        self.answers_within_s = 1.0
        self.before_look: Callable[[], None] = lambda: None

    async def fly(self, flight: Flight, told: Callable[[], None]) -> None:
        """flight: a desk.volley.Volley on a FakeHotLine, whose answer is awaited without a thread."""
        volley = cast(Volley, flight)
        awaited: asyncio.Future[Ack] | None = None
        until = 0.0
        try:
            while not volley.over:
                answer = getattr(volley.line, "answer", None) if volley.waits_at is not None else None
                if answer is not None:
                    if answer is not awaited:
                        awaited, until = answer, self._loop_clock.monotonic() + self.answers_within_s
                    left_s = min(volley.due, until) - self._loop_clock.monotonic()
                    await asyncio.wait({answer}, timeout=max(0.0, left_s))
                    if answer.done():
                        volley.listen()
                    elif until <= volley.due:
                        volley.give_up("no answer came")
                    else:
                        volley.act()
                else:
                    await self._loop_clock.sleep(volley.due - self._loop_clock.monotonic())
                    if volley.fires:
                        self.before_look()
                    volley.act()
                told()
        finally:
            told()


@dataclass
class FakeSessions:
    """Implements domain.ports.Sessions for the one session of a FakeStore. others: reserved by other sessions.

    found: what admission finds; None: the row as it is.
    leases: of the desks, which tell whether one has the session; None: none ever had it."""

    store: FakeStore
    others: Quote = NO_QUOTE
    open_others: int = 0
    reserved: Quote | None = None
    released: bool = False
    found: SessionRecord | None = None
    leases: "FakeLeases | None" = None
    admitted: list[NewSession] = field(default_factory=list)
    notices: list[tuple[str, str]] = field(default_factory=list)

    async def admit(self, new: NewSession) -> SessionRecord:
        self.admitted.append(new)
        return self.found or self.store.record

    async def next_attempt(self, account: str, listing: ListingKey) -> int:
        return self.store.record.key.attempt + 1

    async def reserve(self, key: SessionKey, amount: Quote, free: Quote) -> Quote:
        if self.released:
            return NO_QUOTE
        unreserved = Quote(free - self.others)
        if self.reserved is not None:
            return max(unreserved, amount)
        if unreserved >= amount:
            self.reserved = amount
        return unreserved

    async def release(self, key: SessionKey) -> Quote:
        given_back = NO_QUOTE if self.released or self.reserved is None else self.reserved
        self.released = True
        return given_back

    async def unclosed(self) -> tuple[SessionRecord, ...]:
        return () if self.store.record.phase is Phase.CLOSED else (self.store.record,)

    async def open_count(self, account: str, besides: SessionKey | None = None) -> int:
        return self.open_others

    async def loose_ends(self, key: SessionKey) -> LooseEnds:
        return LooseEnds(
            led=self.leases is not None and self.leases.held,
            reserved=NO_QUOTE if self.reserved is None else self.reserved,
            token=0 if self.leases is None else self.leases.token,
        )

    async def notify(self, key: SessionKey, severity: str, text: str) -> None:
        if (severity, text) not in self.notices:
            self.notices.append((severity, text))


@dataclass
class FakePriceLog:
    """Implements domain.ports.PriceLog."""

    noted: list[tuple[SessionKey, TopOfBook]] = field(default_factory=list)

    def note(self, key: SessionKey, quote: TopOfBook) -> None:
        self.noted.append((key, quote))


@dataclass
class FakeListings:
    """Implements domain.ports.ListingSource, ListingBook and RunningSnipes.

    silent: so many times the source does not answer. lost: workflow ids that nobody runs.
    """

    shown: tuple[Listing, ...] = ()
    wishes: dict[ListingKey, NewSession] = field(default_factory=dict)
    running: tuple[SessionRecord, ...] = ()
    lost: tuple[str, ...] = ()
    silent: int = 0
    sighted: list[Listing] = field(default_factory=list)
    told: list[MovedOpening] = field(default_factory=list)

    async def listings(self) -> tuple[Listing, ...]:
        if self.silent:
            self.silent -= 1
            raise TryAgain("the source is silent")
        return self.shown

    async def sight(self, source: str, listings: Sequence[Listing]) -> None:
        self.sighted += listings

    async def changes(self, after: int) -> tuple[tuple[Listing, ...], int]:
        return (self.shown, len(self.shown)) if after < len(self.shown) else ((), after)

    async def wanted(self, listing: Listing) -> tuple[NewSession, ...]:
        wish = self.wishes.pop(listing.key, None)
        return () if wish is None else (wish,)

    async def upcoming(self) -> tuple[Listing, ...]:
        return self.shown

    async def sessions_of(self, listing: Listing) -> tuple[SessionRecord, ...]:
        return self.running

    async def runs(self, workflow_id: str) -> bool:
        return workflow_id not in self.lost

    async def reschedule(self, moved: MovedOpening) -> None:
        self.told.append(moved)
