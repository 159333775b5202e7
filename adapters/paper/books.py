"""The paper venue's books in Postgres: one transaction per change, under a lock on the account's row.

So whatever a process was about to do when it died is done or not done, never half. Every change raises the account's
revision, in the order of the commits, and is announced; whoever follows an account reads on from the last revision it
knows. Not here: what an order does (matching.py).
"""

from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar

from psycopg.rows import kwargs_row

from adapters.paper import rows
from adapters.paper.account import Booked, Pair, Wallet
from adapters.paper.matching import PaperAccount
from adapters.postgres.database import Connection, Database
from domain.errors import OutcomeUnknown
from domain.money import Base
from domain.orders import Fill
from domain.ports import Balance

T = TypeVar("T")

CHANNEL = "sniper_paper"
"""Payload: the account whose books changed."""


class PaperBooks:
    """The books of one account. Raises StoreUnavailable when the database is away."""

    def __init__(self, database: Database, account: str) -> None:
        self._database = database
        self.account = account

    async def open(self, asset: str, amount: Decimal) -> None:
        """Make the account with `amount` of `asset`; one that is there keeps what it has."""
        async with self._database.transaction() as connection:
            made = await connection.execute(
                "INSERT INTO paper_accounts (name) VALUES (%s) ON CONFLICT DO NOTHING", (self.account,)
            )
            if made.rowcount:
                await connection.execute(
                    "INSERT INTO paper_balances (account, asset, free, locked) VALUES (%s, %s, %s, 0)",
                    (self.account, asset, amount),
                )

    async def balance(self, asset: str) -> Balance:
        """Zeros for an asset the account never held."""
        async with self._database.transaction() as connection:
            wallet = (await _wallets(connection, self.account, asset))[asset]
        return Balance(Base(wallet.free), Base(wallet.locked))

    async def find(self, client_order_id: str) -> Booked | None:
        """An order by our id. Waits for a placement that is under way, so that None holds for everything before it."""
        async with self._database.transaction() as connection:
            await connection.execute("SELECT FROM paper_accounts WHERE name = %s FOR SHARE", (self.account,))
            return await _order(connection, self.account, client_order_id)

    async def open_orders(self, symbol: str | None = None) -> tuple[Booked, ...]:
        """Of one symbol, or of all, in the order of their arrival."""
        async with self._database.transaction() as connection:
            return await _open_orders(connection, self.account, symbol)

    async def fills(self, order_id: str) -> tuple[Fill, ...]:
        """Of one order, oldest first."""
        async with (
            self._database.transaction() as connection,
            connection.cursor(row_factory=kwargs_row(rows.fill)) as c,
        ):
            await c.execute(
                rows.SELECT_FILL + "WHERE account = %s AND order_id = %s" + rows.FILLS_IN_ORDER,
                (self.account, order_id),
            )
            return tuple(await c.fetchall())

    async def revision(self) -> int:
        """The number of the last committed change."""
        async with self._database.transaction() as connection:
            return await _revision(connection, self.account)

    async def changes_since(self, revision: int) -> tuple[int, tuple[Booked | Fill, ...]]:
        """Orders as they are now and fills that came after `revision`, and the revision to go on from."""
        async with self._database.transaction() as connection:
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")  # one moment for all three
            newest = await _revision(connection, self.account)
            async with connection.cursor(row_factory=kwargs_row(rows.booked)) as cursor:
                await cursor.execute(
                    rows.SELECT_ORDER + "WHERE account = %s AND revision > %s ORDER BY revision",
                    (self.account, revision),
                )
                orders = await cursor.fetchall()
            async with connection.cursor(row_factory=kwargs_row(rows.fill)) as told:
                await told.execute(
                    rows.SELECT_FILL + "WHERE account = %s AND revision > %s" + rows.FILLS_IN_ORDER,
                    (self.account, revision),
                )
                return newest, (*orders, *await told.fetchall())

    async def place(self, pair: Pair, client_order_id: str, act: Callable[[PaperAccount], T]) -> T:
        """Let `act` place an order of this id. What it raises leaves the books as they were. Raises OutcomeUnknown when
        an order of this id exists, as the venue's answer to a repeated id is read."""
        async with self._database.transaction() as connection:
            revision = await _lock(connection, self.account)
            if await _order(connection, self.account, client_order_id) is not None:
                raise OutcomeUnknown(f"an order {client_order_id!r} exists already")
            return await _act(connection, self.account, pair, revision, act)

    async def cancel(self, client_order_id: str) -> None:
        """End an order; one that is unknown or has ended is no error."""
        async with self._database.transaction() as connection:
            revision = await _lock(connection, self.account)
            booked = await _order(connection, self.account, client_order_id)
            if booked is not None and not booked.order.status.final:
                await _act(
                    connection, self.account, booked.pair, revision, lambda account: account.cancel(client_order_id)
                )


