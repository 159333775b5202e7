"""What operators want: targets that wait until a source names their opening. Armed sessions bring their own target."""

from adapters.postgres.database import Connection, Database
from adapters.postgres.event_codec import policy_json
from domain.errors import InvalidInput
from domain.ids import ListingKey, check_account
from domain.policy import TradePolicy

_OF_THE_PAIR = """
    AND (listing = %(listing)s OR (symbol = %(symbol)s AND split_part(listing, ':', 1) = %(exchange)s))
"""
"""A target is meant by its listing, or by exchange and pair while the coin's id was not known."""


class PostgresTargets:
    """Adding and withdrawing targets; reading them is in read_models.py."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, account: str, listing: ListingKey, symbol: str, policy: TradePolicy) -> int:
        """A target that waits for its opening; returns its number.

        Raises InvalidInput when another one waits for this pair on this account, or a session of it is open: both would
        buy, the second one after somebody aborted the first.
        """
        check_account(account)
        async with self._database.transaction() as connection:
            await lock_account(connection, account)
            await refuse_wanted(connection, account, listing, symbol)
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

    async def withdraw_of(self, account: str, listing: ListingKey, symbol: str) -> tuple[int, ...]:
        """Let every target of the account that waits for the pair wait no longer; returns their numbers."""
        async with self._database.transaction() as connection:
            found = await connection.execute(
                """
                UPDATE targets SET status = 'withdrawn' WHERE status = 'waiting' AND account = %(account)s
                """  # noqa: S608 - constants only
                + _OF_THE_PAIR
                + "RETURNING id",
                _pair(account, listing, symbol),
            )
            return tuple(sorted(int(row[0]) for row in await found.fetchall()))


async def lock_account(connection: Connection, account: str) -> None:
    """One admission, reservation or new target of an account at a time, until the transaction ends."""
    await connection.execute("INSERT INTO accounts (name) VALUES (%s) ON CONFLICT (name) DO NOTHING", (account,))
    await connection.execute("SELECT FROM accounts WHERE name = %s FOR NO KEY UPDATE", (account,))


async def refuse_wanted(connection: Connection, account: str, listing: ListingKey, symbol: str) -> None:
    """Raises InvalidInput when the account wants the pair already: a target waits for it, or a session of it is open.
    Ask under the account's lock."""
    await _refuse_waiting(connection, account, listing, symbol)
    await _refuse_open(connection, account, listing, symbol)


async def _refuse_waiting(connection: Connection, account: str, listing: ListingKey, symbol: str) -> None:
    found = await connection.execute(
        "SELECT id FROM targets WHERE status = 'waiting' AND account = %(account)s"  # noqa: S608 - constants only
        + _OF_THE_PAIR
        + "ORDER BY id",
        _pair(account, listing, symbol),
    )
    row = await found.fetchone()
    if row is not None:
        raise InvalidInput(
            "target",
            value=f"{listing} on {account}",
            expected=f"a listing that no target of this account waits for; target {row[0]} does",
            remedy=f"withdraw that one first: sniper targets --withdraw {row[0]}",
        )


async def _refuse_open(connection: Connection, account: str, listing: ListingKey, symbol: str) -> None:
    found = await connection.execute(
        "SELECT attempt, listing FROM sessions WHERE phase <> 'closed' AND account = %(account)s"  # noqa: S608 - constants
        + _OF_THE_PAIR,
        _pair(account, listing, symbol),
    )
    row = await found.fetchone()
    if row is not None:
        raise InvalidInput(
            "pair",
            value=f"{symbol} on {account}",
            expected=f"one without an open session of this account; {account}/{row[1]}/{row[0]} is",
            remedy="abort it first, or wait until it is closed",
        )


def _pair(account: str, listing: ListingKey, symbol: str) -> dict[str, str]:
    return {"account": account, "listing": str(listing), "symbol": symbol, "exchange": listing.exchange}
