"""Faults on command: which calls they hit, how often, and in what way."""

import random
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from simulator.calls import Call

CallFault = Literal["latency", "lose_request", "lose_answer", "late_answer", "status", "refuse"]
StreamFault = Literal["ws_drop", "ws_silent"]
STREAM_FAULTS = ("ws_drop", "ws_silent")


class Match(BaseModel):
    """Which calls a fault hits. None: any. path and client_order_id may hold the wildcards * and ?."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["GET", "POST", "PUT", "DELETE"] | None = None
    path: str | None = None
    client_order_id: str | None = None

    def hits(self, call: Call) -> bool:
        """Whether `call` is meant."""
        if self.method is not None and call.method != self.method:
            return False
        if self.path is not None and not fnmatchcase(call.path, self.path):
            return False
        if self.client_order_id is None:
            return True
        given = call.parameters.get("newClientOrderId") or call.parameters.get("origClientOrderId") or ""
        return fnmatchcase(given, self.client_order_id)


class Parameters(BaseModel):
    """What a fault needs to know.

    ms: duration of latency, late_answer and ws_silent. status, body: the answer of kind status; body is JSON or text.
    when: for status, whether the call is carried out ("after") or not ("before"). code, msg: for refuse.
    streams: which WebSocket connections a stream fault hits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ms: Annotated[int, Field(ge=0)] = 0
    status: Annotated[int, Field(ge=200, le=599)] = 503
    body: Any = None
    when: Literal["before", "after"] = "before"
    code: int = 30000
    msg: str = "refused by a fault"
    streams: Literal["private", "public", "all"] = "private"


class Fault(BaseModel):
    """One thing that goes wrong.

    kind:
        latency       the call waits `ms` before it is carried out
        lose_request  the connection is cut and nothing is carried out
        lose_answer   the call is carried out, then the connection is cut
        late_answer   the call is carried out, its answer comes `ms` later
        status        the answer is `status` with `body`; carried out or not, see `when`
        refuse        the answer is 400 with `code` and `msg`; nothing is carried out
        ws_drop       the chosen WebSocket connections are cut, now
        ws_silent     the chosen connections get no data for `ms` from now, though pings are answered
    times: how many calls it hits before it is spent. probability: chance per call instead. Neither: hits one call.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    match: Match = Match()
    kind: CallFault | StreamFault
    times: Annotated[int, Field(ge=1)] | None = None
    probability: Annotated[float, Field(gt=0, le=1)] | None = None
    params: Parameters = Parameters()

    @model_validator(mode="after")
    def _one_measure(self) -> "Fault":
        if self.times is not None and self.probability is not None:
            raise ValueError("give times or probability, not both")
        return self


class FaultBook:
    """The faults that wait for their calls. Only one fault hits a call: the oldest that matches."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._active: list[tuple[Fault, int]] = []

    def add(self, fault: Fault) -> None:
        """Arm a fault of the call kinds."""
        self._active.append((fault, 0 if fault.probability is not None else fault.times or 1))

    def clear(self) -> None:
        """Disarm everything."""
        self._active.clear()

    def describe(self) -> list[dict[str, Any]]:
        """What is armed, with the hits still to come (null: decided by chance)."""
        return [{**fault.model_dump(mode="json"), "left": left or None} for fault, left in self._active]

    def pick(self, call: Call) -> Fault | None:
        """The fault that hits this call, counted as used; None: the call goes through unharmed."""
        for index, (fault, left) in enumerate(self._active):
            if not fault.match.hits(call):
                continue
            if fault.probability is not None:
                if self._rng.random() < fault.probability:
                    return fault
                continue
            if left == 1:
                del self._active[index]
            else:
                self._active[index] = (fault, left - 1)
            return fault
        return None
