"""What is well and what is not, of the installation's own parts: pure, from what the probes saw.

Limits stand here with their reasons. The venue's part is in judging_venue.py.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from adapters.doctor.findings import Verdict, error, info, ok, warning
from adapters.local.temporal_version import OLDEST_SERVER, is_new_enough

MIB = 1024**2
GIB = 1024**3
LOW_DISK = 2 * GIB
"""A day of logs, journal and Temporal's history fits in, and time to react."""
FULL_DISK = 200 * MIB
"""Postgres stops when it cannot write, and with it every exit."""
OLDEST_POSTGRES = 15
SLOW_DATABASE_MS = 500
"""An exit's intent is committed before its order leaves: so late every exit would be."""
POLLED_WITHIN_S = 90.0
"""An idle worker asks anew once a minute, when the server has nothing for it; a dead one's last question is remembered
for five minutes."""
FAILING_AFTER = 3
"""An activity that has failed so often in a row has no passing trouble."""
SHOWN = 5
"""How many names a finding lists before it counts the rest."""


def home(path: Path, *, exists: bool, complaint: str) -> Verdict:
    """complaint: why nothing can be written there, empty when it can."""
    if complaint:
        return error(
            f"{path}: {complaint}",
            expected="a folder this user can write to",
            remedy="change its rights, or set SNIPER_HOME to another folder",
        )
    return ok(f"{path} can be written" if exists else f"{path} is not there yet; the first `sniper up` makes it")


def stack(path: Path, *, running: int | None, ready: bool, file_mode: int | None) -> Verdict:
    """path: of stack.json. running: process of the stack, None: none. file_mode: of the file, None: no such file."""
    if file_mode is not None and file_mode & 0o077:
        return error(
            f"{path} has mode {file_mode:04o}: other users of this machine can read the account's key",
            expected="mode 0600",
            remedy=f"chmod 600 {path}; if others work on this machine, replace the key at the venue",
        )
    if running is None and file_mode is not None:
        return warning(
            f"{path} was left behind by a stack that was killed",
            expected="no such file while no stack runs",
            remedy="`sniper up` replaces it; or remove it: nobody reads it any more",
        )
    if running is None:
        return info(f"no stack runs in {path.parent}", remedy="`sniper up` starts one")
    if not ready:
        return info(f"process {running} starts or stops a stack in {path.parent}", remedy="run the doctor again")
    return ok(f"process {running} runs a stack in {path.parent}")


def disk(path: Path, free_bytes: int) -> Verdict:
    """Room where the installation keeps everything."""
    found = f"{_size(free_bytes)} free at {path}"
    remedy = "make room there, or move SNIPER_HOME to another disk while no stack runs"
    if free_bytes < FULL_DISK:
        return error(found, expected=f"at least {_size(FULL_DISK)}; better {_size(LOW_DISK)}", remedy=remedy)
    if free_bytes < LOW_DISK:
        return warning(found, expected=f"at least {_size(LOW_DISK)}", remedy=remedy)
    return ok(found)


def database(version: int, latency_ms: float) -> Verdict:
    """version: as Postgres numbers it, 160004 for 16.4."""
    found = f"Postgres {version // 10_000}.{version % 10_000} answers in {latency_ms:.1f} ms"
    if version // 10_000 < OLDEST_POSTGRES:
        return error(
            found,
            expected=f"Postgres {OLDEST_POSTGRES} or newer",
            remedy="set DATABASE_URL to a newer server, or unset it to use the stack's own",
        )
    if latency_ms > SLOW_DATABASE_MS:
        return warning(
            found,
            expected=f"an answer within {SLOW_DATABASE_MS} ms",
            remedy="look what keeps the server or the way to it busy: every exit waits for it",
        )
    return ok(found)


def migrations(current: str | None, head: str, known: Collection[str]) -> Verdict:
    """current: the database's revision, None: it has no tables of ours. known: every revision of this version."""
    by_hand = "`sniper up` brings it there, or `python -m adapters.postgres.migrate DATABASE_URL` alone"
    if current is None:
        return error(
            f"no tables of ours; this version needs revision {head}",
            expected=f"revision {head}",
            remedy=by_hand,
            gone="the database has no tables of ours",
        )
    if current == head:
        return ok(f"at revision {current}, the newest this version knows")
    if current not in known:
        return error(
            f"at revision {current}, which this version does not know; it needs {head}",
            expected=f"revision {head}",
            remedy="another version has been here: run that one, or restore a database of this one",
        )
    return error(
        f"at revision {current}, behind {head}",
        expected=f"revision {head}",
        remedy=f"{by_hand}; stop the workers first",
    )


