"""What the Snipe workflow promises, on a real dev server with skipped time."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from pydantic_core import to_json
from temporalio import workflow
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from domain.commands import Abort, ChangePolicy, Prepared, Receipt, Reschedule, SnipeClosed, StartSnipe
from domain.ids import ListingKey, SessionKey
from domain.listings import Listing
from domain.money import Price
from domain.policy import PolicyChange
from domain.requests import move_of
from domain.session import Outcome, Phase
from tests.builders import a_start
from tests.workflows.stand_ins import DISARMED, FILLED, NOTHING, StandIns
from workflows.names import CONTROL_QUEUE, FIRE_QUEUE, GUARD_QUEUE
from workflows.snipe import Snipe

pytestmark = [pytest.mark.server, pytest.mark.asyncio(loop_scope="session")]

Handle = WorkflowHandle[Snipe, SnipeClosed]


@asynccontextmanager
async def working(client: Client, activities: StandIns, cached_workflows: int = 1000) -> AsyncIterator[None]:
    control = Worker(
        client,
        task_queue=CONTROL_QUEUE,
        workflows=[Snipe],
        activities=[
            activities.prepare_session,
            activities.close_books,
            activities.record_change,
            activities.record_refusal,
        ],
        workflow_failure_exception_types=[Exception],
        max_cached_workflows=cached_workflows,
    )
    fire = Worker(client, task_queue=FIRE_QUEUE, activities=[activities.fire_entry])
    guard = Worker(client, task_queue=GUARD_QUEUE, activities=[activities.guard_exit])
    async with control, fire, guard:
        yield


def a_snipe(opens_in: timedelta = timedelta(hours=2)) -> StartSnipe:
    key = SessionKey("main", ListingKey("mexc", f"NEW{uuid4().hex[:8].upper()}", "USDT"), 1)
    return a_start(key=key, opens_in=opens_in, now=datetime.now(UTC))


async def started(client: Client, start: StartSnipe) -> Handle:
    return await client.start_workflow(Snipe.run, start, id=start.key.workflow_id, task_queue=CONTROL_QUEUE)


async def test_a_session_prepares_waits_fires_guards_and_closes(environment: WorkflowEnvironment) -> None:
    """The five steps run in order, and the result is the closed book."""
    activities = StandIns()
    async with working(environment.client, activities):
        handle = await started(environment.client, a_snipe())
        closed = await handle.result()

    assert activities.calls == ["prepare", "fire", "guard", "close"]
    assert closed.outcome is Outcome.COMPLETED


async def test_a_rejected_session_only_closes_its_books(environment: WorkflowEnvironment) -> None:
    """Reasons against a session end it before anything is armed."""
    activities = StandIns(prepared=Prepared("rejected", ("no funds", "too late")))
    async with working(environment.client, activities):
        closed = await (await started(environment.client, a_snipe())).result()

    assert activities.calls == ["prepare", "close"]
    assert (closed.outcome, closed.reason) == (Outcome.REJECTED, "no funds; too late")


async def test_books_that_stay_open_are_guarded_and_closed_again(environment: WorkflowEnvironment) -> None:
    """Something is held or may still be bought, whatever this run was told before."""
    activities = StandIns(prepared=Prepared("rejected", ("no funds",)), found_open=2)
    async with working(environment.client, activities):
        closed = await (await started(environment.client, a_snipe())).result()

    assert activities.calls == ["prepare", "close", "guard", "close", "guard", "close"]
    assert closed.closed


async def test_a_resumed_session_guards_and_never_fires(environment: WorkflowEnvironment) -> None:
    """A run whose predecessor was lost past arming must not buy again."""
    activities = StandIns(prepared=Prepared("resume"))
    async with working(environment.client, activities):
        await (await started(environment.client, a_snipe())).result()

    assert activities.calls == ["prepare", "guard", "close"]


async def test_an_entry_that_bought_nothing_is_not_guarded(environment: WorkflowEnvironment) -> None:
    """Without a position there is nothing to guard."""
    activities = StandIns(entries=[NOTHING])
    async with working(environment.client, activities):
        closed = await (await started(environment.client, a_snipe())).result()

    assert activities.calls == ["prepare", "fire", "close"]
    assert closed.outcome is Outcome.UNFILLED


async def test_a_moved_opening_is_waited_for_by_the_same_session(environment: WorkflowEnvironment) -> None:
    """Reschedule while waiting records the change and moves the timer; nothing fires before the new time."""
    activities = StandIns()
    start = a_snipe()
    moved = Reschedule(start.opens_at + timedelta(hours=1), "revision-2")
    async with working(environment.client, activities):
        with environment.with_time_skipping_disabled():
            handle = await started(environment.client, start)
        receipt = await updated(handle, "reschedule", moved)
        again = await updated(handle, "reschedule", moved)
        view = await handle.query(Snipe.view)
        await environment.fast_forward(handle, timedelta(hours=4))
        await handle.result()

    assert receipt == again
    assert view.opens_at == moved.opens_at
    assert [change.revision for change in activities.changes] == [1]
    assert activities.calls == ["prepare", "fire", "guard", "close"]


async def test_a_disarmed_entry_is_armed_again(environment: WorkflowEnvironment) -> None:
    """When the plan changes under an armed session, it waits and fires once more."""
    activities = StandIns(entries=[DISARMED, FILLED])
    async with working(environment.client, activities):
        await (await started(environment.client, a_snipe())).result()

    assert activities.calls == ["prepare", "fire", "fire", "guard", "close"]


async def test_an_abort_while_waiting_ends_the_session_unfired(environment: WorkflowEnvironment) -> None:
    """An aborted session buys nothing and closes as cancelled."""
    activities = StandIns()
    async with working(environment.client, activities):
        with environment.with_time_skipping_disabled():
            handle = await started(environment.client, a_snipe())
        await updated(handle, "abort", Abort("changed my mind", "abort-1"))
        closed = await handle.result()

    assert activities.calls == ["prepare", "close"]
    assert closed.outcome is Outcome.CANCELLED


async def test_a_cancelled_run_is_taken_for_an_abort(environment: WorkflowEnvironment) -> None:
    """`temporal workflow cancel` leaves closed books behind, not a forgotten reservation."""
    activities = StandIns()
    async with working(environment.client, activities):
        with environment.with_time_skipping_disabled():
            handle = await started(environment.client, a_snipe())
        await eventually_waiting(handle)
        await handle.cancel()
        closed = await handle.result()

    assert activities.calls == ["prepare", "close"]
    assert closed.outcome is Outcome.CANCELLED


async def test_a_run_cancelled_while_it_fires_is_aborted_through_its_row(environment: WorkflowEnvironment) -> None:
    """No activity is cut off: the desks read the abort, and the session ends with its books closed."""
    activities = StandIns(hold_entry=asyncio.Event())
    assert activities.hold_entry is not None
    async with working(environment.client, activities):
        handle = await started(environment.client, a_snipe(opens_in=timedelta(seconds=5)))
        while "fire" not in activities.calls:
            await asyncio.sleep(0.02)
        await handle.cancel()
        while not activities.changes:
            await asyncio.sleep(0.02)
        activities.hold_entry.set()
        closed = await handle.result()

    assert [change.abort is not None for change in activities.changes] == [True]
    assert activities.calls == ["prepare", "fire", "guard", "close"]
    assert closed.outcome is Outcome.COMPLETED


async def test_a_session_runs_the_same_without_a_workflow_cache(environment: WorkflowEnvironment) -> None:
    """Every task then replays the run from its beginning."""
    activities = StandIns(entries=[DISARMED, FILLED])
    async with working(environment.client, activities, cached_workflows=0):
        closed = await (await started(environment.client, a_snipe())).result()

    assert activities.calls == ["prepare", "fire", "fire", "guard", "close"]
    assert closed.outcome is Outcome.COMPLETED


async def test_an_opening_without_a_zone_ends_the_run_with_the_reason(environment: WorkflowEnvironment) -> None:
    """Else the run would fail its first task for ever."""
    start = a_snipe()
    naive = replace(start, opens_at=start.opens_at.replace(tzinfo=None))
    async with working(environment.client, StandIns()):
        handle = await started(environment.client, naive)
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()

    assert "append Z for UTC" in str(failed.value.cause)


async def test_a_start_that_cannot_be_read_ends_the_run_with_every_reason(environment: WorkflowEnvironment) -> None:
    """On a worker as the product runs it, where any other unreadable input is tried again for ever."""
    name = f"snipe/unreadable/{uuid4().hex}"
    async with Worker(environment.client, task_queue=CONTROL_QUEUE, workflows=[Snipe]):
        handle = await environment.client.start_workflow(
            "Snipe", {"symbol": "NEWUSDT", "opens_at": "tomorrow"}, id=name, task_queue=CONTROL_QUEUE
        )
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()

    reason = str(failed.value.cause)
    assert "InvalidInput" in reason
    assert all(part in reason for part in ("key: field required", "policy: field required", "opens_at: "))


async def test_a_start_with_unknown_fields_ends_the_run_with_their_names(environment: WorkflowEnvironment) -> None:
    """A misspelt stop must not become the usual one. What is wrong beside them is told with them."""
    document = json.loads(to_json(a_snipe()))
    document["policy"]["exits"]["stop_percnt"] = "2"
    document["budgt"] = 3
    activities = StandIns()
    async with working(environment.client, activities):
        handle = await told(environment.client, document)
        with pytest.raises(WorkflowFailureError) as misspelt:
            await handle.result()
        document["policy"]["budget_quote"] = "much"
        handle = await told(environment.client, document)
        with pytest.raises(WorkflowFailureError) as unreadable:
            await handle.result()

    assert str(misspelt.value.cause) == (
        "InvalidInput: start: policy.exits.stop_percnt: unknown field; budgt: unknown field; "
        "docs/automation.md shows a whole one"
    )
    reason = str(unreadable.value.cause)
    assert "policy.budget_quote: got 'much', input should be a valid decimal; " in reason
    assert "budgt: unknown field" in reason
    assert activities.calls == []


async def test_a_start_of_a_closed_session_fails_with_the_attempt_that_is_free(
    environment: WorkflowEnvironment,
) -> None:
    """It used to answer with the result of the session before."""
    activities = StandIns(prepared=Prepared("closed", ("session: closed; take attempt 2",)))
    async with working(environment.client, activities):
        handle = await started(environment.client, a_snipe())
        with pytest.raises(WorkflowFailureError) as failed:
            await handle.result()

    assert str(failed.value.cause) == "InvalidInput: session: closed; take attempt 2"
    assert activities.calls == ["prepare"]


async def test_a_resumed_run_goes_on_counting_revisions(environment: WorkflowEnvironment) -> None:
    """A change after a lost run must be newer than what the row has."""
    activities = StandIns(prepared=Prepared("approved", revision=7))
    async with working(environment.client, activities):
        with environment.with_time_skipping_disabled():
            handle = await started(environment.client, a_snipe())
        await handle.execute_update("change_policy", ChangePolicy(PolicyChange(stop_percent=Decimal(9)), "policy-1"))
        await handle.execute_update("abort", Abort("tidy up", "abort-1"))
        await handle.result()

    assert activities.changes[0].revision == 8


async def test_a_signal_does_what_the_update_of_its_name_does(environment: WorkflowEnvironment) -> None:
    """Automations that only signal can abort, too."""
    activities = StandIns()
    async with working(environment.client, activities):
        with environment.with_time_skipping_disabled():
            handle = await started(environment.client, a_snipe())
        await handle.signal("abort", Abort("by signal", "signal-1"))
        closed = await handle.result()

    assert closed.outcome is Outcome.CANCELLED


async def test_a_listing_that_opened_earlier_than_told_arms_its_session_at_once(
    environment: WorkflowEnvironment,
) -> None:
    """What follows, a late entry or none, is the desk's decision."""
    activities = StandIns()
    start = a_snipe(opens_in=timedelta(days=2))
    with environment.with_time_skipping_disabled():
        async with working(environment.client, activities):
            handle = await started(environment.client, start)
            opened = Reschedule(start.opens_at - timedelta(days=3), "listing-revision-2")
            await handle.signal("reschedule", opened)
            await handle.result()

    assert [change.reschedule for change in activities.changes] == [opened]
    assert [session.revision for session in activities.fired] == [1]
    assert activities.refusals == []


