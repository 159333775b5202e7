"""What the launchpad's thread is allowed: real-time scheduling, and a processor of its own."""

import os
import threading
from collections.abc import Callable

from adapters.doctor import judging
from adapters.doctor.findings import Verdict, info


def look_at_realtime(cpu: int | None) -> Verdict:
    """Tried on a thread that ends at once: nothing else becomes real-time, or is kept to a processor, by it.

    cpu: number of the processor that the settings name for it; None: any.
    """
    if not hasattr(os, "sched_setscheduler"):
        return info("this system has no real-time scheduling for us")
    permitted = os.sched_getaffinity(0)
    tried = cpu if cpu is not None else min(permitted)
    complaints: list[str] = []
    thread = threading.Thread(target=lambda: complaints.extend((_scheduled(), _pinned(tried))))
    thread.start()
    thread.join()
    scheduling, pinning = complaints
    return judging.realtime(scheduling, len(permitted), cpu, pinning)


def _scheduled() -> str:
    return _complaint(
        lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(os.sched_get_priority_min(os.SCHED_FIFO)))
    )


def _pinned(cpu: int) -> str:
    return _complaint(lambda: os.sched_setaffinity(0, {cpu}))


def _complaint(ask: Callable[[], None]) -> str:
    """Why the kernel refuses; empty: it does not."""
    try:
        ask()
    except OSError as exc:
        return exc.strerror or str(exc)
    return ""
