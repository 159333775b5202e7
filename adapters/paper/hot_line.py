"""Orders on paper that leave at an instant, behind domain.ports.HotLine."""

import asyncio

from adapters.paper.exchange import PaperExchange
from domain.errors import OutcomeUnknown
from domain.ports import Ack, Clock, SignedOrder


class PaperHotLine:
    """At most one order at a time: load, fire, answer, then load again."""

    def __init__(self, exchange: PaperExchange, clock: Clock) -> None:
        self._exchange = exchange
        self._clock = clock
        self._loaded: tuple[SignedOrder, asyncio.AbstractEventLoop, asyncio.Future[asyncio.Task[Ack]]] | None = None
        self._awaited: asyncio.Future[asyncio.Task[Ack]] | None = None

    async def load(self, order: SignedOrder) -> None:
        """Lay the order ready and follow its market; one that was laid before and never fired is dropped."""
        await self._exchange.warm_up(order.request.symbol)
        loop = asyncio.get_running_loop()
        self._awaited = None
        self._loaded = (order, loop, loop.create_future())

    def fire(self) -> float:
        """Stamp the time and hand over to the event loop, on the caller's thread. RuntimeError: nothing is loaded."""
        if self._loaded is None:
            raise RuntimeError("fire without load")
        order, loop, departed = self._loaded
        self._loaded, self._awaited = None, departed
        fired_at = self._clock.monotonic()
        loop.call_soon_threadsafe(self._depart, order, fired_at, departed)
        return fired_at

    async def answer(self, timeout_s: float) -> Ack:
        """The paper venue's word on what was fired. RuntimeError: nothing was."""
        departed = self._awaited
        if departed is None:
            raise RuntimeError("answer without fire")
        self._awaited = None
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.shield(await departed)
        except TimeoutError as exc:
            raise OutcomeUnknown(f"no answer within {timeout_s} s") from exc

    async def close(self) -> None:
        """Let go at once; what was fired goes on. Idempotent."""
        self._loaded = self._awaited = None

    def _depart(self, order: SignedOrder, fired_at: float, departed: asyncio.Future[asyncio.Task[Ack]]) -> None:
        task = self._exchange.depart(order, fired_at)
        if not departed.done():  # whoever waited for the answer may have been cancelled
            departed.set_result(task)


class PaperHotLines:
    """Where they come from."""

    def __init__(self, exchange: PaperExchange, clock: Clock) -> None:
        self._exchange = exchange
        self._clock = clock

    async def open(self) -> PaperHotLine:
        """Always there."""
        return PaperHotLine(self._exchange, self._clock)
