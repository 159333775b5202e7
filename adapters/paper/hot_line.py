"""Orders on paper that leave at an instant, behind domain.ports.HotLine and Battery."""

import asyncio
from functools import partial

from adapters.paper.exchange import PaperExchange
from domain.errors import OutcomeUnknown, TryAgain
from domain.ports import Ack, Clock, HotLine, SignedOrder


class PaperHotLine:
    """At most one order at a time: lay, fire, hear, then lay again."""

    def __init__(self, number: int, exchange: PaperExchange, clock: Clock, loop: asyncio.AbstractEventLoop) -> None:
        self.number = number
        self.first_byte: float | None = None
        self._exchange = exchange
        self._clock = clock
        self._loop = loop
        self._loaded: SignedOrder | None = None
        self._fired = 0
        self._answers: dict[int, Ack | BaseException] = {}  # by how many orders had been fired

    def lay(self, order: SignedOrder) -> None:
        """One that was laid before and never fired is dropped."""
        self._loaded, self.first_byte = order, None

    def take_off(self) -> None:
        """What is laid ready never leaves; idempotent."""
        self._loaded = None

    def ready(self) -> bool:
        """Always."""
        return True

    def fire(self) -> float:
        """Stamp the time and hand over to the event loop, on the caller's thread. RuntimeError: nothing is laid."""
        if self._loaded is None:
            raise RuntimeError("fire without an order")
        order, self._loaded = self._loaded, None
        self._fired += 1
        fired_at = self._clock.monotonic()
        self._loop.call_soon_threadsafe(self._depart, order, fired_at, self._fired)
        return fired_at

    def hear(self) -> Ack | None:
        answer = self._answers.pop(self._fired, None)
        if answer is None:
            return None
        self.first_byte = self._clock.monotonic()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def rehearse(self, order: SignedOrder) -> None:
        """Nothing of it is quick anyway."""

    def give_up(self, reason: str) -> OutcomeUnknown:
        """What was fired goes on."""
        return OutcomeUnknown(reason)

    def fileno(self) -> int:
        """There is nothing to wait at."""
        return -1

    def _depart(self, order: SignedOrder, fired_at: float, number: int) -> None:
        self._exchange.depart(order, fired_at).add_done_callback(partial(self._heard, number))

    def _heard(self, number: int, task: asyncio.Task[Ack]) -> None:
        if task.cancelled():
            self._answers[number] = OutcomeUnknown("the paper venue was closed")
        else:
            self._answers[number] = task.exception() or task.result()


class PaperBattery:
    """Lines without connections: each carries whatever is laid on it."""

    def __init__(self, lines: int, exchange: PaperExchange, clock: Clock) -> None:
        loop = asyncio.get_running_loop()
        self._exchange = exchange
        self._clock = clock
        self._idle = [PaperHotLine(number, exchange, clock, loop) for number in range(lines)]
        self._lines = tuple(self._idle)

    async def load(self, order: SignedOrder) -> HotLine:
        """Follows the market of the order from here on."""
        await self._exchange.warm_up(order.request.symbol)
        if not self._idle:
            raise TryAgain("every line for orders is in use")
        line = self._idle.pop()
        line.lay(order)
        return line

    def reload(self, order: SignedOrder, line: HotLine) -> HotLine:
        self._lines[line.number].lay(order)
        return line

    def give_back(self, line: HotLine) -> None:
        mine = self._lines[line.number]
        mine.take_off()
        if mine not in self._idle:
            self._idle.append(mine)

    async def restock(self, *, shots: bool) -> None:
        """Paper has no budget of its own."""

    async def keep(self) -> None:
        """Nothing grows cold."""
        await asyncio.Event().wait()

    async def close(self) -> None:
        """What was fired goes on."""


class PaperHotLines:
    """Where they come from."""

    def __init__(self, exchange: PaperExchange, clock: Clock) -> None:
        self._exchange = exchange
        self._clock = clock

    async def open(self, lines: int) -> PaperBattery:
        """Always there."""
        return PaperBattery(lines, self._exchange, self._clock)
