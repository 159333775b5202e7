"""Listings: a long poll over the sources, and telling running sessions that their opening moved."""

from dataclasses import dataclass, replace

from temporalio import activity

from domain.commands import ListingNews, MovedOpening, NewSession, NextListings, StartSnipe
from domain.errors import InvalidInput, SniperError, TryAgain
from domain.listings import Listing
from domain.ports import Clock, ListingBook, ListingSource, RunningSnipes, Sessions
from domain.requests import move_of
from domain.session import SessionRecord

ASK_EVERY_S = 5.0
ANSWER_WITHIN_S = 50.0


@dataclass(frozen=True)
class ListingActivities:
    source: ListingSource
    source_name: str
    book: ListingBook
    sessions: Sessions
    snipes: RunningSnipes
    clock: Clock

    @activity.defn
    async def next_listings(self, after: NextListings) -> ListingNews:
        """Wait for listings that are new, moved or newly wanted; answers empty-handed after a while.

        Sessions to start are admitted before this returns, so that each is started at most once. Neither a source that
        fails nor a wish that cannot be admitted keeps the others waiting.
        """
        asked_at = self.clock.monotonic()
        lost: frozenset[NewSession] = frozenset()
        while True:
            activity.heartbeat()
            news = await self._look(after)
            lost_before, lost = lost, await self._lost()
            news = replace(news, start=news.start + tuple(new for new in lost if new in lost_before))
            if news.start or news.moved or self.clock.monotonic() - asked_at > ANSWER_WITHIN_S:
                return news
            await self.clock.sleep(ASK_EVERY_S)

    @activity.defn
    async def unclosed_sessions(self) -> tuple[NewSession, ...]:
        """Every session that is not closed: asked at start, so that a lost Temporal database loses no position."""
        return tuple(_start_of(record) for record in await self.sessions.unclosed())

    @activity.defn
    async def move_opening(self, moved: MovedOpening) -> None:
        """Tell the session's run. One that closed meanwhile has nobody to tell. Raises TryAgain when it is open and
        could not be told."""
        if any(record.workflow_id == moved.workflow_id for record in await self.sessions.unclosed()):
            await self.snipes.reschedule(moved)

    def _is_over(self, start: StartSnipe) -> bool:
        """Whether the opening has passed by more than the target allows a late entry."""
        late_s = (self.clock.now() - start.opens_at).total_seconds()
        return late_s > start.policy.entry.late_entry_s

    async def _lost(self) -> frozenset[NewSession]:
        """Sessions that are not closed and that no run looks after: their start failed, or somebody ended the run.
        Started again once two looks in a row see one: a start may be under way."""
        unclosed = await self.sessions.unclosed()
        return frozenset([_start_of(record) for record in unclosed if not await self._runs(record.workflow_id)])

    async def _runs(self, workflow_id: str) -> bool:
        """As told; also while it is not known, which says nothing of the others."""
        activity.heartbeat()
        try:
            return await self.snipes.runs(workflow_id)
        except TryAgain as error:
            activity.logger.warning("listings.run_unknown", extra={"workflow_id": workflow_id, "error": str(error)})
            return True

    async def _look(self, after: NextListings) -> ListingNews:
        """What the book wants, with all that the source shows now; without it when the source fails."""
        await self.book.sight(self.source_name, await self._shown())
        changed, cursor = await self.book.changes(after.cursor)
        start: list[NewSession] = []
        for listing in await self.book.upcoming():
            for wanted in await self.book.wanted(listing):
                if self._is_over(wanted.start):
                    continue  # the target waits on: the listing may open anew
                if await self._is_admitted(wanted):
                    start.append(wanted)
        moved = [
            MovedOpening(record.workflow_id, move_of(listing))
            for listing in changed
            for record in await self.book.sessions_of(listing)
            if record.opens_at != listing.opens_at
        ]
        return ListingNews(cursor, tuple(start), tuple(moved))

    async def _shown(self) -> tuple[Listing, ...]:
        try:
            return await self.source.listings()
        except SniperError as error:  # a refusal too: what is known already must not wait until a human acts
            activity.logger.warning("listings.source_silent", extra={"source": self.source_name, "error": str(error)})
            return ()

    async def _is_admitted(self, wanted: NewSession) -> bool:
        """False: its key or workflow is another session's, or its target was withdrawn this moment. While the target
        waits it is tried again."""
        try:
            await self.sessions.admit(wanted)
        except (InvalidInput, TryAgain) as error:
            activity.logger.error(
                "listings.not_admitted",
                extra={"session": str(wanted.start.key), "target": wanted.target_id, "error": str(error)},
            )
            return False
        return True


def _start_of(record: SessionRecord) -> NewSession:
    return NewSession(StartSnipe(record.key, record.symbol, record.opens_at, record.policy), record.workflow_id)