async def advance(connection: Connection, account: str, pair: Pair, act: Callable[[PaperAccount], None]) -> None:
    """Let the market act on an account, inside the caller's transaction."""
    await _act(connection, account, pair, await _lock(connection, account), act)


async def load(connection: Connection, account: str, pair: Pair) -> PaperAccount:
    """One account in one market as it is now."""
    found = await _wallets(connection, account, pair.base, pair.quote)
    async with connection.cursor(row_factory=kwargs_row(rows.taken)) as cursor:
        await cursor.execute(rows.SELECT_TAKEN + "WHERE account = %s AND symbol = %s", (account, pair.symbol))
        taken = dict(await cursor.fetchall())
    return PaperAccount(
        pair,
        quote=found[pair.quote],
        base=found[pair.base],
        open_orders=await _open_orders(connection, account, pair.symbol),
        taken=taken,
    )


async def _revision(connection: Connection, account: str) -> int:
    found = await connection.execute("SELECT revision FROM paper_accounts WHERE name = %s", (account,))
    row = await found.fetchone()
    assert row is not None  # made by `open`
    return int(row[0])


async def _lock(connection: Connection, account: str) -> int:
    """One change of an account at a time, until the transaction ends; returns the revision it makes."""
    found = await connection.execute(
        "UPDATE paper_accounts SET revision = revision + 1 WHERE name = %s RETURNING revision", (account,)
    )
    row = await found.fetchone()
    assert row is not None  # made by `open`
    return int(row[0])


async def _act(connection: Connection, account: str, pair: Pair, revision: int, act: Callable[[PaperAccount], T]) -> T:
    loaded = await load(connection, account, pair)
    taken_before = dict(loaded.taken)
    result = act(loaded)
    await _write(connection, account, revision, loaded, new_taken=loaded.taken != taken_before)
    return result


async def _write(connection: Connection, account: str, revision: int, after: PaperAccount, *, new_taken: bool) -> None:
    async with connection.cursor() as cursor:
        await cursor.executemany(
            """
            INSERT INTO paper_balances (account, asset, free, locked) VALUES (%s, %s, %s, %s)
            ON CONFLICT (account, asset) DO UPDATE SET free = excluded.free, locked = excluded.locked
            """,
            [
                (account, asset, wallet.free, wallet.locked)
                for asset, wallet in ((after.pair.base, after.base), (after.pair.quote, after.quote))
            ],
        )
        if after.changed:
            await cursor.executemany(
                rows.WRITE_ORDER, [rows.of_booked(account, booked, revision) for booked in after.changed.values()]
            )
        if after.fills:
            await cursor.executemany(rows.WRITE_FILL, [rows.of_fill(account, fill, revision) for fill in after.fills])
        if new_taken:
            await cursor.execute(
                "DELETE FROM paper_taken WHERE account = %s AND symbol = %s", (account, after.pair.symbol)
            )
            await cursor.executemany(
                rows.WRITE_TAKEN,
                [rows.of_taken(account, after.pair.symbol, offer, had) for offer, had in after.taken.items()],
            )
        await cursor.execute("SELECT pg_notify(%s, %s)", (CHANNEL, account))


async def _order(connection: Connection, account: str, client_order_id: str) -> Booked | None:
    async with connection.cursor(row_factory=kwargs_row(rows.booked)) as cursor:
        await cursor.execute(
            rows.SELECT_ORDER + "WHERE account = %s AND client_order_id = %s", (account, client_order_id)
        )
        return await cursor.fetchone()


async def _open_orders(connection: Connection, account: str, symbol: str | None) -> tuple[Booked, ...]:
    async with connection.cursor(row_factory=kwargs_row(rows.booked)) as cursor:
        await cursor.execute(
            rows.SELECT_ORDER
            + "WHERE account = %s AND NOT final AND (%s::text IS NULL OR symbol = %s) ORDER BY placed_at, order_id",
            (account, symbol, symbol),
        )
        return tuple(await cursor.fetchall())


async def _wallets(connection: Connection, account: str, *assets: str) -> dict[str, Wallet]:
    found = await connection.execute(
        "SELECT asset, free, locked FROM paper_balances WHERE account = %s AND asset = ANY(%s)",
        (account, list(assets)),
    )
    held = {str(asset): Wallet(free, locked) for asset, free, locked in await found.fetchall()}
    return {asset: held.get(asset, Wallet()) for asset in assets}