async def test_a_signal_that_cannot_be_carried_out_is_journaled(environment: WorkflowEnvironment) -> None:
    """Nobody waits for a signal's answer, so its refusal is written down."""
    activities = StandIns()
    start = a_snipe()
    async with working(environment.client, activities):
        with environment.with_time_skipping_disabled():
            handle = await started(environment.client, start)
        await handle.signal("reschedule", Reschedule(start.opens_at - timedelta(days=1), "too-early"))
        await handle.signal("abort", Abort("tidy up", "abort-1"))
        await handle.result()

    assert [(refusal.name, refusal.request) for refusal in activities.refusals] == [("reschedule", "too-early")]
    assert "expected a time after" in activities.refusals[0].reason


@pytest.mark.parametrize("cached_workflows", [1000, 0])
async def test_a_signal_that_cannot_be_read_is_journaled_and_the_session_goes_on(
    environment: WorkflowEnvironment, cached_workflows: int
) -> None:
    """Also one without input, with too much of it, or of a name that nobody knows; and where every task replays."""
    activities = StandIns()
    async with working(environment.client, activities, cached_workflows):
        with environment.with_time_skipping_disabled():
            handle = await started(environment.client, a_snipe())
        await handle.signal("abort", {"bad": 1})
        await handle.signal("abort")
        await handle.signal("abort", args=[{"reason": "twice"}, {"reason": "twice"}])
        await handle.signal("change_policy", {"change": {"stop_percnt": "8"}, "request": "policy-1"})
        await handle.signal("sell_all", {"reason": "no such thing"})
        await handle.signal("abort", Abort("tidy up", "abort-1"))
        closed = await handle.result()

    where = "; docs/automation.md shows a whole one"
    assert sorted((one.name, one.reason.removesuffix(where)) for one in activities.refusals) == [
        ("abort", "abort: got 0 inputs, expected one JSON object"),
        ("abort", "abort: got 2 inputs, expected one JSON object"),
        ("abort", "abort: reason: field required; bad: unknown field"),
        ("change_policy", "change_policy: change.stop_percnt: unknown field"),
        ("sell_all", "sell_all: unknown signal, expected abort, reschedule, change_policy"),
    ]
    assert len({one.request for one in activities.refusals}) == len(activities.refusals)  # each counts
    assert closed.outcome is Outcome.CANCELLED


