"""What the panel's pages read, once per process: answers shared by all pages and kept while the database is away."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial

from adapters.postgres.read_models import HaltLine, PricePoint, SessionDetail, SessionLine, TargetLine
from adapters.postgres.reader import Reader
from adapters.settings import read_settings
from domain.errors import InvalidInput
from domain.ids import SessionKey
from domain.listings import Listing
from ui.latest import Latest, Seen
from ui.reading import PanelReader, journal
from ui.timeline import Recorded

SHOWN = 50
"""How many sessions, targets and listings a page lists."""
KEPT = 20
"""How many sessions' stories are remembered: as many as people look at, not as many as there are."""


@dataclass(frozen=True, slots=True)
class SessionStory:
    """One session with everything it did, its journal, and the prices its guard saw."""

    detail: SessionDetail
    entries: tuple[Recorded, ...]
    prices: tuple[PricePoint, ...]


class PanelSource:
    """Answers for pages, from any thread."""

    def __init__(self, reader: PanelReader) -> None:
        self._reader = reader
        self._sessions = Latest(lambda: reader.sessions(limit=SHOWN))
        self._targets = Latest(lambda: reader.targets(limit=SHOWN))
        self._halts = Latest(reader.halts)
        self._past_halts = Latest(lambda: reader.past_halts(limit=SHOWN))
        self._upcoming = Latest(lambda: reader.upcoming(limit=SHOWN))
        self._stories: OrderedDict[SessionKey, Latest[SessionStory]] = OrderedDict()
        self._entries: dict[SessionKey, tuple[Recorded, ...]] = {}
        self._guard = threading.Lock()

    def sessions(self) -> Seen[tuple[SessionLine, ...]]:
        """The newest sessions."""
        return self._sessions.look()

    def targets(self) -> Seen[tuple[TargetLine, ...]]:
        """The newest targets."""
        return self._targets.look()

    def halts(self) -> Seen[tuple[HaltLine, ...]]:
        """Every halt that holds."""
        return self._halts.look()

    def past_halts(self) -> Seen[tuple[HaltLine, ...]]:
        """The newest halts that were released."""
        return self._past_halts.look()

    def upcoming(self) -> Seen[tuple[Listing, ...]]:
        """Coming listings, the soonest first."""
        return self._upcoming.look()

    def story(self, key: SessionKey) -> Seen[SessionStory]:
        """One session."""
        with self._guard:
            latest = self._stories.pop(key, None) or Latest(partial(self._read, key))
            self._stories[key] = latest
            while len(self._stories) > KEPT:
                forgotten, _ = self._stories.popitem(last=False)
                self._entries.pop(forgotten, None)
        return latest.look()

    def _read(self, key: SessionKey) -> SessionStory:
        detail = self._reader.session(key)
        if detail is None:
            raise InvalidInput(
                "session", value=str(key), expected="a session that was admitted", remedy="choose another one"
            )
        known = self._entries.get(key, ())
        entries = known + journal(self._reader, key, known[-1].number if known else 0)
        self._entries[key] = entries
        return SessionStory(detail, entries, self._reader.prices(key))


def open_source() -> PanelSource:
    """The installation that the environment names. Raises InvalidInput, StoreUnavailable when it does not answer."""
    reader = Reader(read_settings().database(), name="sniper-panel")
    reader.open()
    return PanelSource(reader)
