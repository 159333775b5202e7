"""What can be acted on, and what an act is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

from simulator.control.control_error import ControlError
from simulator.exchange.clock import VenueClock
from simulator.exchange.venue import Venue
from simulator.push.faults import FrameFaultBook
from simulator.push.streams import StreamHub
from simulator.rest.faults import FaultBook
from simulator.rest.request_log import RequestLog


@dataclass(slots=True)
class Stage:
    """Everything of one venue that can be acted on. shut_door: closes the port for milliseconds; cuts everybody off."""

    venue: Venue
    clock: VenueClock
    hub: StreamHub
    faults: FaultBook
    frame_faults: FrameFaultBook
    requests: RequestLog
    shut_door: Callable[[int, bool], None]


class AnyAct(BaseModel):
    """Something done to a running venue; each says what in its `apply`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def apply(self, stage: Stage, now_ms: int) -> Any:
        """Do it at this instant of venue time; returns what the control side answers. Raises ControlError."""
        raise ControlError("act", value=type(self).__name__, expected="an act of its own", remedy="choose one")
