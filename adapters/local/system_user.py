"""Who runs Postgres, which refuses to run as root.

An ordinary user runs it as himself. Root hands it to a system user without rights of its own, and lets that user pass
through the folders above what it needs. Not here: starting anything.
"""

import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path

from domain.errors import SniperError

OWN_USER = "pgserver"
FALLBACK_USERS = ("postgres", "nobody")  # where no user can be added


def for_postgres(data: Path) -> tuple[int, int] | None:
    """User and group id for a server on `data`; None: the present user will do.

    The owner of an existing data folder is kept, since Postgres insists on owning it. As root, a system user is made
    when there is none; SniperError when no user can be had.
    """
    if os.geteuid() != 0:
        return None
    if (data / "PG_VERSION").exists() and data.stat().st_uid != 0:
        owner = data.stat()
        return owner.st_uid, owner.st_gid
    user = _user(OWN_USER) or _made(OWN_USER)
    for name in FALLBACK_USERS:
        user = user or _user(name)
    if user is None:
        raise SniperError(
            f"Postgres does not run as root and there is no user {OWN_USER!r}: add one (useradd {OWN_USER}), "
            "run as another user, or set DATABASE_URL"
        )
    return user.pw_uid, user.pw_gid


def let_pass(run_as: tuple[int, int] | None, data_parent: Path, programs: Path) -> None:
    """Let the other user reach the data folder and run the programs; nothing when `run_as` is None.

    Folders on the way get the right to be passed through, not to be listed. The programs' tree becomes readable.
    """
    if run_as is None:
        return
    for folder in (data_parent, *data_parent.parents, *programs.parents):
        _add(folder, stat.S_IXOTH)
    if not programs.stat().st_mode & stat.S_IROTH:  # installed under a narrow umask
        for path in (programs.parent, *programs.parent.rglob("*")):
            runnable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            _add(path, stat.S_IROTH | (stat.S_IXOTH if runnable else 0))


def _add(path: Path, bits: int) -> None:
    mode = path.stat().st_mode
    if mode & bits != bits:
        path.chmod(stat.S_IMODE(mode) | bits)


def _user(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _made(name: str) -> pwd.struct_passwd | None:
    program = shutil.which("useradd")
    if program is None:
        return None
    subprocess.run([program, "--system", name], capture_output=True, check=False)
    return _user(name)
