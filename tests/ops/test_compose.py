"""What docker-compose.yml promises: who is reachable, who waits for whom, who may do what, who gets which secret."""

import argparse
import re
import sys
import tomllib
from collections.abc import Callable
from graphlib import TopologicalSorter
from typing import Any

import pytest

import simulator.main
import ui.serve
import worker
from adapters.postgres import migrate
from adapters.settings import Settings, read_settings
from ops.container import open_account
from tests.environment import forget_installation
from tests.ops.composition import (
    COMPOSE_FILE,
    OUR_IMAGE,
    ROOT,
    VARIABLE,
    Service,
    needs_of,
    our_services,
    services,
    variables_of_example,
)

WORKERS = tuple(f"worker-{role}" for role in worker.ROLES)
ONE_SHOTS = ("migrate", "temporal-schema", "temporal-names", "venue-account")
READ_BY_LIBPQ = {"PGPASSWORD"}
ENTRANCES: dict[str, Callable[[], int]] = {
    "adapters.postgres.migrate": migrate.main,
    "ops.container.open_account": open_account.main,
    "simulator": simulator.main.main,
    "ui.serve": ui.serve.main,
    "worker": worker.main,
}


class Understood(Exception):
    """A program has understood its arguments and would start now."""


@pytest.fixture
def no_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our programs stop with Understood once they have read their arguments."""
    parse = argparse.ArgumentParser.parse_args

    def parsed(self: argparse.ArgumentParser, *arguments: Any) -> None:
        parse(self, *arguments)
        raise Understood

    def started(*_: object) -> None:
        raise Understood

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parsed)
    monkeypatch.setattr(migrate, "upgrade", started)
    monkeypatch.setattr(open_account, "read_settings", started)


def test_every_published_port_is_on_this_machine_only() -> None:
    """Nothing here has a login that would stand a network; the panel's gate is made for one user."""
    ports = {name: service["ports"] for name, service in services().items() if "ports" in service}

    assert set(ports) == {"temporal", "temporal-ui", "panel"}
    assert {port["host_ip"] for published in ports.values() for port in published} == {"127.0.0.1"}


def test_only_what_is_published_has_a_way_out() -> None:
    """Databases, venue and workers are in a network without one."""
    assert {name for name, service in services().items() if "published" in service.get("networks", [])} == {
        *("temporal", "temporal-ui", "panel")
    }


def test_what_a_service_needs_exists_and_nobody_waits_in_a_circle() -> None:
    """Raises CycleError otherwise."""
    needs = {name: needs_of(service) for name, service in services().items()}

    order = tuple(TopologicalSorter(needs).static_order())

    assert set(order) == set(needs)
    assert order.index("migrate") < order.index("venue-account") < order.index("worker-fire")


def test_one_shots_are_waited_for_until_done_and_servers_until_they_answer() -> None:
    """The condition fits what the needed service is."""
    found = services()
    conditions = {(need, how["condition"]) for it in found.values() for need, how in it.get("depends_on", {}).items()}

    for need, condition in conditions:
        expected = "service_completed_successfully" if need in ONE_SHOTS else "service_healthy"
        assert condition == expected, need
        assert ("healthcheck" in found[need]) is (need not in ONE_SHOTS), need
    assert all(found[name]["restart"] == "no" for name in ONE_SHOTS)


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_waits_for_all_it_needs(name: str) -> None:
    """Tables, names in Temporal, an account at the venue, and the budget that all share."""
    assert set(services()[name]["depends_on"]) >= {"postgres", "temporal", "simulator", "redis", *ONE_SHOTS} - {
        "temporal-schema"
    }


def test_images_are_pinned_to_a_version() -> None:
    """No name without a full version, none that moves, and not the deprecated image that sets up by itself."""
    images = {service["image"] for service in services().values()}

    assert all(re.fullmatch(r"[a-z/-]+:\d+\.\d+(\.\d+)?(-[a-z]+)?", image) for image in images), images
    assert "auto-setup" not in str(images)
    assert _tag("temporal") == _tag("temporal-schema") == _tag("temporal-names")


