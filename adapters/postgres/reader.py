"""Reading for panel and command line, from any thread. Nothing here changes anything.

Lists come newest first and bounded; every query has an index. Words for people are the readers' matter.
"""

from types import TracebackType
from typing import Self

from psycopg.rows import class_row, kwargs_row

from adapters.postgres import read_models, rows
from adapters.postgres.read_models import (
    HaltLine,
    IntentLine,
    LeaseLine,
    NoticeLine,
    PricePoint,
    SessionDetail,
    SessionLine,
    TargetLine,
    TimelineItem,
)
from adapters.postgres.reading import Connection, ReadingDatabase
from domain.errors import InvalidInput
from domain.ids import ListingKey, SessionKey, split_symbol
from domain.listings import Listing
from domain.orders import Fill, Order, position_of

_SESSION_LINE = (
    """
    SELECT s.account, s.listing, s.attempt, s.symbol, s.phase, s.outcome, s.reason, s.opens_at, s.policy,
           s.policy_revision, s.aborting, s.workflow_id, s.target_id, s.coin_before, s.entry_ended, s.entry_result,
           s.entry_reason, s.attention, s.spent, s.received, s.fees, s.fee_coin, s.result, s.dust, s.created_at,
           s.updated_at, s.closed_at,
           coalesce((SELECT r.amount FROM reservations r WHERE r.session_id = s.id AND r.released_at IS NULL), 0)
               AS reserved,
    """  # noqa: S608 - constants only
    + rows.HALTED
    + "FROM sessions s "
)
_INTENT_LINE = """
    SELECT client_order_id, leg, shot, symbol, side, kind, bound, quantity, budget, not_before, settled_as FROM intents
"""
_HALT_LINE = """
    SELECT id, scope, scope_key, verb, reason, at, released_at, request, released_because FROM halts
"""
_EVENT = "SELECT id, seq, at, key, kind, payload FROM events"
_LEASE = """
    SELECT token, holder, expires_at, released, NOT released AND expires_at > clock_timestamp() AS live FROM leases
"""
_AS_COMMITTED = """
    ORDER BY (SELECT not_before FROM intents i WHERE i.client_order_id = orders.client_order_id), client_order_id
"""
_OF_SESSION = """
    WHERE session_id = (SELECT id FROM sessions WHERE account = %s AND listing = %s AND attempt = %s)
"""

_PRICES = (
    """
    WITH seen AS (
        SELECT at, bid, ask, row_number() OVER (ORDER BY at) AS number, count(*) OVER () AS total FROM prices
    """  # noqa: S608 - constants only
    + _OF_SESSION
    + """
    )
    SELECT at, bid, ask FROM seen
    WHERE number = 1 OR number = total OR number %% greatest(1, total / %s) = 0 ORDER BY at
    """
)


