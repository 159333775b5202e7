"""kill -9 in every phase: the session still ends flat, with at most one entry, and the books agree."""

import psycopg
import pytest

from tests.e2e.agreement import assert_ended_well
from tests.e2e.rehearsal import WORKERS, Rehearsal, Session

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(150)]

OWNER_OR_ALL = pytest.mark.parametrize("everybody", [False, True], ids=["owner", "all workers"])


async def _ends(rehearsal: Rehearsal, session: Session) -> None:
    await rehearsal.until_phase(session, "closed", within_s=90)
    await session.handle.result()


@OWNER_OR_ALL
@pytest.mark.parametrize("phase", ["arming", "armed"])
async def test_a_kill_before_the_opening_still_buys_once(rehearsal: Rehearsal, phase: str, everybody: bool) -> None:
    """With time left, the worker that comes back arms again and fires."""
    session = await rehearsal.snipe("NEWUSDT")
    await rehearsal.until_phase(session, phase)
    rehearsal.kill(*(WORKERS if everybody else ("worker-fire",)))
    await _ends(rehearsal, session)

    await assert_ended_well(rehearsal, session, bought=True)


@OWNER_OR_ALL
async def test_a_kill_in_the_final_approach_ends_flat(rehearsal: Rehearsal, everybody: bool) -> None:
    """Seconds before the opening nobody may be back in time; then it is missed, never bought twice."""
    session = await rehearsal.snipe("NEWUSDT")
    await rehearsal.until_phase(session, "firing")
    rehearsal.kill(*(WORKERS if everybody else ("worker-fire",)))
    await _ends(rehearsal, session)

    await assert_ended_well(rehearsal, session)


@OWNER_OR_ALL
async def test_a_kill_right_after_the_send_finds_the_position(rehearsal: Rehearsal, everybody: bool) -> None:
    """The order is at the venue and nobody wrote it down: its intent leads back to it."""
    session = await rehearsal.snipe("NEWUSDT")
    await rehearsal.until_sent(session)
    rehearsal.kill(*(WORKERS if everybody else ("worker-fire",)))
    await _ends(rehearsal, session)

    await assert_ended_well(rehearsal, session, bought=True)


@OWNER_OR_ALL
async def test_a_kill_while_guarding_still_ends_flat(rehearsal: Rehearsal, everybody: bool) -> None:
    """The guard that comes back asks first, and goes on."""
    session = await rehearsal.snipe("NEWUSDT", time_stop_s=12)
    await rehearsal.until(
        session, lambda row: row.get("phase") == "guarding" and str(row["holder"]).startswith("guard")
    )
    rehearsal.kill(*(WORKERS if everybody else ("worker-guard",)))
    await _ends(rehearsal, session)

    await assert_ended_well(rehearsal, session, bought=True)


@OWNER_OR_ALL
async def test_a_kill_while_closing_still_closes_the_books(rehearsal: Rehearsal, everybody: bool) -> None:
    """The books are held open by a lock on the reservation until the kill has happened."""
    session = await rehearsal.snipe("NEWUSDT", time_stop_s=2)
    await rehearsal.until_phase(session, "guarding")
    with psycopg.connect(rehearsal.stack.state.database_url) as holding:
        holding.execute("SELECT 1 FROM reservations WHERE session_id = %s FOR UPDATE", (rehearsal.row(session)["id"],))
        await rehearsal.until_phase(session, "closing")
        rehearsal.kill(*(WORKERS if everybody else ("worker-control",)))
        holding.rollback()
    await _ends(rehearsal, session)

    await assert_ended_well(rehearsal, session, bought=True)


async def test_a_terminated_run_gets_a_successor_that_closes_the_books(rehearsal: Rehearsal) -> None:
    """The desk sells when its run is terminated; the listing watch sees an open session that nobody runs."""
    session = await rehearsal.snipe("NEWUSDT", time_stop_s=60)
    await rehearsal.until(
        session, lambda row: row.get("phase") == "guarding" and str(row["holder"]).startswith("guard")
    )
    await session.handle.terminate("by mistake")
    await rehearsal.until_phase(session, "closed", within_s=90)

    await assert_ended_well(rehearsal, session, bought=True)
