"""Releases know the key they were asked for under, so that a repeated one lifts no later halt; listings are found by
symbol, so that a waiting target can be told that its opening has passed."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A row per release that was carried out, and an index."""
    op.create_table(
        "releases",
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("scope_key", sa.Text(), nullable=False),
        sa.Column("released", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("request", name="pk_releases"),
    )
    op.create_index("ix_listings_symbol", "listings", ["symbol"])


def downgrade() -> None:
    """A release that is repeated afterwards counts as a new one."""
    op.drop_index("ix_listings_symbol", "listings")
    op.drop_table("releases")
