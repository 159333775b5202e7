"""A process of its own that takes a lease and renews it until it is told otherwise; says what happens, line by line.

`python holder.py URL FOLDER TTL_S`
"""

import asyncio
import sys
from pathlib import Path

from adapters.clock import SystemClock
from adapters.postgres.database import Database
from adapters.postgres.leases import PostgresLeases
from domain.errors import LeaseLost
from tests.builders import KEY


async def main(url: str, folder: str, ttl_s: float) -> None:
    async with Database(url, name="holder", connections=1) as database:
        leases = PostgresLeases(database, SystemClock(), Path(folder))
        grant = await leases.acquire(KEY, "holder", ttl_s)
        say("none" if grant is None else f"token {grant.token}")
        while grant is not None:
            await asyncio.sleep(ttl_s / 5)
            try:
                await leases.renew(KEY, grant.token, ttl_s)
            except LeaseLost:
                say("lost")
                return


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
