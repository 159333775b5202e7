"""An activity watches work that does not depend on it: leaving detaches, and only an asked-for stop stops."""

import asyncio

import pytest
from temporalio.activity import ActivityCancellationDetails
from temporalio.testing import ActivityEnvironment

from activities.attachment import attached


class Work:
    """Something a desk does, which others may watch."""

    def __init__(self) -> None:
        self.done = asyncio.Event()
        self.stops = 0

    async def watch(self) -> str:
        await self.done.wait()
        return "the outcome"

    async def stop(self) -> None:
        self.stops += 1
        self.done.set()

    async def attach(self) -> str:
        return await attached(self.watch(), self.stop)


async def test_the_outcome_is_returned_and_heartbeats_flow_meanwhile() -> None:
    """Beats begin at once, so that a cancellation arrives early."""
    work, beats = Work(), asyncio.Event()
    environment = ActivityEnvironment()
    environment.on_heartbeat = lambda *details: beats.set()
    attachment = asyncio.create_task(environment.run(work.attach))
    await asyncio.wait_for(beats.wait(), 5)
    work.done.set()

    assert await attachment == "the outcome"
    assert work.stops == 0


@pytest.mark.parametrize(
    "details",
    [
        ActivityCancellationDetails(timed_out=True),
        ActivityCancellationDetails(not_found=True),
        ActivityCancellationDetails(worker_shutdown=True),
    ],
)
async def test_a_cancellation_nobody_asked_for_only_detaches(details: ActivityCancellationDetails) -> None:
    """A lost server, a timeout, a worker that shuts down: the desk goes on by itself."""
    work = Work()
    environment = ActivityEnvironment()
    attachment = asyncio.create_task(environment.run(work.attach))
    await asyncio.sleep(0.01)

    environment.cancel(cancellation_details=details)

    with pytest.raises(asyncio.CancelledError):
        await attachment
    assert work.stops == 0


async def test_a_cancellation_somebody_asked_for_stops_the_work_and_tells_its_outcome() -> None:
    """Being told to stop is not a reason to leave before the end is known."""
    work = Work()
    environment = ActivityEnvironment()
    attachment = asyncio.create_task(environment.run(work.attach))
    await asyncio.sleep(0.01)

    environment.cancel(cancellation_details=ActivityCancellationDetails(cancel_requested=True))

    assert await attachment == "the outcome"
    assert work.stops == 1


async def test_what_the_work_raises_is_raised() -> None:
    """A broken run is told to Temporal, which tries again."""

    async def broken() -> None:
        raise RuntimeError("broke")

    async def attach() -> None:
        await attached(broken(), Work().stop)

    with pytest.raises(RuntimeError, match="broke"):
        await ActivityEnvironment().run(attach)
