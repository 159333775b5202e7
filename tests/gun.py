"""Hot lines as a test uses them: answers are waited for on the event loop, without a launchpad."""

import asyncio
from typing import Self

from domain.ports import Ack, Battery, HotLine, HotLines, SignedOrder


async def heard(line: HotLine, within_s: float = 5.0) -> Ack:
    """The answer to what was fired. Raises as HotLine.hear does, and HotLine.give_up's when none comes in time."""
    try:
        async with asyncio.timeout(within_s):
            while (ack := line.hear()) is None:
                await asyncio.sleep(0.001)
    except TimeoutError:
        raise line.give_up(f"no answer within {within_s} s") from None
    return ack


class Gun:
    """The warm connections of one session: load, fire, answer, one order after the other."""

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
        ack = await heard(self.line, timeout_s)
        self._let_go()
        return ack

    async def close(self) -> None:
        self._let_go()
        await self.battery.close()

    def _let_go(self) -> None:
        if self.line is not None:
            self.battery.give_back(self.line)
            self.line = None
