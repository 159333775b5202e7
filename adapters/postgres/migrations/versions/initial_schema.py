"""The first schema: sessions with their journal, money, leases, halts, listings and notices."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Every table, and a journal that only grows."""
    op.execute(sa.schema.CreateSequence(sa.Sequence("listing_changes")))
    op.create_table(
        "accounts",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_accounts"),
    )
    op.create_table(
        "halts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("scope_key", sa.Text(), nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(scope = 'everything') = (scope_key = '')", name="ck_halts_scope_key"),
        sa.CheckConstraint("scope IN ('everything', 'account', 'session')", name="ck_halts_scope"),
        sa.CheckConstraint("verb IN ('halt', 'halt_and_cancel', 'flatten')", name="ck_halts_verb"),
        sa.PrimaryKeyConstraint("id", name="pk_halts"),
    )
    op.create_index(
        "ix_halts_unreleased", "halts", ["scope", "scope_key"], postgresql_where=sa.text("released_at IS NULL")
    )
    op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), server_default=sa.text("1"), autoincrement=False, nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("id = 1", name="ck_installation_single"),
        sa.PrimaryKeyConstraint("id", name="pk_installation"),
    )
    op.create_table(
        "listings",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("change", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_listings"),
        sa.UniqueConstraint("change", name="uq_listings_change"),
    )
    op.create_index("ix_listings_opens_at", "listings", ["opens_at"])
    op.create_table(
        "sightings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("listing", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sightings"),
        sa.UniqueConstraint("digest", name="uq_sightings_digest"),
    )
    op.create_index("ix_sightings_listing_at", "sightings", ["listing", "at"])
    op.create_table(
        "targets",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("listing", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("policy", JSONB(), nullable=False),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("status IN ('waiting', 'taken', 'withdrawn')", name="ck_targets_status"),
        sa.ForeignKeyConstraint(["account"], ["accounts.name"], name="fk_targets_account"),
        sa.PrimaryKeyConstraint("id", name="pk_targets"),
    )
    op.create_index(
        "ix_targets_waiting_listing", "targets", ["listing"], postgresql_where=sa.text("status = 'waiting'")
    )
    op.create_index("ix_targets_waiting_symbol", "targets", ["symbol"], postgresql_where=sa.text("status = 'waiting'"))
    op.create_index(
        "uq_targets_waiting",
        "targets",
        ["account", "listing"],
        unique=True,
        postgresql_where=sa.text("status = 'waiting'"),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("listing", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("target_id", sa.BigInteger(), nullable=False),
        sa.Column("workflow_id", sa.Text(), nullable=False),
        sa.Column("start", JSONB(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("policy", JSONB(), nullable=False),
        sa.Column("policy_revision", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("aborting", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("coin_before", sa.Numeric(), nullable=True),
        sa.Column("entry_ended", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("entry_result", sa.Text(), server_default="", nullable=False),
        sa.Column("entry_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("attention", sa.Text(), server_default="", nullable=False),
        sa.Column("spent", sa.Numeric(), nullable=True),
        sa.Column("received", sa.Numeric(), nullable=True),
        sa.Column("fees", sa.Numeric(), nullable=True),
        sa.Column("fee_coin", sa.Numeric(), nullable=True),
        sa.Column("result", sa.Numeric(), nullable=True),
        sa.Column("dust", sa.Numeric(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("attempt >= 1", name="ck_sessions_attempt"),
        sa.ForeignKeyConstraint(["account"], ["accounts.name"], name="fk_sessions_account"),
        sa.ForeignKeyConstraint(["target_id"], ["targets.id"], name="fk_sessions_target_id"),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.UniqueConstraint("account", "listing", "attempt", name="uq_sessions_account_listing_attempt"),
        sa.UniqueConstraint("workflow_id", name="uq_sessions_workflow_id"),
    )
    op.create_index("ix_sessions_account_id", "sessions", ["account", "id"])
    op.create_index("ix_sessions_target_id", "sessions", ["target_id"])
    op.create_index("ix_sessions_unclosed", "sessions", ["id"], postgresql_where=sa.text("phase <> 'closed'"))
    op.create_index(
        "ix_sessions_unclosed_listing", "sessions", ["listing"], postgresql_where=sa.text("phase <> 'closed'")
    )
    op.create_index(
        "ix_sessions_unclosed_symbol", "sessions", ["symbol"], postgresql_where=sa.text("phase <> 'closed'")
    )
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("session_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payload", JSONB(), nullable=False),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name="fk_events_session_id"),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sa.UniqueConstraint("session_id", "key", name="uq_events_session_id_key"),
        sa.UniqueConstraint("session_id", "seq", name="uq_events_session_id_seq"),
    )
    op.create_index("ix_events_session_id_id", "events", ["session_id", "id"])
    op.create_table(
        "fills",
        sa.Column("session_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("trade_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("client_order_id", sa.Text(), nullable=True),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("price", sa.Numeric(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("quote", sa.Numeric(), nullable=False),
        sa.Column("fee", sa.Numeric(), nullable=False),
        sa.Column("fee_asset", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name="fk_fills_session_id"),
        sa.PrimaryKeyConstraint("session_id", "trade_id", name="pk_fills"),
    )
    op.create_index("ix_fills_session_id_at", "fills", ["session_id", "at"])
    op.create_table(
        "intents",
        sa.Column("client_order_id", sa.Text(), nullable=False),
        sa.Column("session_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("leg", sa.Text(), nullable=False),
        sa.Column("shot", sa.Integer(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("bound", sa.Numeric(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("budget", sa.Numeric(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_as", sa.Text(), nullable=True),
        sa.CheckConstraint("settled_as IN ('refused', 'absent', 'withdrawn')", name="ck_intents_settled_as"),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name="fk_intents_session_id"),
        sa.PrimaryKeyConstraint("client_order_id", name="pk_intents"),
        sa.UniqueConstraint("session_id", "leg", "shot", name="uq_intents_session_id_leg_shot"),
    )
    op.create_table(
        "leases",
        sa.Column("session_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released", sa.Boolean(), nullable=False),
        sa.Column("lock_file", sa.Text(), nullable=True),
        sa.Column("wanted_by", sa.Text(), nullable=True),
        sa.Column("wanted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name="fk_leases_session_id"),
        sa.PrimaryKeyConstraint("session_id", name="pk_leases"),
    )
    op.create_table(
        "orders",
        sa.Column("session_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("client_order_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("price", sa.Numeric(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("executed", sa.Numeric(), nullable=False),
        sa.Column("executed_quote", sa.Numeric(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("final", sa.Boolean(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name="fk_orders_session_id"),
        sa.PrimaryKeyConstraint("session_id", "client_order_id", name="pk_orders"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("session_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name="fk_outbox_session_id"),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_undelivered", "outbox", ["id"], postgresql_where=sa.text("delivered_at IS NULL"))
    op.create_index("uq_outbox_session_id_text", "outbox", ["session_id", sa.literal_column("md5(text)")], unique=True)
    op.create_table(
        "reservations",
        sa.Column("session_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("asset", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=False),
        sa.Column("reserved_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("amount >= 0", name="ck_reservations_amount"),
        sa.ForeignKeyConstraint(["account"], ["accounts.name"], name="fk_reservations_account"),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name="fk_reservations_session_id"),
        sa.PrimaryKeyConstraint("session_id", name="pk_reservations"),
    )
    op.create_index(
        "ix_reservations_held", "reservations", ["account", "asset"], postgresql_where=sa.text("released_at IS NULL")
    )
    op.execute(
        """
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'the journal only grows: % on % is refused', TG_OP, TG_TABLE_NAME;
        END
        $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER events_only_grow BEFORE UPDATE OR DELETE OR TRUNCATE ON events
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
        """
    )


def downgrade() -> None:
    """Refused: it would drop the proof of what was traded."""
    raise NotImplementedError("the first schema is not taken back; drop the database instead")
