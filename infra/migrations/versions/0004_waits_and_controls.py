"""Reviews, awaited events, controls, settings of graphs, and how executions wait.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reviews",
        sa.Column("node_exec_id", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("graph_exec_id", sa.Text(), nullable=False),
        sa.Column("node_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("graph_id", sa.Text(), nullable=False),
        sa.Column("graph_version", sa.Integer(), nullable=False),
        sa.Column("payload", postgresql.JSONB(), nullable=False),
        sa.Column("instructions", sa.Text(), nullable=False),
        sa.Column("editable", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("review_message", sa.Text(), nullable=True),
        sa.Column("reviewed_data", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("was_edited", sa.Boolean(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reviewed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("node_exec_id", "generation"),
    )
    op.create_index("ix_reviews_run", "reviews", ["graph_exec_id", "created_at"], unique=False)
    op.create_index(
        "ix_reviews_waiting",
        "reviews",
        ["user_id", "created_at"],
        unique=False,
        postgresql_where=sa.text("status = 'WAITING'"),
    )
    op.create_table(
        "awaited_events",
        sa.Column("node_exec_id", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("graph_exec_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("node_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("schema", postgresql.JSONB(none_as_null=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("node_exec_id", "generation"),
        sa.UniqueConstraint("token_hash"),
    )
    op.create_index("ix_awaited_events_graph_exec_id", "awaited_events", ["graph_exec_id"], unique=False)
    op.create_table(
        "execution_controls",
        sa.Column("graph_exec_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("node_exec_id", sa.Text(), nullable=True),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("details", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("graph_exec_id", "id"),
    )
    op.create_index("ix_execution_controls_run_at", "execution_controls", ["graph_exec_id", "at"], unique=False)
    op.create_table(
        "graph_settings",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("graph_id", sa.Text(), nullable=False),
        sa.Column("human_in_the_loop_safe_mode", sa.Boolean(), nullable=False),
        sa.Column("sensitive_action_safe_mode", sa.Boolean(), nullable=False),
        sa.Column("hold_on_failure", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "graph_id"),
    )
    op.add_column("graph_executions", sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("graph_executions", sa.Column("phase", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("graph_executions", sa.Column("status_reason", sa.Text(), nullable=True))
    op.add_column("node_executions", sa.Column("wait", postgresql.JSONB(none_as_null=True), nullable=True))
    op.add_column("node_executions", sa.Column("pinned", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    op.drop_column("node_executions", "pinned")
    op.drop_column("node_executions", "wait")
    op.drop_column("graph_executions", "status_reason")
    op.drop_column("graph_executions", "phase")
    op.drop_column("graph_executions", "paused_at")
    op.drop_table("graph_settings")
    op.drop_table("execution_controls")
    op.drop_table("awaited_events")
    op.drop_table("reviews")
