"""What bringing a database to the newest schema promises."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlmodel import SQLModel

from adapters.postgres import tables
from adapters.postgres.database import Database
from adapters.postgres.migrate import upgrade
from domain.errors import InvalidInput

pytestmark = pytest.mark.postgres


def test_the_migrations_make_exactly_the_tables_that_are_declared(database_url: str) -> None:
    """Alembic finds nothing to do between the declared tables and a migrated database."""
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(database_url))
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), SQLModel.metadata)
        made = connection.exec_driver_sql("SELECT to_regclass('listing_changes') IS NOT NULL").scalar()
    engine.dispose()

    assert differences == []
    assert made is True
    assert tables.LISTING_CHANGES.name == "listing_changes"


def test_several_processes_may_upgrade_at_once(empty_url: str) -> None:
    """Four upgrades of one empty database all end well."""
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(upgrade, [empty_url] * 4))

    with psycopg.connect(empty_url) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0005",)]


def test_an_address_that_is_refused_is_one_line_without_its_password(database_url: str) -> None:
    """A missing database is named, its password is not."""
    address = database_url.replace("postgres@", "postgres:hush-hush@").replace("/test_", "/nowhere_")

    with pytest.raises(InvalidInput, match=r'database "nowhere_\d+" does not exist') as refused:
        upgrade(address)

    assert "hush-hush" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_text_that_is_no_address_is_not_shown() -> None:
    """What cannot be read may be a password."""
    with pytest.raises(InvalidInput) as refused:
        upgrade("hush-hush@somewhere")

    assert "hush-hush" not in str(refused.value)


def test_a_role_without_rights_is_told_what_it_lacks(empty_url: str) -> None:
    """Making tables needs CREATE."""
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS poor")
        connection.execute("CREATE ROLE poor LOGIN")

    with pytest.raises(InvalidInput, match="permission denied"):
        upgrade(empty_url.replace("postgres@", "poor@"))


async def test_a_database_without_tables_is_not_opened(empty_url: str) -> None:
    """Opening says what is missing instead of failing later."""
    with pytest.raises(InvalidInput, match="tables"):
        await Database(empty_url).open()
