"""Every table of the product, as Alembic compares it with the database.

Money is NUMERIC without a scale, so that a Decimal comes back as it went in; times are timestamptz. Rows are read and
written in SQL by the stores beside this file. Not here: triggers, which stand in the migrations.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    Numeric,
    Sequence,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

SQLModel.metadata.naming_convention = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}

LISTING_CHANGES = Sequence("listing_changes", metadata=SQLModel.metadata)
"""Numbers new and moved listings in the order of their commits; the cursor of ListingBook.changes."""


def _number() -> Column[int]:
    return Column("id", BigInteger, Identity(always=True), primary_key=True)


def _text(*, primary_key: bool = False, default: str | None = None) -> Column[str]:
    return Column(Text, nullable=False, primary_key=primary_key, server_default=default)


def _maybe_text() -> Column[str]:
    return Column(Text, nullable=True)


def _integer(*, default: str | None = None) -> Column[int]:
    return Column(Integer, nullable=False, server_default=None if default is None else text(default))


def _flag() -> Column[bool]:
    return Column(Boolean, nullable=False, server_default=text("false"))


def _amount() -> Column[Decimal]:
    return Column(Numeric, nullable=False)


def _maybe_amount() -> Column[Decimal]:
    return Column(Numeric, nullable=True)


def _time() -> Column[datetime]:
    return Column(DateTime(timezone=True), nullable=False)


def _time_now() -> Column[datetime]:
    return Column(DateTime(timezone=True), nullable=False, server_default=func.now())


def _maybe_time() -> Column[datetime]:
    return Column(DateTime(timezone=True), nullable=True)


def _json() -> Column[Any]:
    return Column(JSONB, nullable=False)


def _session(*, primary_key: bool = False) -> Column[int]:
    return Column(BigInteger, ForeignKey("sessions.id"), nullable=False, primary_key=primary_key, autoincrement=False)


def _paper_account() -> Column[str]:
    return Column(Text, ForeignKey("paper_accounts.name"), nullable=False, primary_key=True)


class InstallationRow(SQLModel, table=True):
    """Who names our orders; one row. epoch: raised when a backup is restored."""

    __tablename__ = "installation"
    __table_args__ = (CheckConstraint("id = 1", name="single"),)

    id: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False, server_default=text("1")))
    identity: str = Field(sa_column=_text())
    epoch: int = Field(sa_column=_integer(default="1"))
    created_at: datetime = Field(sa_column=_time_now())


class AccountRow(SQLModel, table=True):
    """An account on the exchange; its row is the lock under which reservations are made."""

    __tablename__ = "accounts"

    name: str = Field(sa_column=_text(primary_key=True))
    created_at: datetime = Field(sa_column=_time_now())


class TargetRow(SQLModel, table=True):
    """What an operator wants. opens_at: None waits until a source tells it. status: waiting, taken or withdrawn."""

    __tablename__ = "targets"
    __table_args__ = (
        CheckConstraint("status IN ('waiting', 'taken', 'withdrawn')", name="status"),
        Index("uq_targets_waiting", "account", "listing", unique=True, postgresql_where=text("status = 'waiting'")),
        Index("ix_targets_waiting_listing", "listing", postgresql_where=text("status = 'waiting'")),
        Index("ix_targets_waiting_symbol", "symbol", postgresql_where=text("status = 'waiting'")),
    )

    id: int = Field(sa_column=_number())
    account: str = Field(sa_column=Column(Text, ForeignKey("accounts.name"), nullable=False))
    listing: str = Field(sa_column=_text())
    symbol: str = Field(sa_column=_text())
    policy: Any = Field(sa_column=_json())
    opens_at: datetime | None = Field(sa_column=_maybe_time())
    status: str = Field(sa_column=_text())
    created_at: datetime = Field(sa_column=_time_now())


class SessionRow(SQLModel, table=True):
    """Projection of one session's journal over what it was admitted with (`start`).

    spent, received, fees, result: quote; fee_coin, dust: base; None until the books say so.
    """

    __tablename__ = "sessions"
    __table_args__ = (
        UniqueConstraint("account", "listing", "attempt"),
        UniqueConstraint("workflow_id"),
        CheckConstraint("attempt >= 1", name="attempt"),
        Index("ix_sessions_account_id", "account", "id"),
        Index("ix_sessions_unclosed", "id", postgresql_where=text("phase <> 'closed'")),
        Index("ix_sessions_unclosed_listing", "listing", postgresql_where=text("phase <> 'closed'")),
        Index("ix_sessions_unclosed_symbol", "symbol", postgresql_where=text("phase <> 'closed'")),
        Index("ix_sessions_target_id", "target_id"),
    )

    id: int = Field(sa_column=_number())
    account: str = Field(sa_column=Column(Text, ForeignKey("accounts.name"), nullable=False))
    listing: str = Field(sa_column=_text())
    attempt: int = Field(sa_column=_integer())
    target_id: int = Field(sa_column=Column(BigInteger, ForeignKey("targets.id"), nullable=False))
    workflow_id: str = Field(sa_column=_text())
    start: Any = Field(sa_column=_json())
    symbol: str = Field(sa_column=_text())
    phase: str = Field(sa_column=_text())
    outcome: str | None = Field(sa_column=_maybe_text())
    reason: str = Field(sa_column=_text(default=""))
    opens_at: datetime = Field(sa_column=_time())
    policy: Any = Field(sa_column=_json())
    policy_revision: int = Field(sa_column=_integer(default="0"))
    aborting: bool = Field(sa_column=_flag())
    coin_before: Decimal | None = Field(sa_column=_maybe_amount())
    entry_ended: bool = Field(sa_column=_flag())
    entry_result: str = Field(sa_column=_text(default=""))
    entry_reason: str = Field(sa_column=_text(default=""))
    attention: str = Field(sa_column=_text(default=""))
    spent: Decimal | None = Field(sa_column=_maybe_amount())
    received: Decimal | None = Field(sa_column=_maybe_amount())
    fees: Decimal | None = Field(sa_column=_maybe_amount())
    fee_coin: Decimal | None = Field(sa_column=_maybe_amount())
    result: Decimal | None = Field(sa_column=_maybe_amount())
    dust: Decimal | None = Field(sa_column=_maybe_amount())
    created_at: datetime = Field(sa_column=_time())
    updated_at: datetime = Field(sa_column=_time())
    closed_at: datetime | None = Field(sa_column=_maybe_time())


class IntentRow(SQLModel, table=True):
    """A committed intent. settled_as: refused, absent or withdrawn once that is certain; an order seen outweighs it."""

    __tablename__ = "intents"
    __table_args__ = (
        UniqueConstraint("session_id", "leg", "shot"),
        CheckConstraint("settled_as IN ('refused', 'absent', 'withdrawn')", name="settled_as"),
    )

    client_order_id: str = Field(sa_column=_text(primary_key=True))
    session_id: int = Field(sa_column=_session())
    leg: str = Field(sa_column=_text())
    shot: int = Field(sa_column=_integer())
    symbol: str = Field(sa_column=_text())
    side: str = Field(sa_column=_text())
    kind: str = Field(sa_column=_text())
    bound: Decimal = Field(sa_column=_amount())
    quantity: Decimal = Field(sa_column=_amount())
    budget: Decimal = Field(sa_column=_amount())
    not_before: datetime = Field(sa_column=_time())
    settled_as: str | None = Field(sa_column=_maybe_text())


class OrderRow(SQLModel, table=True):
    """An order of ours as the venue last told it. final: nothing can be executed on it any more."""

    __tablename__ = "orders"

    session_id: int = Field(sa_column=_session(primary_key=True))
    client_order_id: str = Field(sa_column=_text(primary_key=True))
    order_id: str = Field(sa_column=_text())
    symbol: str = Field(sa_column=_text())
    side: str = Field(sa_column=_text())
    kind: str = Field(sa_column=_text())
    price: Decimal = Field(sa_column=_amount())
    quantity: Decimal = Field(sa_column=_amount())
    executed: Decimal = Field(sa_column=_amount())
    executed_quote: Decimal = Field(sa_column=_amount())
    status: str = Field(sa_column=_text())
    final: bool = Field(sa_column=Column(Boolean, nullable=False))
    seen_at: datetime = Field(sa_column=_time())


class FillRow(SQLModel, table=True):
    """One execution of an order of ours. at: exchange time."""

    __tablename__ = "fills"
    __table_args__ = (Index("ix_fills_session_id_at", "session_id", "at"),)

    session_id: int = Field(sa_column=_session(primary_key=True))
    trade_id: str = Field(sa_column=_text(primary_key=True))
    order_id: str = Field(sa_column=_text())
    client_order_id: str | None = Field(sa_column=_maybe_text())
    symbol: str = Field(sa_column=_text())
    side: str = Field(sa_column=_text())
    price: Decimal = Field(sa_column=_amount())
    quantity: Decimal = Field(sa_column=_amount())
    quote: Decimal = Field(sa_column=_amount())
    fee: Decimal = Field(sa_column=_amount())
    fee_asset: str = Field(sa_column=_text())
    at: datetime = Field(sa_column=_time())


class EventRow(SQLModel, table=True):
    """One line of a journal; never changed. seq: counted from 1 per session."""

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("session_id", "key"),
        UniqueConstraint("session_id", "seq"),
        Index("ix_events_session_id_id", "session_id", "id"),
    )

    id: int = Field(sa_column=_number())
    session_id: int = Field(sa_column=_session())
    seq: int = Field(sa_column=_integer())
    key: str = Field(sa_column=_text())
    kind: str = Field(sa_column=_text())
    at: datetime = Field(sa_column=_time())
    payload: Any = Field(sa_column=_json())


class LeaseRow(SQLModel, table=True):
    """Who may trade a session. Times are the database's, and decide nothing: its clock can be set.

    expires_at: another one after each renewal; that it does not change ends the lease, see leases.py.
    lock_file: identity of the locked file that dies with the holder; None: it holds none.
    wanted_at: when somebody else last asked for the lease.
    """

    __tablename__ = "leases"

    session_id: int = Field(sa_column=_session(primary_key=True))
    token: int = Field(sa_column=Column(BigInteger, nullable=False))
    holder: str = Field(sa_column=_text())
    expires_at: datetime = Field(sa_column=_time())
    released: bool = Field(sa_column=Column(Boolean, nullable=False))
    lock_file: str | None = Field(sa_column=_maybe_text())
    wanted_by: str | None = Field(sa_column=_maybe_text())
    wanted_at: datetime | None = Field(sa_column=_maybe_time())


class ReservationRow(SQLModel, table=True):
    """Money set aside for one session. asset: what `amount` is counted in."""

    __tablename__ = "reservations"
    __table_args__ = (
        CheckConstraint("amount >= 0", name="amount"),
        Index("ix_reservations_held", "account", "asset", postgresql_where=text("released_at IS NULL")),
    )

    session_id: int = Field(sa_column=_session(primary_key=True))
    account: str = Field(sa_column=Column(Text, ForeignKey("accounts.name"), nullable=False))
    asset: str = Field(sa_column=_text())
    amount: Decimal = Field(sa_column=_amount())
    reserved_at: datetime = Field(sa_column=_time_now())
    released_at: datetime | None = Field(sa_column=_maybe_time())


class HaltRow(SQLModel, table=True):
    """Nothing new is bought inside its scope until it is released. scope_key: account or session; empty: everything.

    request: the caller's idempotency key.
    """

    __tablename__ = "halts"
    __table_args__ = (
        UniqueConstraint("request"),
        CheckConstraint("scope IN ('everything', 'account', 'session')", name="scope"),
        CheckConstraint("verb IN ('halt', 'halt_and_cancel', 'flatten')", name="verb"),
        CheckConstraint("(scope = 'everything') = (scope_key = '')", name="scope_key"),
        Index("ix_halts_unreleased", "scope", "scope_key", postgresql_where=text("released_at IS NULL")),
    )

    id: int = Field(sa_column=_number())
    scope: str = Field(sa_column=_text())
    scope_key: str = Field(sa_column=_text())
    verb: str = Field(sa_column=_text())
    reason: str = Field(sa_column=_text())
    request: str | None = Field(sa_column=_maybe_text())
    at: datetime = Field(sa_column=_time_now())
    released_at: datetime | None = Field(sa_column=_maybe_time())
    released_because: str = Field(sa_column=_text(default=""))


class ReleaseRow(SQLModel, table=True):
    """A release that was carried out. request: the caller's idempotency key; scope_key: as in HaltRow.

    released: how many halts it lifted; none is an answer too, which a repeated request gets again.
    """

    __tablename__ = "releases"

    request: str = Field(sa_column=_text(primary_key=True))
    scope: str = Field(sa_column=_text())
    scope_key: str = Field(sa_column=_text())
    released: int = Field(sa_column=_integer())
    at: datetime = Field(sa_column=_time_now())


class PriceRow(SQLModel, table=True):
    """Best prices a guard saw, thinned, for charts; nothing is decided on them. at: our clock. None: empty side."""

    __tablename__ = "prices"

    session_id: int = Field(sa_column=_session(primary_key=True))
    at: datetime = Field(sa_column=Column(DateTime(timezone=True), primary_key=True, nullable=False))
    bid: Decimal | None = Field(sa_column=_maybe_amount())
    ask: Decimal | None = Field(sa_column=_maybe_amount())


class ListingRow(SQLModel, table=True):
    """A listing as it is known now. change: position among all changes; revision: counts this listing's."""

    __tablename__ = "listings"
    __table_args__ = (
        UniqueConstraint("change"),
        Index("ix_listings_opens_at", "opens_at"),
        Index("ix_listings_symbol", "symbol"),
    )

    key: str = Field(sa_column=_text(primary_key=True))
    symbol: str = Field(sa_column=_text())
    opens_at: datetime = Field(sa_column=_time())
    revision: int = Field(sa_column=_integer())
    change: int = Field(sa_column=Column(BigInteger, nullable=False))


