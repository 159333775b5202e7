"""The paper venue: accounts, balances, orders, fills, and what was taken of the real book."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Five tables of their own; nothing of the product's own books refers to them."""
    op.create_table(
        "paper_accounts",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_paper_accounts"),
    )
    op.create_table(
        "paper_balances",
        _account("paper_balances"),
        sa.Column("asset", sa.Text(), nullable=False),
        sa.Column("free", sa.Numeric(), nullable=False),
        sa.Column("locked", sa.Numeric(), nullable=False),
        sa.CheckConstraint("free >= 0", name="ck_paper_balances_free"),
        sa.CheckConstraint("locked >= 0", name="ck_paper_balances_locked"),
        sa.PrimaryKeyConstraint("account", "asset", name="pk_paper_balances"),
    )
    op.create_table(
        "paper_orders",
        _account("paper_orders"),
        sa.Column("client_order_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("base_asset", sa.Text(), nullable=False),
        sa.Column("quote_asset", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("price", sa.Numeric(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("executed", sa.Numeric(), nullable=False),
        sa.Column("executed_quote", sa.Numeric(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("final", sa.Boolean(), nullable=False),
        sa.Column("fee_rate", sa.Numeric(), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("since_version", sa.BigInteger(), nullable=True),
        sa.Column("ahead", sa.Numeric(), nullable=True),
        sa.Column("fills", sa.Integer(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("executed <= quantity", name="ck_paper_orders_executed"),
        sa.PrimaryKeyConstraint("account", "client_order_id", name="pk_paper_orders"),
        sa.UniqueConstraint("order_id", name="uq_paper_orders_order_id"),
    )
    op.create_index("ix_paper_orders_account_revision", "paper_orders", ["account", "revision"])
    op.create_index(
        "ix_paper_orders_open", "paper_orders", ["account", "symbol"], postgresql_where=sa.text("NOT final")
    )
    op.create_table(
        "paper_fills",
        _account("paper_fills"),
        sa.Column("trade_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("client_order_id", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("price", sa.Numeric(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("quote", sa.Numeric(), nullable=False),
        sa.Column("fee", sa.Numeric(), nullable=False),
        sa.Column("fee_asset", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "trade_id", name="pk_paper_fills"),
    )
    op.create_index("ix_paper_fills_account_order_id", "paper_fills", ["account", "order_id"])
    op.create_index("ix_paper_fills_account_revision", "paper_fills", ["account", "revision"])
    op.create_table(
        "paper_taken",
        _account("paper_taken"),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("price", sa.Numeric(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "symbol", "side", "price", name="pk_paper_taken"),
    )


def downgrade() -> None:
    """The paper venue's books are lost."""
    for table in ("paper_taken", "paper_fills", "paper_orders", "paper_balances", "paper_accounts"):
        op.drop_table(table)


def _account(table: str) -> "sa.Column[str]":
    return sa.Column(
        "account",
        sa.Text(),
        sa.ForeignKey("paper_accounts.name", name=f"fk_{table}_account"),
        nullable=False,
    )
