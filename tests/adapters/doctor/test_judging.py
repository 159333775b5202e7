"""What counts as well, as worth a look, and as wrong: pure, from the numbers alone."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.doctor import judging, judging_venue
from adapters.doctor.findings import Finding, Severity, Verdict, not_asked, ok, refused, worst
from adapters.doctor.judging import GIB, MIB
from domain.errors import InvalidInput
from domain.venue_access import Trouble, Use, VenueAccess

HOME = Path("/home/somebody/.sniper")
KINDS = {"SniperPhase": "Keyword", "SniperOpensAt": "Datetime"}


def _finding(severity: Severity) -> Finding:
    return Finding("name", severity, "", "", "", 0)


def _needs_a_remedy(verdict: Verdict) -> bool:
    """Whoever is told that something is not right is told what to do."""
    return verdict.severity in (Severity.OK, Severity.INFO) or bool(verdict.remedy and verdict.expected)


def test_the_worst_of_all_is_the_most_severe() -> None:
    """Whatever the order; nothing at all is well."""
    mixed = [_finding(severity) for severity in (Severity.INFO, Severity.ERROR, Severity.WARNING, Severity.OK)]

    assert worst(mixed) is Severity.ERROR
    assert worst(mixed[:1] + mixed[2:]) is Severity.WARNING
    assert worst(mixed[:1] + mixed[3:]) is Severity.INFO
    assert worst([]) is Severity.OK


def test_several_refused_values_are_told_together() -> None:
    """Each with its own expectation; a remedy they share is told once."""
    verdict = refused(
        [
            InvalidInput("A", value="x", expected="a number", remedy="correct it"),
            InvalidInput("B", value="y", expected="a time", remedy="correct it"),
        ]
    )

    assert verdict.found == "A: got 'x'; B: got 'y'"
    assert verdict.expected == "A: a number; B: a time"
    assert verdict.remedy == "correct it"


def test_what_was_not_asked_is_neither_well_nor_ill() -> None:
    """And tells the checks behind it the same reason."""
    verdict = not_asked("database is not reachable")

    assert (verdict.severity, verdict.found) == (Severity.INFO, "not asked: database is not reachable")
    assert verdict.gone == "database is not reachable"


@pytest.mark.parametrize(
    ("free", "severity"),
    [
        (2 * GIB, Severity.OK),
        (2 * GIB - 1, Severity.WARNING),
        (200 * MIB, Severity.WARNING),
        (200 * MIB - 1, Severity.ERROR),
        (0, Severity.ERROR),
    ],
)
def test_a_disk_has_two_limits(free: int, severity: Severity) -> None:
    """2 GiB and 200 MiB, both inclusive."""
    verdict = judging.disk(HOME, free)

    assert verdict.severity is severity
    assert _needs_a_remedy(verdict)


@pytest.mark.parametrize(
    ("running", "ready", "mode", "severity", "words"),
    [
        (None, False, None, Severity.INFO, "no stack runs"),
        (None, False, 0o600, Severity.WARNING, "was left behind by a stack that was killed"),
        (7, False, None, Severity.INFO, "process 7 starts or stops"),
        (7, True, 0o600, Severity.OK, "process 7 runs a stack"),
        (7, True, 0o640, Severity.ERROR, "mode 0640"),
        (None, False, 0o604, Severity.ERROR, "mode 0604"),
    ],
)
def test_a_stack_is_judged_by_its_process_and_its_file(
    running: int | None, ready: bool, mode: int | None, severity: Severity, words: str
) -> None:
    """A file that others can read is worse than one that was left behind."""
    verdict = judging.stack(HOME / "stack.json", running=running, ready=ready, file_mode=mode)

    assert verdict.severity is severity
    assert words in verdict.found
    assert _needs_a_remedy(verdict)


def test_a_home_that_cannot_be_written_is_an_error() -> None:
    """One that is not there yet is none, if it can be made."""
    assert judging.home(HOME, exists=True, complaint="").severity is Severity.OK
    assert judging.home(HOME, exists=False, complaint="").severity is Severity.OK
    refusal = judging.home(HOME, exists=True, complaint="Read-only file system")
    assert refusal.severity is Severity.ERROR
    assert "Read-only file system" in refusal.found


@pytest.mark.parametrize(
    ("version", "latency_ms", "severity", "words"),
    [
        (150_000, 0.4, Severity.OK, "Postgres 15.0 answers in 0.4 ms"),
        (180_004, 499.0, Severity.OK, "Postgres 18.4"),
        (140_019, 0.4, Severity.ERROR, "Postgres 14.19"),
        (180_004, 501.0, Severity.WARNING, "answers in 501.0 ms"),
    ],
)
def test_a_database_must_be_new_and_quick_enough(
    version: int, latency_ms: float, severity: Severity, words: str
) -> None:
    """Its age counts before its pace."""
    verdict = judging.database(version, latency_ms)

    assert verdict.severity is severity
    assert words in verdict.found
    assert _needs_a_remedy(verdict)


@pytest.mark.parametrize(
    ("current", "severity", "gone"),
    [
        ("0002", Severity.OK, False),
        ("0001", Severity.ERROR, False),
        ("0009", Severity.ERROR, False),
        (None, Severity.ERROR, True),
    ],
)
def test_a_schema_must_be_at_head(current: str | None, severity: Severity, gone: bool) -> None:
    """Both revisions are told; only without any table nothing else can be asked."""
    verdict = judging.migrations(current, "0002", ["0001", "0002"])

    assert verdict.severity is severity
    assert (current or "no tables") in verdict.found
    assert severity is Severity.OK or "0002" in verdict.found
    assert bool(verdict.gone) is gone
    assert _needs_a_remedy(verdict)


@pytest.mark.parametrize(
    ("version", "severity"),
    [
        ("1.32.0", Severity.OK),
        ("1.40.1", Severity.OK),
        ("1.32.0-rc.1", Severity.OK),
        ("1.31.9", Severity.ERROR),
        ("", Severity.ERROR),
    ],
)
def test_a_temporal_server_must_be_new_enough(version: str, severity: Severity) -> None:
    """One that does not say counts as too old."""
    verdict = judging.temporal(version, 1.0)

    assert verdict.severity is severity
    assert _needs_a_remedy(verdict)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({}, "missing: SniperPhase (Keyword), SniperOpensAt (Datetime)"),
        ({"SniperPhase": "Keyword"}, "missing: SniperOpensAt (Datetime)"),
        ({"SniperPhase": "Text", "SniperOpensAt": "Datetime"}, "SniperPhase is Text, not Keyword"),
    ],
)
def test_search_attributes_must_be_there_with_their_kind(found: Mapping[str, str], words: str) -> None:
    """Each that is not, is named."""
    verdict = judging.search_attributes(found, KINDS, "default")

    assert verdict.severity is Severity.ERROR
    assert verdict.found == words
    assert _needs_a_remedy(verdict)


def test_further_search_attributes_do_not_matter() -> None:
    """The namespace may be shared."""
    assert judging.search_attributes({**KINDS, "Other": "Int"}, KINDS, "default").severity is Severity.OK


@pytest.mark.parametrize(
    ("ages", "trouble", "severity", "words"),
    [
        ({"activity": 3.0}, "", Severity.OK, "activity tasks last asked for 3 s ago"),
        ({"activity": 90.0}, "", Severity.OK, "90 s ago"),
        ({"activity": 91.0}, "", Severity.ERROR, "91 s ago"),
        ({"activity": None}, "", Severity.ERROR, "nobody polls queue 'fire' for activity tasks"),
        ({"workflow": None, "activity": 1.0}, "", Severity.ERROR, "nobody polls queue 'fire' for workflow tasks"),
        ({"activity": 1.0}, "its process 7 has ended", Severity.ERROR, "its process 7 has ended; activity tasks last"),
    ],
)
def test_a_worker_must_poll_for_every_kind_of_task(
    ages: Mapping[str, float | None], trouble: str, severity: Severity, words: str
) -> None:
    """What its process says counts before what the server remembers."""
    verdict = judging.worker("fire", ages, trouble=trouble, cure="look there")

    assert verdict.severity is severity
    assert words in verdict.found
    assert _needs_a_remedy(verdict)


@pytest.mark.parametrize(
    ("status", "attempts", "severity"),
    [
        ("RUNNING", 0, Severity.OK),
        ("RUNNING", 3, Severity.OK),
        ("RUNNING", 4, Severity.WARNING),
        ("TERMINATED", 0, Severity.ERROR),
        (None, 0, Severity.ERROR),
    ],
)
def test_the_listing_watch_must_run_and_get_on(status: str | None, attempts: int, severity: Severity) -> None:
    """A passing failure is none."""
    verdict = judging.listing_watch(status, attempts=attempts, failure="no answer", cure="look there")

    assert verdict.severity is severity
    assert severity is not Severity.WARNING or "failed 3 times: no answer" in verdict.found
    assert _needs_a_remedy(verdict)


def test_sessions_that_need_a_human_are_named() -> None:
    """The first few, and how many more."""
    assert judging.attention({}).severity is Severity.OK
    assert judging.halts([]).severity is Severity.OK
    verdict = judging.attention({f"main/mexc:NEW:USDT/{number}": "no bid" for number in range(1, 8)})
    assert verdict.severity is Severity.WARNING
    assert verdict.found.startswith("main/mexc:NEW:USDT/1: no bid; ")
    assert verdict.found.endswith("; and 2 more")
    assert "sniper show main/mexc:NEW:USDT/1" in verdict.remedy


def test_a_taken_port_is_a_warning_that_names_who_has_it() -> None:
    """And which part gives way."""
    usual = {"temporal": 7233, "panel": 8501}

    assert judging.ports({}, usual) == ok("7233, 8501 are free")
    verdict = judging.ports({"panel": (8501, "python (process 7)"), "temporal": (7233, "")}, usual)
    assert verdict.severity is Severity.WARNING
    assert verdict.found == "8501 (panel) is taken by python (process 7); 7233 (temporal) is taken by somebody"


@pytest.mark.parametrize(
    ("installed", "severity", "words"),
    [
        (
            {"temporalio": "1.35.0", "numpy": "2.4.6"},
            Severity.OK,
            "Python 3.11.7, temporalio 1.35.0, 2 packages as lock",
        ),
        ({"temporalio": "1.35.0", "numpy": "2.5.5"}, Severity.OK, "2 packages"),
        ({"temporalio": "1.35.0"}, Severity.OK, "1 package as locked"),
        ({"temporalio": "1.36.0", "numpy": "2.5.5"}, Severity.WARNING, "temporalio 1.36.0, locked 1.35.0"),
        ({"temporalio": "1.35.0", "numpy": "2.0"}, Severity.WARNING, "numpy 2.0, locked 2.4.6 or 2.5.5"),
        ({}, Severity.WARNING, "temporalio is missing"),
    ],
)
def test_packages_must_be_those_of_the_lock_file(installed: Mapping[str, str], severity: Severity, words: str) -> None:
    """Any of several locked versions will do, and a developer's package may be missing."""
    locked = {"temporalio": {"1.35.0"}, "numpy": {"2.4.6", "2.5.5"}}

    verdict = judging.versions("3.11.7", installed, locked, ["temporalio"])

    assert verdict.severity is severity
    assert words in verdict.found
    assert severity is Severity.OK or verdict.remedy == "make bootstrap"


