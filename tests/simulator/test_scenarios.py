"""The shipped scenarios: each can be set, and what its first lines promise happens, in stepped time."""

from pathlib import Path

import aiohttp
import pytest

from simulator.control.control_error import ControlError
from simulator.control.scenario import Scenario, load_scenario, shipped
from simulator.server import SimulatorServer
from tests.simulator.conftest import Client

START_MS = 1_767_225_600_000
STATES = {
    "advanced": {30: "PRE_OPEN", 59: "PRE_OPEN", 61: "OPEN_CAPPED", 300: "OPEN"},
    "capped": {44: "PRE_OPEN", 46: "OPEN_CAPPED", 104: "OPEN_CAPPED", 106: "OPEN"},
    "clock-trouble": {59: "PRE_OPEN", 61: "OPEN_CAPPED"},
    "halted-and-delisted": {61: "OPEN_CAPPED", 81: "HALTED", 96: "OPEN", 121: "HALTED", 151: "OPEN", 661: "DELISTED"},
    "maintenance": {46: "OPEN_CAPPED", 61: "OPEN"},
    "never-api": {59: "LISTED_CLOSED_API", 61: "WEB_ONLY"},
    "opening-pump": {59: "PRE_OPEN", 61: "OPEN_CAPPED", 121: "OPEN"},
    "postponed": {61: "PRE_OPEN", 121: "PRE_OPEN", 179: "PRE_OPEN", 181: "OPEN_CAPPED"},
    "stepped": {9: "PRE_OPEN", 11: "OPEN_CAPPED"},
    "storm-of-faults": {44: "PRE_OPEN", 46: "OPEN_CAPPED", 106: "OPEN"},
    "thin-book": {44: "PRE_OPEN", 46: "OPEN_CAPPED", 106: "OPEN"},
    "withdrawn": {39: "PRE_OPEN", 41: "WITHDRAWN", 61: "WITHDRAWN"},
}
"""Seconds after the start: the state of NEWUSDT then."""


@pytest.mark.parametrize("name", sorted(shipped()))
async def test_a_shipped_scenario_does_what_it_says(name: str) -> None:
    """Its listing goes through its states at its instants."""
    scenario = load_scenario(Path(name))
    frozen = scenario.clock.model_copy(update={"start_ms": START_MS, "scale": 0, "drift_ppm": 0})
    quiet = tuple(planned for planned in scenario.timeline if "refuse_connections" not in str(planned))
    venue = SimulatorServer(scenario.model_copy(update={"clock": frozen, "timeline": quiet}), seed=3)
    await venue.start()
    seen = {}
    async with aiohttp.ClientSession() as http:
        client = Client(http, venue.rest_url)
        now_s = 0
        for at_s in STATES[name]:
            await client.control("POST", "clock", step_ms=(at_s - now_s) * 1000)
            now_s = at_s
            rows = (await client.control("GET", "listings"))["listings"]
            seen[at_s] = {row["symbol"]: row["state"] for row in rows}["NEWUSDT"]
    await venue.stop()

    assert seen == STATES[name]
    assert scenario.about


@pytest.mark.parametrize(
    ("text", "what", "value"),
    [
        ("listings: [{symbol: NEWUSDT}]", "listings.0.opens_at", {"symbol": "NEWUSDT"}),
        ("timeline: [{at: soon, do: {act: settings, settings: {}}}]", "at", "soon"),
        ("faults: [{kind: meteor}]", "faults.0.kind", "meteor"),
        ("faults: [{kind: latency, probability: 2}]", "faults.0.latency.probability", 2),
        ("settings: {orders_per_s: -1}", "settings.orders_per_s", -1),
        ("weather: fine", "weather", "fine"),
        ("listings: [", "scenario", None),
    ],
)
async def test_a_wrong_scenario_is_named_with_value_and_remedy(
    tmp_path: Path, text: str, what: str, value: object
) -> None:
    """Before anything is served."""
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ControlError) as refused:
        await SimulatorServer(load_scenario(path)).start()

    assert refused.value.what.removeprefix("mine.yaml: ") == what
    assert value is None or refused.value.value == value
    assert refused.value.remedy


def test_an_unknown_name_lists_the_shipped_ones() -> None:
    """A name is a file, or one of these."""
    with pytest.raises(ControlError, match="opening-pump"):
        load_scenario(Path("moonshot"))


def test_an_empty_file_is_an_empty_stage(tmp_path: Path) -> None:
    """Everything is optional."""
    (tmp_path / "empty.yaml").write_text("")

    assert load_scenario(tmp_path / "empty.yaml") == Scenario()