async def test_an_abort_needs_no_key(environment: WorkflowEnvironment) -> None:
    """By signal and by update; one is as good as many."""
    activities = StandIns()
    async with working(environment.client, activities):
        with environment.with_time_skipping_disabled():
            handle = await started(environment.client, a_snipe())
        await handle.signal("abort", {"reason": "wrong coin"})
        receipt = await handle.execute_update("abort", {"reason": "wrong coin, really"}, result_type=Receipt)
        closed = await handle.result()

    assert [change.abort for change in activities.changes] == [Abort("wrong coin", receipt.request)]
    assert receipt.text.startswith("aborting")
    assert closed.outcome is Outcome.CANCELLED


@pytest.mark.parametrize("cached_workflows", [1000, 0])
async def test_a_run_that_passed_over_an_abort_without_a_key_takes_the_next(
    environment: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch, cached_workflows: int
) -> None:
    """It is of an older kind; what comes from now on stops it as it stops every other."""
    monkeypatch.setattr(workflow, "patched", all_but("an-abort-needs-no-key"))
    activities = StandIns()
    async with working(environment.client, activities, cached_workflows):
        with environment.with_time_skipping_disabled():
            handle = await started(environment.client, a_snipe())
        await handle.signal("abort", {"reason": "passed over"})
        await handle.signal("abort", {"reason": "wrong coin"})
        closed = await handle.result()

    assert [change.abort and change.abort.reason for change in activities.changes] == ["wrong coin"]
    assert closed.outcome is Outcome.CANCELLED


