"""Executions as clients start and read them."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from models.execution import ExecutionStatus
from models.execution_records import GraphExecutionRecord
from models.ids import GraphId, PresetId
from models.pages import Page, PageRequest
from models.wire import NodeRecord
from services.gateway.execution_meta import GraphExecutionMetaOut, meta_out
from services.gateway.pagination import Pagination, pagination_of
from services.gateway.run_request import RunRequest


def _or_empty(value: object) -> object:
    return {} if value is None else value


class ExecuteIn(BaseModel):
    """Inputs by name; names that the graph does not declare are ignored.

    `nodes_input_masks` maps node id -> pin -> value: it stands instead of whatever reaches that pin.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    inputs: Annotated[dict[str, Any], BeforeValidator(_or_empty)] = Field(default_factory=dict)
    credentials_inputs: Annotated[dict[str, Any], BeforeValidator(_or_empty)] = Field(default_factory=dict)
    nodes_input_masks: Annotated[dict[str, dict[str, Any]], BeforeValidator(_or_empty)] = Field(
        default_factory=dict[str, dict[str, Any]]
    )

    def request(self, graph_id: GraphId, *, version: int | None, preset_id: str | None) -> RunRequest:
        preset = None if preset_id is None else PresetId(preset_id)
        return RunRequest(graph_id=graph_id, version=version, preset_id=preset, **self.model_dump())


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
    )
