"""Faults of REST calls: which calls they hit, and in what way."""

import math
import random
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from simulator.occurrence import Occurrence, Waiting
from simulator.rest.calls import Call

CallFault = Literal[
    "latency",
    "lose_request",
    "lose_answer",
    "late_answer",
    "garbled_answer",
    "truncated_answer",
    "status",
    "refuse",
    "cancel_order",
]
Milliseconds = Annotated[float, Field(ge=0)]


class Match(BaseModel):
    """Which calls a fault hits. None: any. path, client_order_id and symbol may hold the wildcards * and ?.

    account: by its name. side: of a placement.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["GET", "POST", "PUT", "DELETE"] | None = None
    path: str | None = None
    client_order_id: str | None = None
    symbol: str | None = None
    side: Literal["BUY", "SELL"] | None = None
    account: str | None = None

    def hits(self, call: Call, account: str | None) -> bool:
        """Whether `call` is meant; account: the owner of its key, None when nobody's."""
        parameters = call.parameters
        given = parameters.get("newClientOrderId") or parameters.get("origClientOrderId") or ""
        return (
            (self.method is None or call.method == self.method)
            and (self.path is None or fnmatchcase(call.path, self.path))
            and (self.client_order_id is None or fnmatchcase(given, self.client_order_id))
            and (self.symbol is None or fnmatchcase(parameters.get("symbol", ""), self.symbol))
            and (self.side is None or parameters.get("side") == self.side)
            and (self.account is None or account == self.account)
        )


class Parameters(BaseModel):
    """What a fault needs to know.

    ms: how long latency and late_answer wait; for cancel_order how long the order lives (0: it never trades).
    shape: how waits are spread: fixed: ms. uniform: from ms to to_ms. lognormal: median ms, with sigma, cut at to_ms.
    direction: of latency: before the call is carried out, after, or both, each with a draw of its own.
    status, body, headers: the answer of kind status; body is JSON or text, None: the venue's own for that status.
    retry_after_s: of 429 and 418: in the header; None: no header. when: whether the call is carried out first.
    code, msg, http: for refuse; text and status None: the venue's own for that code.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ms: Milliseconds = 0
    shape: Literal["fixed", "uniform", "lognormal"] = "fixed"
    to_ms: Milliseconds | None = None
    sigma: Annotated[float, Field(ge=0, le=3)] = 0.5
    direction: Literal["request", "answer", "both"] = "request"
    status: Annotated[int, Field(ge=200, le=599)] = 503
    body: Any = None
    headers: dict[str, str] = {}
    retry_after_s: Annotated[int, Field(ge=0)] | None = None
    when: Literal["before", "after"] = "before"
    code: int = 30000
    msg: str | None = None
    http: Annotated[int, Field(ge=400, le=599)] | None = None

    def wait_s(self, rng: random.Random) -> float:
        """One draw of the waiting time."""
        if self.shape == "uniform":
            return rng.uniform(self.ms, self.ms if self.to_ms is None else self.to_ms) / 1000
        if self.shape == "lognormal":
            drawn = self.ms * math.exp(rng.gauss(0.0, self.sigma))
            return (drawn if self.to_ms is None else min(drawn, self.to_ms)) / 1000
        return self.ms / 1000


class Fault(Occurrence):
    """One thing that goes wrong with calls.

    kind:
        latency           the call waits; it adds to whatever else strikes the call
        lose_request      the connection is cut and nothing is carried out
        lose_answer       the call is carried out, then the connection is cut
        late_answer       the call is carried out, its answer comes later
        garbled_answer    carried out; the answer's bytes are wrong
        truncated_answer  carried out; the connection is cut in the middle of the answer
        status            the answer is `status` with `body`; carried out or not, see `when`
        refuse            the answer is a refusal with `code` and `msg`; nothing is carried out
        cancel_order      a placement is accepted, and then cancelled by the venue
    """

    match: Match = Match()
    kind: CallFault
    params: Parameters = Parameters()


class FaultBook(Waiting[Fault]):
    """The faults that wait for their calls. Of all but latency only one hits a call: the oldest that matches."""

    def pick(self, call: Call, account: str | None) -> tuple[list[Fault], Fault | None]:
        """The latencies that hit this call, and the one other fault; all counted as used."""
        if not self._armed:
            return [], None
        waits: list[Fault] = []
        struck: Fault | None = None
        for fault, armed in self._armed:
            if fault.kind != "latency" and struck is not None:
                continue
            if fault.match.hits(call, account) and armed.strikes(self.rng):
                if fault.kind == "latency":
                    waits.append(fault)
                else:
                    struck = fault
        self._armed = [(fault, armed) for fault, armed in self._armed if not armed.spent]
        return waits, struck
