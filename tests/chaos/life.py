"""One process with a desk: a thread with an event loop, adapters, a launchpad and a door to the venue of its own.

The desk and everything under it is real. That the process dies is played: its door shuts, its tasks end where they
wait, the locks of its leases are let go as the kernel would do, and nothing of its memory is used again.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, cast

from desk.desk import Desk
from desk.kit import DeskKit
from domain.errors import StoreUnavailable, TryAgain
from tests.chaos.open_desk import OpenDesk, Post, ask, open_desk
from tests.chaos.plan import Mishap, Worker
from tests.chaos.ports import Fate, Mortal
from tests.chaos.scaled_time import ScaledClock, ScaledLoop
from tests.chaos.surroundings import Surroundings
from tests.chaos.wire import Door

_ATTACH_AGAIN_S = 0.2
_OPEN_AGAIN_S = 0.5


class Life:
    """Begins with `begin`."""

    def __init__(self, around: Surroundings, plan: Worker) -> None:
        self._plan = plan
        self._around = around
        self._clock = ScaledClock(around.scale)
        self._loop = ScaledLoop(self._clock, around.scale)
        self._fate = Fate(plan.dies_at_call, after=plan.after)
        self._fate.on_death = self._fall
        self._door: Door = around.venue.door(plan.name)
        self._post: Post = around.post(plan, self._door)
        self._open: OpenDesk | None = None
        self._attached: asyncio.Task[str] | None = None
        self._detached = False
        self._resting = False
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=plan.name, daemon=True)

    @property
    def dead(self) -> bool:
        return self._fate.dead

    def begin(self) -> None:
        self._thread.start()

    def rest(self) -> None:
        """Nobody asks it any more; its desk goes on."""
        self._do(self._rest)

    def ask(self) -> None:
        """It is asked again."""
        self._do(lambda: setattr(self, "_resting", False))

    def tell(self) -> None:
        """What each of its tasks waits for."""
        self._do(self._tell)

    def end(self) -> None:
        """Let it leave in peace, as on SIGTERM; returns when it is gone."""
        self._do(self._stop.set)
        self._thread.join()

    def strike(self, mishap: Mishap) -> None:
        """Something happens to this process."""
        match mishap.kind:
            case "kill":
                self._do(self._kill)
                self._thread.join()
            case "pause":
                self._do(lambda: time.sleep(self._around.scale.real(mishap.for_s)))
            case "suspend":
                self._do(lambda: self._sleep(mishap.for_s))
            case "cut_off":
                self._do(lambda: self._cut_off(mishap.for_s))
            case "detach":
                self._do(lambda: self._detach(mishap.for_s))
            case "abort":
                self._do(self._abort)

    def _do(self, act: Callable[[], object]) -> None:
        """On its own thread, soon."""
        with suppress(RuntimeError):  # its loop is closed
            self._loop.call_soon_threadsafe(act)

    def _kill(self) -> None:
        if not self._fate.dead:
            with suppress(asyncio.CancelledError):
                self._fate.die("at an instant of its own")

    def _sleep(self, seconds: float) -> None:
        self._clock.suspend()
        time.sleep(self._around.scale.real(seconds))
        self._clock.resume()

    def _cut_off(self, seconds: float) -> None:
        self._fate.cut_off = True
        self._loop.call_later(seconds, setattr, self._fate, "cut_off", False)

    def _detach(self, seconds: float) -> None:
        self._detached = True
        self._loop.call_later(seconds, setattr, self, "_detached", False)
        if self._attached is not None:
            self._attached.cancel()

    def _tell(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            frames = task.get_stack()
            where = [f"{frame.f_code.co_filename}:{frame.f_lineno}" for frame in frames]
            self._around.told(self._plan.name, "waits", f"{task.get_name()} in {' '.join(where)}")

    def _rest(self) -> None:
        self._resting = True
        if self._attached is not None:
            self._attached.cancel()

    def _abort(self) -> None:
        if self._open is not None:
            self._aborting = asyncio.ensure_future(self._open.desk.abort(self._post.key))

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            with suppress(asyncio.CancelledError):
                self._loop.run_until_complete(self._live())
        except Exception as error:  # a bug somewhere: the run's judge hears of it
            self._around.told(self._plan.name, "broke", repr(error))
        finally:
            rest = asyncio.all_tasks(self._loop)
            for task in rest:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()
            if not (self._fate.dead or self._stop.is_set()):
                self._around.told(self._plan.name, "broke", "it ended by itself")
            if self._fate.dead:
                self._around.told(self._plan.name, "died", self._fate.died_at)

    async def _live(self) -> None:
        while not self._fate.dead:
            try:
                async with open_desk(self._post, self._clock, self._changed) as opened:
                    self._open = opened
                    await self._work(opened.desk)
                return
            except StoreUnavailable:  # while opening: the supervisor starts it again
                await self._clock.sleep(_OPEN_AGAIN_S)

    async def _work(self, desk: Desk) -> None:
        working = asyncio.create_task(self._attach(desk), name="attach")
        leaving = asyncio.create_task(self._stop.wait(), name="leave")
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
            await leaving
        working.cancel()
        if self._attached is not None:
            self._attached.cancel()
            await asyncio.gather(self._attached, return_exceptions=True)
        await desk.close()

    async def _attach(self, desk: Desk) -> None:
        """As Temporal asks, attempt after attempt, until the activity has its answer."""
        while True:
            if not (self._detached or self._resting):
                self._attached = asyncio.create_task(ask(desk, self._post), name="activity")
                try:
                    self._around.told(self._plan.name, await asyncio.shield(self._attached), "")
                    return
                except TryAgain:
                    pass
                except asyncio.CancelledError:
                    attaching = asyncio.current_task()
                    if attaching is None or attaching.cancelling():  # not, or not only, the activity was cancelled
                        raise
            await self._clock.sleep(_ATTACH_AGAIN_S)

    def _changed(self, kit: DeskKit) -> DeskKit:
        """The kit of a process that may die, and of a broken desk where that is wanted."""

        def mortal(port: object, *, stored: bool = False) -> Any:
            return cast(Any, Mortal(port, self._fate, stored=stored))

        kit = self._around.breakage(kit)
        return replace(
            kit,
            exchange_clock=mortal(kit.exchange_clock),
            exchange=mortal(kit.exchange),
            store=mortal(kit.store, stored=True),
            leases=mortal(kit.leases, stored=True),
        )

    def _fall(self) -> None:
        """On its own thread: nothing leaves any more, and every task ends where it waits."""
        self._around.venue.shut(self._door)
        if self._open is not None:
            self._open.launchpad.close()
            for held in tuple(self._open.leases._held.values()):
                if held.lock is not None:
                    held.lock.drop()  # as the kernel does
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
