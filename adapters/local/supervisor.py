"""Keeps child processes running, and leaves none behind.

A child that dies is named with its ending and its last log lines, and started again with growing pauses. Stopping goes
from the highest stage down. Not here: what the children are (stack.py).
"""

import asyncio
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic

from adapters.local.child import Child, Run, ending, spawn
from domain.errors import SniperError

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 10.0  # an operator who repairs something should not wait longer for its effect
HEALTHY_AFTER_S = 30.0  # a child that lived this long is not in a crash loop: pauses start small again
ASK_READY_EVERY_S = 0.05
ONE_QUESTION_S = 5.0  # a readiness question that hangs is asked anew


class ChildFailed(SniperError):
    """A child ended, or did not become ready in time, during its first start."""


@dataclass(slots=True)
class _Kept:
    child: Child
    run: Run
    task: asyncio.Task[None] | None = None


class Supervisor:
    """Starts children, starts them again when they die, stops them all.

    Lives on one event loop, which must be that of the main thread where children shall die with this process: the
    kernel ties a child's death signal to the thread that started it.

    say: receives one line per event, for the terminal. changed: called after every start of a child, with name -> pid.
    """

    def __init__(self, *, say: Callable[[str], None], changed: Callable[[Mapping[str, int]], None]) -> None:
        self._say = say
        self._changed = changed
        self._kept: dict[str, _Kept] = {}
        self._hurry = asyncio.Event()

    async def start(self, child: Child) -> None:
        """Start `child` and return when it is ready; from then on it is kept running.

        Raises ChildFailed, with its last log lines, when it ends or is late; then nothing of it is left.
        """
        began = monotonic()
        run = await spawn(child)
        kept = self._kept[child.name] = _Kept(child, run)
        try:
            await _until_ready(child, run)
        except BaseException:
            del self._kept[child.name]
            await run.kill()
            raise
        self._say(f"{child.name}: ready after {monotonic() - began:.1f} s")
        kept.task = asyncio.create_task(self._keep(kept), name=f"keep {child.name}")
        self._changed(self.pids())

    def pids(self) -> dict[str, int]:
        """Process id by child name, of the lives that run now or ended last."""
        return {name: kept.run.pid for name, kept in self._kept.items()}

    def run_of(self, name: str) -> Run:
        """The present life of a child, or its last one while it is being started again. KeyError: no such child."""
        return self._kept[name].run

    async def stop(self) -> None:
        """Stop every child, highest stage first; at the end no process of theirs is left. May be called again."""
        for kept in self._kept.values():
            if kept.task is not None:
                kept.task.cancel()
        await asyncio.gather(*(kept.task for kept in self._kept.values() if kept.task), return_exceptions=True)
        for stage in sorted({kept.child.stage for kept in self._kept.values()}, reverse=True):
            members = [kept for kept in self._kept.values() if kept.child.stage == stage]
            await asyncio.gather(*(self._end(kept) for kept in members))
        self._kept.clear()

    def hurry(self) -> None:
        """Grant no more grace: what `stop` still waits for is killed at once."""
        self._hurry.set()

    async def _end(self, kept: _Kept) -> None:
        child, run = kept.child, kept.run
        began = monotonic()
        run.signal_group(child.stop_signal)
        run.signal_group(signal.SIGCONT)  # a stopped process acts on its stop signal only when it runs
        patience = [asyncio.create_task(run.process.wait()), asyncio.create_task(self._hurry.wait())]
        await asyncio.wait(patience, timeout=child.grace_s, return_when=asyncio.FIRST_COMPLETED)
        for task in patience:
            task.cancel()
        if run.process.returncode is None:
            self._say(f"{child.name}: killed, it had not stopped after {monotonic() - began:.1f} s")
        await run.kill()

    async def _keep(self, kept: _Kept) -> None:
        child = kept.child
        pause_s = FIRST_PAUSE_S
        ready_since: float | None = monotonic()
        while True:
            returncode = await kept.run.process.wait()
            await kept.run.kill()  # what it left of its group
            if ready_since is not None and monotonic() - ready_since >= HEALTHY_AFTER_S:
                pause_s = FIRST_PAUSE_S
            self._say(
                "\n".join(
                    [
                        f"{child.name}: ended with {ending(returncode)}, starting again in {pause_s:.1f} s",
                        *(f"    {line}" for line in kept.run.last_lines()),
                    ]
                )
            )
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            ready_since = await self._again(kept)

    async def _again(self, kept: _Kept) -> float | None:
        """One more life. The instant it was ready (monotonic seconds); None when it never was, and has ended."""
        began = monotonic()
        try:
            kept.run = await spawn(kept.child)
            self._changed(self.pids())
            await _until_ready(kept.child, kept.run)
        except Exception as exc:  # whatever it was, the next attempt may do better, and nobody else makes one
            self._say(f"{kept.child.name}: could not be started again: {exc}")
            await kept.run.kill()
            return None
        self._say(f"{kept.child.name}: ready again after {monotonic() - began:.1f} s")
        return monotonic()


async def _until_ready(child: Child, run: Run) -> None:
    deadline = monotonic() + child.ready_within_s
    trouble = ""
    while True:
        if run.process.returncode is not None:
            raise ChildFailed(_report(child, run, f"ended with {ending(run.process.returncode)} before it was ready"))
        try:
            async with asyncio.timeout(ONE_QUESTION_S):
                if await child.ready(run):
                    return
        except Exception as exc:  # any refusal while it boots means "not yet"; the last one is reported below
            trouble = f" ({type(exc).__name__}: {exc})"
        if monotonic() > deadline:
            raise ChildFailed(_report(child, run, f"not ready after {child.ready_within_s:.0f} s{trouble}"))
        await asyncio.sleep(ASK_READY_EVERY_S)


def _report(child: Child, run: Run, fact: str) -> str:
    return "\n".join([f"{child.name}: {fact}; log: {child.log_path}", *(f"    {line}" for line in run.last_lines())])
