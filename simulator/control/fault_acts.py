"""Acts that let something go wrong: with calls, connections, frames, or the port."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from simulator.control.stage import AnyAct, Stage
from simulator.push.faults import ConnectionFault, FrameFault
from simulator.rest.faults import Fault


class DoorParameters(BaseModel):
    """ms: for how long nobody gets in. cut: whether open connections are broken off as well."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ms: Annotated[int, Field(ge=1, le=600_000)]
    cut: bool = True


class DoorFault(BaseModel):
    """The venue's port is closed for a while: connections are refused, those of the control side too."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["refuse_connections"]
    params: DoorParameters


AnyFault = Annotated[Fault | ConnectionFault | FrameFault | DoorFault, Field(discriminator="kind")]


class FaultAct(AnyAct):
    """Arm a fault of calls or of frames, or let one happen now to connections or to the port."""

    act: Literal["fault"] = "fault"
    fault: AnyFault

    def apply(self, stage: Stage, now_ms: int) -> Any:
        fault = self.fault
        if isinstance(fault, Fault):
            stage.faults.add(fault)
            return {"armed": True}
        if isinstance(fault, FrameFault):
            stage.frame_faults.add(fault)
            return {"armed": True}
        if isinstance(fault, DoorFault):
            stage.shut_door(fault.params.ms, fault.params.cut)
            return {"shut_ms": fault.params.ms}
        chosen, account = fault.params, fault.match.account
        if fault.kind == "ws_drop":
            return {"connections": stage.hub.cut(chosen.streams, account)}
        if fault.kind == "ws_silent":
            return {"connections": stage.hub.silence(chosen.streams, account, chosen.ms)}
        if fault.kind == "ws_expire":
            return {"connections": stage.hub.expire_keys(account)}
        stage.hub.refuse(chosen.ms)
        return {"refused_ms": chosen.ms}


class ClearFaultsAct(AnyAct):
    """Disarm everything."""

    act: Literal["clear_faults"] = "clear_faults"

    def apply(self, stage: Stage, now_ms: int) -> Any:
        stage.faults.clear()
        stage.frame_faults.clear()
        return {"faults": []}