def temporal(version: str, latency_ms: float) -> Verdict:
    """version: as the server writes it."""
    found = f"Temporal {version or 'of an unknown version'} answers in {latency_ms:.1f} ms"
    oldest = ".".join(str(part) for part in OLDEST_SERVER)
    numbers = tuple(int(part) for part in version.split("-")[0].split(".") if part.isdigit())
    if is_new_enough(numbers or None):
        return ok(found)
    return error(
        found,
        expected=f"Temporal {oldest} or newer: older ones tell workers of a cancellation late",
        remedy="update the server, or unset TEMPORAL_ADDRESS to use the stack's own",
    )


def search_attributes(found: Mapping[str, str], wanted: Mapping[str, str], namespace: str) -> Verdict:
    """Name -> kind, of all that are registered and of those we need."""
    missing = [f"{name} ({kind})" for name, kind in wanted.items() if name not in found]
    other = [f"{name} is {found[name]}, not {kind}" for name, kind in wanted.items() if found.get(name, kind) != kind]
    if not missing and not other:
        return ok(f"{_counted(len(wanted), 'attribute')} registered in namespace {namespace!r}")
    told = ([f"missing: {', '.join(missing)}"] if missing else []) + other
    remedy = "`sniper up` registers them, or `temporal operator search-attribute create --name NAME --type KIND`"
    if other:
        remedy = "remove the wrong one (`temporal operator search-attribute remove`) and create it, or change namespace"
    return error(
        "; ".join(told),
        expected=", ".join(f"{name} {kind}" for name, kind in wanted.items()) + f" in namespace {namespace!r}",
        remedy=remedy,
    )


def worker(queue: str, ages_s: Mapping[str, float | None], *, trouble: str, cure: str) -> Verdict:
    """ages_s: kind of task -> seconds since somebody last asked the queue for one, None: nobody did lately.

    trouble: why the stack's process cannot work, empty: it can, or there is none. cure: where to look.
    """
    expected = f"a worker that polls queue {queue!r} for {' and '.join(ages_s)} tasks"
    silent = [kind for kind, age in ages_s.items() if age is None]
    late = [f"{kind} tasks last asked for {age:.0f} s ago" for kind, age in ages_s.items() if age is not None]
    if trouble:
        return error("; ".join([trouble, *late]), expected=expected, remedy=cure)
    if silent:
        return error(f"nobody polls queue {queue!r} for {' and '.join(silent)} tasks", expected=expected, remedy=cure)
    if any(age is not None and age > POLLED_WITHIN_S for age in ages_s.values()):
        return error("; ".join(late), expected=f"{expected}, within {POLLED_WITHIN_S:.0f} s", remedy=cure)
    return ok("; ".join(late))


def listing_watch(status: str | None, *, attempts: int, failure: str, cure: str) -> Verdict:
    """status: of the run in Temporal's words, None: it was never started. attempts: of its pending activity."""
    if status != "RUNNING":
        return error(
            "the listing watch was never started" if status is None else f"the listing watch is {status}",
            expected="one that runs: it finds listings, and starts again what lost its run",
            remedy=f"restart the control worker, which starts it; {cure}",
        )
    if attempts > FAILING_AFTER:
        return warning(
            f"the listing watch runs, but its step failed {attempts - 1} times: {failure}",
            expected="a step that succeeds",
            remedy="see the findings about database and venue; it goes on by itself when they are well",
        )
    return ok("runs")


def attention(texts: Mapping[str, str]) -> Verdict:
    """Session -> why it needs a human."""
    if not texts:
        return ok("no session needs a human")
    return warning(
        _listed([f"{session}: {text}" for session, text in texts.items()]),
        expected="no session that needs a human",
        remedy=f"`sniper show {next(iter(texts))}` tells its story",
    )


def halts(reasons: Sequence[tuple[str, str]]) -> Verdict:
    """What is halted, and why: pairs, as a scope may be halted twice."""
    if not reasons:
        return ok("nothing is halted")
    return warning(
        _listed([f"halted: {scope}: {reason}" for scope, reason in reasons]),
        expected="no halt, for something new to be bought",
        remedy='once it is safe again: `sniper release --reason "..."`, with the same --account or --session',
    )