def test_without_a_lock_file_versions_are_only_told() -> None:
    """An image may be made another way."""
    assert judging.versions("3.11.7", {"temporalio": "1.35.0"}, {}, ["temporalio"]).severity is Severity.INFO


@pytest.mark.parametrize(
    ("path", "needed", "go", "severity"),
    [
        (Path("temporal"), True, False, Severity.OK),
        (None, True, True, Severity.INFO),
        (None, True, False, Severity.WARNING),
        (None, False, False, Severity.INFO),
    ],
)
def test_a_temporal_executable_is_missed_only_where_none_can_be_made(
    path: Path | None, needed: bool, go: bool, severity: Severity
) -> None:
    """Nobody needs one beside a server that runs already."""
    verdict = judging.temporal_executable(path, needed=needed, go=go)

    assert verdict.severity is severity
    assert _needs_a_remedy(verdict)


def test_real_time_scheduling_is_never_missed() -> None:
    """It is told, with the number of processors."""
    assert judging.realtime("", 8, 3, "") == ok("may be used; 8 CPUs, the sending thread keeps to number 3")
    assert judging.realtime("", 8, None, "").found.endswith("any: SNIPER_FIRE_CPU would keep it to one")
    verdict = judging.realtime("Operation not permitted", 1, None, "")
    assert verdict.severity is Severity.INFO
    assert verdict.found == "may not be used (Operation not permitted); 1 CPU, the sending thread uses any"
    assert "CAP_SYS_NICE" in verdict.remedy