@pytest.mark.parametrize("key", ["abort-without-request", "workflow-cancelled"])
async def test_the_key_of_an_abort_is_refused_to_other_wishes(environment: WorkflowEnvironment, key: str) -> None:
    """The abort would be taken for the wish that had its key, and the session would buy."""
    activities = StandIns()
    start = a_snipe()
    taken = Reschedule(start.opens_at + timedelta(hours=1), key)
    async with working(environment.client, activities):
        with environment.with_time_skipping_disabled():
            handle = await started(environment.client, start)
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await updated(handle, "reschedule", taken)
        await handle.signal("reschedule", taken)
        await handle.signal("change_policy", ChangePolicy(PolicyChange(stop_percent=Decimal(9)), key))
        await eventually_waiting(handle)
        await (handle.cancel() if key == "workflow-cancelled" else handle.signal("abort", {"reason": "wrong coin"}))
        closed = await handle.result()

    assert f"got {key!r}, which stands for an abort" in str(refused.value.cause)
    assert [one.name for one in activities.refusals] == ["reschedule", "change_policy"]
    assert [change.abort and change.abort.request for change in activities.changes] == [key]
    assert closed.outcome is Outcome.CANCELLED


@pytest.mark.parametrize("cached_workflows", [1000, 0])
@pytest.mark.parametrize("key", ["abort-without-request", "workflow-cancelled"])
async def test_an_abort_whose_key_another_wish_has_already_is_carried_out(
    environment: WorkflowEnvironment, monkeypatch: pytest.MonkeyPatch, key: str, cached_workflows: int
) -> None:
    """In a run from when such keys were anybody's."""
    monkeypatch.setattr(workflow, "patched", all_but("keys-of-aborts-are-refused-to-others"))
    activities = StandIns()
    start = a_snipe()
    async with working(environment.client, activities, cached_workflows):
        with environment.with_time_skipping_disabled():
            handle = await started(environment.client, start)
            await handle.signal("reschedule", Reschedule(start.opens_at + timedelta(hours=1), key))
            await eventually_waiting(handle)
            await (handle.cancel() if key == "workflow-cancelled" else handle.signal("abort", {"reason": "no"}))
            closed = await handle.result()

    assert [change.abort is not None for change in activities.changes] == [False, True]
    assert closed.outcome is Outcome.CANCELLED


