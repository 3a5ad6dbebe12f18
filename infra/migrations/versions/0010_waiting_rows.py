"""Finds the collected rows of a node that wait, or that one execution has taken, among many that others have.

Revision ID: 0010
Revises: 0009
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_collected_rows_taken_by", "collected_rows", ["graph_exec_id", "node_id", "taken_by"])


def downgrade() -> None:
    op.drop_index("ix_collected_rows_taken_by", "collected_rows")
