"""Rows as earlier versions wrote them, which today's rules would refuse."""

from adapters.postgres.database import Database
from adapters.postgres.event_codec import policy_json
from domain.ids import ListingKey
from tests.builders import a_policy


async def an_old_target(database: Database, account: str, listing: ListingKey, symbol: str) -> int:
    """One that waits for a pair whatever else its account does with it; returns its number."""
    async with database.transaction() as connection:
        await connection.execute("INSERT INTO accounts (name) VALUES (%s) ON CONFLICT (name) DO NOTHING", (account,))
        found = await connection.execute(
            """
            INSERT INTO targets (account, listing, symbol, policy, status)
            VALUES (%s, %s, %s, %s, 'waiting') RETURNING id
            """,
            (account, str(listing), symbol, policy_json(a_policy())),
        )
        row = await found.fetchone()
        assert row is not None
        return int(row[0])
