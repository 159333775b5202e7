"""A worker that is frozen past its lease and woken sends nothing on the strength of what it knew."""

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.e2e.agreement import assert_ended_well
from tests.e2e.rehearsal import Rehearsal

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(150)]

FROZEN_S = 9.0
"""Longer than a lease (5 s) by a margin."""


async def test_a_fire_worker_frozen_over_the_opening_sends_nothing(rehearsal: Rehearsal) -> None:
    """Armed with shots ready, it wakes after its lease: the instant is over and so is its right."""
    session = await rehearsal.snipe("NEWUSDT")
    await rehearsal.until_phase(session, "armed")
    until_opening = (session.opens_at - datetime.now(UTC)).total_seconds()
    await asyncio.sleep(until_opening - 4)
    os.kill(rehearsal.pid("worker-fire"), signal.SIGSTOP)
    await asyncio.sleep(FROZEN_S)
    os.kill(rehearsal.pid("worker-fire"), signal.SIGCONT)
    closed = await session.handle.result()

    assert await rehearsal.requests(session) == []
    assert closed.outcome == "missed"
    await assert_ended_well(rehearsal, session, bought=False)


async def test_a_guard_frozen_past_its_lease_leaves_the_position_to_another(rehearsal: Rehearsal) -> None:
    """A second guard takes over after the lease, sells, and the woken one adds nothing."""
    second = await _second_guard(rehearsal)
    try:
        session = await rehearsal.snipe("NEWUSDT", time_stop_s=20)
        await rehearsal.until(
            session, lambda row: row.get("phase") == "guarding" and str(row["holder"]).startswith("guard")
        )
        holder = int(str(rehearsal.row(session)["holder"]).rsplit(":", 1)[1])
        os.kill(holder, signal.SIGSTOP)
        await rehearsal.until_phase(session, "closed", within_s=90)
        sent_before_waking = len(await rehearsal.requests(session))
        taken_over_by = str(rehearsal.row(session)["holder"])
        os.kill(holder, signal.SIGCONT)
        await asyncio.sleep(3)  # room for whatever a woken guard might do

        assert len(await rehearsal.requests(session)) == sent_before_waking
        assert not taken_over_by.endswith(f":{holder}")
        await assert_ended_well(rehearsal, session, bought=True)
    finally:
        second.kill()
        await second.wait()


async def _second_guard(rehearsal: Rehearsal) -> asyncio.subprocess.Process:
    """A guard worker beside the stack's own, ready to work."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "worker",
        "--role",
        "guard",
        env=rehearsal.stack.environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready role=guard\n"
    return process
