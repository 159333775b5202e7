"""The venue of one run: the real simulator, and each worker's way to it. What it says of itself is the truth."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import simulator.server
from simulator.control.ledger import ledger
from simulator.control.scenario import Scenario
from simulator.server import SimulatorServer
from tests.chaos.loop_thread import LoopThread
from tests.chaos.scaled_time import TimeScale
from tests.chaos.wire import Door, Wire

ACCOUNT = "main"
_LOOKS_EVERY_S = 0.05
"""How often the simulator does what is due when nobody asks; its usual 10 ms would keep a scaled loop busy."""


class OpenVenue:
    """Its methods may be called from any thread but its own."""

    def __init__(self, thread: LoopThread, scale: TimeScale, server: SimulatorServer, wire: Wire) -> None:
        self._thread = thread
        self._scale = scale
        self._server = server
        self._doors: dict[str, Door] = {}
        self.wire = wire

    @classmethod
    @contextmanager
    def of(cls, thread: LoopThread, scale: TimeScale, scenario: Scenario, seed: int, wire: Wire) -> Iterator[Self]:
        """Opened, and closed with everything that is still under way to it."""
        simulator.server.AGENDA_S = _LOOKS_EVERY_S
        venue = cls(thread, scale, thread.call(lambda: SimulatorServer(scenario, seed)), wire)
        thread.wait_for(venue._server.start)
        try:
            yield venue
        finally:
            thread.wait_for(venue._close)

    @property
    def ws_url(self) -> str:
        return self._server.ws_url

    def now_ms(self) -> int:
        """Its time."""
        return self._server.clock.now_ms()

    def door(self, worker: str) -> Door:
        """A new worker's way in; what passes it is noted under the worker's name."""
        port = int(self._server.rest_url.rpartition(":")[2])
        door = self._thread.call(lambda: Door(self.wire, worker, port, self._server.clock.now_ms))
        self._thread.wait_for(door.open)
        self._doors[worker] = door
        return door

    def shut(self, door: Door) -> None:
        """Returns when nothing passes any more."""
        self._thread.call(door.shut)

    def cut(self) -> None:
        """Break every connection."""
        for door in tuple(self._doors.values()):
            self._thread.call(door.cut)

    def stall(self, seconds: float) -> None:
        """The venue stands still with everything that arrives; its clock does not. Returns at once."""

        async def stand_still() -> None:
            time.sleep(self._scale.real(seconds))  # noqa: ASYNC251  this is the point

        self._thread.start(stand_still)

    def ledger(self) -> dict[str, Any]:
        """As GET /_sim/ledger answers, of the one account that trades."""
        found: dict[str, Any] = self._thread.call(lambda: ledger(self._server.venue))["accounts"][ACCOUNT]
        return found

    def requests(self) -> list[dict[str, Any]]:
        """Every placement and cancellation that arrived, as GET /_sim/requests answers."""
        return self._thread.call(lambda: self._server.requests.entries())

    async def _close(self) -> None:
        for door in self._doors.values():
            await door.close()
        await self._server.stop()
