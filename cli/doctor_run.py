"""Puts the doctor's checks together and runs them. Loaded only by the command."""

import logging

from adapters.doctor.checks import Wanted, installation_checks
from adapters.doctor.findings import Finding
from adapters.doctor.home import FreeBytes, free_bytes
from adapters.doctor.installation import read_installation
from adapters.doctor.running import examine, examine_apart
from adapters.logs import configure
from cli.doctor_venue import venue_checks
from stack import PANEL_PORT, SIMULATOR_PORT, TEMPORAL_PORT
from workflows.names import CONTROL_QUEUE, FIRE_QUEUE, GUARD_QUEUE, SEARCH_ATTRIBUTES, WATCH_LISTINGS_ID

WANTED = Wanted(
    queues={"control": CONTROL_QUEUE, "fire": FIRE_QUEUE, "guard": GUARD_QUEUE},
    search_attributes=SEARCH_ATTRIBUTES,
    watch_id=WATCH_LISTINGS_ID,
    ports={"temporal": TEMPORAL_PORT, "simulator": SIMULATOR_PORT, "panel": PANEL_PORT},
)


def diagnose(*, wanted: Wanted = WANTED, free: FreeBytes = free_bytes) -> tuple[Finding, ...]:
    """Every finding about the installation that the environment names, in under 20 s. Raises nothing.

    wanted, free: what is expected, and how free space is told; as they are but for tests.
    """
    _silence()
    installation = read_installation()

    async def work() -> tuple[Finding, ...]:
        async with installation_checks(installation, wanted, free=free) as own, venue_checks(installation) as venue:
            return await examine((*own, *venue))

    return examine_apart(work)


def _silence() -> None:
    """What a part logs while it is asked is in its finding; libraries have levels of their own, so all are shut."""
    configure()
    logging.disable(logging.CRITICAL)
