"""Taking leases in tests."""

import asyncio
from time import monotonic

from adapters.postgres.leases import PostgresLeases
from domain.lease import LeaseGrant
from tests.adapters.postgres.makers import LOOK_EVERY_S
from tests.builders import KEY

LONG_S = 30.0
SHORT_S = 0.4


async def taken(leases: PostgresLeases, ttl_s: float = LONG_S) -> LeaseGrant:
    grant = await leases.acquire(KEY, "first", ttl_s)
    assert grant is not None
    return grant


async def take_over(leases: PostgresLeases, since: float, ttl_s: float) -> tuple[LeaseGrant, float]:
    """Ask until the lease is ours; with the seconds since `since`."""
    while True:
        grant = await leases.acquire(KEY, "next", ttl_s)
        if grant is not None:
            return grant, monotonic() - since
        await asyncio.sleep(LOOK_EVERY_S)
