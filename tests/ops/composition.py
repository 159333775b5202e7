"""docker-compose.yml as an engine would read it, for tests on a machine that has none."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yml"
ENV_EXAMPLE = ROOT / ".env.example"
OUR_IMAGE = "mexc-listing-sniper"

VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\}")
"""kind: "-" before a default, "?" before the message of a refusal, None: neither."""

Service = dict[str, Any]


class Refused(Exception):
    """A variable that has to be set is not; the text is the message of the file."""


def variables_of_example() -> dict[str, str]:
    """What .env.example sets, name by name; an empty value waits for a secret."""
    lines = ENV_EXAMPLE.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def filled_example() -> dict[str, str]:
    """What a user's .env holds: the example with a secret in each empty place."""
    return {name: value or f"secretof{name.replace('_', '').lower()}" for name, value in variables_of_example().items()}


def compose_file(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The whole file with its variables filled in; environ: what .env says, None: `filled_example`. Raises Refused."""
    document = yaml.safe_load(COMPOSE_FILE.read_text())
    filled: dict[str, Any] = _filled(document, filled_example() if environ is None else environ)
    return filled


def services() -> dict[str, Service]:
    """Every service, with its variables filled in."""
    found: dict[str, Service] = compose_file()["services"]
    return found


def our_services() -> dict[str, Service]:
    """Those that run our image."""
    return {name: service for name, service in services().items() if service["image"].startswith(f"{OUR_IMAGE}:")}


def needs_of(service: Service) -> set[str]:
    """The services that have to be there before this one."""
    shared = service.get("network_mode", "").removeprefix("service:")
    return {*service.get("depends_on", {}), *([shared] if shared else [])}


def _filled(value: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item, environ) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, environ) for item in value]
    return VARIABLE.sub(lambda found: _value_of(found, environ), value) if isinstance(value, str) else value


def _value_of(found: re.Match[str], environ: Mapping[str, str]) -> str:
    value = environ.get(found["name"], "")
    if value or found["kind"] is None:
        return value
    if found["kind"] == "?":
        raise Refused(f"{found['name']}: {found['rest']}")
    return found["rest"]
