"""Refresh tokens that know the token version of their user.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("refresh_tokens", sa.Column("token_version", sa.Integer(), server_default="0", nullable=False))
    op.execute(
        "UPDATE refresh_tokens SET token_version = users.token_version "
        "FROM users WHERE users.id = refresh_tokens.user_id"
    )


def downgrade() -> None:
    op.drop_column("refresh_tokens", "token_version")
