"""Runs checks side by side, each with a time limit of its own. Whatever a probe does, a finding comes out."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic
from typing import Any

from adapters.doctor.findings import Finding, Verdict, error, not_asked
from adapters.logs import Masking

WITHIN_S = 4.0
"""Enough for any healthy part of one machine; three checks that need each other stay under 20 s."""
_LEAVE_WITHIN_S = 1.0
"""How long the end waits for probes that were given up."""

Probe = Callable[[], Awaitable[Verdict]]


@dataclass(frozen=True, slots=True)
class Check:
    """One question.

    needs: names of earlier checks without which it cannot be asked. within_s: seconds before it is given up.
    remedy: what to do when it hangs or breaks.
    """

    name: str
    probe: Probe
    needs: tuple[str, ...] = ()
    within_s: float = WITHIN_S
    remedy: str = "run the doctor again; when it stays so, look into the logs in SNIPER_HOME/logs"


def blocking(probe: Callable[[], Verdict]) -> Probe:
    """A probe that blocks, on a thread of its own."""

    async def on_a_thread() -> Verdict:
        return await asyncio.to_thread(probe)

    return on_a_thread


def said(verdict: Verdict) -> Probe:
    """A probe for what is known without asking."""

    async def say() -> Verdict:
        return verdict

    return say


async def examine(checks: Sequence[Check]) -> tuple[Finding, ...]:
    """One finding per check, in their order. Raises nothing but cancellation."""
    examination = _Examination()
    try:
        return await examination.of(checks)
    finally:
        await examination.leave()


def examine_apart(work: Callable[[], Coroutine[Any, Any, tuple[Finding, ...]]]) -> tuple[Finding, ...]:
    """Run `work` on an event loop of its own, for callers without one. A thread that hangs holds nobody up."""

    async def with_loose_threads() -> tuple[Finding, ...]:
        asyncio.get_running_loop().set_default_executor(_LooseThreads())
        return await work()

    return asyncio.run(with_loose_threads())


class _Examination:
    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[tuple[Finding, str]]] = {}
        self._probes: list[asyncio.Task[Verdict]] = []

    async def of(self, checks: Sequence[Check]) -> tuple[Finding, ...]:
        for check in checks:
            needed = [self._tasks[name] for name in check.needs]  # KeyError: a need must be checked before
            self._tasks[check.name] = asyncio.create_task(self._one(check, needed))
        return tuple([(await task)[0] for task in self._tasks.values()])

    async def leave(self) -> None:
        """Let go of what still runs; a probe that ignores that is left behind."""
        running: set[asyncio.Task[Any]] = {task for task in (*self._tasks.values(), *self._probes) if not task.done()}
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=_LEAVE_WITHIN_S)

    async def _one(self, check: Check, needed: Sequence[asyncio.Task[tuple[Finding, str]]]) -> tuple[Finding, str]:
        """The finding, and what is gone because of it."""
        for task in needed:
            await asyncio.wait({task})
            gone = task.result()[1]
            if gone:
                return _finding(check, not_asked(gone), 0.0), gone
        began = monotonic()
        verdict = await self._answer(check)
        return _finding(check, verdict, monotonic() - began), verdict.gone

    async def _answer(self, check: Check) -> Verdict:
        probe = asyncio.ensure_future(_awaited(check.probe))
        probe.add_done_callback(_heard)
        self._probes.append(probe)
        await asyncio.wait({probe}, timeout=check.within_s)
        if not probe.done():
            probe.cancel()  # not awaited: what hangs may hang on cancellation too
            return error(
                f"no answer within {check.within_s:g} s",
                expected="an answer in time",
                remedy=check.remedy,
                gone=f"{check.name} did not answer",
            )
        broken = None if probe.cancelled() else probe.exception()
        if probe.cancelled() or broken is not None:
            return error(
                f"the check itself broke: {_told(broken)}",
                expected="an answer",
                remedy=check.remedy,
                gone=f"{check.name} could not be examined",
            )
        return probe.result()


def _told(broken: BaseException | None) -> str:
    if broken is None:
        return "it was cancelled"
    text = " ".join(f"{type(broken).__name__}: {broken}".split())
    return str(Masking()(None, "", {"text": text})["text"])  # nobody knows what a foreign error quotes


async def _awaited(probe: Probe) -> Verdict:
    return await probe()


def _finding(check: Check, verdict: Verdict, took_s: float) -> Finding:
    return Finding(
        check.name, verdict.severity, verdict.found, verdict.expected, verdict.remedy, took_ms=round(took_s * 1000)
    )


def _heard(probe: asyncio.Task[Verdict]) -> None:
    """What a probe says after it was given up interests nobody, and is no unheard error."""
    if not probe.cancelled():
        probe.exception()


class _LooseThreads(ThreadPoolExecutor):
    """A thread per call, which nobody waits for at the end: a name that is looked up for ever, or a dead network file
    system, would otherwise keep the process from ending."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def call() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as exc:  # handed to whoever awaits it
                future.set_exception(exc)
            else:
                future.set_result(result)

        threading.Thread(target=call, daemon=True).start()
        return future
