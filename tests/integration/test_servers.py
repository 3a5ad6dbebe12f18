"""The servers every other test relies on."""

import asyncpg
import redis.asyncio
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from infra.embedded.temporal import SEARCH_ATTRIBUTES, TemporalServer


async def test_postgres_answers_and_asks_for_a_password(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    assert await connection.fetchval("SELECT current_setting('server_version_num')::int / 10000") == 18
    assert await connection.fetchval("SELECT current_setting('listen_addresses')") == "127.0.0.1"
    await connection.close()
    user, _, rest = database_url.removeprefix("postgresql://").partition(":")
    wrong = f"postgresql://{user}:wrong@{rest.partition('@')[2]}"
    try:
        await asyncpg.connect(wrong)
    except asyncpg.InvalidPasswordError:
        return
    raise AssertionError("a wrong password was accepted")


async def test_redis_keeps_streams(redis_url: str) -> None:
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        added = await client.xadd("test:stream", {"a": "1"})
        assert [entry for entry, _ in await client.xrange("test:stream")] == [added]
        await client.delete("test:stream")


async def test_temporal_knows_our_search_attributes_and_keeps_history_for_a_month(
    temporal_server: TemporalServer,
) -> None:
    client = await Client.connect(temporal_server.address, namespace=temporal_server.namespace)
    listed = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=temporal_server.namespace)
    )
    assert SEARCH_ATTRIBUTES.keys() <= listed.custom_attributes.keys()
    described = await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=temporal_server.namespace)
    )
    assert described.config.workflow_execution_retention_ttl.ToTimedelta().days == 30