def ports(taken: Mapping[str, tuple[int, str]], usual: Mapping[str, int]) -> Verdict:
    """Part of the stack -> its usual port; taken: with who listens there instead, empty: not known."""
    if not taken:
        return ok(f"{', '.join(str(port) for port in usual.values())} are free")
    return warning(
        "; ".join(f"{port} ({part}) is taken by {by or 'somebody'}" for part, (port, by) in taken.items()),
        expected="free ports",
        remedy="nothing has to be done: a free port is taken instead, and `sniper up` prints it",
    )


def versions(
    python: str, installed: Mapping[str, str], locked: Mapping[str, Collection[str]], needed: Collection[str]
) -> Verdict:
    """Installed versions against the lock file's. A name may be locked in several, for several Pythons.

    needed: packages that must be there; of the others, some are only for developers. locked empty: no lock file.
    """
    basis = f"Python {python}, temporalio {installed.get('temporalio', 'missing')}"
    missing = [f"{name} is missing" for name in needed if name not in installed]
    differing = [
        f"{name} {installed[name]}, locked {' or '.join(sorted(wanted))}"
        for name, wanted in locked.items()
        if name in installed and installed[name] not in wanted
    ]
    if missing or differing:
        return warning(
            f"{basis}; {_listed(missing + differing)}",
            expected="every package in the version of requirements.lock",
            remedy="make bootstrap",
        )
    if not locked:
        return info(f"{basis}; no requirements.lock to compare with")
    return ok(f"{basis}, {_counted(len(locked.keys() & installed.keys()), 'package')} as locked")


def temporal_executable(path: Path | None, *, needed: bool, go: bool) -> Verdict:
    """path: None when it has to be made first. needed: the stack runs a server of its own. go: it could be built."""
    if not needed:
        return info("not needed: TEMPORAL_ADDRESS names a server")
    if path is not None:
        return ok(str(path))
    if go:
        return info(
            "not there yet: the first start downloads it, or builds it with Go in several minutes",
            remedy="`make temporal` does it now",
        )
    return warning(
        "not there yet, and no Go to build it when it cannot be downloaded",
        expected="a Temporal CLI, or Go",
        remedy="`make temporal` tries the download; or install Go 1.21, set SNIPER_TEMPORAL_CLI or TEMPORAL_ADDRESS",
    )


def panel(url: str, complaint: str, *, cure: str) -> Verdict:
    """complaint: what came instead of an answer, empty when all is well."""
    if not complaint:
        return ok(f"{url} answers")
    return error(f"{url} does not answer its health question: {complaint}", expected="HTTP 200", remedy=cure)


def realtime(complaint: str, cpus: int, cpu: int | None, pinning_complaint: str) -> Verdict:
    """complaint: why real-time scheduling is refused, empty when it is granted. cpus: how many this process may use.
    cpu: the one that the sending thread is to keep to, None: any. pinning_complaint: why it cannot, empty when it can.
    """
    granted = f"may not be used ({complaint})" if complaint else "may be used"
    found = f"{granted}; {_counted(cpus, 'CPU')}, {_pinning(cpus, cpu, pinning_complaint)}"
    remedies = []
    if complaint:
        remedies.append("nothing needs it; to allow it, grant CAP_SYS_NICE, or `rtprio 1` in limits.conf")
    if cpu is not None and pinning_complaint:
        remedies.append("leave SNIPER_FIRE_CPU out, or allow sched_setaffinity")
    return info(found, remedy="; ".join(remedies)) if remedies else ok(found)


def _pinning(cpus: int, cpu: int | None, complaint: str) -> str:
    if complaint:
        return f"the sending thread cannot be kept to one ({complaint})"
    if cpu is not None:
        return f"the sending thread keeps to number {cpu}"
    return "the sending thread uses any" + (": SNIPER_FIRE_CPU would keep it to one" if cpus > 1 else "")


def _listed(texts: Sequence[str]) -> str:
    rest = len(texts) - SHOWN
    return "; ".join(texts[:SHOWN]) + (f"; and {rest} more" if rest > 0 else "")


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" + ("" if number == 1 else "s")


def _size(size: int) -> str:
    return f"{size / GIB:.1f} GiB" if size >= GIB else f"{size / MIB:.0f} MiB"
