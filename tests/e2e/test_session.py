"""Whole sessions on real parts: Temporal, Postgres, workers in processes of their own, and a venue over the wire."""

from pathlib import Path
from uuid import uuid4

import pytest

from domain.commands import Abort, Receipt, Reschedule
from domain.session import Outcome
from stack import Stack
from tests.e2e.agreement import assert_ended_well
from tests.e2e.rehearsal import Rehearsal, Session, options

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(150)]


async def _update(session: Session, name: str, request: Abort | Reschedule) -> Receipt:
    receipt: Receipt = await session.handle.execute_update(name, request, result_type=Receipt)
    return receipt


async def test_listings_are_bought_once_guarded_and_sold(rehearsal: Rehearsal) -> None:
    """Three sessions at one opening: each closes flat inside its budget, in fewer than 200 events."""
    sessions = [
        await rehearsal.snipe(f"{name}USDT", 12, script="pump", arm_lead_s=8) for name in ("ONE", "TWO", "THREE")
    ]
    closed = [await session.handle.result() for session in sessions]

    assert [each.outcome for each in closed] == [Outcome.COMPLETED] * 3
    for session in sessions:
        await assert_ended_well(rehearsal, session, bought=True)
        events = [event async for event in session.handle.fetch_history_events()]
        assert len(events) < 200


async def test_sessions_stop_when_told_to(rehearsal: Rehearsal) -> None:
    """An abort before the opening buys nothing; one afterwards sells at once; a moved opening is fired at then."""
    armed = await rehearsal.snipe("ARMEDUSDT", 20, arm_lead_s=16)
    guarded = await rehearsal.snipe("HELDUSDT", 10, arm_lead_s=8, time_stop_s=3600)
    moved = await rehearsal.snipe("MOVEDUSDT", 18, arm_lead_s=14)

    await rehearsal.until_phase(armed, "armed")
    await _update(armed, "abort", Abort("changed my mind", str(uuid4())))
    await rehearsal.until_phase(moved, "armed")
    later = await rehearsal.announce("MOVEDUSDT", 24)
    await _update(moved, "reschedule", Reschedule(later, str(uuid4())))
    await rehearsal.until_phase(guarded, "guarding")
    await _update(guarded, "abort", Abort("enough", str(uuid4())))
    outcomes = [(await session.handle.result()).outcome for session in (armed, guarded, moved)]
    first_order = (await rehearsal.requests(moved))[0]

    assert outcomes == [Outcome.CANCELLED, Outcome.COMPLETED, Outcome.COMPLETED]
    assert await rehearsal.requests(armed) == []
    assert first_order["arrival_ms"] >= later.timestamp() * 1000
    await assert_ended_well(rehearsal, armed, bought=False)
    await assert_ended_well(rehearsal, guarded, bought=True)
    await assert_ended_well(rehearsal, moved, bought=True)


async def test_a_wrong_secret_is_told_before_anything_is_armed(tmp_path: Path) -> None:
    """The session is rejected with the venue's word and the remedy; no budget stays reserved."""
    async with Stack(options(tmp_path / "venue")) as other:
        elsewhere = other.state
        wrong = options(
            tmp_path / "home",
            rest_url=elsewhere.rest_url,
            ws_url=elsewhere.ws_url,
            api_key=elsewhere.api_key,
            api_secret="not-the-secret",
        )
        async with Stack(wrong) as stack:
            rehearsal = await Rehearsal.of(stack)
            session = await rehearsal.snipe("NEWUSDT")
            closed = await session.handle.result()
            reserved = rehearsal.books.execute("SELECT sum(amount) AS held FROM reservations").fetchone()
            await rehearsal.close()

    assert closed.outcome is Outcome.REJECTED
    assert "MEXC_API_SECRET" in closed.reason
    assert not reserved or not reserved["held"]
