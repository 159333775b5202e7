"""A database's address: what may be shown of it, and what a server's refusal of it means."""

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from domain.errors import InvalidInput

CONNECT_WITHIN_S = 3
_ANSWER_WITHIN_MS = 5000
_PASSING = ("starting up", "shutting down", "recovery", "too many", "connection slots", "terminating connection")
"""Words of a server that lets nobody in just now; any other FATAL answer at connecting is about the address."""


def connection_options(url: str, *, name: str, statement_timeout_ms: int = _ANSWER_WITHIN_MS) -> str:
    """What libpq needs to connect to `url`: bounded waits, UTC, and dead networks noticed. Raises InvalidInput.

    name: shown in pg_stat_activity.
    """
    try:
        own = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise InvalidInput(
            "DATABASE_URL",
            value="a text that cannot be read",  # not shown: it may hold a password anywhere
            expected="postgresql://user:password@host:port/database",
            remedy="correct it, or unset it to use the embedded Postgres",
        ) from None
    options = (
        f"{own.get('options') or ''} -c statement_timeout={statement_timeout_ms} -c timezone=UTC"
        " -c idle_in_transaction_session_timeout=10000"
    )
    return make_conninfo(
        url,
        options=options.strip(),
        connect_timeout=CONNECT_WITHIN_S,
        application_name=name,
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=3,
        tcp_user_timeout=6000,
    )


def shown(url: str) -> str:
    """The address without its password."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return "a text that cannot be read"
    return " ".join(f"{key}={'***' if key == 'password' else value}" for key, value in parts.items())


def is_refusal(error: psycopg.OperationalError) -> bool:
    """Whether the server answered and says no to the address: role, password, database or rights."""
    said = str(error)
    return "FATAL" in said and not any(word in said for word in _PASSING)


def refusal(url: str, reason: object, *, expected: str = "a Postgres that answers and lets us in") -> InvalidInput:
    """The one line for an address that cannot be used."""
    told = " ".join(str(reason).split())
    return InvalidInput(
        "DATABASE_URL",
        value=shown(url),
        expected=expected,
        remedy=f"start it or correct the address, or unset it to use the embedded one ({told})",
    )


def require_usable(url: str) -> None:
    """Can the schema be kept in this database? Raises InvalidInput when it does not answer or grants no rights."""
    try:
        with psycopg.connect(connection_options(url, name="sniper start")) as connection:
            row = connection.execute(
                "SELECT has_database_privilege(current_database(), 'CREATE')"
                " OR has_schema_privilege(current_schema(), 'CREATE')"
            ).fetchone()
    except psycopg.Error as exc:
        raise refusal(url, exc) from exc
    if row is None or row[0] is not True:
        raise InvalidInput(
            "DATABASE_URL",
            value=shown(url),
            expected="a role that may create tables in the database",
            remedy="GRANT CREATE on its schema to the role, or use another role",
        )


def missing_schema(url: str) -> InvalidInput:
    """The one line for a database in which nobody has made the tables."""
    return InvalidInput(
        "DATABASE_URL",
        value=shown(url),
        expected="a database that holds this product's tables",
        remedy="`sniper up` makes them, `python -m adapters.postgres.migrate URL` makes them alone",
    )
