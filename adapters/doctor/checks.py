"""Every check of an installation but the venue's: what is asked, in which order, and what needs what.

The panel uses these too. Names of checks are part of the interface.
"""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from adapters.doctor import home, packages, panel, ports, processes, realtime, temporal_executable
from adapters.doctor.database import DatabaseProbes
from adapters.doctor.findings import Verdict, ok, refused
from adapters.doctor.installation import Installation
from adapters.doctor.running import Check, Probe, blocking, said
from adapters.doctor.temporal import TemporalProbes

LONG_WITHIN_S = 8.0
"""For what runs a program or waits for two answers; nothing needs it."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What our workflows and our stack need, as their modules name it.

    queues: role -> task queue; the role "control" also works on workflows. search_attributes: name -> kind.
    watch_id: workflow id of the listing watch. ports: part of the stack -> usual port. lock_file: what was to be
    installed.
    """

    queues: Mapping[str, str]
    search_attributes: Mapping[str, str]
    watch_id: str
    ports: Mapping[str, int]
    lock_file: Path = packages.LOCK_FILE


@asynccontextmanager
async def installation_checks(
    installation: Installation, wanted: Wanted, *, free: home.FreeBytes = home.free_bytes
) -> AsyncIterator[tuple[Check, ...]]:
    """The checks, usable inside the body. Nothing connects before they are run."""
    async with AsyncExitStack() as resources:
        yield (
            *_machine(installation, wanted, free),
            *_database(installation, resources),
            *_temporal(installation, wanted),
            Check("panel", lambda: panel.look_at_panel(installation)),
        )


def _machine(installation: Installation, wanted: Wanted, free: home.FreeBytes) -> Sequence[Check]:
    return (
        Check("settings", said(_settings(installation))),
        Check("stack", blocking(lambda: home.look_at_stack(installation))),
        Check("home", blocking(lambda: home.look_at_home(installation))),
        Check("disk", blocking(lambda: home.look_at_disk(installation, free))),
        Check("ports", blocking(lambda: ports.look_at_ports(installation, wanted.ports))),
        Check("versions", blocking(lambda: packages.look_at_versions(wanted.lock_file)), within_s=LONG_WITHIN_S),
        Check(
            "temporal-executable",
            blocking(lambda: temporal_executable.look_at_temporal_executable(os.environ)),
            within_s=LONG_WITHIN_S,
        ),
        Check("realtime", blocking(lambda: realtime.look_at_realtime(installation.settings.sniper_fire_cpu))),
    )


def _settings(installation: Installation) -> Verdict:
    if installation.refused:
        return refused(installation.refused)
    return ok(f"every variable can be used; SNIPER_HOME is {installation.home}")


def _database(installation: Installation, resources: AsyncExitStack) -> Sequence[Check]:
    url = installation.settings.database_url
    cure = installation.cure("postgres", "DATABASE_URL")
    probes = DatabaseProbes(url or "", cure=cure)
    resources.push_async_callback(probes.close)
    server: Probe = probes.server
    if url is None or installation.unusable("DATABASE_URL"):
        server = said(installation.unnamed("DATABASE_URL"))
    return (
        Check("database", server, remedy=cure),
        Check("migrations", probes.migrations, ("database",)),
        Check("sessions-attention", probes.attention, ("migrations",)),
        Check("halts", probes.halts, ("migrations",)),
        Check("venue-access", probes.venue_access, ("migrations",)),
    )


def _temporal(installation: Installation, wanted: Wanted) -> Sequence[Check]:
    settings = installation.settings
    cure = installation.cure("temporal", "TEMPORAL_ADDRESS")
    probes = TemporalProbes(settings.temporal_address, settings.temporal_namespace, cure=cure)
    named = "temporal_address" in settings.model_fields_set  # at the default address nothing of ours need run
    server: Probe = probes.server
    if not named or installation.unusable("TEMPORAL_ADDRESS"):
        server = said(installation.unnamed("TEMPORAL_ADDRESS"))
    prepared = ("temporal-namespace",)
    return (
        Check("temporal", server, remedy=cure),
        Check("temporal-namespace", probes.namespace, ("temporal",)),
        Check("search-attributes", lambda: probes.search_attributes(wanted.search_attributes), prepared),
        *(
            Check(f"worker-{role}", _worker(installation, probes, role, queue), prepared)
            for role, queue in wanted.queues.items()
        ),
        Check(
            "watch-listings",
            lambda: probes.listing_watch(wanted.watch_id, cure=_worker_cure(installation, "worker-control")),
            prepared,
        ),
    )


def _worker(installation: Installation, probes: TemporalProbes, role: str, queue: str) -> Probe:
    child = f"worker-{role}"
    tasks = ("workflow", "activity") if role == "control" else ("activity",)

    async def probe() -> Verdict:
        pid = installation.process_of(child)
        trouble = "" if pid is None else processes.trouble_of(pid)
        return await probes.worker(queue, tasks, trouble=trouble, cure=_worker_cure(installation, child))

    return probe


def _worker_cure(installation: Installation, child: str) -> str:
    pid = installation.process_of(child)
    if pid is None:
        return "`sniper up` starts the workers; give it the same TEMPORAL_ variables"
    return f"kill -9 {pid} has the stack start it anew; the log is {installation.log_of(child)}"
