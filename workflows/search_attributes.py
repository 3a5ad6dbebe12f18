"""Search attributes that executions set themselves: their status, and all of those of the runs inside them."""

from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from models.execution import ExecutionStatus
from models.ids import GraphExecId, GraphId, UserId
from models.visibility import SearchAttribute

STATUS = SearchAttributeKey.for_keyword(SearchAttribute.STATUS.value)


def of_child(*, graph_id: GraphId, graph_version: int, user_id: UserId, parent: GraphExecId) -> TypedSearchAttributes:
    """A child does not inherit those of its parent."""
    keywords = {
        SearchAttribute.GRAPH_ID: graph_id,
        SearchAttribute.USER_ID: user_id,
        SearchAttribute.TRIGGER: "agent",
        SearchAttribute.STATUS: ExecutionStatus.RUNNING.value,
        SearchAttribute.PARENT_EXECUTION: parent,
    }
    version = SearchAttributeKey.for_int(SearchAttribute.GRAPH_VERSION.value)
    return TypedSearchAttributes(
        [
            SearchAttributePair(version, graph_version),
            *(
                SearchAttributePair(SearchAttributeKey.for_keyword(name.value), value)
                for name, value in keywords.items()
            ),
        ]
    )
