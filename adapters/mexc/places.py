"""What the shots of one session take of the request budget: a place for each order laid ready, and a few ahead.

Not here: what the budget is, and who else takes of it (`governor`).
"""

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass

from adapters.mexc import build
from adapters.mexc.breakers import Attempt, Breakers
from adapters.mexc.governor import ORDERS_WAIT_S, Grant, RequestGovernor
from adapters.mexc.limits import Priority
from domain.errors import RateLimited, TryAgain
from domain.ports import Clock

LEAVES_WITHIN_S = 5.0
"""How long before its instant an order may be laid ready and still be counted as one that is about to leave."""
AHEAD = 3
"""Places taken for shots that may follow within milliseconds: the launchpad's thread cannot ask for one."""


@dataclass(frozen=True, slots=True)
class Place:
    """Leave for one order. taken_at: local monotonic seconds."""

    grant: Grant
    attempt: Attempt
    taken_at: float

    def give_up(self) -> None:
        """Nothing more comes of it, or nothing ever did. On the event loop; idempotent."""
        self.grant.settle()
        self.attempt.end()


class Places:
    """Of one session, until `close`.

    all_places: of every session of the account, this one's among them: what one of them took ahead is the first to go
    when another one has no place yet.
    """

    def __init__(self, clock: Clock, governor: RequestGovernor, breakers: Breakers, all_places: list["Places"]) -> None:
        self._clock = clock
        self._governor = governor
        self._breakers = breakers
        self._all = all_places
        self._all.append(self)
        self._ahead: deque[Place] = deque()
        self._expired: deque[Place] = deque()
        self._restocking = asyncio.Lock()
        self._closed = False

    async def first(self, priority: Priority) -> Place:
        """For an order that is laid ready now, if need be instead of one for a shot that only may follow another one.

        Waits for ORDERS_WAIT_S. Raises RateLimited, or TryAgain while orders rest.
        """
        with suppress(RateLimited):
            return await self._take(priority, 0.0)
        self._give_way()
        return await self._take(priority, ORDERS_WAIT_S)

    def next(self) -> Place | None:
        """One taken ahead that is not too old to be counted rightly; on any thread. None while the venue rests."""
        while not self._rests():
            try:
                place = self._ahead.popleft()
            except IndexError:
                return None
            if self._clock.monotonic() - place.taken_at < LEAVES_WITHIN_S:
                return place
            self._expired.append(place)
        return None

    def put_back(self, place: Place) -> None:
        """Nothing left in it: it is the next one. On any thread."""
        self._ahead.appendleft(place)

    async def restock(self, *, shots: bool) -> None:
        """As Battery.restock."""
        async with self._restocking:
            if (place := self.next()) is not None:  # those before it are too old
                self.put_back(place)
            while self._expired:
                self._expired.popleft().give_up()
            if not shots or self._closed or self._rests():
                while self._drop_one():
                    pass
                return
            while len(self._ahead) < AHEAD and not self._closed:
                try:
                    self._ahead.append(await self._take(Priority.ENTRY, 0.0))
                except TryAgain:  # the budget has no room, or the part rests: the next shot waits
                    return

    async def close(self) -> None:
        """Idempotent."""
        self._closed = True
        await self.restock(shots=False)
        with suppress(ValueError):
            self._all.remove(self)

    def _give_way(self) -> None:
        """Give one up that was taken ahead: of this session, else of the one that has most."""
        if not self._drop_one():
            max(self._all, key=lambda places: len(places._ahead), default=self)._drop_one()

    def _drop_one(self) -> bool:
        """Whether there was one; the launchpad's thread takes of them meanwhile."""
        try:
            place = self._ahead.popleft()
        except IndexError:
            return False
        place.give_up()
        return True

    async def _take(self, priority: Priority, within_s: float) -> Place:
        attempt = self._breakers.begin(build.PLACE_ORDER.part, priority)
        try:
            grant = await self._governor.admit(build.PLACE_ORDER.cost, priority, within_s, LEAVES_WITHIN_S)
        except BaseException:
            attempt.end()
            raise
        return Place(grant, attempt, self._clock.monotonic())

    def _rests(self) -> bool:
        """Whether the venue asked for rest: no place taken before is a way around it."""
        return self._governor.rest.left_s(self._clock.monotonic()) > 0
