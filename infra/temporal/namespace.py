"""Brings a Temporal namespace to what this release needs: it exists, keeps history, knows our search attributes."""

import asyncio
from datetime import timedelta
from typing import Final

from google.protobuf.duration_pb2 import Duration
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.workflowservice.v1 import (
    CountWorkflowExecutionsRequest,
    DescribeNamespaceRequest,
    RegisterNamespaceRequest,
    UpdateNamespaceRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from infra.settings import TemporalSettings
from infra.temporal.client import open_client
from infra.temporal.search_attributes import ensure_search_attributes
from models.errors import ServiceUnavailableError
from models.visibility import SearchAttribute

_VISIBLE_WITHIN: Final = timedelta(seconds=90)
"""A frontend reads namespaces and search attributes anew every minute at the latest."""

_NOT_YET: Final = frozenset({RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT})
_POLL_SECONDS: Final = 0.5
_QUERY: Final = " AND ".join(f"`{name}` IS NOT NULL" for name in SearchAttribute)


async def prepare_namespace(settings: TemporalSettings) -> None:
    """Makes the namespace if there is none, sets its retention, registers our search attributes and waits until an
    execution can be started with them. Idempotent; needs no encryption keys.

    Raises:
        ServiceUnavailableError: Temporal does not answer, or refuses; the message says what to do by hand.
    """
    client = await open_client(settings)
    retention = timedelta(days=settings.temporal_retention_days)
    if not await _register(client, retention=retention):
        await ensure_retention(client, retention)
    await _wait_until_understood(client, "")
    await ensure_search_attributes(client)
    await _wait_until_understood(client, _QUERY)


async def ensure_retention(client: Client, retention: timedelta) -> None:
    """Sets how long the namespace keeps the histories of closed executions, if it is not that already.

    Raises:
        ServiceUnavailableError: the server refuses.
    """
    wanted = _duration(retention)
    namespace = client.namespace
    service = client.workflow_service
    try:
        described = await service.describe_namespace(DescribeNamespaceRequest(namespace=namespace))
        if described.config.workflow_execution_retention_ttl == wanted:
            return
        config = NamespaceConfig(workflow_execution_retention_ttl=wanted)
        await service.update_namespace(UpdateNamespaceRequest(namespace=namespace, config=config))
    except RPCError as error:
        raise ServiceUnavailableError(
            f"Temporal refused to set the retention of namespace {namespace!r} to {retention.days} days "
            f"({error.status.name}). Set it by hand, and TEMPORAL_RETENTION_DAYS to the same number."
        ) from error


async def _register(client: Client, *, retention: timedelta) -> bool:
    """Makes the namespace; False if there is one."""
    namespace = client.namespace
    service = client.workflow_service
    try:
        await service.describe_namespace(DescribeNamespaceRequest(namespace=namespace))
        return False
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise ServiceUnavailableError(
                f"Temporal does not tell about namespace {namespace!r} ({error.status.name}): check TEMPORAL_NAMESPACE "
                f"and what TEMPORAL_API_KEY may do."
            ) from error
    try:
        await service.register_namespace(
            RegisterNamespaceRequest(
                namespace=namespace,
                description="Perdure: durable agent graphs",
                workflow_execution_retention_period=_duration(retention),
            )
        )
    except RPCError as error:
        if error.status is RPCStatusCode.ALREADY_EXISTS:
            return False  # another process was faster
        raise ServiceUnavailableError(
            f"There is no Temporal namespace {namespace!r}, and the server refused to make it ({error.status.name}). "
            f"Make it by hand, with a retention of {retention.days} days."
        ) from error
    return True


async def _wait_until_understood(client: Client, query: str) -> None:
    """A new namespace, and the attributes a query names, are known once the frontend has read its caches anew; starts
    are checked against the same caches."""
    request = CountWorkflowExecutionsRequest(namespace=client.namespace, query=query)
    try:
        async with asyncio.timeout(_VISIBLE_WITHIN.total_seconds()):
            while True:
                if await _understands(client, request):
                    return
                await asyncio.sleep(_POLL_SECONDS)
    except TimeoutError as error:
        raise ServiceUnavailableError(
            f"Namespace {client.namespace!r} was prepared, but Temporal does not yet know it or its search attributes: "
            f"run `perdure migrate` again in a minute."
        ) from error


async def _understands(client: Client, request: CountWorkflowExecutionsRequest) -> bool:
    try:
        await client.workflow_service.count_workflow_executions(request)
    except RPCError as error:
        if error.status in _NOT_YET:
            return False
        raise ServiceUnavailableError(f"Temporal does not answer: {error.status.name}") from error
    return True


def _duration(value: timedelta) -> Duration:
    duration = Duration()
    duration.FromTimedelta(value)
    return duration