async def test_a_pair_whose_coins_id_became_known_moves_with_its_new_listing(environment: WorkflowEnvironment) -> None:
    """Another listing, whose revisions count anew; the first one's receipt would keep the old opening."""
    activities = StandIns()
    start = a_snipe()
    one = Listing(start.key.listing, start.symbol, start.opens_at + timedelta(hours=1), 2)
    other = Listing(ListingKey("mexc", "coin-7", "USDT"), start.symbol, start.opens_at + timedelta(hours=2), 2)
    async with working(environment.client, activities):
        with environment.with_time_skipping_disabled():
            handle = await started(environment.client, start)
            await handle.signal("reschedule", move_of(one))
            await handle.signal("reschedule", move_of(other))
            await handle.query(Snipe.view)
        await environment.fast_forward(handle, timedelta(hours=8))
        await handle.result()

    assert [change.reschedule for change in activities.changes] == [move_of(one), move_of(other)]
    assert activities.refusals == []


async def test_a_wrong_signal_with_the_start_does_not_end_the_session(environment: WorkflowEnvironment) -> None:
    """Its refusal waits for the session's row."""
    activities = StandIns(admits_after_s=0.5)
    start = a_snipe()
    wrong = ChangePolicy(PolicyChange(stop_percent=Decimal(90)), "policy-1")
    async with working(environment.client, activities):
        handle = await environment.client.start_workflow(
            Snipe.run,
            start,
            id=start.key.workflow_id,
            task_queue=CONTROL_QUEUE,
            start_signal="change_policy",
            start_signal_args=[wrong],
        )
        closed = await handle.result()

    assert [(one.name, one.request) for one in activities.refusals] == [("change_policy", "policy-1")]
    assert closed.outcome is Outcome.COMPLETED


