"""How workers get on with the venue."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A row per worker, overwritten every few seconds."""
    op.create_table(
        "venue_access",
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("document", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("worker", name="pk_venue_access"),
    )
    op.create_index("ix_venue_access_told_at", "venue_access", ["told_at"])


def downgrade() -> None:
    """Nothing is lost that is not told again."""
    op.drop_table("venue_access")
