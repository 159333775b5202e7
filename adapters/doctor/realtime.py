"""May this process ask for real-time scheduling, and on how many processors?"""

import os
import threading

from adapters.doctor import judging
from adapters.doctor.findings import Verdict, info


def look_at_realtime() -> Verdict:
    """Tried on a thread that ends at once: nothing else becomes real-time by it."""
    if not hasattr(os, "sched_setscheduler"):
        return info("this system has no real-time scheduling for us")
    complaints: list[str] = []
    thread = threading.Thread(target=lambda: complaints.append(_complaint()))
    thread.start()
    thread.join()
    return judging.realtime(complaints[0], len(os.sched_getaffinity(0)))


def _complaint() -> str:
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(os.sched_get_priority_min(os.SCHED_FIFO)))
    except OSError as exc:
        return exc.strerror or str(exc)
    return ""
