"""Processes of this machine: does one of the stack's run, and who listens on a port."""

import psutil

_STANDING = (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
_ENDED = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)


def trouble_of(pid: int) -> str:
    """Why this process cannot work, in words; empty when it can."""
    try:
        status = psutil.Process(pid).status()
    except psutil.NoSuchProcess:
        return f"its process {pid} has ended"
    if status in _ENDED:
        return f"its process {pid} has ended"
    return f"its process {pid} stands still (it was sent a stop signal)" if status in _STANDING else ""


def listener_on(port: int) -> str:
    """Who listens there, in words; empty when the system does not tell."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.Error:  # another user's processes need rights
        return ""
    for one in connections:
        if one.status == psutil.CONN_LISTEN and one.laddr.port == port and one.pid is not None:
            try:
                return f"{psutil.Process(one.pid).name()} (process {one.pid})"
            except psutil.Error:
                return f"process {one.pid}"
    return ""