async def test_a_refusal_that_cannot_be_written_does_not_end_the_session(environment: WorkflowEnvironment) -> None:
    """The position counts for more than the note."""
    activities = StandIns(takes_refusals=False)
    async with working(environment.client, activities):
        with environment.with_time_skipping_disabled():
            handle = await started(environment.client, a_snipe())
        await eventually_waiting(handle)
        await handle.signal("change_policy", ChangePolicy(PolicyChange(), "policy-1"))
        await environment.fast_forward(handle, timedelta(hours=4))
        closed = await handle.result()

    assert closed.outcome is Outcome.COMPLETED


async def test_a_key_that_stands_for_another_wish_is_refused(environment: WorkflowEnvironment) -> None:
    """The first receipt would say that the second wish holds."""
    activities = StandIns()
    eight, nine = (ChangePolicy(PolicyChange(stop_percent=Decimal(at)), "policy-1") for at in (8, 9))
    async with working(environment.client, activities):
        with environment.with_time_skipping_disabled():
            handle = await started(environment.client, a_snipe())
        first = await updated(handle, "change_policy", eight)
        again = await updated(handle, "change_policy", eight)
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await updated(handle, "change_policy", nine)
        await handle.signal("abort", Abort("not a change of policy", "policy-1"))
        await updated(handle, "abort", Abort("tidy up", "abort-1"))
        await handle.result()

    assert first == again
    assert "got 'policy-1', expected a key that was not used for another wish" in str(refused.value.cause)
    assert [one.name for one in activities.refusals] == ["abort"]
    assert [change.policy is not None for change in activities.changes] == [True, False]


async def test_an_update_with_unknown_fields_is_refused_with_their_names(environment: WorkflowEnvironment) -> None:
    """None of it is carried out, what can be read neither."""
    activities = StandIns()
    document = {"change": {"stop_percent": "8", "budget_quote": "10"}, "request": "policy-1", "at": 3}
    async with working(environment.client, activities):
        with environment.with_time_skipping_disabled():
            handle = await started(environment.client, a_snipe())
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await handle.execute_update("change_policy", document)
        await updated(handle, "abort", Abort("tidy up", "abort-1"))
        await handle.result()

    assert str(refused.value.cause) == (
        "InvalidInput: change_policy: change.budget_quote: unknown field; at: unknown field; "
        "docs/automation.md shows a whole one"
    )
    assert [change for change in activities.changes if change.policy] == []


async def test_an_abort_repeated_at_the_end_gets_its_first_receipt(environment: WorkflowEnvironment) -> None:
    """While the books are being closed, and, under the update's own id, after the run has ended."""
    activities = StandIns(hold_books=asyncio.Event())
    assert activities.hold_books is not None
    abort = Abort("wrong coin", "abort-1")
    async with working(environment.client, activities):
        with environment.with_time_skipping_disabled():
            handle = await started(environment.client, a_snipe())
            first = await handle.execute_update("abort", abort, id=abort.request, result_type=Receipt)
            while "close" not in activities.calls:
                await asyncio.sleep(0.02)
            closing = await updated(handle, "abort", abort)
            with pytest.raises(WorkflowUpdateFailedError) as late:
                await updated(handle, "abort", Abort("wrong coin", "abort-2"))
            activities.hold_books.set()
            await handle.result()
            closed = await handle.execute_update("abort", abort, id=abort.request, result_type=Receipt)

    assert first == closing == closed
    assert str(late.value.cause).endswith(
        "the session is closing, expected one that is running; nothing is left to stop"
    )


