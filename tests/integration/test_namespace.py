"""Preparing a Temporal namespace: made, kept up to date, and usable at once."""

import asyncio

import pytest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from infra.embedded.ports import free_port
from infra.settings import TemporalSettings
from infra.temporal.namespace import prepare_namespace
from models.errors import ServiceUnavailableError
from models.ids import new_id
from models.visibility import SearchAttribute
from tests.servers import TemporalServer


def settings(server: TemporalServer, namespace: str, *, days: int = 30) -> TemporalSettings:
    return TemporalSettings(temporal_address=server.address, temporal_namespace=namespace, temporal_retention_days=days)


async def retention_days(client: Client) -> int:
    described = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    return described.config.workflow_execution_retention_ttl.ToTimedelta().days


async def test_a_new_namespace_takes_executions_with_our_attributes_at_once(temporal_server: TemporalServer) -> None:
    namespace = f"new-{new_id()}"
    await prepare_namespace(settings(temporal_server, namespace, days=7))
    client = await Client.connect(temporal_server.address, namespace=namespace)
    assert await retention_days(client) == 7
    keywords = [name for name in SearchAttribute if name is not SearchAttribute.GRAPH_VERSION]
    attributes = TypedSearchAttributes(
        [
            *(SearchAttributePair(SearchAttributeKey.for_keyword(name), "x") for name in keywords),
            SearchAttributePair(SearchAttributeKey.for_int(SearchAttribute.GRAPH_VERSION), 1),
        ]
    )
    started = await client.start_workflow("nobody-runs-this", id="x", task_queue="none", search_attributes=attributes)
    assert (await started.describe()).typed_search_attributes == attributes


async def test_the_retention_of_an_existing_namespace_follows_the_setting(temporal_server: TemporalServer) -> None:
    namespace = f"kept-{new_id()}"
    for days in (30, 3, 3):
        await prepare_namespace(settings(temporal_server, namespace, days=days))
    client = await Client.connect(temporal_server.address, namespace=namespace)
    assert await retention_days(client) == 3


async def test_several_may_prepare_at_once(temporal_server: TemporalServer) -> None:
    wanted = settings(temporal_server, f"raced-{new_id()}", days=5)
    await asyncio.gather(*(prepare_namespace(wanted) for _ in range(4)))
    client = await Client.connect(temporal_server.address, namespace=wanted.temporal_namespace)
    assert await retention_days(client) == 5


async def test_trouble_names_the_setting(temporal_server: TemporalServer) -> None:
    with pytest.raises(ServiceUnavailableError, match="check TEMPORAL_NAMESPACE"):
        await prepare_namespace(settings(temporal_server, "x" * 5000))
    nowhere = TemporalSettings(temporal_address=f"127.0.0.1:{free_port()}")
    with pytest.raises(ServiceUnavailableError, match="check TEMPORAL_ADDRESS"):
        await prepare_namespace(nowhere)