def test_a_named_processor_that_is_refused_has_a_remedy() -> None:
    """Without a name nobody misses it."""
    named = judging.realtime("", 2, 1, "Operation not permitted")

    assert named.severity is Severity.INFO
    assert "cannot be kept to one (Operation not permitted)" in named.found
    assert "SNIPER_FIRE_CPU" in named.remedy
    assert judging.realtime("", 2, None, "Operation not permitted").severity is Severity.OK


def test_a_silent_panel_is_an_error() -> None:
    """With what came instead."""
    assert judging.panel("http://127.0.0.1:8501", "", cure="look there").severity is Severity.OK
    assert "HTTP 500" in judging.panel("http://127.0.0.1:8501", "HTTP 500", cure="look there").found


@pytest.mark.parametrize(("bound_ms", "severity"), [(100.0, Severity.OK), (100.1, Severity.ERROR)])
def test_the_exchanges_clock_must_be_known_as_well_as_a_session_needs_it(bound_ms: float, severity: Severity) -> None:
    """The limit is the usual policy's."""
    verdict = judging_venue.clock(bound_ms, 100)

    assert verdict.severity is severity
    assert _needs_a_remedy(verdict)


@pytest.mark.parametrize(
    ("offset", "severity", "words"),
    [
        (timedelta(seconds=1), Severity.OK, "1.000 s behind the exchange"),
        (timedelta(seconds=-1), Severity.OK, "1.000 s ahead of the exchange"),
        (timedelta(seconds=1.001), Severity.INFO, "1.001 s behind"),
        (timedelta(days=-1), Severity.INFO, "86400.000 s ahead of"),
    ],
)
def test_a_wall_clock_is_never_an_error(offset: timedelta, severity: Severity, words: str) -> None:
    """In either direction."""
    verdict = judging_venue.wall_clock(offset)

    assert verdict.severity is severity
    assert words in verdict.found


