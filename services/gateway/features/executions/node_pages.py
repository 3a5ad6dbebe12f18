"""Node executions of a run, page by page, as many at once as fit into an answer."""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from models.execution_records import NodeCursor
from models.wire import NodeRecord
from services.gateway.recorded_values import PAGE_BYTES, fitting, record_bytes

_AT_ONCE: Final = 200
"""How many records are read before their size is looked at."""

ListNodes = Callable[[NodeCursor | None, int], Awaitable[list[NodeRecord]]]
"""The first so many records after a cursor, in order."""


class NodePage(NamedTuple):
    """`last`: where to go on, if records follow."""

    records: tuple[NodeRecord, ...]
    last: NodeCursor | None


async def read_page(list_nodes: ListNodes, *, after: NodeCursor | None, limit: int) -> NodePage:
    """At most `limit` records, and no more than PAGE_BYTES of values, but at least one if there is one."""
    records: list[NodeRecord] = []
    size = 0
    # One more than wanted tells whether others follow.
    while (wanted := min(limit + 1 - len(records), _AT_ONCE)) and size <= PAGE_BYTES:
        found = await list_nodes(_place(records[-1]) if records else after, wanted)
        records += found
        size += sum(map(record_bytes, found))
        if len(found) < wanted:
            break
    shown = fitting(records[:limit])
    return NodePage(tuple(shown), _place(shown[-1]) if len(shown) < len(records) else None)


def _place(record: NodeRecord) -> NodeCursor:
    return NodeCursor(record.route_seq, record.node_exec_id)
