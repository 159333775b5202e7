"""The stage a venue starts with, and what happens to it later: from a YAML file or the built-in default."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from simulator.control.account_acts import AccountAct, KeyAct
from simulator.control.acts import Act, ListingAct, instant_ms
from simulator.control.control_error import ControlError, validated
from simulator.control.fault_acts import AnyFault, FaultAct
from simulator.control.stage import Stage
from simulator.exchange.settings import Settings

SHIPPED = Path(__file__).parent.parent / "scenarios"
LONG_OPEN = "-24h"
_REMEDY = "see the examples in simulator/scenarios"


class ClockStart(BaseModel):
    """start_ms: venue time at the start; None: this machine's. scale: venue seconds per second; 0: frozen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start_ms: Annotated[int, Field(ge=0)] | None = None
    scale: Annotated[float, Field(ge=0, le=1000)] = 1.0
    drift_ppm: Annotated[float, Field(ge=-100_000, le=100_000)] = 0.0


class Planned(BaseModel):
    """One act at an instant of venue time, counted from the start: at: "+20s"."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: int | str
    do: Act


class Scenario(BaseModel):
    """Settings, accounts, keys, listings and faults at the start; then a timeline. Instants count from the start."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    about: str = ""
    clock: ClockStart = ClockStart()
    settings: Settings = Settings()
    accounts: tuple[AccountAct, ...] = ()
    keys: tuple[KeyAct, ...] = ()
    listings: tuple[ListingAct, ...] = ()
    faults: tuple[AnyFault, ...] = ()
    timeline: tuple[Planned, ...] = ()


DEFAULT = Scenario(
    about="Two pairs that have been open for long.",
    listings=(
        ListingAct(symbol="BTCUSDT", opens_at=LONG_OPEN, script={"name": "steady", "full_name": "Bitcoin"}),
        ListingAct(
            symbol="ETHUSDT",
            opens_at=LONG_OPEN,
            script={"name": "steady", "open_price": "3000", "full_name": "Ethereum"},
        ),
    ),
)


def load_scenario(path: Path | None) -> Scenario:
    """The scenario of a file, or the shipped one of that name; None: the default.

    Raises ControlError when it cannot be read or used.
    """
    if path is None:
        return DEFAULT
    if not path.suffix and not path.exists():
        path = _shipped(path.name)
    try:
        given: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ControlError(
            "scenario", value=str(path), expected=f"a readable file ({error.strerror})", remedy="check the path"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        told = " ".join(str(error).split())
        raise ControlError("scenario", value=str(path), expected=f"YAML ({told})", remedy=_REMEDY) from error
    return validated(Scenario, {} if given is None else given, prefix=f"{path.name}: ", remedy=_REMEDY)


def shipped() -> dict[str, Path]:
    """The scenarios that come with the simulator, by name."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.yaml"))}


def _shipped(name: str) -> Path:
    known = shipped()
    if name not in known:
        raise ControlError(
            "scenario", value=name, expected=f"a file, or one of {', '.join(known)}", remedy="name one of them"
        )
    return known[name]


def apply_scenario(scenario: Scenario, stage: Stage) -> None:
    """Set the stage and plan the timeline. Raises ControlError for what cannot be."""
    now_ms = stage.clock.now_ms()
    stage.clock.set(drift_ppm=scenario.clock.drift_ppm)
    stage.venue.change_settings(scenario.settings)
    for act in (*scenario.accounts, *scenario.keys, *scenario.listings):
        act.apply(stage, now_ms)
    for fault in scenario.faults:
        FaultAct(fault=fault).apply(stage, now_ms)
    for planned in scenario.timeline:
        stage.venue.agenda.add(instant_ms(planned.at, now_ms, what="at"), _doing(planned.do, stage))


def _doing(act: Act, stage: Stage) -> Callable[[int], None]:
    def do(at_ms: int) -> None:
        act.apply(stage, at_ms)

    return do
