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
from domain.ids import SessionKey, split_symbol
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

    def targets(self, *, limit: int = 50) -> tuple[TargetLine, ...]:
        """Called by lists, and where a name has no session: the newest first."""


class PanelReader(SessionReader, Protocol):
    """What the panel asks besides."""

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
    line = session_named(reader, name)
    if line is None:
        raise _unknown(reader, name)
    return line


def session_named(reader: SessionReader, name: str) -> SessionLine | None:
    """As find_session; None when there is none. Raises InvalidInput for what cannot be a session's name."""
    clean = name.strip()
    if clean.count("/") == 2:
        detail = reader.session(SessionKey.parse(clean))
        return None if detail is None else detail.line
    symbol, _, attempt = clean.partition("/")
    latest = _latest_by_account(
        line
        for line in reader.sessions(limit=LOOK_BACK)
        if line.symbol == symbol.upper() and attempt in ("", str(line.key.attempt))
    )
    if len(latest) > 1:
        names = ", ".join(str(line.key) for line in latest)
        raise InvalidInput("session", value=name, expected=f"one of {names}", remedy="write its full name")
    return latest[0] if latest else None


def targets_named(reader: SessionReader, name: str) -> tuple[TargetLine, ...]:
    """Every target of the pair `name`, the newest first; none for any other name."""
    symbol = name.strip().upper()
    return tuple(target for target in reader.targets(limit=LOOK_BACK) if target.symbol == symbol)


def _latest_by_account(lines: Iterable[SessionLine]) -> list[SessionLine]:
    latest: dict[str, SessionLine] = {}
    for line in lines:  # newest first
        latest.setdefault(line.key.account, line)
    return list(latest.values())


def _unknown(reader: SessionReader, name: str) -> InvalidInput:
    symbol, _, attempt = name.strip().upper().partition("/")
    expected, remedy = "a session that was armed; there is none of this name", "`sniper sessions` lists them"
    if "/" not in attempt:
        attempts = sorted({line.key.attempt for line in reader.sessions(limit=LOOK_BACK) if line.symbol == symbol})
        waiting = [target.id for target in targets_named(reader, symbol) if target.status == "waiting"]
        if attempt and attempts:
            expected = f"an attempt that was made; {symbol} has {', '.join(map(str, attempts))}"
        elif waiting:
            expected = f"a session; {symbol} has none, target {waiting[0]} waits for its opening"
            remedy = f"sniper targets --withdraw {waiting[0]} lets it wait no longer"
        elif _is_pair(symbol):
            expected = f"a pair that has a session; there is none of {symbol}"
        else:
            expected = "a session's name such as main/mexc:NEW:USDT/1 or its pair such as NEWUSDT"
    return InvalidInput("session", value=name, expected=expected, remedy=remedy)


def _is_pair(symbol: str) -> bool:
    try:
        split_symbol(symbol)
    except InvalidInput:
        return False
    return True
