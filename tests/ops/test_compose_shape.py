"""docker-compose.yml is written with keys and forms that the Compose Specification has.

No package that we would depend on ships the specification's schema, so this is a hand-written check of the part of it
that the file uses: a new key has to be added here, after a look into the specification. Where the machine has the
compose program of Docker, that one reads the file as well.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.ops.composition import (
    COMPOSE_FILE,
    ENV_EXAMPLE,
    ROOT,
    Refused,
    compose_file,
    filled_example,
    services,
    variables_of_example,
)

_DURATION = re.compile(r"\d+(ms|s|m|h)")
_TOP = {"name", "services", "networks", "volumes"}
_MOUNT = {"type", "source", "target", "read_only", "bind"}


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _text_map(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for pair in value.items() for item in pair)


def _depends_on(value: Any) -> bool:
    conditions = {"service_started", "service_healthy", "service_completed_successfully"}
    return all(
        set(need) <= {"condition", "restart"}
        and need["condition"] in conditions
        and isinstance(need.get("restart", False), bool)
        for need in value.values()
    )


def _healthcheck(value: Any) -> bool:
    durations = {"interval", "start_interval", "start_period", "timeout"}
    return (
        set(value) == {"test", "retries", *durations}
        and _texts(value["test"])
        and value["test"][0] == "CMD"
        and type(value["retries"]) is int
        and all(_DURATION.fullmatch(value[name]) for name in durations)
    )


def _ports(value: Any) -> bool:
    return all(
        set(port) == {"host_ip", "published", "target"}
        and port["published"].isdigit()  # a text: the specification also takes ranges
        and type(port["target"]) is int
        for port in value
    )


def _volumes(value: Any) -> bool:
    return all(
        set(mount) <= _MOUNT
        and mount["type"] in ("volume", "bind")
        and mount["target"].startswith("/")
        and set(mount.get("bind", {})) <= {"create_host_path"}
        for mount in value
    )


_KEYS: dict[str, Callable[[Any], bool]] = {
    "build": lambda value: set(value) == {"context", "dockerfile"},
    "cap_drop": _texts,
    "command": _texts,  # never one text: that would be split, and a number is no text
    "depends_on": _depends_on,
    "environment": _text_map,  # an unquoted true or 5432 would be another type
    "healthcheck": _healthcheck,
    "image": lambda value: isinstance(value, str),
    "init": lambda value: isinstance(value, bool),
    "logging": lambda value: set(value) == {"driver", "options"} and _text_map(value["options"]),
    "network_mode": lambda value: value.removeprefix("service:") in services(),
    "networks": _texts,
    "ports": _ports,
    "pull_policy": lambda value: value in ("always", "never", "missing", "build"),
    "read_only": lambda value: isinstance(value, bool),
    "restart": lambda value: value in ("no", "always", "on-failure", "unless-stopped"),
    "security_opt": _texts,
    "stop_grace_period": lambda value: _DURATION.fullmatch(value) is not None,
    "tmpfs": _texts,
    "user": lambda value: isinstance(value, str),
    "volumes": _volumes,
}


def _compose() -> tuple[str, ...] | None:
    """The compose program of this machine, if it is new enough for `start_interval`; None: there is none."""
    for command in (("docker", "compose"), ("docker-compose",)):
        if shutil.which(command[0]) is None:
            continue
        told = subprocess.run([*command, "version", "--short"], capture_output=True, text=True, check=False)
        version = re.match(r"v?(\d+)\.(\d+)", told.stdout)
        if told.returncode == 0 and version and (int(version[1]), int(version[2])) >= (2, 21):
            return command
    return None


_COMPOSE = _compose()


def test_every_key_and_form_is_one_of_the_specification() -> None:
    """A misspelt key would be ignored or refused only by an engine."""
    document = compose_file()
    wrong = [
        f"{name}.{key}"
        for name, service in document["services"].items()
        for key, value in service.items()
        if key not in _KEYS or not _KEYS[key](value)
    ]

    assert {key for key in document if not key.startswith("x-")} == _TOP
    assert wrong == []


def test_networks_and_volumes_are_declared_and_used() -> None:
    """A name that stands in one place only is a mistake in it."""
    document = compose_file()
    found = list(document["services"].values())
    networks = {name for service in found for name in service.get("networks", [])}
    volumes = {
        mount["source"] for service in found for mount in service.get("volumes", []) if mount["type"] == "volume"
    }

    assert networks == set(document["networks"])
    assert volumes == set(document["volumes"])


def test_a_shared_network_namespace_excludes_networks_and_ports() -> None:
    """An engine refuses a service that has both."""
    assert [name for name, it in services().items() if "network_mode" in it and {"networks", "ports"} & set(it)] == []


@pytest.mark.parametrize("missing", [name for name, value in variables_of_example().items() if not value])
def test_a_missing_secret_is_refused_with_a_message(missing: str) -> None:
    """There is no default password to forget about."""
    with pytest.raises(Refused, match=rf"^{missing}: .*docs/compose.md"):
        compose_file({**filled_example(), missing: ""})


if _COMPOSE is not None:  # not a skip: where nothing may be skipped, there is no such program

    def test_the_compose_program_accepts_the_file(tmp_path: Path) -> None:
        """Its own schema, its merge keys and its interpolation."""
        env_file = tmp_path / "env"
        env_file.write_text("".join(f"{name}={value}\n" for name, value in filled_example().items()))

        told = _config(env_file)

        assert (told.returncode, told.stderr) == (0, "")

    def test_the_compose_program_refuses_the_unfilled_example() -> None:
        """What a user sees who copied the example and filled in nothing."""
        told = _config(ENV_EXAMPLE)

        assert told.returncode != 0
        assert "docs/compose.md" in told.stderr

    def _config(env_file: Path) -> subprocess.CompletedProcess[str]:
        assert _COMPOSE is not None
        environ = {name: value for name, value in os.environ.items() if name not in variables_of_example()}
        command = [*_COMPOSE, "--file", str(COMPOSE_FILE), "--env-file", str(env_file), "config", "--quiet"]
        return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
