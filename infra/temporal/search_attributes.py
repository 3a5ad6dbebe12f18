"""Registers our search attributes and sets them on new executions."""

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError, RPCStatusCode

from models.errors import ServiceUnavailableError
from models.execution import ExecutionStatus
from models.visibility import SearchAttribute
from models.wire import ExecuteGraphInput

_NUMBERS = frozenset({SearchAttribute.GRAPH_VERSION})


async def ensure_search_attributes(client: Client) -> None:
    """Registers what is missing in the client's namespace.

    Raises:
        ServiceUnavailableError: the server refuses, for example because the account may not administer it.
    """
    try:
        listed = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
        missing = {
            name.value: indexed_type(name) for name in SearchAttribute if name.value not in listed.custom_attributes
        }
        if missing:
            await client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
            )
    except RPCError as error:
        if error.status is RPCStatusCode.ALREADY_EXISTS:
            return  # another process was faster
        names = ", ".join(SearchAttribute)
        raise ServiceUnavailableError(
            f"Temporal refused to register search attributes ({error.status.name}). Register these by hand in "
            f"namespace {client.namespace!r}: {names}."
        ) from error


def of_new_execution(input: ExecuteGraphInput) -> TypedSearchAttributes:
    keywords = {
        SearchAttribute.GRAPH_ID: input.run.graph_id,
        SearchAttribute.USER_ID: input.run.user_id,
        SearchAttribute.TRIGGER: input.opening.trigger,
        SearchAttribute.STATUS: ExecutionStatus.RUNNING.value,
        SearchAttribute.PARENT_EXECUTION: input.opening.parent_graph_exec_id,
    }
    return TypedSearchAttributes(
        [
            SearchAttributePair(
                SearchAttributeKey.for_int(SearchAttribute.GRAPH_VERSION.value), input.run.graph_version
            ),
            *(
                SearchAttributePair(SearchAttributeKey.for_keyword(name.value), value)
                for name, value in keywords.items()
                if value is not None
            ),
        ]
    )


def indexed_type(name: SearchAttribute) -> "IndexedValueType.ValueType":
    if name in _NUMBERS:
        return IndexedValueType.INDEXED_VALUE_TYPE_INT
    return IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
