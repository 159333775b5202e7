"""The last steps of a data frame to its connection: late, lost, doubled, out of order or garbled if a fault says so."""

import asyncio

from simulator.exchange.clock import VenueClock
from simulator.push.connections import Connection
from simulator.push.faults import FrameFaultBook


class Delivery:
    """Hands frames to connections."""

    def __init__(self, clock: VenueClock, faults: FrameFaultBook) -> None:
        self._clock = clock
        self._faults = faults

    def deliver(self, connection: Connection, channel: str, frame: bytes) -> None:
        """Push a frame now, unless a fault strikes it."""
        account = None if connection.account is None else connection.account.name
        fault = self._faults.pick(channel, account)
        if fault is None:
            self._push(connection, frame)
        elif fault.kind == "frame_duplicate":
            self._push(connection, frame)
            self._push(connection, frame)
        elif fault.kind == "frame_reorder":
            connection.hold(frame)
        elif fault.kind == "frame_delay":
            asyncio.get_running_loop().call_later(fault.params.ms / 1000, self._push, connection, frame)
        elif fault.kind == "frame_garble":
            self._push(connection, self._faults.garbled(frame))

    def deliver_later(self, connection: Connection, channel: str, frame: bytes, delay_ms: int) -> None:
        """Push a frame after a while; frames with the same delay keep their order."""
        if delay_ms:
            asyncio.get_running_loop().call_later(delay_ms / 1000, self.deliver, connection, channel, frame)
        else:
            self.deliver(connection, channel, frame)

    def _push(self, connection: Connection, frame: bytes) -> None:
        connection.push(frame, self._clock.monotonic_us())
