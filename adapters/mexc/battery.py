"""The warm connections of one session, behind domain.ports.Battery."""

import asyncio
import ssl
from collections import deque
from contextlib import suppress

from adapters.mexc import build
from adapters.mexc.breakers import Breakers
from adapters.mexc.capture import PayloadCapture
from adapters.mexc.connection import BROKEN, CONNECT_TIMEOUT_S, Address
from adapters.mexc.governor import ORDERS_WAIT_S, RequestGovernor
from adapters.mexc.hot_line import MexcHotLine
from adapters.mexc.http11 import request_bytes
from adapters.mexc.limits import Priority
from adapters.mexc.places import Places
from adapters.mexc.signing import Credentials
from domain.errors import BudgetUsedUp, RateLimited, SniperError, TryAgain
from domain.ports import Clock, HotLine, SignedOrder

WARM_FOR_S = 2.0
"""A connection that was idle for longer is tried with a ping before an order is laid on it."""
REPLACED_AFTER_S = 240.0
"""No server is known that closes a connection in use sooner; one that does says so with its last answer."""
_LOOK_EVERY_S = 0.5


class MexcBattery:
    """Lines are handed out by `load` and `reload` and come back by `give_back`; those here are nobody's.

    places: what its orders take of the budget.
    """

    def __init__(
        self,
        lines: int,
        address: Address,
        credentials: Credentials,
        *,
        clock: Clock,
        governor: RequestGovernor,
        places: Places,
        trust: ssl.SSLContext | None,
        capture: PayloadCapture | None,
    ) -> None:
        rest = governor.rest
        self._lines = [MexcHotLine(number, address, credentials, clock, trust, rest) for number in range(lines)]
        self._ping = request_bytes(build.PING.method, build.PING.path, address.host_header)
        self._clock = clock
        self._governor = governor
        self._places = places
        self._capture = capture
        self._idle = deque(self._lines)

    async def warm_up(self) -> None:
        """Connect all lines. Raises TryAgain when not one of them stands then."""
        lines = tuple(self._lines)
        found = await asyncio.gather(*(self._warm(line, Priority.ENTRY) for line in lines), return_exceptions=True)
        failed = [one for one in found if isinstance(one, BaseException)]
        if len(failed) == len(lines):
            raise failed[0]

    async def load(self, order: SignedOrder) -> HotLine:
        """Waits for its turn in the budget, and for that of a ping, for ORDERS_WAIT_S each."""
        priority = build.priority_of(order.request)
        line = self._take(standing=True) or self._take(standing=False)
        if line is None:
            raise TryAgain("every connection for orders is in use")
        try:
            await self._warm(line, priority)
            line.lay(order, await self._places.first(priority))
        except BaseException:
            self._idle.append(line)
            raise
        return line

    def reload(self, order: SignedOrder, line: HotLine) -> HotLine:
        """The line it returns takes the place of `line`, which is here again when it is another one. While the venue
        rests, what lies ready on `line` stays there."""
        mine = self._lines[line.number]
        if mine.rests():
            raise RateLimited("the venue asked for rest; nothing was sent")
        unused = mine.unlay()
        if unused is not None:
            self._places.put_back(unused)
        if mine.stands and not mine.holds():
            mine.drop()
        carrier = mine if mine.stands else self._take_holding()
        if carrier is None:
            raise TryAgain("no connection stands that could carry the next order")
        place = self._places.next()
        if place is None:
            if carrier is not mine:
                self._idle.append(carrier)
            raise BudgetUsedUp("no place in the request budget was taken ahead; nothing was sent")
        carrier.lay(order, place)
        if carrier is not mine:
            self._idle.append(mine)
        return carrier

    def give_back(self, line: HotLine) -> None:
        mine = self._lines[line.number]
        mine.settle(self._governor, self._capture)
        mine.take_off()
        if mine not in self._idle:
            self._idle.append(mine)

    async def restock(self, *, shots: bool) -> None:
        self._settle()
        await self._places.restock(shots=shots)

    async def keep(self) -> None:
        while True:
            for _ in range(len(self._idle)):
                line = self._take(standing=False)
                if line is None:
                    break
                try:
                    with suppress(SniperError):  # tried again in a moment, and before an order is laid on it
                        await self._warm(line, Priority.PREPARE)
                finally:
                    self._idle.appendleft(line)  # the others' turn
            await self._clock.sleep(_LOOK_EVERY_S)

    async def close(self) -> None:
        self._settle()
        await self._places.close()
        for line in self._lines:
            line.take_off()
            line.drop()

    def _take(self, *, standing: bool) -> MexcHotLine | None:
        """An idle line, the one used last first; on any thread. standing: only one that can carry an order now."""
        for _ in range(len(self._idle)):
            try:
                line = self._idle.pop()
            except IndexError:  # taken by the other thread
                return None
            if line.stands or not standing:
                return line
            self._idle.appendleft(line)
        return None

    def _settle(self) -> None:
        """Have the rest of the process learn what the lines have heard."""
        for line in self._lines:
            line.settle(self._governor, self._capture)

    def _take_holding(self) -> MexcHotLine | None:
        """An idle line whose connection still holds; the venue may have closed several at once. On any thread."""
        while (line := self._take(standing=True)) is not None:
            if line.holds():
                return line
            line.drop()
            self._idle.appendleft(line)  # made anew by `keep`, or when an order is loaded
        return None

    async def _warm(self, line: MexcHotLine, priority: Priority) -> None:
        """A connection that answered lately and is not old: the one there is, else a new one. Raises TryAgain."""
        if line.stands and not line.holds():
            line.drop()
        if line.stands and line.age_s < REPLACED_AFTER_S:
            if line.idle_s < WARM_FOR_S:
                return None
            with suppress(*BROKEN):
                return await self._asking(line, priority)
        try:
            await self._asking(line, priority, anew=True)
        except BROKEN as exc:
            if not (line.stands and line.idle_s < WARM_FOR_S):
                raise TryAgain(f"the venue cannot be reached for orders ({exc or type(exc).__name__})") from exc

    async def _asking(self, line: MexcHotLine, priority: Priority, *, anew: bool = False) -> None:
        async with (
            self._governor.admitted(build.PING.cost, priority, ORDERS_WAIT_S),
            asyncio.timeout(CONNECT_TIMEOUT_S),
        ):
            try:
                await (line.connect(self._ping) if anew else line.ping(self._ping))
            except RateLimited as exc:
                self._governor.pause(exc.retry_after_s)
                raise


class MexcHotLines:
    """Makes warm connections for the orders of one account; one per process."""

    def __init__(
        self,
        rest_url: str,
        credentials: Credentials,
        *,
        clock: Clock,
        governor: RequestGovernor,
        breakers: Breakers | None = None,
        trust: ssl.SSLContext | None = None,
        capture: PayloadCapture | None = None,
    ) -> None:
        self._address = Address.parse(rest_url)
        self._credentials = credentials
        self._clock = clock
        self._governor = governor
        self._breakers = breakers or Breakers(clock)
        self._trust = trust
        self._capture = capture
        self._all_places: list[Places] = []

    async def open(self, lines: int) -> MexcBattery:
        """So many connections that have answered once, as far as they can be had; at least one."""
        battery = MexcBattery(
            lines,
            self._address,
            self._credentials,
            clock=self._clock,
            governor=self._governor,
            places=Places(self._clock, self._governor, self._breakers, self._all_places),
            trust=self._trust,
            capture=self._capture,
        )
        try:
            await battery.warm_up()
        except BaseException:
            await battery.close()
            raise
        return battery
