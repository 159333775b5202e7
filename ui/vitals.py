"""Whether everything that a session needs is well, as the doctor finds it; the venue is the workers' to judge."""

from collections.abc import Mapping

from adapters.doctor.checks import Wanted, installation_checks
from adapters.doctor.findings import Finding
from adapters.doctor.installation import installation_of
from adapters.doctor.running import examine, examine_apart
from adapters.settings import Settings
from ui.latest import Latest, Seen
from workflows.names import CONTROL_QUEUE, FIRE_QUEUE, GUARD_QUEUE, SEARCH_ATTRIBUTES, WATCH_LISTINGS_ID

EVERY_S = 10.0
"""How often the page may have everything examined: it costs some thirty questions and a started program."""
_NO_PORTS: Mapping[str, int] = {}  # the page is there, so the stack has its ports


class Vitals:
    """Findings for pages, from any thread; one examination at a time, kept while the next one goes on."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._findings = Latest(self._examine, fresh_s=EVERY_S)

    def findings(self) -> Seen[tuple[Finding, ...]]:
        """The newest examination."""
        return self._findings.look()

    def _examine(self) -> tuple[Finding, ...]:
        wanted = Wanted(
            queues={"control": CONTROL_QUEUE, "fire": FIRE_QUEUE, "guard": GUARD_QUEUE},
            search_attributes=SEARCH_ATTRIBUTES,
            watch_id=WATCH_LISTINGS_ID,
            ports=_NO_PORTS,
        )

        async def look() -> tuple[Finding, ...]:
            async with installation_checks(installation_of(self._settings), wanted) as checks:
                return await examine(checks)

        return examine_apart(look)