async def test_an_update_that_cannot_be_carried_out_is_refused_with_its_reason(
    environment: WorkflowEnvironment,
) -> None:
    """Value, expectation and remedy come back, and nothing is recorded."""
    activities = StandIns()
    start = a_snipe()
    async with working(environment.client, activities):
        with environment.with_time_skipping_disabled():
            handle = await started(environment.client, start)
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await updated(handle, "change_policy", ChangePolicy(PolicyChange(stop_percent=Decimal(90)), "policy-1"))
        await updated(handle, "abort", Abort("tidy up", "abort-1"))
        await handle.result()

    assert "stop percent: got 90" in str(refused.value.cause)
    assert [change for change in activities.changes if change.policy] == []


async def test_a_change_that_the_row_does_not_take_is_refused_and_forgotten(environment: WorkflowEnvironment) -> None:
    """The desk has gone further than its run knows: the update fails, the signal is journaled, the session goes on."""
    activities = StandIns(hold_entry=asyncio.Event(), too_late="session: got 'firing', expected one that has not fired")
    assert activities.hold_entry is not None
    start = a_snipe(opens_in=timedelta(seconds=5))
    async with working(environment.client, activities):
        handle = await started(environment.client, start)
        while "fire" not in activities.calls:
            await asyncio.sleep(0.02)
        with pytest.raises(WorkflowUpdateFailedError) as refused:
            await updated(handle, "reschedule", Reschedule(start.opens_at + timedelta(days=1), "move-1"))
        await handle.signal("change_policy", ChangePolicy(PolicyChange(max_price=Price(Decimal("0.05"))), "policy-1"))
        while not activities.refusals:
            await asyncio.sleep(0.02)
        view = await handle.query(Snipe.view)
        activities.hold_entry.set()
        closed = await handle.result()

    assert str(refused.value.cause).startswith("InvalidInput: session: got 'firing'")
    assert [(one.name, one.request, one.reason) for one in activities.refusals] == [
        ("change_policy", "policy-1", activities.too_late)
    ]
    assert (view.opens_at, view.policy, view.revision) == (start.opens_at, start.policy, 0)
    assert closed.outcome is Outcome.COMPLETED


async def test_a_changed_policy_holds_from_then_on(environment: WorkflowEnvironment) -> None:
    """The new bound is recorded with the next revision and shown by the query."""
    activities = StandIns()
    async with working(environment.client, activities):
        with environment.with_time_skipping_disabled():
            handle = await started(environment.client, a_snipe())
        change = ChangePolicy(PolicyChange(max_price=Price(Decimal("0.05"))), "policy-1")
        await updated(handle, "change_policy", change)
        view = await handle.query(Snipe.view)
        await updated(handle, "abort", Abort("tidy up", "abort-1"))
        await handle.result()

    assert view.policy.entry.max_price == Decimal("0.05")
    assert (view.revision, view.phase) == (1, Phase.WAITING)


async def test_a_session_costs_few_actions_and_events(environment: WorkflowEnvironment) -> None:
    """A whole session stays far below 200 history events and 60 actions."""
    activities = StandIns()
    async with working(environment.client, activities):
        handle = await started(environment.client, a_snipe())
        await handle.result()
        events = [event async for event in handle.fetch_history_events()]

    assert len(events) < 60


async def told(client: Client, document: dict[str, Any]) -> WorkflowHandle[Any, Any]:
    """A start as an automation writes it."""
    name = f"snipe/told/{uuid4().hex}"
    return await client.start_workflow("Snipe", document, id=name, task_queue=CONTROL_QUEUE)


def all_but(one: str) -> Callable[[str], bool]:
    """Patches as a run has them whose history is older than this one."""
    patched = workflow.patched
    return lambda patch: patch != one and patched(patch)


async def updated(handle: Handle, name: str, request: Abort | Reschedule | ChangePolicy) -> Receipt:
    """By name, as an automation does it."""
    receipt: Receipt = await handle.execute_update(name, request, result_type=Receipt)
    return receipt


async def eventually_waiting(handle: Handle) -> None:
    async with asyncio.timeout(20):
        while (await handle.query(Snipe.view)).phase is not Phase.WAITING:
            await asyncio.sleep(0.05)
