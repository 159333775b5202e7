"""Run by Alembic: migrates over the connection that adapters.postgres.migrate hands in."""

from alembic import context
from sqlmodel import SQLModel

from adapters.postgres import tables  # noqa: F401 - fills SQLModel.metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=SQLModel.metadata)
with context.begin_transaction():
    context.run_migrations()
