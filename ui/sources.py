"""What the panel's pages read, once per process: answers shared by all pages and kept while the database is away."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial

from adapters.postgres.read_models import SessionDetail, SessionLine
from adapters.postgres.reader import Reader
from adapters.settings import read_settings
from domain.errors import InvalidInput
from domain.ids import SessionKey
from ui.latest import Latest, Seen
from ui.reading import SessionReader, journal
from ui.timeline import Recorded

SHOWN = 50
"""How many sessions a page lists."""
KEPT = 20
"""How many sessions' stories are remembered: as many as people look at, not as many as there are."""


@dataclass(frozen=True, slots=True)
class SessionStory:
    """One session with everything it did, and its journal."""

    detail: SessionDetail
    entries: tuple[Recorded, ...]


class PanelSource:
    """Answers for pages, from any thread."""

    def __init__(self, reader: SessionReader) -> None:
        self._reader = reader
        self._sessions = Latest(lambda: reader.sessions(limit=SHOWN))
        self._stories: OrderedDict[SessionKey, Latest[SessionStory]] = OrderedDict()
        self._guard = threading.Lock()

    def sessions(self) -> Seen[tuple[SessionLine, ...]]:
        """The newest sessions."""
        return self._sessions.look()

    def story(self, key: SessionKey) -> Seen[SessionStory]:
        """One session."""
        with self._guard:
            latest = self._stories.pop(key, None) or Latest(partial(self._read, key))
            self._stories[key] = latest
            while len(self._stories) > KEPT:
                self._stories.popitem(last=False)
        return latest.look()

    def _read(self, key: SessionKey) -> SessionStory:
        detail = self._reader.session(key)
        if detail is None:
            raise InvalidInput(
                "session", value=str(key), expected="a session that was admitted", remedy="choose another one"
            )
        return SessionStory(detail, journal(self._reader, key))


def open_source() -> PanelSource:
    """The installation that the environment names. Raises InvalidInput, StoreUnavailable when it does not answer."""
    reader = Reader(read_settings().database(), name="sniper-panel")
    reader.open()
    return PanelSource(reader)
