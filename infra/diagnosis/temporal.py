"""Temporal: whether it answers, has our namespace and search attributes, and a worker asks it for work."""

from datetime import UTC, datetime, timedelta
from typing import Final

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeTaskQueueRequest,
    GetSystemInfoRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from infra.diagnosis.finding import Finding, ok, problem, warning
from infra.settings import TemporalSettings
from infra.temporal.client import open_client
from infra.temporal.search_attributes import indexed_type
from models.errors import ServiceUnavailableError
from models.visibility import SearchAttribute

RPC_TIMEOUT: Final = timedelta(seconds=3)
POLLED_WITHIN: Final = timedelta(seconds=100)
"""A worker asks for work at least once a minute; the server remembers those that are gone for five."""

_REFUSALS: Final = (RPCStatusCode.UNAUTHENTICATED, RPCStatusCode.PERMISSION_DENIED)


async def check_temporal(settings: TemporalSettings, *, is_ours: bool, needs_worker: bool) -> list[Finding]:
    """
    Args:
        is_ours: the server is one that the stack here has started.
        needs_worker: a worker ought to run already.
    """
    address, namespace = settings.temporal_address, settings.temporal_namespace
    try:
        client = await open_client(settings)
        info = await client.workflow_service.get_system_info(GetSystemInfoRequest(), timeout=RPC_TIMEOUT)
    except (ServiceUnavailableError, RPCError) as error:
        return [explain(error, address, is_ours=is_ours)]
    findings = [ok("temporal", f"Temporal {info.server_version} at {address}.")]
    missing = await _check_namespace(client)
    if missing is not None:
        return [*findings, missing]
    findings.append(ok("namespace", f"There is a namespace {namespace!r}."))
    findings.append(await _check_search_attributes(client))
    findings.append(await _check_worker(client, settings.temporal_task_queue, needed=needs_worker))
    return findings


def explain(error: Exception, address: str, *, is_ours: bool) -> Finding:
    cause = error if isinstance(error, RPCError) else error.__cause__
    if isinstance(cause, RPCError) and cause.status in _REFUSALS:
        hint = "Correct TEMPORAL_API_KEY and TEMPORAL_NAMESPACE."
        return problem("temporal", f"Temporal at {address} refuses us ({cause.status.name}).", hint)
    message = f"Temporal does not answer at {address}."
    if is_ours:
        return problem("temporal", message, "See `perdure logs temporal`.")
    return problem("temporal", message, "Start it, or correct TEMPORAL_ADDRESS (and TEMPORAL_TLS, if it asks for TLS).")


async def _check_namespace(client: Client) -> Finding | None:
    request = DescribeNamespaceRequest(namespace=client.namespace)
    try:
        await client.workflow_service.describe_namespace(request, timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            message = f"Temporal has no namespace {client.namespace!r}."
            return problem(
                "namespace", message, "Run `perdure migrate`, which makes it, or correct TEMPORAL_NAMESPACE."
            )
        message = f"Temporal does not tell about the namespace {client.namespace!r} ({error.status.name})."
        return problem("namespace", message, "Correct TEMPORAL_NAMESPACE and TEMPORAL_API_KEY.")
    return None


async def _check_search_attributes(client: Client) -> Finding:
    check, request = "search attributes", ListSearchAttributesRequest(namespace=client.namespace)
    try:
        listed = await client.operator_service.list_search_attributes(request, timeout=RPC_TIMEOUT)
    except RPCError as error:
        message = f"Temporal does not tell its search attributes ({error.status.name})."
        return warning(check, message, f"Make sure these are there: {', '.join(SearchAttribute)}.")
    found = listed.custom_attributes
    missing = [name.value for name in SearchAttribute if name.value not in found]
    if missing:
        message = f"The namespace {client.namespace!r} lacks {', '.join(missing)}: no run can be started."
        return problem(check, message, "Run `perdure migrate`, which registers them.")
    wrong = [name.value for name in SearchAttribute if found[name.value] != indexed_type(name)]
    if wrong:
        message = f"In the namespace {client.namespace!r} these have another type than we write: {', '.join(wrong)}."
        return problem(check, message, "Use a namespace of its own for Perdure (TEMPORAL_NAMESPACE).")
    return ok(check, "All search attributes are registered.")


async def _check_worker(client: Client, task_queue: str, *, needed: bool) -> Finding:
    since = datetime.now(UTC) - POLLED_WITHIN
    counts: list[int] = []
    for kind in (TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY):
        request = DescribeTaskQueueRequest(
            namespace=client.namespace, task_queue=TaskQueue(name=task_queue), task_queue_type=kind
        )
        try:
            described = await client.workflow_service.describe_task_queue(request, timeout=RPC_TIMEOUT)
        except RPCError as error:
            message = f"Temporal does not tell about the task queue {task_queue!r} ({error.status.name})."
            return warning("worker", message, "Make sure that a worker runs.")
        polled = [poller.last_access_time.ToDatetime(UTC) for poller in described.pollers]
        counts.append(sum(at >= since for at in polled))
    if all(counts):
        return ok("worker", f"A worker asks for work on task queue {task_queue!r}.")
    judge = problem if needed else warning
    message = f"No worker asks for work on task queue {task_queue!r}: runs do not go on."
    return judge("worker", message, "Start one: `perdure up`, or `perdure worker`.")
