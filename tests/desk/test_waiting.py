"""A wait ends with its wake-up, its time, or its cancellation, and none of them hides another."""

import asyncio

import pytest

from desk.row_watch import RowWatch
from desk.waiting import until_woken
from tests.builders import a_record
from tests.fakes import FakeClock, FakeStore, FakeWakeups


@pytest.mark.parametrize("set_before", [True, False], ids=["woken", "in time"])
async def test_a_wait_returns_with_its_event_clear(set_before: bool) -> None:
    """Woken or not."""
    event = asyncio.Event()
    if set_before:
        event.set()

    await until_woken(event, 0.5)

    assert not event.is_set()


async def test_a_cancellation_in_the_turn_of_a_wake_up_is_not_lost() -> None:
    """A row that is told to be read anew just when its session lets go: the watch ends."""
    record = a_record()
    store = FakeStore(FakeClock(), record)
    wakeups = FakeWakeups(store)
    watch = RowWatch(store, wakeups, FakeClock(), record)
    watching = asyncio.create_task(watch.keep())
    await asyncio.sleep(0.1)

    store.change(halted=True)  # wakes the watch
    await asyncio.sleep(0)
    watching.cancel()
    await asyncio.wait({watching}, timeout=5)

    assert watching.cancelled()
