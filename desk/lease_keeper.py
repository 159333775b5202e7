"""Holding one session's lease: taking it, renewing it, and knowing at any instant whether it still holds."""

import asyncio

from domain.errors import LeaseLost, StoreUnavailable
from domain.ids import SessionKey
from domain.lease import LEASE_TTL_S, RENEW_EVERY_S, LeaseGrant
from domain.ports import Clock, Leases

_ASK_EVERY_S = 0.2
"""How often a waiting desk asks for the lease: a clean hand-over shall not take longer than a blink."""


class LeaseKeeper:
    """One holder's view of one lease. `wanted` rises when another desk wishes to take over."""

    def __init__(self, leases: Leases, clock: Clock, key: SessionKey, holder: str) -> None:
        self._leases = leases
        self._clock = clock
        self._key = key
        self._holder = holder
        self._deadline = 0.0
        self._grant: LeaseGrant | None = None
        self._stood_down = ""
        self.wanted = asyncio.Event()

    async def take(self) -> LeaseGrant:
        """Wait until the lease is ours; the store's absence is waited out too."""
        while True:
            try:
                grant = await self._leases.acquire(self._key, self._holder, LEASE_TTL_S)
            except StoreUnavailable:
                grant = None
            if grant is not None:
                self._grant = grant
                self._deadline = grant.asked_at + grant.ttl_s
                return grant
            await self._clock.sleep(_ASK_EVERY_S)

    @property
    def token(self) -> int:
        """Of the lease that was taken."""
        return self._held().token

    def check(self) -> None:
        """Raises LeaseLost when our right to send has ended; no I/O, callable from any thread."""
        if self._stood_down:
            raise LeaseLost(self._stood_down)
        if self._clock.boottime() >= self._deadline:
            raise LeaseLost(f"the lease of {self._key} has ended")

    def stand_down(self, reason: str) -> None:
        """Give up the right to send at once, for good: the lease is renewed no more, and runs out."""
        self._stood_down = reason

    async def keep(self) -> None:
        """Renew until cancelled. Raises LeaseLost once somebody else has it, this desk stood down, or our right has
        ended: it is taken anew then, never revived. A silent store only lets it run out."""
        grant = self._held()
        while True:
            await self._clock.sleep(RENEW_EVERY_S)
            self.check()
            asked_at = self._clock.boottime()
            try:
                wanted = await self._leases.renew(self._key, grant.token, grant.ttl_s)
            except StoreUnavailable:
                self.check()
                continue
            except LeaseLost:
                self._deadline = 0.0
                raise
            self._deadline = asked_at + grant.ttl_s
            if wanted:
                self.wanted.set()

    async def release(self) -> None:
        """Let go with nothing in flight; when the store does not answer, the lease simply runs out."""
        grant = self._held()
        self._deadline = 0.0
        try:
            await self._leases.release(self._key, grant.token)
        except StoreUnavailable:
            return

    def _held(self) -> LeaseGrant:
        if self._grant is None:
            raise RuntimeError("the lease was never taken")
        return self._grant
