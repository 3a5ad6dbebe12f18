"""Runs to record, and the times of their records."""

from datetime import UTC, datetime, timedelta

from models.ids import GraphExecId, GraphId, UserId, new_id
from models.wire import RunIdentity

T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def identity() -> RunIdentity:
    """Of a run of somebody who has no other."""
    return RunIdentity(
        graph_exec_id=GraphExecId(new_id()), graph_id=GraphId("g"), graph_version=1, user_id=UserId(f"user-{new_id()}")
    )
