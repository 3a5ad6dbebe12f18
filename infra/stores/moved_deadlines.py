"""When a wait ends, as the row of its node execution says: an operator may have moved the deadline it began with."""

from sqlalchemy import ScalarSelect, Text, cast, select
from sqlmodel import col

from models.tables.awaited_event import AwaitedEventRow
from models.tables.execution import NodeExecutionRow
from models.tables.review import ReviewRow


def moved_deadline(waits: type[ReviewRow] | type[AwaitedEventRow]) -> ScalarSelect[str]:
    """ISO time; null if the node execution waits for nothing, or without end."""
    return (
        select(cast(col(NodeExecutionRow.wait).op("->>")("until"), Text))
        .where(
            col(NodeExecutionRow.id) == col(waits.node_exec_id),
            col(NodeExecutionRow.generation) == col(waits.generation),
        )
        .scalar_subquery()
    )
