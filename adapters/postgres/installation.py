"""Who names the orders of this database."""

import secrets

from adapters.postgres.database import Database
from domain.ids import Installation


async def installation(database: Database) -> Installation:
    """The installation's name and epoch; the first call ever makes the name."""
    async with database.transaction() as connection:
        await connection.execute(
            "INSERT INTO installation (identity) VALUES (%s) ON CONFLICT (id) DO NOTHING", (secrets.token_hex(16),)
        )
        found = await connection.execute("SELECT identity, epoch FROM installation")
        row = await found.fetchone()
        assert row is not None  # written above, by us or by somebody else
        return Installation(identity=row[0], epoch=row[1])
