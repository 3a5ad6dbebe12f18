"""Starts and controls executions. Knows workflows by their registered names only."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import Priority, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from infra.temporal import search_attributes
from models.errors import AppError, PayloadTooLargeError, ServiceUnavailableError
from models.ids import GraphExecId, OwnerKeyId, UserId, workflow_id
from models.wire import ExecuteGraphInput, StopRequest

WORKFLOW = "ExecuteGraph"
RPC_TIMEOUT = timedelta(seconds=10)


class TemporalGraphRunner:
    """The port GraphRunner on a Temporal client."""

    def __init__(self, client: Client, *, task_queue: str, ui_url: str | None = None) -> None:
        self._client = client
        self._task_queue = task_queue
        self._ui_url = ui_url

    async def start(self, input: ExecuteGraphInput, *, owner_key_id: OwnerKeyId) -> bool:
        """See GraphRunner. The workflow id alone decides whether the execution exists: it is never started twice."""
        try:
            await self._client.start_workflow(
                WORKFLOW,
                input,
                id=workflow_id(input.run.graph_exec_id, owner_key_id),
                task_queue=self._task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                search_attributes=search_attributes.of_new_execution(input),
                static_summary=input.plan.graph_name,
                priority=Priority(fairness_key=_fairness_key(input.run.user_id)),
                rpc_timeout=RPC_TIMEOUT,
            )
        except WorkflowAlreadyStartedError:
            return False
        except RPCError as error:
            raise _away(error) from error
        return True

    async def stop(self, graph_exec_id: GraphExecId, *, owner_key_id: OwnerKeyId, request: StopRequest) -> bool:
        handle = self._handle(graph_exec_id, owner_key_id)
        return await _if_running(handle.signal("stop", request, rpc_timeout=RPC_TIMEOUT))

    async def cancel(self, graph_exec_id: GraphExecId, *, owner_key_id: OwnerKeyId) -> bool:
        handle = self._handle(graph_exec_id, owner_key_id)
        return await _if_running(handle.cancel(rpc_timeout=RPC_TIMEOUT))

    async def wait_closed(self, graph_exec_id: GraphExecId, *, owner_key_id: OwnerKeyId, timeout: timedelta) -> bool:
        handle = self._handle(graph_exec_id, owner_key_id)
        try:
            async with asyncio.timeout(timeout.total_seconds()):
                await handle.result()
        except TimeoutError:
            return False
        except WorkflowFailureError:
            return True
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return True
            raise _away(error) from error
        return True

    def inspection_url(self, graph_exec_id: GraphExecId, *, owner_key_id: OwnerKeyId) -> str | None:
        if self._ui_url is None:
            return None
        workflow = workflow_id(graph_exec_id, owner_key_id)
        return f"{self._ui_url.rstrip('/')}/namespaces/{self._client.namespace}/workflows/{workflow}"

    async def ping(self) -> None:
        try:
            await self._client.service_client.check_health(timeout=timedelta(seconds=3))
        except RPCError as error:
            raise _away(error) from error

    def _handle(self, graph_exec_id: GraphExecId, owner_key_id: OwnerKeyId) -> "WorkflowHandle[object, object]":
        return self._client.get_workflow_handle(workflow_id(graph_exec_id, owner_key_id))


def _fairness_key(user_id: UserId) -> str:
    """Temporal takes 64 bytes."""
    return user_id.encode()[:64].decode(errors="ignore")


async def _if_running(call: Awaitable[None]) -> bool:
    try:
        await call
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise _away(error) from error
    return True


def _away(error: RPCError) -> AppError:
    """A request that Temporal refuses is wrong for good; anything else may pass later."""
    if error.status is RPCStatusCode.INVALID_ARGUMENT:
        return PayloadTooLargeError(
            f"Temporal refused the request: {error.message}",
            user_message="The run is too large to be started: make the graph or its inputs smaller.",
        )
    return ServiceUnavailableError(
        f"Temporal does not answer: {error.status.name}",
        user_message="The execution engine does not answer. Nothing was lost; try again in a moment.",
    )
