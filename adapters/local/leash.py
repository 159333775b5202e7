"""Become another program that does not outlive its parent.

Run as `python leash.py PARENT DEATH_SIGNAL UID GID PROGRAM ARGUMENTS...`, with nothing imported but the standard
library: between a fork and an exec of a process with threads no Python code is safe, so the death signal is set here,
after the exec.

PARENT: process id of the starter, which must still be alive. DEATH_SIGNAL: number of the signal the kernel sends when
the starter's thread ends. UID and GID: who to become first, -1 to stay; changing them later would clear the signal.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
PARENT_IS_GONE = 125


def main(arguments: list[str]) -> None:
    """Never returns: becomes the program, or exits."""
    parent, death_signal, uid, gid = (int(argument) for argument in arguments[:4])
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) was refused")
    if os.getppid() != parent:  # it died before the signal was set
        sys.exit(PARENT_IS_GONE)
    os.execvp(arguments[4], arguments[4:])  # noqa: S606 - becoming the program is the purpose


if __name__ == "__main__":
    main(sys.argv[1:])