class SightingRow(SQLModel, table=True):
    """What one source said of one listing, once per content. digest: of source and content."""

    __tablename__ = "sightings"
    __table_args__ = (
        UniqueConstraint("digest"),
        Index("ix_sightings_listing_at", "listing", "at"),
    )

    id: int = Field(sa_column=_number())
    source: str = Field(sa_column=_text())
    listing: str = Field(sa_column=_text())
    symbol: str = Field(sa_column=_text())
    opens_at: datetime = Field(sa_column=_time())
    digest: str = Field(sa_column=_text())
    at: datetime = Field(sa_column=_time_now())


class OutboxRow(SQLModel, table=True):
    """A notice for people, once per session and text."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("uq_outbox_session_id_text", "session_id", text("md5(text)"), unique=True),
        Index("ix_outbox_undelivered", "id", postgresql_where=text("delivered_at IS NULL")),
    )

    id: int = Field(sa_column=_number())
    session_id: int = Field(sa_column=_session())
    severity: str = Field(sa_column=_text())
    text: str = Field(sa_column=_text())
    created_at: datetime = Field(sa_column=_time_now())
    delivered_at: datetime | None = Field(sa_column=_maybe_time())


class VenueAccessRow(SQLModel, table=True):
    """How one worker gets on with the venue, overwritten every few seconds. worker: role and process."""

    __tablename__ = "venue_access"
    __table_args__ = (Index("ix_venue_access_told_at", "told_at"),)

    worker: str = Field(sa_column=_text(primary_key=True))
    told_at: datetime = Field(sa_column=_time())
    document: dict[str, Any] = Field(sa_column=_json())


class PaperAccountRow(SQLModel, table=True):
    """An account at the paper venue; its row is the lock under which everything of it changes.

    revision: counts those changes; orders and fills carry the one that wrote them last.
    """

    __tablename__ = "paper_accounts"

    name: str = Field(sa_column=_text(primary_key=True))
    revision: int = Field(sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    created_at: datetime = Field(sa_column=_time_now())


class PaperBalanceRow(SQLModel, table=True):
    """One asset of a paper account, in its own units. locked: set aside for open orders."""

    __tablename__ = "paper_balances"
    __table_args__ = (
        CheckConstraint("free >= 0", name="free"),
        CheckConstraint("locked >= 0", name="locked"),
    )

    account: str = Field(sa_column=_paper_account())
    asset: str = Field(sa_column=_text(primary_key=True))
    free: Decimal = Field(sa_column=_amount())
    locked: Decimal = Field(sa_column=_amount())


class PaperOrderRow(SQLModel, table=True):
    """An order the paper venue took. Fields as in adapters.paper.account.Booked; final: it is not open any more."""

    __tablename__ = "paper_orders"
    __table_args__ = (
        UniqueConstraint("order_id"),
        CheckConstraint("executed <= quantity", name="executed"),
        Index("ix_paper_orders_account_revision", "account", "revision"),
        Index("ix_paper_orders_open", "account", "symbol", postgresql_where=text("NOT final")),
    )

    account: str = Field(sa_column=_paper_account())
    client_order_id: str = Field(sa_column=_text(primary_key=True))
    order_id: str = Field(sa_column=_text())
    symbol: str = Field(sa_column=_text())
    base_asset: str = Field(sa_column=_text())
    quote_asset: str = Field(sa_column=_text())
    side: str = Field(sa_column=_text())
    kind: str = Field(sa_column=_text())
    price: Decimal = Field(sa_column=_amount())
    quantity: Decimal = Field(sa_column=_amount())
    executed: Decimal = Field(sa_column=_amount())
    executed_quote: Decimal = Field(sa_column=_amount())
    status: str = Field(sa_column=_text())
    final: bool = Field(sa_column=Column(Boolean, nullable=False))
    fee_rate: Decimal = Field(sa_column=_amount())
    placed_at: datetime = Field(sa_column=_time())
    since_version: int | None = Field(sa_column=Column(BigInteger, nullable=True))
    ahead: Decimal | None = Field(sa_column=_maybe_amount())
    fills: int = Field(sa_column=_integer())
    revision: int = Field(sa_column=Column(BigInteger, nullable=False))


class PaperFillRow(SQLModel, table=True):
    """One execution at the paper venue. at: exchange time."""

    __tablename__ = "paper_fills"
    __table_args__ = (
        Index("ix_paper_fills_account_order_id", "account", "order_id"),
        Index("ix_paper_fills_account_revision", "account", "revision"),
    )

    account: str = Field(sa_column=_paper_account())
    trade_id: str = Field(sa_column=_text(primary_key=True))
    order_id: str = Field(sa_column=_text())
    client_order_id: str = Field(sa_column=_text())
    symbol: str = Field(sa_column=_text())
    side: str = Field(sa_column=_text())
    price: Decimal = Field(sa_column=_amount())
    quantity: Decimal = Field(sa_column=_amount())
    quote: Decimal = Field(sa_column=_amount())
    fee: Decimal = Field(sa_column=_amount())
    fee_asset: str = Field(sa_column=_text())
    at: datetime = Field(sa_column=_time())
    revision: int = Field(sa_column=Column(BigInteger, nullable=False))


class PaperTakenRow(SQLModel, table=True):
    """What a paper account has had of an offer in the real book. side: who offers. version: of that book."""

    __tablename__ = "paper_taken"

    account: str = Field(sa_column=_paper_account())
    symbol: str = Field(sa_column=_text(primary_key=True))
    side: str = Field(sa_column=_text(primary_key=True))
    price: Decimal = Field(sa_column=Column(Numeric, primary_key=True, nullable=False))
    quantity: Decimal = Field(sa_column=_amount())
    at: datetime = Field(sa_column=_time())
    version: int = Field(sa_column=Column(BigInteger, nullable=False))