def test_an_account_that_may_not_trade_is_an_error() -> None:
    """Though its key is accepted."""
    assert judging_venue.credentials(may_trade=True).severity is Severity.OK
    assert judging_venue.credentials(may_trade=False).severity is Severity.ERROR


WELL = VenueAccess("shared", "", (Use("orders", 1, 12), Use("weight", 60, 300)), 0.0, (), 1.25, 0.4, ())


def test_workers_that_get_on_with_the_venue_say_how_far_from_a_limit_they_are() -> None:
    """The fullest one is told, and what an operator wonders about near an opening."""
    verdict = judging_venue.access({"fire": WELL})

    assert verdict.severity is Severity.OK
    assert verdict.found == "fire shared, weight 60 of 300, exits waited up to 1.2 ms, clock to 0.4 ms"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"budget": "cut off", "why": "refused"}, "Redis is away (refused)"),
        ({"paused_s": 3.0}, "the venue asked for rest, 3.0 s are left"),
        ({"troubles": (Trouble("orders", 7, 4.0),)}, "orders failed 7 times in a row, tried again in 4 s"),
    ],
)
def test_a_worker_in_trouble_is_a_warning_that_names_it(change: dict[str, Any], told: str) -> None:
    """The others are left out."""
    verdict = judging_venue.access({"guard": WELL, "fire": replace(WELL, **change)})

    assert verdict.severity is Severity.WARNING
    assert verdict.found == f"fire: {told}"
    assert _needs_a_remedy(verdict)


def test_failures_that_have_not_opened_a_breaker_are_no_trouble() -> None:
    """A single one says nothing. Nobody who tells is not judged either."""
    assert judging_venue.access({"fire": replace(WELL, troubles=(Trouble("orders", 1, None),))}).severity is Severity.OK
    assert judging_venue.access({}).severity is Severity.INFO
