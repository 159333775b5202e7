"""The Temporal server is away for a minute: entries go out on time, exits work, the journal is complete afterwards."""

import asyncio
import os
import signal
import subprocess
from pathlib import Path

import pytest
from temporalio.service import RPCError

from adapters.local.ports import free_port
from adapters.local.temporal_binary import find_binary, make_binary
from adapters.local.temporal_server import DevServer
from stack import Stack
from tests.e2e.agreement import assert_ended_well
from tests.e2e.rehearsal import Rehearsal, Session, options

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(280)]

AWAY_S = 60.0
ON_TIME_S = 1.0
"""Not a speed claim: an entry that waited for Temporal would be most of a minute late."""
WHOLE_STORY = ["preparing", "waiting", "arming", "armed", "firing", "guarding", "closing", "closed"]


class OutsideServer:
    """A Temporal server that no stack restarts; its database file outlives it."""

    def __init__(self, folder: Path) -> None:
        executable = find_binary(os.environ) or make_binary(os.environ)
        self.server = DevServer(executable, folder / "temporal.db", free_port())
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        self._process = subprocess.Popen(self.server.argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: ASYNC220 - returns at once
        while True:
            try:
                await self.server.is_ready()
                return
            except (RuntimeError, RPCError, TimeoutError):
                await asyncio.sleep(0.1)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None


async def test_a_minute_without_temporal_costs_neither_an_entry_nor_an_exit(tmp_path: Path) -> None:
    """One session is guarded and one is armed over its opening when the server stops for 60 s."""
    outside = OutsideServer(tmp_path)
    await outside.start()
    try:
        async with Stack(options(tmp_path / "home", temporal_address=outside.server.address)) as stack:
            rehearsal = await Rehearsal.of(stack)
            guarded = await rehearsal.snipe("GUARDUSDT", 14, arm_lead_s=10, time_stop_s=40)
            armed = await rehearsal.snipe("ARMEDUSDT", 34, arm_lead_s=20, time_stop_s=20)
            await rehearsal.until(guarded, lambda row: str(row.get("holder", "")).startswith("guard"))
            await rehearsal.until_phase(armed, "armed")
            assert _fills(rehearsal, armed) == []
            outside.stop()
            await asyncio.sleep(AWAY_S)
            flat_meanwhile = [_says(rehearsal, session, "position_flat") for session in (guarded, armed)]
            await outside.start()
            await guarded.handle.result()
            await armed.handle.result()
            first_order = (await rehearsal.requests(armed))[0]
            late_s = first_order["arrival_ms"] / 1000 - armed.opens_at.timestamp()

            assert flat_meanwhile == [True, True]
            assert 0 <= late_s < ON_TIME_S
            assert _phases(rehearsal, armed) == WHOLE_STORY
            assert _phases(rehearsal, guarded) == WHOLE_STORY
            await assert_ended_well(rehearsal, guarded, bought=True)
            await assert_ended_well(rehearsal, armed, bought=True)
            await rehearsal.close()
    finally:
        outside.stop()


def _says(rehearsal: Rehearsal, session: Session, kind: str) -> bool:
    return any(event["kind"] == kind for event in rehearsal.events(session))


def _fills(rehearsal: Rehearsal, session: Session) -> list[str]:
    return [event["kind"] for event in rehearsal.events(session) if event["kind"] == "fill_seen"]


def _phases(rehearsal: Rehearsal, session: Session) -> list[str]:
    """Phases in the order of their first entry."""
    entered = [event["payload"]["phase"] for event in rehearsal.events(session) if event["kind"] == "phase_entered"]
    return list(dict.fromkeys(entered))
