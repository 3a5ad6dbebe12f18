"""Starts and controls executions. Knows workflows by their registered names only."""

import asyncio
from collections.abc import Awaitable, Mapping
from datetime import timedelta
from typing import Final
from weakref import WeakValueDictionary

from temporalio.client import (
    Client,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import Priority, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from infra.temporal import search_attributes
from models.controls import ControlAction, ControlAnswer, ControlRequest
from models.errors import (
    AppError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PayloadTooLargeError,
    ServiceUnavailableError,
    TooManyRequestsError,
)
from models.ids import GraphExecId, OwnerKeyId, UserId, workflow_id
from models.wire import ExecuteGraphInput, StopRequest, StreamedOutputs
from models.wire_model import Wire

WORKFLOW = "ExecuteGraph"
RPC_TIMEOUT = timedelta(seconds=10)
SIGNAL_TIMEOUT = timedelta(seconds=3)
"""Of what only has to reach Temporal, all repetitions included: people wait for it, and may ask for it again."""

CONTROL_TIMEOUT = timedelta(seconds=10)
"""How long a caller waits for an execution to answer; no worker answers while none runs."""

MAX_UPDATES: Final = 10
"""Updates that Temporal lets one execution have under way. Those beyond wait here for their turn: the server would
refuse them, and the SDK would then hold them back for a second or more."""

TURN_TIMEOUT = timedelta(seconds=5)

_UPDATES: Final[Mapping[ControlAction, str]] = {
    ControlAction.DECIDE_REVIEW: "submit_review",
    ControlAction.DELIVER_EVENT: "deliver_event",
    ControlAction.RETRY_NODE: "retry_node",
    ControlAction.SKIP_NODE: "skip_node",
    ControlAction.SET_OUTPUT: "set_output",
    ControlAction.EXTEND_DEADLINE: "extend_deadline",
    ControlAction.RELEASE_HOLD: "release_hold",
}
_REFUSALS: Final[Mapping[str, type[AppError]]] = {
    NotFoundError.code: NotFoundError,
    ConflictError.code: ConflictError,
    InvalidRequestError.code: InvalidRequestError,
}
NOT_YET: Final = "not_yet"
NOT_YET_PAUSE_SECONDS: Final = 0.1

_OVERTAKEN: Final = "AcceptedUpdateCompletedWorkflow"
"""Temporal's word for an update that was accepted, and then the workflow ended before it was carried out."""


class TemporalGraphRunner:
    """The port GraphRunner on a Temporal client."""

    def __init__(self, client: Client, *, task_queue: str, ui_url: str | None = None) -> None:
        self._client = client
        self._task_queue = task_queue
        self._ui_url = ui_url
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

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
                static_summary=input.plan.graph_name if input.plan else None,
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
        return await _if_running(handle.signal("stop", request, rpc_timeout=SIGNAL_TIMEOUT), within=SIGNAL_TIMEOUT)

    async def cancel(self, graph_exec_id: GraphExecId, *, owner_key_id: OwnerKeyId) -> bool:
        handle = self._handle(graph_exec_id, owner_key_id)
        return await _if_running(handle.cancel(rpc_timeout=SIGNAL_TIMEOUT), within=SIGNAL_TIMEOUT)

    async def pause(self, graph_exec_id: GraphExecId, *, owner_key_id: OwnerKeyId, request: ControlRequest) -> bool:
        handle = self._handle(graph_exec_id, owner_key_id)
        return await _if_running(handle.signal("pause", request, rpc_timeout=SIGNAL_TIMEOUT), within=SIGNAL_TIMEOUT)

    async def resume(self, graph_exec_id: GraphExecId, *, owner_key_id: OwnerKeyId, request: ControlRequest) -> bool:
        handle = self._handle(graph_exec_id, owner_key_id)
        return await _if_running(handle.signal("resume", request, rpc_timeout=SIGNAL_TIMEOUT), within=SIGNAL_TIMEOUT)

    async def control(
        self,
        graph_exec_id: GraphExecId,
        *,
        owner_key_id: OwnerKeyId,
        action: ControlAction,
        argument: Wire,
        request_id: str,
    ) -> ControlAnswer:
        """See GraphRunner. An answer that does not come in time does not mean that nothing was done."""
        handle = self._handle(graph_exec_id, owner_key_id)
        turns = self._turns.setdefault(graph_exec_id, asyncio.Semaphore(MAX_UPDATES))
        try:
            async with asyncio.timeout(TURN_TIMEOUT.total_seconds()):
                await turns.acquire()
        except TimeoutError as error:
            raise _too_many(graph_exec_id) from error
        try:
            async with asyncio.timeout(CONTROL_TIMEOUT.total_seconds()):
                return await _update(handle, _UPDATES[action], argument, request_id=request_id)
        except WorkflowUpdateFailedError as error:
            raise _refusal(error, graph_exec_id) from error
        except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
            raise ServiceUnavailableError(
                f"Execution {graph_exec_id!r} has not answered within {CONTROL_TIMEOUT.total_seconds():g} s; is a "
                "worker running?",
                user_message="The execution does not answer yet. It may still do what was asked: look at it, then "
                "try again.",
            ) from error
        except RPCError as error:
            raise _control_error(error, graph_exec_id) from error
        finally:
            turns.release()

    async def send_outputs(
        self, graph_exec_id: GraphExecId, *, owner_key_id: OwnerKeyId, outputs: StreamedOutputs
    ) -> None:
        handle = self._handle(graph_exec_id, owner_key_id)
        if not await _if_running(handle.signal("stream_outputs", outputs, rpc_timeout=RPC_TIMEOUT)):
            raise NotFoundError(f"Execution {graph_exec_id!r} has ended.")

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


async def _update(
    handle: "WorkflowHandle[object, object]", name: str, argument: Wire, *, request_id: str
) -> ControlAnswer:
    """A wait is recorded a moment before the execution holds it: what comes in between is asked again."""
    while True:
        try:
            return await handle.execute_update(name, argument, id=request_id, result_type=ControlAnswer)
        except WorkflowUpdateFailedError as error:
            if not isinstance(error.cause, ApplicationError) or error.cause.type != NOT_YET:
                raise
        await asyncio.sleep(NOT_YET_PAUSE_SECONDS)


def _fairness_key(user_id: UserId) -> str:
    """Temporal takes 64 bytes."""
    return user_id.encode()[:64].decode(errors="ignore")


async def _if_running(call: Awaitable[None], *, within: timedelta | None = None) -> bool:
    """Whether there was one to call. The timeout of an RPC ends one attempt only; `within` ends them all."""
    try:
        async with asyncio.timeout(within.total_seconds() if within else None):
            await call
    except TimeoutError as error:
        raise _silent() from error
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return False
        raise _away(error) from error
    return True


def _refusal(error: WorkflowUpdateFailedError, graph_exec_id: GraphExecId) -> AppError:
    cause = error.cause
    if not isinstance(cause, ApplicationError):
        return ServiceUnavailableError(f"An update of execution {graph_exec_id!r} failed: {type(cause).__name__}")
    if cause.type == _OVERTAKEN:
        return _ended(graph_exec_id)
    kind = _REFUSALS.get(cause.type or "")
    if kind is None:
        return ServiceUnavailableError(f"An update of execution {graph_exec_id!r} failed: {cause.type}")
    return kind(cause.message)


def _control_error(error: RPCError, graph_exec_id: GraphExecId) -> AppError:
    if error.status is RPCStatusCode.NOT_FOUND:
        return _ended(graph_exec_id)
    if error.status is RPCStatusCode.RESOURCE_EXHAUSTED:
        return _too_many(graph_exec_id)
    return _away(error)


def _too_many(graph_exec_id: GraphExecId) -> AppError:
    return TooManyRequestsError(
        f"Execution #{graph_exec_id} has as many actions under way as it can take. Try again in a moment."
    )


def _ended(graph_exec_id: GraphExecId) -> ConflictError:
    return ConflictError(f"Execution #{graph_exec_id} has ended.")


def _away(error: RPCError) -> AppError:
    """A request that Temporal refuses is wrong for good; anything else may pass later."""
    if error.status is RPCStatusCode.INVALID_ARGUMENT:
        return PayloadTooLargeError(
            f"Temporal refused the request: {error.message}",
            user_message="The request is too large for the execution engine: make the graph or the values smaller.",
        )
    return _silent(error.status.name)


def _silent(reason: str = "timeout") -> ServiceUnavailableError:
    return ServiceUnavailableError(
        f"Temporal does not answer: {reason}",
        user_message="The execution engine does not answer. Nothing was lost; try again in a moment.",
    )
