"""The warm connections of one session as a test uses them: load, fire, answer, one order after the other."""

import asyncio
from typing import Self

from domain.ports import Ack, Battery, HotLine, HotLines, SignedOrder


class Gun:
    """A battery whose answers are waited for on the event loop."""

    def __init__(self, battery: Battery) -> None:
        self.battery = battery
        self.line: HotLine | None = None

    @classmethod
    async def of(cls, lines: HotLines, count: int = 1) -> Self:
        return cls(await lines.open(count))

    async def load(self, order: SignedOrder) -> None:
        self._let_go()
        self.line = await self.battery.load(order)

    def fire(self) -> float:
        assert self.line is not None
        return self.line.fire()

    async def answer(self, timeout_s: float) -> Ack:
        """Raises as HotLine.hear does, and what the line makes of it when no answer comes in time."""
        assert self.line is not None
        try:
            async with asyncio.timeout(timeout_s):
                while (ack := self.line.hear()) is None:
                    await asyncio.sleep(0.001)
        except TimeoutError:
            raise self.line.give_up(f"no answer within {timeout_s} s") from None
        self._let_go()
        return ack

    async def close(self) -> None:
        self._let_go()
        await self.battery.close()

    def _let_go(self) -> None:
        if self.line is not None:
            self.battery.give_back(self.line)
            self.line = None
