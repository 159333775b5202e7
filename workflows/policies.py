"""Timeouts and retries of every activity, each with its reason."""

from datetime import timedelta

from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType, ActivityConfig

from workflows.names import CONTROL_QUEUE, FIRE_QUEUE, GUARD_QUEUE

_STEADY = RetryPolicy(
    initial_interval=timedelta(milliseconds=500),
    backoff_coefficient=1.5,
    maximum_interval=timedelta(seconds=5),  # a store or venue that is back must not be noticed minutes later
)
_FINISH = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED

PREPARE = ActivityConfig(
    task_queue=CONTROL_QUEUE,
    start_to_close_timeout=timedelta(seconds=30),  # a few REST calls and one transaction
    retry_policy=_STEADY,
    cancellation_type=_FINISH,  # a reservation made must be known to be given back
)
FIRE = ActivityConfig(
    task_queue=FIRE_QUEUE,
    start_to_close_timeout=timedelta(minutes=20),  # lease wait, arm lead of up to 10 minutes, grace, learning
    heartbeat_timeout=timedelta(seconds=2),  # how soon a dead worker is noticed
    retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=200), backoff_coefficient=1),
    # the lease makes attempts safe: no maximum
    cancellation_type=_FINISH,  # the outcome first
)
GUARD = ActivityConfig(
    task_queue=GUARD_QUEUE,
    start_to_close_timeout=timedelta(days=40),  # longer than any time stop; the desk keeps the position, not this call
    heartbeat_timeout=timedelta(seconds=2),
    retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=200), backoff_coefficient=1),
    cancellation_type=_FINISH,  # a position is never walked away from
)
RECORD = ActivityConfig(
    task_queue=CONTROL_QUEUE,
    start_to_close_timeout=timedelta(seconds=10),  # one transaction
    retry_policy=_STEADY,
    cancellation_type=_FINISH,
)
CLOSE = ActivityConfig(
    task_queue=CONTROL_QUEUE,
    start_to_close_timeout=timedelta(seconds=60),  # asks the venue about every order it did not see
    retry_policy=_STEADY,
    cancellation_type=_FINISH,  # a cancelled run still owes its books
)
LISTEN = ActivityConfig(
    task_queue=CONTROL_QUEUE,
    start_to_close_timeout=timedelta(seconds=120),  # one long poll of 50 s and a slow source
    heartbeat_timeout=timedelta(seconds=30),  # asks a source every 5 s, which may take 10 s to fail
    retry_policy=_STEADY,
)
LISTEN_AGAIN_AFTER = timedelta(seconds=10)
"""After a failure that no retry mends: a human may mend it meanwhile."""
TELL = ActivityConfig(
    task_queue=CONTROL_QUEUE,
    start_to_close_timeout=timedelta(seconds=8),  # one look at the rows and one signal of at most 5 s
    schedule_to_close_timeout=timedelta(seconds=15),  # everybody else's session waits for it
    retry_policy=_STEADY,
)
