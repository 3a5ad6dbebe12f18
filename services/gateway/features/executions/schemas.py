"""Executions as clients start and read them."""

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, FailFast, Field

from activities.planning.node_options import emitted
from models.execution import ExecutionStatus
from models.execution_records import GraphExecutionRecord
from models.ids import GraphId, PresetId
from models.pages import Page, PageRequest
from models.plan import MAX_NODES
from models.waits import WaitShown
from models.wire import NodeRecord
from services.gateway.execution_meta import GraphExecutionMetaOut, meta_out
from services.gateway.pagination import Pagination, pagination_of
from services.gateway.run_request import RunRequest

MAX_TIMEOUT_SECONDS: Final = 10 * 365 * 86_400.0


def _or_empty(value: object) -> object:
    return {} if value is None else value


class ExecuteIn(BaseModel):
    """Inputs by name; names that the graph does not declare are ignored.

    `nodes_input_masks` maps node id -> pin -> value: it stands instead of whatever reaches that pin.
    `timeout_seconds` is how long the run may take; `hold_on_failure` (by default as the graph is set) keeps it open
    when nothing else can run and a node has failed. With `test`, nodes emit their pinned outputs instead of running:
    those of `pinned_outputs` (node id -> {pin: value} or [[pin, value], ...]), else those in their own metadata.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    inputs: Annotated[dict[str, Any], BeforeValidator(_or_empty)] = Field(default_factory=dict)
    credentials_inputs: Annotated[dict[str, Any], BeforeValidator(_or_empty)] = Field(default_factory=dict)
    nodes_input_masks: Annotated[dict[str, dict[str, Any]], FailFast(), BeforeValidator(_or_empty)] = Field(
        default_factory=dict[str, dict[str, Any]]
    )

    hold_on_failure: bool | None = None
    timeout_seconds: Annotated[float, Field(gt=0, le=MAX_TIMEOUT_SECONDS)] | None = None
    test: bool = False
    pinned_outputs: Annotated[dict[str, Any], BeforeValidator(_or_empty)] = Field(
        default_factory=dict, max_length=MAX_NODES
    )

    def request(self, graph_id: GraphId, *, version: int | None, preset_id: PresetId | None) -> RunRequest:
        """Raises InvalidRequestError if pinned outputs are no values by pin."""
        given = {name: getattr(self, name) for name in type(self).model_fields}
        given["pinned_outputs"] = {
            node_id: emitted(outputs, where=f"`pinned_outputs` of node {node_id[:100]!r}")
            for node_id, outputs in self.pinned_outputs.items()
        }
        return RunRequest(graph_id=graph_id, version=version, preset_id=preset_id, **given)


class GraphExecutionPageOut(BaseModel):
    executions: list[GraphExecutionMetaOut]
    pagination: Pagination


class NodeExecutionOut(BaseModel):
    """One firing of a node, values in full."""

    user_id: str
    graph_id: str
    graph_version: int
    graph_exec_id: str
    node_exec_id: str
    node_id: str
    block_id: str
    status: ExecutionStatus
    input_data: dict[str, Any]
    output_data: dict[str, list[Any]]
    add_time: datetime
    queue_time: datetime | None
    start_time: datetime | None
    end_time: datetime | None
    execution_time: float | None
    route_seq: int
    error: str | None
    error_code: str | None
    wait: WaitShown | None = None
    """What it waits for, while it does."""
    pinned: bool = False
    """It emitted pinned outputs; its block did not run."""


class NodeExecutionPageOut(BaseModel):
    """Node executions in the order of routing; `next_node_cursor` goes into `after` for those that follow."""

    node_executions: list[NodeExecutionOut]
    node_executions_total: int
    next_node_cursor: str | None


class GraphExecutionOut(GraphExecutionMetaOut):
    """A run with its values in full and its node executions, or as many of them as fit into one answer."""

    temporal_url: str | None
    """The run in the Temporal Web UI, where its address is known."""
    outputs: dict[str, Any]
    node_executions: list[NodeExecutionOut]
    node_executions_total: int
    next_node_cursor: str | None


class NodeResultOut(BaseModel):
    node_id: str
    block_id: str
    status: ExecutionStatus
    input: dict[str, Any]
    output: dict[str, list[Any]]
    error: str | None


class ResultsOut(BaseModel):
    """What a run has given so far; final once `status` is."""

    execution_id: str
    status: ExecutionStatus
    outputs: dict[str, Any]
    nodes: list[NodeResultOut]
    next_node_cursor: str | None
    error: str | None


def page_out(found: Page[GraphExecutionRecord], page: PageRequest) -> GraphExecutionPageOut:
    return GraphExecutionPageOut(
        executions=[meta_out(record) for record in found.items],
        pagination=pagination_of(found, page),
    )


def node_out(
    run: GraphExecutionRecord, record: NodeRecord, *, inputs: dict[str, Any], outputs: dict[str, list[Any]]
) -> NodeExecutionOut:
    return NodeExecutionOut(
        user_id=run.user_id,
        graph_id=run.graph_id,
        graph_version=run.graph_version,
        graph_exec_id=run.id,
        node_exec_id=record.node_exec_id,
        node_id=record.node_id,
        block_id=record.block_id,
        status=record.status,
        input_data=inputs,
        output_data=outputs,
        add_time=record.queued_at or record.started_at or run.created_at,
        queue_time=record.queued_at,
        start_time=record.started_at,
        end_time=record.ended_at,
        execution_time=record.execution_time,
        route_seq=record.route_seq,
        error=record.error,
        error_code=record.error_code,
        wait=record.wait,
        pinned=record.pinned,
    )
