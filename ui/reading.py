"""The read side of panel and command line: sessions by what people call them, and their journals as events."""

from collections.abc import Iterable
from typing import Protocol

from adapters.postgres.event_codec import event_of
from adapters.postgres.read_models import (
    HaltLine,
    PricePoint,
    SessionDetail,
    SessionLine,
    TargetLine,
    TimelineItem,
)
from domain.errors import InvalidInput
from domain.ids import SessionKey
from domain.listings import Listing
from ui.timeline import Recorded

LOOK_BACK = 1000
"""How many sessions a short name is looked for in."""
_PAGE = 200


class SessionReader(Protocol):
    """What is asked of the database; adapters.postgres.reader.Reader is one. Raises StoreUnavailable."""

    def sessions(self, *, limit: int = 50, account: str | None = None) -> tuple[SessionLine, ...]:
        """Called by lists: the newest first."""

    def session(self, key: SessionKey) -> SessionDetail | None:
        """Called for one session; None: never admitted."""

    def timeline(self, key: SessionKey, *, after: int = 0, limit: int = _PAGE) -> tuple[TimelineItem, ...]:
        """Called again and again with the last item's id."""


class PanelReader(SessionReader, Protocol):
    """What the panel asks besides."""

    def targets(self, *, limit: int = 50) -> tuple[TargetLine, ...]:
        """Called by lists: the newest first."""

    def halts(self) -> tuple[HaltLine, ...]:
        """Called for the banner: those that hold."""

    def past_halts(self, *, limit: int = 50) -> tuple[HaltLine, ...]:
        """Called by lists: the newest first."""

    def upcoming(self, *, limit: int = 50) -> tuple[Listing, ...]:
        """Called by the arm form: the soonest first."""

    def prices(self, key: SessionKey, *, points: int = 600) -> tuple[PricePoint, ...]:
        """Called for one session's chart."""


def journal(reader: SessionReader, key: SessionKey, after: int = 0) -> tuple[Recorded, ...]:
    """Everything a session's journal holds after entry number `after`."""
    found: list[Recorded] = []
    while True:
        page = reader.timeline(key, after=after, limit=_PAGE)
        found += [Recorded(item.id, item.at, event_of(item.kind, item.payload)) for item in page]
        if len(page) < _PAGE:
            return tuple(found)
        after = page[-1].id


def find_session(reader: SessionReader, name: str) -> SessionLine:
    """The session of a full name (main/mexc:NEW:USDT/1), of a pair (NEWUSDT: its latest attempt) or of a pair and
    attempt (NEWUSDT/2). Raises InvalidInput when there is none, or when several accounts have one."""
    clean = name.strip()
    if clean.count("/") == 2:
        detail = reader.session(SessionKey.parse(clean))
        if detail is None:
            raise _unknown(name)
        return detail.line
    symbol, _, attempt = clean.partition("/")
    latest = _latest_by_account(
        line
        for line in reader.sessions(limit=LOOK_BACK)
        if line.symbol == symbol.upper() and attempt in ("", str(line.key.attempt))
    )
    if not latest:
        raise _unknown(name)
    if len(latest) > 1:
        names = ", ".join(str(line.key) for line in latest)
        raise InvalidInput("session", value=name, expected=f"one of {names}", remedy="write its full name")
    return latest[0]


def _latest_by_account(lines: Iterable[SessionLine]) -> list[SessionLine]:
    latest: dict[str, SessionLine] = {}
    for line in lines:  # newest first
        latest.setdefault(line.key.account, line)
    return list(latest.values())


def _unknown(name: str) -> InvalidInput:
    return InvalidInput(
        "session",
        value=name,
        expected="a session's name such as main/mexc:NEW:USDT/1 or its pair such as NEWUSDT",
        remedy="`sniper sessions` lists them",
    )
