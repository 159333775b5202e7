"""The one place where psycopg's errors become ours.

Whatever says that the server, the connection or the answer is away becomes StoreUnavailable: nothing is known to be
written. Everything else (a broken constraint, a wrong statement) is a bug and stays as it is.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors

from domain.errors import StoreUnavailable

_AWAY = (
    psycopg.OperationalError,  # lost, refused, timed out, shut down, full, deadlocked
    psycopg.InterfaceError,  # the connection was closed under us
    errors.ReadOnlySqlTransaction,  # a standby answers while the primary is being replaced
    OSError,  # no socket, no name, no route
)


@contextmanager
def translated() -> Iterator[None]:
    """Raises StoreUnavailable for whatever the body's database calls raise when the database is away."""
    try:
        yield
    except _AWAY as exc:
        raise StoreUnavailable("the database does not answer: " + " ".join(str(exc).split())) from exc
