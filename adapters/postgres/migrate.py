"""Bringing a database to the schema this version needs. Safe to call from several processes at once."""

import sys
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from adapters.postgres.address import connection_options, refusal
from domain.errors import InvalidInput

_ONE_AT_A_TIME = 7_221_901
"""Advisory lock: any number of our own that nothing else in the database uses."""
_STATEMENT_WITHIN_MS = 60_000


def configuration() -> Config:
    """Alembic's settings, without a file on disk."""
    config = Config()
    folder = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))  # Alembic interpolates
    return config


def upgrade(database_url: str) -> None:
    """Run every migration that is missing. Raises InvalidInput when the database cannot be used."""
    options = connection_options(database_url, name="sniper-migrate", statement_timeout_ms=_STATEMENT_WITHIN_MS)
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(options))
    config = configuration()
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ONE_AT_A_TIME})
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except (psycopg.OperationalError, DBAPIError) as exc:
        reason = exc.orig if isinstance(exc, DBAPIError) else exc
        if not isinstance(reason, (psycopg.OperationalError, InsufficientPrivilege)):
            raise  # a broken migration is a bug, whatever the address
        expected = "a Postgres that answers and lets us make tables"
        raise refusal(database_url, reason, expected=expected) from exc
    finally:
        engine.dispose()


def main() -> int:
    """`python -m adapters.postgres.migrate URL`."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m adapters.postgres.migrate DATABASE_URL\n")
        return 2
    try:
        upgrade(sys.argv[1])
    except InvalidInput as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
