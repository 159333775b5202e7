"""What operators want: targets that wait until a source names their opening. Armed sessions bring their own target."""

from psycopg.errors import UniqueViolation

from adapters.postgres.database import Connection, Database
from adapters.postgres.event_codec import policy_json
from domain.errors import InvalidInput
from domain.ids import ListingKey, check_account
from domain.policy import TradePolicy


class PostgresTargets:
    """Adding and withdrawing targets; reading them is in read_models.py."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, account: str, listing: ListingKey, symbol: str, policy: TradePolicy) -> int:
        """A target that waits for its opening; returns its number.

        Raises InvalidInput when one waits for this listing on this account already."""
        check_account(account)
        try:
            async with self._database.transaction() as connection:
                await add_account(connection, account)
                found = await connection.execute(
                    """
                    INSERT INTO targets (account, listing, symbol, policy, status)
                    VALUES (%s, %s, %s, %s, 'waiting') RETURNING id
                    """,
                    (account, str(listing), symbol, policy_json(policy)),
                )
                row = await found.fetchone()
                assert row is not None  # it was inserted just now
                return int(row[0])
        except UniqueViolation as exc:
            raise InvalidInput(
                "target",
                value=f"{listing} on {account}",
                expected="a listing that no target of this account waits for",
                remedy="withdraw the other one first",
            ) from exc

    async def withdraw(self, target: int) -> str | None:
        """Wait no longer. Idempotent.

        Answers what the target is now: withdrawn, or taken, when its session goes on. None: there is no such target.
        """
        async with self._database.transaction() as connection:
            await connection.execute(
                "UPDATE targets SET status = 'withdrawn' WHERE id = %s AND status = 'waiting'", (target,)
            )
            found = await connection.execute("SELECT status FROM targets WHERE id = %s", (target,))
            row = await found.fetchone()
            return None if row is None else str(row[0])


async def add_account(connection: Connection, account: str) -> None:
    """The account's row, made when it is missing."""
    await connection.execute("INSERT INTO accounts (name) VALUES (%s) ON CONFLICT (name) DO NOTHING", (account,))