def test_our_image_has_our_version_is_built_once_and_is_never_asked_of_a_registry() -> None:
    """A stranger may have taken its name there."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    ours = our_services()

    assert {service["image"] for service in ours.values()} == {f"{OUR_IMAGE}:{project['version']}"}
    assert [name for name, service in ours.items() if "build" in service] == ["migrate"]
    assert {name: service["pull_policy"] for name, service in ours.items()} == {
        name: "build" if name == "migrate" else "never" for name in ours
    }


@pytest.mark.parametrize("name", services())
def test_a_service_has_no_more_rights_than_it_needs(name: str) -> None:
    """A root of its own that cannot be written, no capability, and logs that end."""
    service = services()[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"max-size", "max-file"} <= set(service["logging"]["options"])
    if not service["image"].startswith("temporalio/"):  # Temporal's images name a user themselves
        assert service["user"] in ("postgres", "redis", "10001:10001")


def test_what_is_mounted_from_here_exists_and_cannot_be_written() -> None:
    """A missing file is an error, not a new folder."""
    mounts = [
        mount for service in services().values() for mount in service.get("volumes", []) if mount["type"] == "bind"
    ]

    assert len(mounts) == 4
    for mount in mounts:
        assert (ROOT / mount["source"]).is_file(), mount
        assert mount["read_only"] is True
        assert mount["bind"] == {"create_host_path": False}


def test_scripts_are_run_where_they_are_mounted() -> None:
    """The one argument of a shell is a file of its service."""
    for name in ("temporal-schema", "temporal-names"):
        shell, script = services()[name]["command"]
        assert (shell, script) == ("sh", services()[name]["volumes"][0]["target"])


def test_the_dynamic_configuration_is_read_where_it_is_mounted() -> None:
    """Otherwise the server starts without it and says nothing a person would see."""
    service = services()["temporal"]

    assert service["environment"]["DYNAMIC_CONFIG_FILE_PATH"] == service["volumes"][0]["target"]


@pytest.mark.usefixtures("no_start")
@pytest.mark.parametrize("name", our_services())
def test_a_command_of_ours_is_understood(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module exists and takes these arguments."""
    python, option, module, *arguments = our_services()[name]["command"]
    assert (python, option) == ("python", "-m")
    monkeypatch.setattr(sys, "argv", [module, *arguments])

    with pytest.raises(Understood):
        ENTRANCES[module]()


def test_each_role_has_one_worker() -> None:
    """Roles of worker.py, one service each."""
    roles = {name: it["command"][-1] for name, it in our_services().items() if it["command"][2] == "worker"}

    assert roles == {f"worker-{role}": role for role in worker.ROLES}


def test_the_migration_goes_to_the_database_of_the_workers() -> None:
    """The address stands twice in the file."""
    migration = services()["migrate"]

    assert migration["command"][-1] == migration["environment"]["DATABASE_URL"]
    assert migration["environment"]["DATABASE_URL"] == services()["worker-fire"]["environment"]["DATABASE_URL"]


@pytest.mark.parametrize("name", our_services())
def test_every_variable_given_to_our_services_is_read(name: str) -> None:
    """A misspelt one would be ignored without a word."""
    known = {field.upper() for field in Settings.model_fields} | READ_BY_LIBPQ

    assert set(our_services()[name].get("environment", {})) <= known


@pytest.mark.parametrize("name", [*WORKERS, "venue-account"])
def test_the_settings_of_a_worker_can_be_used(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read as the worker reads them: a venue on a loopback address, at the port the simulator listens on."""
    settings = _settings_of(services()[name], monkeypatch)
    simulator_command = services()["simulator"]["command"]
    port = simulator_command[simulator_command.index("--port") + 1]

    venue = settings.venue()

    assert (venue.rest_url, venue.ws_url) == (f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/ws")
    assert services()[name]["network_mode"] == "service:simulator"
    assert settings.temporal_address == "temporal:7233"
    assert "secret" not in settings.database()


def test_the_panel_gets_no_key_of_a_venue(monkeypatch: pytest.MonkeyPatch) -> None:
    """It never talks to one."""
    settings = _settings_of(services()["panel"], monkeypatch)

    assert not [name for name in services()["panel"]["environment"] if name.startswith("MEXC_")]
    assert (settings.mexc_api_key, settings.mexc_api_secret) == (None, None)


def test_the_panels_address_is_the_published_one() -> None:
    """`sniper panel` prints a link that opens on this machine."""
    panel = services()["panel"]
    (port,) = panel["ports"]

    assert panel["environment"]["PANEL_URL"] == f"http://{port['host_ip']}:{port['published']}"
    assert panel["command"][-1] == str(port["target"])


def test_workers_share_a_home_and_the_panel_has_its_own() -> None:
    """Lock files of leases prove a death only to somebody who sees the same file."""
    homes = {name: service["volumes"] for name, service in our_services().items() if "volumes" in service}

    assert set(homes) == {*WORKERS, "panel"}
    assert {mount["target"] for mounts in homes.values() for mount in mounts} == {"/var/lib/sniper"}
    assert {mount["source"] for name in WORKERS for mount in homes[name]} == {"workers-home"}
    assert [mount["source"] for mount in homes["panel"]] == ["panel-home"]


def test_variables_and_their_example_name_each_other() -> None:
    """What is asked for stands in the example, and what stands there is asked for. An empty place is a secret: nowhere
    in the file has it a default."""
    asked = {(found["name"], found["kind"]) for found in VARIABLE.finditer(COMPOSE_FILE.read_text())}

    assert asked == {(name, "-" if value else "?") for name, value in variables_of_example().items()}


def test_health_of_ours_is_asked_with_programs_that_compile() -> None:
    """A typing mistake in them would show as an unhealthy service only in an engine."""
    for name, service in our_services().items():
        if "healthcheck" in service:
            compile(service["healthcheck"]["test"][-1], name, "exec")


def _tag(name: str) -> str:
    tag: str = services()[name]["image"].partition(":")[2]
    return tag


def _settings_of(service: Service, monkeypatch: pytest.MonkeyPatch) -> Settings:
    forget_installation(monkeypatch)
    for name, value in service["environment"].items():
        monkeypatch.setenv(name, value)
    return read_settings()
