"""What an operator decides about a stack, and what the environment says about it."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from adapters.local.temporal_server import SearchAttributeKind
from adapters.venue_kind import VenueKind


@dataclass(frozen=True, slots=True)
class Programs:
    """The commands behind the children that are ours; each gets its arguments appended.

    simulator: --port and --seed. worker: --role. panel: --port.
    """

    simulator: tuple[str, ...] = (sys.executable, "-m", "simulator")
    worker: tuple[str, ...] = (sys.executable, "-m", "worker")
    panel: tuple[str, ...] = (sys.executable, "-m", "ui.serve")


@dataclass(frozen=True, slots=True)
class StackOptions:
    """What the operator decided.

    home: folder of all state. database_url: None for the embedded Postgres. temporal_address: None for a server of our
    own. venue: what orders go to. rest_url, ws_url, api_key, api_secret: another venue, rest_url None for a simulator
    of our own; on paper only public data come from there, and no key goes anywhere.
    Ports: None for the usual one, or any free one when that is taken. seed: of the simulator's market.
    only_infra: databases and venue without workers and panel. time_skipping: workflows may have clocks of their own.
    search_attributes: name -> kind, None for those of workflows.names. environ: what the children inherit. capture_dir:
    absolute folder in which workers keep what the venue said, None for nowhere.
    """

    home: Path
    database_url: str | None = None
    temporal_address: str | None = None
    temporal_namespace: str = "default"
    rest_url: str | None = None
    ws_url: str | None = None
    api_key: str | None = None
    api_secret: str | None = field(default=None, repr=False)
    temporal_port: int | None = None
    simulator_port: int | None = None
    panel_port: int | None = None
    seed: int = 1
    with_simulator: bool = True
    with_panel: bool = True
    only_infra: bool = False
    time_skipping: bool = False
    search_attributes: Mapping[str, SearchAttributeKind] | None = None
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    programs: Programs = field(default_factory=Programs)
    venue: VenueKind = VenueKind.MEXC
    capture_dir: Path | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """The options the environment variables state; an empty variable counts as unset. Raises InvalidInput for a
        venue that does not exist."""
        stated = {name: value for name, value in environ.items() if value}
        capture_dir = stated.get("MEXC_CAPTURE_DIR")
        return cls(
            home=Path(stated.get("SNIPER_HOME", ".sniper")).expanduser().absolute(),
            database_url=stated.get("DATABASE_URL"),
            temporal_address=stated.get("TEMPORAL_ADDRESS"),
            temporal_namespace=stated.get("TEMPORAL_NAMESPACE", "default"),
            rest_url=stated.get("MEXC_REST_URL"),
            ws_url=stated.get("MEXC_WS_URL"),
            api_key=stated.get("MEXC_API_KEY"),
            api_secret=stated.get("MEXC_API_SECRET"),
            environ=dict(environ),
            venue=VenueKind.parse(stated.get("SNIPER_VENUE", VenueKind.MEXC)),
            capture_dir=None if capture_dir is None else Path(capture_dir).expanduser().absolute(),
        )
