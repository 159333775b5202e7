"""Halts know who asked and why they were released; prices a guard saw are kept for the eye."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Two columns of halts, one table."""
    op.add_column("halts", sa.Column("request", sa.Text(), nullable=True))
    op.add_column("halts", sa.Column("released_because", sa.Text(), server_default="", nullable=False))
    op.create_unique_constraint("uq_halts_request", "halts", ["request"])
    op.create_table(
        "prices",
        sa.Column("session_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("bid", sa.Numeric(), nullable=True),
        sa.Column("ask", sa.Numeric(), nullable=True),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], name="fk_prices_session_id"),
        sa.PrimaryKeyConstraint("session_id", "at", name="pk_prices"),
    )


def downgrade() -> None:
    """Back to the first schema; the prices are lost."""
    op.drop_table("prices")
    op.drop_constraint("uq_halts_request", "halts")
    op.drop_column("halts", "released_because")
    op.drop_column("halts", "request")
