"""Whole sessions on a real dev server, twice: with a cache and without. With RECORD_HISTORIES=1 they become the golden
histories that test_replay.py replays.
"""

import json
import os
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer

from adapters.payloads import DATA_CONVERTER
from domain.commands import Abort, Prepared, Reschedule, SnipeClosed, StartSnipe
from tests.workflows.stand_ins import DISARMED, FILLED, NOTHING, StandIns
from tests.workflows.test_snipe import a_snipe, working
from tests.workflows.test_watch_listings import ListingStandIns, a_wish, eventually, watching
from workflows.names import CONTROL_QUEUE
from workflows.snipe import Snipe
from workflows.watch_listings import WatchListings

pytestmark = [pytest.mark.server, pytest.mark.asyncio(loop_scope="session")]

FOLDER = Path(__file__).parent / "histories"
Handle = WorkflowHandle[Snipe, SnipeClosed]
Act = Callable[[Handle, StartSnipe], Awaitable[None]]


async def nothing_more(handle: Handle, start: StartSnipe) -> None:
    """The session runs by itself."""


async def moved(handle: Handle, start: StartSnipe) -> None:
    await handle.execute_update("reschedule", Reschedule(start.opens_at + timedelta(hours=1), "revision-2"))


async def aborted(handle: Handle, start: StartSnipe) -> None:
    await handle.execute_update("abort", Abort("enough", "abort-1"))


async def cancelled(handle: Handle, start: StartSnipe) -> None:
    await handle.cancel()


STORIES: dict[str, tuple[Callable[[], StandIns], Act]] = {
    "filled": (StandIns, nothing_more),
    "unfilled": (lambda: StandIns(entries=[NOTHING]), nothing_more),
    "disarmed": (lambda: StandIns(entries=[DISARMED, FILLED]), nothing_more),
    "rejected": (lambda: StandIns(prepared=Prepared("rejected", ("no funds",))), nothing_more),
    "resumed": (lambda: StandIns(prepared=Prepared("resume", revision=3)), nothing_more),
    "moved": (StandIns, moved),
    "aborted": (StandIns, aborted),
    "cancelled": (StandIns, cancelled),
}


@pytest.mark.parametrize("story", STORIES)
async def test_a_session_replays_from_its_history(environment: WorkflowEnvironment, story: str) -> None:
    """What a run did, a new process does again from its history alone."""
    make, act = STORIES[story]
    start = a_snipe()
    async with working(environment.client, make()):
        if act is nothing_more:
            handle = await _started(environment.client, start)
        else:
            with environment.with_time_skipping_disabled():
                handle = await _started(environment.client, start)
            await act(handle, start)
            await environment.fast_forward(handle, timedelta(hours=4))
        await handle.result()
    text = await _history(handle)

    await Replayer(workflows=[Snipe], data_converter=DATA_CONVERTER).replay_workflow(await handle.fetch_history())
    _record(f"snipe-{story}", text)


async def test_watching_replays_from_its_history(environment: WorkflowEnvironment) -> None:
    """Also with a session started and an opening moved."""
    wish = a_wish()
    listings = ListingStandIns(left_open=(wish,), quick=2)
    with environment.with_time_skipping_disabled():
        async with watching(environment.client, listings) as name:
            await eventually(lambda: len(listings.cursors) == 3)
            handle = environment.client.get_workflow_handle(name)
            history = await handle.fetch_history()
            text = await _history(handle)
        await environment.client.get_workflow_handle(wish.workflow_id).terminate()

    await Replayer(workflows=[WatchListings], data_converter=DATA_CONVERTER).replay_workflow(history)
    _record("watch_listings-started", text)


async def _started(client: Client, start: StartSnipe) -> Handle:
    return await client.start_workflow(Snipe.run, start, id=start.key.workflow_id, task_queue=CONTROL_QUEUE)


async def _history(handle: WorkflowHandle[object, object] | Handle) -> str:
    """The history as JSON that names no machine and no process."""
    document = json.loads((await handle.fetch_history()).to_json())
    text = json.dumps(_scrubbed(document), indent=1, sort_keys=True)
    return re.sub(r"\d+@[A-Za-z0-9._-]+", "worker", text)


def _scrubbed(value: object) -> object:
    if isinstance(value, dict):
        hidden = {"identity", "stackTrace", "binaryChecksum"}
        return {key: "worker" if key in hidden else _scrubbed(inner) for key, inner in value.items()}
    return [_scrubbed(inner) for inner in value] if isinstance(value, list) else value


def _record(name: str, text: str) -> None:
    if os.environ.get("RECORD_HISTORIES") == "1":
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / f"{name}.json").write_text(text + "\n")
