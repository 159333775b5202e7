"""Whatever a probe does, a finding comes out, and nobody else waits for it."""

import asyncio
import threading
from collections.abc import Sequence

from adapters.doctor.findings import Finding, Severity, Verdict, error, ok
from adapters.doctor.running import Check, blocking, examine, examine_apart, said


def _told(findings: Sequence[Finding]) -> list[tuple[str, Severity, str]]:
    return [(finding.name, finding.severity, finding.found) for finding in findings]


async def test_findings_come_in_the_order_of_their_checks() -> None:
    """Not in the order in which they are ready."""
    first_may_end = asyncio.Event()

    async def slow() -> Verdict:
        await first_may_end.wait()
        return ok("slow")

    async def quick() -> Verdict:
        first_may_end.set()
        return ok("quick")

    findings = await examine([Check("one", slow), Check("two", quick)])

    assert _told(findings) == [("one", Severity.OK, "slow"), ("two", Severity.OK, "quick")]


async def test_what_needs_something_gone_is_not_asked() -> None:
    """Also what needs it by way of another; what needs it only by name goes on when it is merely ill."""

    async def never() -> Verdict:
        raise AssertionError("it was asked")

    findings = await examine(
        [
            Check("database", said(error("away", expected="", remedy="", gone="database is not reachable"))),
            Check("tables", never, ("database",)),
            Check("sessions", never, ("tables",)),
            Check("old", said(error("too old", expected="", remedy=""))),
            Check("new", said(ok("fine")), ("old",)),
        ]
    )

    assert _told(findings)[1:] == [
        ("tables", Severity.INFO, "not asked: database is not reachable"),
        ("sessions", Severity.INFO, "not asked: database is not reachable"),
        ("old", Severity.ERROR, "too old"),
        ("new", Severity.OK, "fine"),
    ]
    assert findings[1].took_ms == 0


async def test_a_probe_that_breaks_is_a_finding_that_names_why() -> None:
    """Without what a foreign error may quote."""

    async def broken() -> Verdict:
        raise LookupError("no answer from postgresql://me:hush@nowhere/x")

    async def cancelled() -> Verdict:
        raise asyncio.CancelledError

    findings = await examine([Check("one", broken), Check("two", said(ok("")), ("one",)), Check("three", cancelled)])

    assert _told(findings) == [
        ("one", Severity.ERROR, "the check itself broke: LookupError: no answer from postgresql://me:***@nowhere/x"),
        ("two", Severity.INFO, "not asked: one could not be examined"),
        ("three", Severity.ERROR, "the check itself broke: it was cancelled"),
    ]


async def test_a_probe_that_hangs_is_given_up() -> None:
    """Also one that does not let itself be cancelled; what needs it is not asked."""
    released = asyncio.Event()

    async def stubborn() -> Verdict:
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue
        return ok("too late")

    findings = await examine(
        [
            Check("one", stubborn, within_s=0.01, remedy="restart it"),
            Check("two", said(ok("")), ("one",)),
            Check("three", said(ok("well"))),
        ]
    )
    released.set()

    assert _told(findings) == [
        ("one", Severity.ERROR, "no answer within 0.01 s"),
        ("two", Severity.INFO, "not asked: one did not answer"),
        ("three", Severity.OK, "well"),
    ]
    assert findings[0].remedy == "restart it"


def test_a_thread_that_hangs_holds_nobody_up() -> None:
    """Neither the findings nor the end of the loop wait for it."""
    released = threading.Event()

    def hang() -> Verdict:
        released.wait()
        return ok("too late")

    def work() -> Verdict:
        return ok(threading.current_thread().name)

    async def both() -> tuple[Finding, ...]:
        return await examine([Check("one", blocking(hang), within_s=0.01), Check("two", blocking(work))])

    findings = examine_apart(both)
    was_held_up = released.is_set()
    released.set()

    assert not was_held_up
    assert [finding.severity for finding in findings] == [Severity.ERROR, Severity.OK]
    assert findings[1].found != threading.current_thread().name