class Reader:
    """Reads for any thread; opened once, heals by itself. url: as for Database. Nothing connects before `open`.

    Every method answers as of one instant, and raises StoreUnavailable when the database is away.
    """

    def __init__(self, url: str, *, name: str = "sniper-reader", connections: int = 4) -> None:
        self._database = ReadingDatabase(url, name=name, connections=connections)

    def open(self) -> None:
        """Raises InvalidInput when the database refuses us or has no tables, StoreUnavailable when nobody answers."""
        self._database.open()

    def close(self) -> None:
        """Idempotent."""
        self._database.close()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def sessions(self, *, limit: int = 50, account: str | None = None) -> tuple[SessionLine, ...]:
        """The newest sessions, of one account or of all."""
        with (
            self._database.snapshot() as connection,
            connection.cursor(row_factory=kwargs_row(read_models.session_line)) as cursor,
        ):
            if account is None:
                cursor.execute(_SESSION_LINE + "ORDER BY s.id DESC LIMIT %s", (limit,))
            else:
                cursor.execute(_SESSION_LINE + "WHERE s.account = %s ORDER BY s.id DESC LIMIT %s", (account, limit))
            return tuple(cursor.fetchall())

    def unclosed(self) -> tuple[SessionLine, ...]:
        """Every session that is not closed, oldest first."""
        with (
            self._database.snapshot() as connection,
            connection.cursor(row_factory=kwargs_row(read_models.session_line)) as cursor,
        ):
            return tuple(cursor.execute(_SESSION_LINE + "WHERE s.phase <> 'closed' ORDER BY s.id").fetchall())

    def session(self, key: SessionKey) -> SessionDetail | None:
        """One session with everything it did; None: never admitted."""
        parts = (key.account, str(key.listing), key.attempt)
        with self._database.snapshot() as connection:
            with connection.cursor(row_factory=kwargs_row(read_models.session_line)) as cursor:
                line = cursor.execute(
                    _SESSION_LINE + "WHERE s.account = %s AND s.listing = %s AND s.attempt = %s", parts
                ).fetchone()
            if line is None:
                return None
            fills = _fills(connection, parts)
            return SessionDetail(
                line=line,
                position=position_of(fills, *_assets(line.symbol, key.listing)),
                intents=_intents(connection, parts),
                orders=_orders(connection, parts),
                fills=fills,
                lease=_lease(connection, parts),
            )

    def timeline(self, key: SessionKey, *, after: int = 0, limit: int = 200) -> tuple[TimelineItem, ...]:
        """The session's events after cursor `after` (an item's id; 0: from the beginning), oldest first."""
        with self._database.snapshot() as connection, connection.cursor(row_factory=class_row(TimelineItem)) as cursor:
            cursor.execute(
                _EVENT + _OF_SESSION + "AND id > %s ORDER BY id LIMIT %s",
                (key.account, str(key.listing), key.attempt, after, limit),
            )
            return tuple(cursor.fetchall())

    def targets(self, *, limit: int = 50) -> tuple[TargetLine, ...]:
        """The newest targets."""
        with (
            self._database.snapshot() as connection,
            connection.cursor(row_factory=kwargs_row(read_models.target_line)) as cursor,
        ):
            cursor.execute(
                """
                SELECT t.id, t.account, t.listing, t.symbol, t.policy, t.opens_at, t.status, t.created_at,
                       (SELECT max(l.opens_at) FROM listings l
                        WHERE t.status = 'waiting' AND l.symbol = t.symbol
                          AND split_part(l.key, ':', 1) = split_part(t.listing, ':', 1)) AS seen_opens_at,
                       (SELECT s.opens_at FROM sessions s WHERE s.target_id = t.id
                        ORDER BY s.id DESC LIMIT 1) AS session_opens_at
                FROM targets t ORDER BY t.id DESC LIMIT %s
                """,
                (limit,),
            )
            return tuple(cursor.fetchall())

    def halts(self) -> tuple[HaltLine, ...]:
        """Every halt that holds, newest first."""
        with self._database.snapshot() as connection, connection.cursor(row_factory=class_row(HaltLine)) as cursor:
            return tuple(cursor.execute(_HALT_LINE + "WHERE released_at IS NULL ORDER BY id DESC").fetchall())

    def past_halts(self, *, limit: int = 50) -> tuple[HaltLine, ...]:
        """The newest halts that were released."""
        with self._database.snapshot() as connection, connection.cursor(row_factory=class_row(HaltLine)) as cursor:
            cursor.execute(_HALT_LINE + "WHERE released_at IS NOT NULL ORDER BY id DESC LIMIT %s", (limit,))
            return tuple(cursor.fetchall())

    def prices(self, key: SessionKey, *, points: int = 600) -> tuple[PricePoint, ...]:
        """What a guard saw of the price, oldest first: at most about `points`, evenly thinned, first and last kept."""
        with self._database.snapshot() as connection, connection.cursor(row_factory=class_row(PricePoint)) as cursor:
            cursor.execute(_PRICES, (key.account, str(key.listing), key.attempt, points))
            return tuple(cursor.fetchall())

    def notices(self, *, limit: int = 50) -> tuple[NoticeLine, ...]:
        """The newest notices."""
        with self._database.snapshot() as connection, connection.cursor(row_factory=class_row(NoticeLine)) as cursor:
            cursor.execute(
                """
                SELECT o.id, s.account || '/' || s.listing || '/' || s.attempt AS session, o.severity, o.text,
                       o.created_at, o.delivered_at
                FROM outbox o JOIN sessions s ON s.id = o.session_id
                ORDER BY o.id DESC LIMIT %s
                """,
                (limit,),
            )
            return tuple(cursor.fetchall())

    def upcoming(self, *, limit: int = 50) -> tuple[Listing, ...]:
        """Listings that open in the future by the database's clock, soonest first."""
        with self._database.snapshot() as connection, connection.cursor(row_factory=kwargs_row(rows.listing)) as cursor:
            cursor.execute(
                """
                SELECT key, symbol, opens_at, revision FROM listings
                WHERE opens_at > now() ORDER BY opens_at LIMIT %s
                """,
                (limit,),
            )
            return tuple(cursor.fetchall())


def _fills(connection: Connection, parts: tuple[str, str, int]) -> tuple[Fill, ...]:
    with connection.cursor(row_factory=kwargs_row(rows.fill)) as cursor:
        return tuple(cursor.execute(rows.SELECT_FILL + _OF_SESSION + "ORDER BY at, trade_id", parts).fetchall())


def _orders(connection: Connection, parts: tuple[str, str, int]) -> tuple[Order, ...]:
    with connection.cursor(row_factory=kwargs_row(rows.order)) as cursor:
        return tuple(cursor.execute(rows.SELECT_ORDER + _OF_SESSION + _AS_COMMITTED, parts).fetchall())


def _intents(connection: Connection, parts: tuple[str, str, int]) -> tuple[IntentLine, ...]:
    with connection.cursor(row_factory=kwargs_row(read_models.intent_line)) as cursor:
        return tuple(cursor.execute(_INTENT_LINE + _OF_SESSION + "ORDER BY leg, shot", parts).fetchall())


def _lease(connection: Connection, parts: tuple[str, str, int]) -> LeaseLine | None:
    with connection.cursor(row_factory=class_row(LeaseLine)) as cursor:
        return cursor.execute(_LEASE + _OF_SESSION + "AND token > 0", parts).fetchone()


def _assets(symbol: str, listing: ListingKey) -> tuple[str, str]:
    """Base and quote; the listing's own words for a session that was rejected because its pair has none."""
    try:
        return split_symbol(symbol)
    except InvalidInput:
        return listing.coin, listing.quote
