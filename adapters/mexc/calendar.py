"""Coming coins as the venue's website announces them, behind domain.ports.ListingSource. Undocumented by the venue."""

import structlog

from adapters.mexc import build, members, parse
from adapters.mexc.kept import Kept
from adapters.mexc.limits import Priority
from adapters.mexc.rest import Rest
from domain import ages
from domain.listings import Listing
from domain.ports import Clock

log = structlog.get_logger(__name__)

_NEAR_S = 3600.0
"""With an opening so close the calendar is asked more often: it is then that openings move."""


class CalendarListings:
    """About a week of coming and a week of past coins. It names no pairs: each is taken to open against USDT.

    rest: of the website, which is another server than the API's, with a budget of its own. A page of HTML instead of
    an answer, which its firewall sends, is TryAgain like silence.
    """

    def __init__(self, rest: Rest, clock: Clock) -> None:
        self._rest = rest
        self._clock = clock
        self._calendar: Kept[tuple[Listing, ...]] = Kept(clock)
        self._known: tuple[Listing, ...] = ()

    async def listings(self) -> tuple[Listing, ...]:
        """As it was said half a minute ago, or five minutes when nothing opens within the hour. Raises TryAgain."""
        now = self._clock.now()
        near = any(abs((listing.opens_at - now).total_seconds()) < _NEAR_S for listing in self._known)
        self._known = await self._calendar.get(ages.CALENDAR_NEAR_OPENING_S if near else ages.CALENDAR_S, self._ask)
        return self._known

    async def _ask(self) -> tuple[Listing, ...]:
        params = (("timestamp", str(members.milliseconds(self._clock.now()))),)
        found, unreadable = await self._rest.read(build.CALENDAR, params, parse.calendar, Priority.POLL)
        if unreadable:
            log.warning("calendar.unreadable_rows", count=unreadable)
        return found
